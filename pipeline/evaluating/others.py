"""The proteins that candidate sites are ranked for: those of whose sequence no site of the type is known."""

from dataclasses import dataclass

import pyarrow.parquet as pq

from attlas.pipeline.annotate.types import type_word
from attlas.pipeline.evaluating.evaluation import LabelledAtlas
from attlas.pipeline.evaluating.truth import LabelledProtein
from attlas.schema import FEATURES, AtlasPaths, Manifest


@dataclass(frozen=True)
class OtherProteins:
    """The proteins whose residues are ranked, and how many others have sites that are known, or may be."""

    proteins: tuple[LabelledProtein, ...]
    """In order of sequence and accession."""
    n_rejected: int
    """Proteins that the truth names, and that were left out of it."""
    n_annotated: int
    """Other proteins that have a feature of the type."""


def list_other_proteins(paths: AtlasPaths, atlas: LabelledAtlas, *, type: str) -> OtherProteins:
    """Return the computed proteins of whose sequence no site is known.

    A protein that was left out of the truth, as for one bad position, has sites; so has one with a feature of the type,
    in any letter case.
    """
    labelled = {protein.sequence_id for protein in atlas.truth.proteins}
    annotated = _read_annotated(paths, type)
    columns = ["sequence_id", "accession", "sequence", "status"]
    rows = pq.read_table(paths.proteins, columns=columns).to_pylist()
    rows = [row for row in rows if row["status"] == "ok" and row["sequence_id"] not in labelled]
    rejected = [row for row in rows if row["sequence_id"] in atlas.truth.left_out]
    rows = [row for row in rows if row["sequence_id"] not in atlas.truth.left_out]
    kept = [row for row in rows if row["sequence_id"] not in annotated]
    kept.sort(key=lambda row: (row["sequence_id"], row["accession"]))
    proteins = tuple(LabelledProtein(row["accession"], row["sequence_id"], row["sequence"], ()) for row in kept)
    return OtherProteins(proteins, len(rejected), len(rows) - len(kept))


def _read_annotated(paths: AtlasPaths, type: str) -> set[int]:
    """Return the `sequence_id` of the proteins that have a feature of a type."""
    annotated: set[int] = set()
    for file in Manifest.read(paths).of_table(FEATURES):
        rows = pq.read_table(paths.root / file.path, columns=["sequence_id", "type"]).to_pydict()
        names = {name for name in set(rows["type"]) if type_word(name).casefold() == type.casefold()}
        of_rows = zip(rows["sequence_id"], rows["type"], strict=True)
        annotated |= {sequence_id for sequence_id, name in of_rows if name in names}
    return annotated
