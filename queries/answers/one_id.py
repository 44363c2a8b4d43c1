"""The answer of an atlas to one id: the protein with its sites and profile, or the reason why there are none."""

import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from attlas.queries.answers.shortest_decimals import shortest_float, shortest_half
from attlas.queries.answers.stored_rows import FamilyRow, FeatureRow, LinkCounts, ProteinRow, SeriesCount, SiteRow
from attlas.queries.lookup.identifiers import Match
from attlas.queries.lookup.settings import settings_where_computed
from attlas.queries.provenance import provenance_values
from attlas.queries.store import Store
from attlas.queries.text import cut, printable
from attlas.schema import (
    FAMILIES,
    FEATURES,
    HEADS,
    LINKS,
    RESIDUES,
    SITES,
    TRACKS,
    VARIANTS,
    Manifest,
    QuestionError,
    Table,
)

SITES_FOUND = "sites found"
NO_SITES = "computed, no sites found"
SKIPPED = "skipped"
FAILED = "failed"
NOT_IN_ATLAS = "not in this atlas"
AMBIGUOUS = "names several proteins"

SITE_COLUMNS = tuple(field.name for field in fields(SiteRow))
FEATURE_COLUMNS = tuple(field.name for field in fields(FeatureRow))
FAMILY_COLUMNS = tuple(field.name for field in fields(FamilyRow))
_FLOAT32 = struct.Struct("=f")


@dataclass(frozen=True)
class Answer:
    """The answer to an id that names a protein."""

    id: str
    outcome: str
    """`SITES_FOUND`, `NO_SITES`, `SKIPPED` or `FAILED`."""
    reason: str | None
    """Why it was skipped or failed, or why it has no sites, or a flag of those it has."""
    protein: ProteinRow
    sites: tuple[SiteRow, ...] = ()
    """High-attention sites by rank."""
    profile: tuple[float, ...] | None = None
    """Attention received by each residue in the layer of convergence, (N,); None where no layer was found."""
    profiles: tuple[tuple[int, tuple[float, ...]], ...] = ()
    """Each layer asked for, 0-based, with the attention received in it, (N,); none where it was not computed."""
    features: tuple[FeatureRow, ...] | None = None
    """Known features by position; None where the atlas is not annotated, or the protein not computed."""
    families: tuple[FamilyRow, ...] | None = None
    """Families by database; None where the atlas has none, or the protein was not computed."""
    tracks: tuple[SeriesCount, ...] = ()
    """Tracks that the protein has, by name, with the number of values."""
    variants: tuple[SeriesCount, ...] = ()
    """The same for values of variants."""
    links: LinkCounts | None = None
    """How many links it has; None where the atlas has none, they leave the protein out, or it was not computed."""
    note: str | None = None
    """A sentence that the id is a member of the protein's cluster; None for an id of the protein itself."""

    def to_json(self, manifest: Manifest) -> dict[str, Any]:
        """Return the answer as plain JSON values, with the keys of `NoAnswer.to_json`."""
        profile = None
        if self.profile is not None:
            profile = {"layer": self.protein.layer, "received": list(self.profile)}

        return {
            "asked": self.id,
            "outcome": self.outcome,
            "reason": self.reason,
            "note": self.note,
            "candidates": [],
            "similar": [],
            "protein": asdict(self.protein),
            "sites": list(map(asdict, self.sites)) if self.protein.is_computed else None,
            "profile": profile,
            "profiles": [{"layer": layer, "received": list(values)} for layer, values in self.profiles],
            "features": None if self.features is None else list(map(asdict, self.features)),
            "families": None if self.families is None else list(map(asdict, self.families)),
            "n_links": None if self.links is None else self.links.n_links,
            "n_edges": None if self.links is None else self.links.n_edges,
            "provenance": provenance_values(manifest),
        }


@dataclass(frozen=True)
class NoAnswer:
    """The answer to an id that names no protein of the atlas, or several."""

    match: Match

    @property
    def outcome(self) -> str:
        """`AMBIGUOUS` or `NOT_IN_ATLAS`."""
        return AMBIGUOUS if self.match.candidates else NOT_IN_ATLAS

    def fault(self) -> QuestionError:
        """Return the error that says why there is no protein."""
        return self.match.fault()

    def to_json(self, manifest: Manifest) -> dict[str, Any]:
        """Return the answer as plain JSON values: candidates or similar ids, and null for all of a protein."""
        return {
            "asked": self.match.id,
            "outcome": self.outcome,
            "reason": self.match.reason,
            "note": None,
            "candidates": list(self.match.candidates),
            "similar": list(self.match.close),
            **dict.fromkeys(("protein", "sites", "profile")),
            "profiles": [],
            **dict.fromkeys(("features", "families", "n_links", "n_edges")),
            "provenance": provenance_values(manifest),
        }


