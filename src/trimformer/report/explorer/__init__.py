"""The explorer: one offline page on which a model's attention is looked at, patch by patch."""

from trimformer.report.explorer.page import write_explorer

__all__ = ["write_explorer"]
