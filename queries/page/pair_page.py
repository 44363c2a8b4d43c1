"""`PairPage`: the page of two proteins that ran through the model as one input, to be written or shown."""

from dataclasses import dataclass
from functools import cached_property

from attlas.queries.page.html import PageParts, data_element, fill_template
from attlas.queries.page.protein_page import ProteinPage

PAIR_PARTS = PageParts(
    template="pair/pair.html",
    styles=("page.css", "pair/pair.css"),
    scripts=(
        "data.js",
        "sentences.js",
        "elements.js",
        "state.js",
        "paint.js",
        "tracks.js",
        "rows.js",
        "arcs.js",
        "heads.js",
        "structure.js",
        "sortable.js",
        "tables.js",
        "pair/pair_data.js",
        "pair/pair_words.js",
        "pair/sequences.js",
        "pair/pointing.js",
        "pair/block.js",
        "pair/pair_tables.js",
        "pair/pair_page.js",
    ),
)
"""The page of a pair without a structure: the scripts of a protein's page, and those that draw two."""


@dataclass(frozen=True, repr=False)
class PairPage(ProteinPage):
    """The page of a pair: one HTML file, whole in itself, which makes no request."""

    @cached_property
    def html(self) -> str:
        """The page as an HTML document."""
        parts = PAIR_PARTS.with_viewer() if self.data["structure"] else PAIR_PARTS
        before, after = fill_template(title=f"{self.name} · attlas", parts=parts)
        return f"{before}{data_element('attlas-data', self.data)}{after}"

    @property
    def name(self) -> str:
        """The accessions of both."""
        return f"{self.data['pair']['accession']} and {self.data['pair']['partner']}"
