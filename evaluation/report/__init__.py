"""The report for people: report.json's record as one page with tables and figures."""

from evaluation.report.page import write_drawings, write_html
from evaluation.report.reading import read_json

__all__ = ["read_json", "write_drawings", "write_html"]
