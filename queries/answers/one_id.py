"""The answer of an atlas to one id: the protein with its sites and profile, or the reason why there are none."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from attlas.queries.lookup.identifiers import Match
from attlas.queries.provenance import provenance_values
from attlas.queries.store import Store
from attlas.queries.text import cut, printable
from attlas.schema import FAMILIES, FEATURES, RESIDUES, SITES, Manifest, QuestionError, Table

SITES_FOUND = "sites found"
NO_SITES = "computed, no sites found"
SKIPPED = "skipped"
FAILED = "failed"
NOT_IN_ATLAS = "not in this atlas"
AMBIGUOUS = "names several proteins"

SITE_COLUMNS = tuple(column.name for column in SITES.stored() if column.name != "sequence_id")
FEATURE_COLUMNS = ("accession", "type", "begin", "end", "description", "evidence", "source")
FAMILY_COLUMNS = ("accession", "database", "family", "name", "source")
_FLOAT16, _FLOAT32 = struct.Struct("=e"), struct.Struct("=f")


@dataclass(frozen=True)
class Answer:
    """The answer to one id."""

    id: str
    outcome: str
    """One of the outcomes of this file: what was found, or which kind of nothing it is."""
    reason: str | None = None
    """Why it was skipped or failed, why it has no sites, or what to ask instead."""
    protein: dict[str, Any] | None = None
    """The row of `proteins`."""
    sites: tuple[dict[str, Any], ...] = ()
    """High-attention sites by rank."""
    profile: tuple[float, ...] | None = None
    """Attention received by each residue in the layer of convergence, (N,); None where no layer was found."""
    profiles: tuple[tuple[int, tuple[float, ...]], ...] = ()
    """Each layer asked for, 0-based, with the attention received in it, (N,); none where it was not computed."""
    match: Match | None = None
    """What the id names, for one without a protein."""
    features: tuple[dict[str, Any], ...] | None = None
    """Known features by position; None where the atlas is not annotated, or the protein not computed."""
    families: tuple[dict[str, Any], ...] | None = None
    """Families by database; None where the atlas has none, or the protein was not computed."""

    def to_json(self, manifest: Manifest) -> dict[str, Any]:
        """Return plain JSON values; `outcome` is always there, `protein` is null for an id without one."""
        layer = self.protein["layer"] if self.protein else None
        profile = None if self.profile is None else {"layer": layer, "received": list(self.profile)}
        is_computed = self.outcome in (SITES_FOUND, NO_SITES)
        return {
            "asked": self.id,
            "outcome": self.outcome,
            "reason": self.reason,
            "candidates": list(self.match.candidates) if self.match else [],
            "similar": list(self.match.close) if self.match else [],
            "protein": self.protein,
            "sites": list(self.sites) if is_computed else None,
            "profile": profile,
            "profiles": [{"layer": n, "received": list(values)} for n, values in self.profiles],
            "features": None if self.features is None else list(self.features),
            "families": None if self.families is None else list(self.families),
            "provenance": provenance_values(manifest),
        }

    @property
    def fault(self) -> QuestionError | None:
        """The error of an id without a protein."""
        return self.match.fault() if self.match else None


def answers(atlas: Store, id: str, *, taxon: int | str | None = None, layers: Sequence[int] = ()) -> list[Answer]:
    """Return the answer to an id; several only for a digest that several accessions share. Never raises for an id.

    `taxon` says whose gene a gene name means; `layers`, 0-based, are those whose profiles are wanted too.
    """
    return answers_to(atlas, atlas.match(id, taxon=taxon), layers=layers)


def answers_to(atlas: Store, match: Match, *, layers: Sequence[int] = ()) -> list[Answer]:
    """Return the answers to an id that was looked up already: one for each protein that it names."""
    if not match.rows:
        return [Answer(match.id, AMBIGUOUS if match.candidates else NOT_IN_ATLAS, match.reason, match=match)]
    return [_answer(atlas, match.id, protein, layers) for protein in atlas.protein_rows(match.rows).to_pylist()]


def layers_named(text: str, n_layers: int) -> tuple[int, ...]:
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

    layers = tuple(layer for begin, *end in ends for layer in range(begin, (end or [begin])[0] + 1))
    if not layers or max(layers) >= n_layers:
        raise QuestionError("The model of this atlas has no such layers.", expected=expected, found=text)
    return tuple(dict.fromkeys(layers))


def outcome_of(status: str, n_sites: int) -> str:
    """Return the outcome of a protein in the atlas."""
    if status == "ok":
        return SITES_FOUND if n_sites else NO_SITES
    return SKIPPED if status == "skipped" else FAILED


def _answer(atlas: Store, id: str, protein: dict[str, Any], layers: Sequence[int]) -> Answer:
    if protein["status"] != "ok":
        return Answer(id, outcome_of(protein["status"], 0), protein["reason"], protein)

    sequence_id, layer_of_convergence = protein["sequence_id"], protein["layer"]
    sites = tuple(map(_site, atlas.sequence_rows(SITES, sequence_id, SITE_COLUMNS).to_pylist()))
    layers_read = dict.fromkeys([*layers, *([] if layer_of_convergence is None else [layer_of_convergence])])
    profiles = dict(zip(layers_read, layer_profiles(atlas, sequence_id, list(layers_read)), strict=True))
    profiles_asked_for = tuple((layer, profiles[layer]) for layer in layers)
    outcome, reason = outcome_of("ok", len(sites)), protein["sites_note"]
    features = _added_rows(atlas, FEATURES, protein, FEATURE_COLUMNS, by=("begin", "end", "type", "description"))
    families = _added_rows(atlas, FAMILIES, protein, FAMILY_COLUMNS, by=("database", "family", "source"))
    profile = profiles.get(layer_of_convergence)
    return Answer(
        id, outcome, reason, protein, sites, profile, profiles_asked_for, features=features, families=families
    )


def _added_rows(
    atlas: Store, table: Table, protein: dict[str, Any], columns: Sequence[str], *, by: Sequence[str]
) -> tuple[dict[str, Any], ...] | None:
    """Return the rows of a protein in a table that was added, in order; None where the atlas has no such table."""
    if not atlas.manifest.of_table(table):
        return None
    rows = atlas.sequence_rows(table, protein["sequence_id"], columns).to_pylist()
    protein_rows = [
        {name: row[name] for name in columns[1:]} for row in rows if row["accession"] == protein["accession"]
    ]
    return tuple(sorted(protein_rows, key=lambda row: [row[name] for name in by]))


def layer_profiles(atlas: Store, sequence_id: int, layers: Sequence[int]) -> list[tuple[float, ...]]:
    """Return the attention received in some layers, each (N,), read straight from the float16 of the list column."""
    if not layers:
        return []

    rows = atlas.sequence_rows(RESIDUES, sequence_id, ["received"])
    lists = rows.column("received").combine_chunks()
    row_bytes = atlas.n_layers * _FLOAT16.size
    start = lists.values.offset * _FLOAT16.size + lists.offset * row_bytes  # `values` is of the whole row group
    data = memoryview(lists.values.buffers()[1]).cast("B")[start : start + len(lists) * row_bytes]
    return [_layer_profile(data, layer, atlas.n_layers) for layer in layers]


def _layer_profile(data: memoryview, layer: int, n_layers: int) -> tuple[float, ...]:
    layer_value = struct.Struct(
        f"={layer * _FLOAT16.size}xe{(n_layers - layer - 1) * _FLOAT16.size}x"
    )  # skips the other layers
    return tuple(_shortest_half(value) for (value,) in layer_value.iter_unpack(data))


def _site(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _shortest(_FLOAT32, value) if isinstance(value, float) else value for name, value in values.items()}


@lru_cache(maxsize=65_536)  # there are no more of them
def _shortest_half(value: float) -> float:
    return _shortest(_FLOAT16, value)


def _shortest(stored: struct.Struct, value: float) -> float:
    """Return the float of the shortest decimal that is the same number in its stored type."""
    # An Arrow cast would do this, but `pyarrow.compute` costs 30 ms to import.
    for digits in range(3, 9):
        short = float(f"{value:.{digits}g}")
        if stored.pack(short) == stored.pack(value):
            return short
    return value