def answer_id(
    atlas: Store, id: str, *, taxon: int | str | None = None, layers: Sequence[int] = ()
) -> Sequence[Answer | NoAnswer]:
    """Return the answer to an id; several only for a digest that several accessions share. Never raises for an id.

    `taxon` says whose gene a gene name means; `layers`, 0-based, are those whose profiles are wanted too. A member of a
    cluster is answered with the protein that stands for it, and a note.
    """
    return answer_match(atlas, atlas.match(id, taxon=taxon).of_cluster(), layers=layers)


def answer_match(atlas: Store, match: Match, *, layers: Sequence[int] = ()) -> Sequence[Answer | NoAnswer]:
    """Return the answers to an id that was looked up already: one for each protein that it names."""
    if not match.rows:
        return [NoAnswer(match)]

    return [_protein_answer(atlas, match, protein, layers) for protein in read_proteins(atlas, match)]


def read_proteins(atlas: Store, match: Match) -> list[ProteinRow]:
    """Return the proteins that an id names, as `proteins` has them."""
    columns = [field.name for field in fields(ProteinRow) if field.name != "sequence"]
    proteins = atlas.protein_rows(match.rows, columns).to_pylist()
    return [
        ProteinRow(**values, sequence=_read_sequence(atlas, row, values))
        for row, values in zip(match.rows, proteins, strict=True)
    ]


def _read_sequence(atlas: Store, row: int, values: Mapping[str, Any]) -> str | None:
    """Return the sequence of a row of `proteins` with these other values.

    Those of its row group are a megabyte. What was computed stands in `residues`, too, letter by letter, beside the
    attention that is asked for next.
    """
    if values["status"] == "ok":
        return "".join(atlas.sequence_rows(RESIDUES, values["sequence_id"], ["residue"])["residue"].to_pylist())
    (text,) = atlas.protein_rows([row], ["sequence"])["sequence"].to_pylist()
    return None if text is None else str(text)


def read_sites(atlas: Store, sequence_id: int) -> tuple[SiteRow, ...]:
    """Return the high-attention sites of a sequence, by rank."""
    rows = atlas.sequence_rows(SITES, sequence_id, SITE_COLUMNS).to_pylist()
    return tuple(SiteRow(**{name: shortest_float(value) for name, value in row.items()}) for row in rows)


def read_features(atlas: Store, protein: ProteinRow) -> tuple[FeatureRow, ...] | None:
    """Return the known features of a protein by position; None where the atlas has none of any."""
    rows = list_added_rows(atlas, FEATURES, protein, FEATURE_COLUMNS, by=("begin", "end", "type", "description"))
    return None if rows is None else tuple(FeatureRow(**row) for row in rows)


def read_families(atlas: Store, protein: ProteinRow) -> tuple[FamilyRow, ...] | None:
    """Return the families of a protein by database; None where the atlas has none of any."""
    rows = list_added_rows(atlas, FAMILIES, protein, FAMILY_COLUMNS, by=("database", "family", "source"))
    return None if rows is None else tuple(FamilyRow(**row) for row in rows)


def parse_layers(text: str, n_layers: int) -> tuple[int, ...]:
    """Return the layers that a text such as `all`, `3`, `3,5` or `8-16` names, 0-based, in its order.

    Raises:
        QuestionError: it names none, or one that the model does not have.
    """
    expected = f"layers from 0 to {n_layers - 1}, such as 0,{n_layers - 1} or 0-{n_layers - 1}, or all"
    if text.strip().lower() == "all":
        return tuple(range(n_layers))

    try:
        ends = [[int(end) for end in part.split("-", 1)] for part in text.split(",")]
    except ValueError:
        raise QuestionError("These are no layers.", expected=expected, found=cut(printable(text), 80)) from None

    # Looked at before it is counted up to: 0-999999999999 would fill the memory.
    is_within = all(end < n_layers for part in ends for end in part)
    layers = (
        tuple(layer for begin, *end in ends for layer in range(begin, (end or [begin])[0] + 1)) if is_within else ()
    )
    if not layers:
        raise QuestionError("The model of this atlas has no such layers.", expected=expected, found=text)
    return tuple(dict.fromkeys(layers))


