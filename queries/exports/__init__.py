"""High-attention sites in other tools' formats; `catalogue.py` lists the formats, one file has each."""

from attlas.queries.exports.catalogue import EXPORTS, export_named, list_lines
from attlas.queries.exports.check import check_request
from attlas.queries.exports.export import Export
from attlas.queries.exports.request import EVERY_PROTEIN, Request

__all__ = ["EVERY_PROTEIN", "EXPORTS", "Export", "Request", "check_request", "export_named", "list_lines"]
