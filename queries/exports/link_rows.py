"""The links that an export lists or draws, and how many of how many they are."""

from dataclasses import dataclass

from attlas.queries.exports.request import Request
from attlas.queries.store import Store
from attlas.schema import LINKS, QuestionError
from attlas.schema.columns import LONG_RANGE

N_DRAWN = 100
"""Links drawn where no layer or head is named: more of them hide each other."""


@dataclass(frozen=True)
class LinkRow:
    """A link of one protein: residue i attends to residue j."""

    layer: int
    head: int
    i: int
    """From 1."""
    j: int
    weight: float

    @property
    def is_long_range(self) -> bool:
        """Whether its residues are LONG_RANGE or more apart."""
        return abs(self.i - self.j) >= LONG_RANGE


@dataclass(frozen=True)
class LinkSelection:
    """The links of a protein that an export draws, and how many of how many they are."""

    links: tuple[LinkRow, ...]
    """The strongest at the front."""
    description: str
    """Which of the links they are, and how many of how many links and edges."""


def has_links(store: Store) -> bool:
    """Return whether the atlas has the table `links`."""
    return bool(store.manifest.of_table(LINKS))


def refuse_without_links(store: Store, format: str) -> None:
    """Refuse an atlas that has no links.

    Raises:
        QuestionError: it has none; says which command adds them.
    """
    if not has_links(store):
        raise QuestionError(
            f"{format} is of links, and this atlas has no table {LINKS.name}.", hint=f"`{LINKS.added_by}` adds it"
        )


def select_links(store: Store, request: Request) -> LinkSelection:
    """Return the links to draw of the request's one protein.

    Those of the layer and head that are named; without these, the strongest N_DRAWN of long range, of all heads.

    Raises:
        QuestionError: the model has no such layer or head.
    """
    refuse_unknown_head(store, request.layer, request.head)
    accession = (request.accessions or ("",))[0]
    parameters = {"accession": accession, "layer": request.layer, "head": request.head}
    is_named = "accession = $accession AND layer = coalesce($layer, layer) AND head = coalesce($head, head)"
    columns = "layer, head, i, j, weight"
    rows = store.sql(
        f"SELECT {columns} FROM links WHERE {is_named} ORDER BY weight DESC, layer, head, i, j", parameters
    ).to_pylist()
    edges = store.sql(f"SELECT sum(n_edges)::BIGINT AS n FROM heads WHERE {is_named}", parameters).to_pylist()

    all_links = tuple(LinkRow(**row) for row in rows)
    n_edges, theta = edges[0]["n"] or 0, store.manifest.run.edge_theta

    links = all_links
    if request.layer is None:
        links = tuple(link for link in all_links if link.is_long_range)[:N_DRAWN]
    return LinkSelection(links, _describe(request, len(links), len(all_links), n_edges, theta))


def refuse_unknown_head(store: Store, layer: int | None, head: int | None) -> None:
    """Refuse a layer or a head that the model does not have.

    Raises:
        QuestionError: names those there are.
    """
    counts = {"layer": (layer, store.n_layers), "head": (head, store.manifest.run.n_heads)}
    for name, (number, n) in counts.items():
        if number is not None and not 0 <= number < n:
            raise QuestionError(f"The model of this atlas has no {name} {number}.", expected=f"0 to {n - 1}")


def _describe(request: Request, n_drawn: int, n_links: int, n_edges: int, theta: float) -> str:
    if request.layer is None:
        place = f" (the strongest of all heads with |i - j| of {LONG_RANGE} or more)"
    elif request.head is None:
        place = f" of layer {request.layer} (from 0)"
    else:
        place = f" of layer {request.layer}, head {request.head} (from 0)"
    return f"links: {n_drawn:,} of {n_links:,} kept{place}, beside {n_edges:,} edges of attention {theta} or more"
