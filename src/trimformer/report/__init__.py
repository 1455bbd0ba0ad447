"""Records in, pages out: the words, tables, charts and pictures of a comparison or a study. No torch here."""

from trimformer.report.page import write_report
from trimformer.report.study_page import write_pages, write_study_report

__all__ = ["write_pages", "write_report", "write_study_report"]
