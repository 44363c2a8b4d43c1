"""The report: figures of an atlas against known biology, one page that stands alone."""
