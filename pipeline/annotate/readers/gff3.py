"""GFF3 → entries: UniProt's flavour and others, positions along the protein."""

from collections.abc import Iterator
from pathlib import Path

from attlas.intake.claims import NO_CLAIM, SequenceClaim
from attlas.intake.gff3 import Gff3Feature, Gff3Region, Gff3Sequence, Gff3Unreadable, read_gff3
from attlas.intake.rejects import Problem, Reason
from attlas.pipeline.annotate.records import Entry, FeatureRecord, describe_feature, eco_codes
from attlas.pipeline.annotate.source import source_lines
from attlas.pipeline.annotate.types import type_word

_DESCRIPTIONS = ("note", "description", "signature_desc", "name")
"""Attributes that describe a feature; the first that is there counts."""


def read(path: Path) -> Iterator[Entry]:
    """Yield a GFF3 file row by row. Raises InputError if it cannot be read."""
    claims = _claims(path)
    for item in read_gff3(source_lines(path)):
        if isinstance(item, Gff3Feature) or (isinstance(item, Gff3Unreadable) and not item.is_region):
            record = _record(item)
            yield Entry((item.sequence,), (record,), claims.get(item.sequence, NO_CLAIM))
        elif isinstance(item, Gff3Sequence):
            return  # no feature comes behind the sequences


def _claims(path: Path) -> dict[str, SequenceClaim]:
    """Return the length, or the sequence, that the file gives for each protein, anywhere in the file."""
    lengths: dict[str, int | None] = {}
    sequences: dict[str, list[str]] = {}
    for item in read_gff3(source_lines(path)):
        if isinstance(item, Gff3Region) and item.length is not None:
            lengths[item.sequence] = item.length
        elif isinstance(item, Gff3Sequence):
            sequences.setdefault(item.sequence, []).append(item.letters)
    return {
        accession: SequenceClaim(sequence="".join(sequences.get(accession, ())) or None, length=lengths.get(accession))
        for accession in {**lengths, **sequences}
    }


def _record(item: Gff3Feature | Gff3Unreadable) -> FeatureRecord:
    if isinstance(item, Gff3Unreadable):
        return FeatureRecord("", "", "", line=item.line, problem=Problem(Reason.UNREADABLE_LINE, item.detail))

    attributes = item.attributes
    description = describe_feature(
        next((attributes[name] for name in _DESCRIPTIONS if attributes.get(name)), None),
        ligand=attributes.get("ligand"),
        label=attributes.get("ligand_label"),
        ligand_note=attributes.get("ligand_note"),
        part=attributes.get("ligand_part"),
    )
    return FeatureRecord(
        type=type_word(item.type),
        # NCBI marks an end that is not known exactly beside the position it gives.
        begin=f"?{item.begin}" if "start_range" in attributes else item.begin,
        end=f"?{item.end}" if "end_range" in attributes else item.end,
        description=description,
        evidence=eco_codes(attributes.get("evidence"), attributes.get("ontology_term")),
        line=item.line,
    )
