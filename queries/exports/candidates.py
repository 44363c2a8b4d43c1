"""Candidate sites as GFF3: one feature of type `amino_acid` for each residue that was ranked, 1-based.

They are predictions: file and features say so, with their own evidence code, and no feature is an `active_site`. The
score of a feature is its probability, `.` where the calibration allows none. The rules of texts are those of `gff3`.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO

from attlas.queries.exports.gff3 import FEATURE, attribute, quote_seqid
from attlas.queries.exports.request import Request
from attlas.queries.formats import json_rows
from attlas.queries.provenance import provenance_values
from attlas.queries.store import Store
from attlas.schema import CANDIDATE_SITES, BrokenAtlasError, QuestionError
from attlas.schema.prediction_tables import PREDICTION_EVIDENCE, PREDICTION_SENTENCE

QUERY = """
SELECT c.*, p.length, substr(p.sequence, c.position, 1) AS letter
FROM candidate_sites AS c JOIN proteins AS p ON p.accession = c.accession
WHERE $accessions IS NULL OR c.accession IN (SELECT unnest($accessions::VARCHAR[]))
ORDER BY c.accession, c.position, c.type
"""
ATTRIBUTES = (
    "type",
    "residue",
    "rank",
    "probability",
    "log_odds",
    "speaks_for",
    "homolog",
    "nearest",
    "nearest_sites",
    "identity",
)
"""Attributes of our own, which begin in lower case."""


def write(atlas: Store, request: Request, sink: BinaryIO) -> None:
    """Write the candidate sites of some proteins, or of all.

    Raises:
        QuestionError: the atlas has no candidate sites; says which command adds them.
        BrokenAtlasError: a letter is not that of the protein's sequence.
    """
    if not atlas.manifest.of_table(CANDIDATE_SITES):
        raise QuestionError(
            f"This atlas has no table {CANDIDATE_SITES.name}.", hint=f"`{CANDIDATE_SITES.added_by}` adds it"
        )

    for line in _header_lines(atlas):
        sink.write(f"{line}\n".encode())
    accessions = None if request.accessions is None else list(request.accessions)
    for row in json_rows(atlas.stream(QUERY, {"accessions": accessions})):
        sink.write(f"{_feature_line(row)}\n".encode())


def _header_lines(atlas: Store) -> Iterator[str]:
    yield "##gff-version 3"
    for name, value in (provenance_values(atlas.manifest) | {"evidence": PREDICTION_EVIDENCE}).items():
        yield f"# {name}: {attribute(value)}"
    yield f"# {PREDICTION_SENTENCE}"
    yield "# score: probability given that the protein has such a site; `.` where there are ranks alone"


def _feature_line(row: dict[str, Any]) -> str:
    accession, position, residue = row["accession"], row["position"], row["residue"]
    if row["letter"] != residue:
        raise BrokenAtlasError(
            f"A candidate site of {accession} does not fit its sequence.",
            expected=f"{row['letter']} at position {position}",
            found=residue,
        )

    values = {"ID": f"{accession}.{row['type']}.{position}", "Name": f"candidate {residue}{position}"}
    values |= {"Ontology_term": PREDICTION_EVIDENCE, "Note": PREDICTION_SENTENCE}
    texts = row | {"log_odds": row["score"], "speaks_for": row["evidence"]}
    values |= {name: str(texts[name]) for name in ATTRIBUTES if texts[name] not in (None, "")}

    at, score = str(position), "." if row["probability"] is None else str(row["probability"])
    attributes = ";".join(f"{name}={attribute(value)}" for name, value in values.items())
    return "\t".join([quote_seqid(accession), "attlas", FEATURE, at, at, score, ".", ".", attributes])
