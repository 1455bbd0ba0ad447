"""Records in, one page out: the words, tables, charts and pictures of a comparison. No torch here."""

from trimformer.report.page import write_report

__all__ = ["write_report"]
