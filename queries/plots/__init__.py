"""Pictures of one protein for a paper: its profile, its heads, the links of a head."""

from attlas.queries.plots.plot import KINDS, draw_plot
from attlas.queries.plots.saving import SUFFIXES, figure_bytes, format_of

__all__ = ["KINDS", "SUFFIXES", "draw_plot", "figure_bytes", "format_of"]
