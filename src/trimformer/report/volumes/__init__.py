"""Volumes: one offline page with scan, truth and predictions of a few patients in three planes, through NiiVue."""

from trimformer.report.volumes.page import render_volumes

__all__ = ["render_volumes"]
