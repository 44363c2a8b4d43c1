"""What an atlas answers about one id: the protein with its sites and profile, or plainly why not."""

import struct
from dataclasses import dataclass
from typing import Any

from attlas.queries.atlas import Atlas
from attlas.queries.identifiers import Match
from attlas.queries.provenance import provenance_values
from attlas.schema import RESIDUES, SITES, Manifest, QuestionError

SITES_FOUND = "sites found"
NO_SITES = "computed, no sites found"
SKIPPED = "skipped"
FAILED = "failed"
NOT_HERE = "not in this atlas"
AMBIGUOUS = "names several proteins"

SITE_COLUMNS = ("position", "residue", "rank", "layer", "received", "share", "is_nonstandard")
_FLOAT16, _FLOAT32 = struct.Struct("=e"), struct.Struct("=f")


@dataclass(frozen=True)
class Answer:
    """The answer to one id."""

    asked: str
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
    fault: QuestionError | None = None
    """The error of an id without a protein."""

    def to_json(self, manifest: Manifest) -> dict[str, Any]:
        """Return plain JSON values; `outcome` is always there, `protein` is null for an id without one."""
        layer = self.protein["layer"] if self.protein else None
        profile = None if self.profile is None else {"layer": layer, "received": list(self.profile)}
        is_computed = self.outcome in (SITES_FOUND, NO_SITES)
        return {
            "asked": self.asked,
            "outcome": self.outcome,
            "reason": self.reason,
            "protein": self.protein,
            "sites": list(self.sites) if is_computed else None,
            "profile": profile,
            "provenance": provenance_values(manifest),
        }


def answers(atlas: Atlas, asked: str) -> list[Answer]:
    """Return the answer to an id; several only for a digest that several accessions share. Never raises for an id."""
    match = atlas.match(asked)
    if not match.rows:
        return [_no_protein(match)]
    return [_answer(atlas, asked, protein) for protein in atlas.protein_rows(match.rows).to_pylist()]


def outcome_of(status: str, n_sites: int) -> str:
    """Return the outcome of a protein in the atlas."""
    if status == "ok":
        return SITES_FOUND if n_sites else NO_SITES
    return SKIPPED if status == "skipped" else FAILED


def _no_protein(match: Match) -> Answer:
    fault = match.fault()
    if match.candidates:
        return Answer(match.asked, AMBIGUOUS, f"one of {', '.join(match.candidates)}", fault=fault)
    reason = f"similar ids here: {', '.join(match.close)}" if match.close else None
    return Answer(match.asked, NOT_HERE, reason, fault=fault)


def _answer(atlas: Atlas, asked: str, protein: dict[str, Any]) -> Answer:
    if protein["status"] != "ok":
        return Answer(asked, outcome_of(protein["status"], 0), protein["reason"], protein)
    sequence_id = protein["sequence_id"]
    sites = tuple(map(_site, atlas.sequence_rows(SITES, sequence_id, SITE_COLUMNS).to_pylist()))
    profile = None if protein["layer"] is None else _profile(atlas, sequence_id, protein["layer"])
    return Answer(asked, outcome_of("ok", len(sites)), protein["sites_note"], protein, sites, profile)


def _profile(atlas: Atlas, sequence_id: int, layer: int) -> tuple[float, ...]:
    """Return the attention received in one layer, (N,), read straight from the float16 of the list column."""
    rows = atlas.sequence_rows(RESIDUES, sequence_id, ["received"])
    lists = rows.column("received").combine_chunks()
    values = memoryview(lists.values.buffers()[1]).cast("B")
    start = lists.values.offset + lists.offset * atlas.n_layers  # `values` is of the whole row group
    at = range(start + layer, start + len(lists) * atlas.n_layers, atlas.n_layers)
    return tuple(_shortest(_FLOAT16, _FLOAT16.unpack_from(values, i * _FLOAT16.size)[0]) for i in at)


def _site(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _shortest(_FLOAT32, value) if isinstance(value, float) else value for name, value in values.items()}


def _shortest(stored: struct.Struct, value: float) -> float:
    """Return the float of the shortest decimal that is the same number in the type it was stored in."""
    # An Arrow cast would do this, but `pyarrow.compute` costs 30 ms to import.
    for digits in range(3, 9):
        short = float(f"{value:.{digits}g}")
        if stored.pack(short) == stored.pack(value):
            return short
    return value
