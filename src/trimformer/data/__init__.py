"""Patients, their splits and their slices: what comes before a model."""