def name_outcome(status: str, n_sites: int) -> str:
    """Return the outcome of a protein in the atlas."""
    if status == "ok":
        return SITES_FOUND if n_sites else NO_SITES
    return SKIPPED if status == "skipped" else FAILED


def _protein_answer(atlas: Store, match: Match, protein: ProteinRow, layers: Sequence[int]) -> Answer:
    if not protein.is_computed or protein.sequence_id is None:
        return Answer(match.id, name_outcome(protein.status, 0), protein.reason, protein, note=match.note)

    sites = read_sites(atlas, protein.sequence_id)

    # The layers asked for and the layer of convergence are read at once.
    layers_read = list(dict.fromkeys([*layers, *([] if protein.layer is None else [protein.layer])]))
    profiles = dict(zip(layers_read, read_layer_profiles(atlas, protein.sequence_id, layers_read), strict=True))

    return Answer(
        match.id,
        name_outcome(protein.status, len(sites)),
        protein.sites_note,
        protein,
        sites=sites,
        profile=None if protein.layer is None else profiles[protein.layer],
        profiles=tuple((layer, profiles[layer]) for layer in layers),
        features=read_features(atlas, protein),
        families=read_families(atlas, protein),
        tracks=_count_series(atlas, TRACKS, protein),
        variants=_count_series(atlas, VARIANTS, protein),
        links=count_links(atlas, protein.sequence_id, protein.length),
        note=match.note,
    )


def _count_series(atlas: Store, table: Table, protein: ProteinRow) -> tuple[SeriesCount, ...]:
    """Return the names that a protein has values of in a table of numbers, and how many."""
    rows = list_added_rows(atlas, table, protein, ("name",), by=("name",)) or ()
    return tuple(SeriesCount(name, n) for name, n in Counter(row["name"] for row in rows).items())


def list_added_rows(
    atlas: Store, table: Table, protein: ProteinRow, columns: Sequence[str], *, by: Sequence[str]
) -> list[dict[str, Any]] | None:
    """Return the rows of a protein in an added table, sorted by columns; None where the atlas has no such table."""
    if not atlas.manifest.of_table(table) or protein.sequence_id is None:
        return None

    # Proteins of one sequence may have different rows.
    rows = atlas.sequence_rows(table, protein.sequence_id, ["accession", *columns]).to_pylist()
    protein_rows = [{name: row[name] for name in columns} for row in rows if row["accession"] == protein.accession]
    return sorted(protein_rows, key=lambda row: [row[name] for name in by])


def count_links(atlas: Store, sequence_id: int, length: int) -> LinkCounts | None:
    """Return how many links and edges a sequence has; None where the atlas has no links, or they leave it out."""
    if settings_where_computed(atlas.root, atlas.manifest, LINKS, sequence_id, length=length) is None:
        return None

    n_links = atlas.sequence_rows(LINKS, sequence_id, ["layer"]).num_rows
    n_edges = sum(atlas.sequence_rows(HEADS, sequence_id, ["n_edges"])["n_edges"].to_pylist())
    return LinkCounts(n_links, n_edges)


def read_layer_profiles(atlas: Store, sequence_id: int, layers: Sequence[int]) -> list[tuple[float, ...]]:
    """Return the attention received in some layers, each (N,), read straight from the numbers of the list column."""
    if not layers:
        return []

    data = read_received(atlas, sequence_id)
    return [_layer_profile(data, layer, atlas.n_layers) for layer in layers]


def read_received(atlas: Store, sequence_id: int) -> memoryview:
    """Return the attention received by every residue in every layer: the bytes of float32 values, (N, L)."""
    rows = atlas.sequence_rows(RESIDUES, sequence_id, ["received"])
    lists = rows.column("received").combine_chunks()

    # A row of the list column is L values of float32, end to end.
    row_bytes = atlas.n_layers * _FLOAT32.size
    start = lists.values.offset * _FLOAT32.size + lists.offset * row_bytes  # `values` is of the whole row group
    return memoryview(lists.values.buffers()[1]).cast("B")[start : start + len(lists) * row_bytes]


def _layer_profile(data: memoryview, layer: int, n_layers: int) -> tuple[float, ...]:
    layer_value = struct.Struct(
        f"={layer * _FLOAT32.size}xf{(n_layers - layer - 1) * _FLOAT32.size}x"
    )  # skips the other layers
    return tuple(shortest_half(value) for (value,) in layer_value.iter_unpack(data))
