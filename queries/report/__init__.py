"""The report of an atlas: figures against known biology in one self-contained HTML file."""

from attlas.queries.report.page import page
from attlas.queries.report.report import Report, make_report, write_figures

__all__ = ["Report", "make_report", "page", "write_figures"]
