"""InterProScan TSV → entries: 11 to 15 columns, the MD5 and length of the sequence among them.

UniProt's words are used where an analysis finds one kind of feature (Coils, SignalP, TMHMM); of the others, such as
Pfam, the type is the name of the analysis, since the table does not say which of its families are domains. A match of
a database of families assigns the protein to the signature's family, and to the InterPro entry where there is one.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from attlas.intake.claims import SequenceClaim, whole_number
from attlas.intake.rejects import Problem, Reason
from attlas.intake.text import content_lines
from attlas.pipeline.annotate.families import database_word, family_word
from attlas.pipeline.annotate.records import Entry, FamilyRecord, FeatureRecord, join_texts
from attlas.pipeline.annotate.source import source_lines

N_COLUMNS = 11
"""Columns that every row has."""
_ANALYSES = {
    "coils": "Coiled coil",
    "tmhmm": "Transmembrane",
    "deeptmhmm": "Transmembrane",
    "signalp": "Signal",
    "signalp_euk": "Signal",
    "signalp_gram_positive": "Signal",
    "signalp_gram_negative": "Signal",
}
"""Type of feature that an analysis finds, where it finds one kind."""
_PHOBIUS = {
    "SIGNAL_PEPTIDE": "Signal",
    "TRANSMEMBRANE": "Transmembrane",
    "CYTOPLASMIC_DOMAIN": "Topological domain",
    "NON_CYTOPLASMIC_DOMAIN": "Topological domain",
}
"""Type of feature by the signature of Phobius."""


def read(path: Path) -> Iterator[Entry]:
    """Yield an InterProScan table row by row. Raises InputError if it cannot be read."""
    for number, line in content_lines(source_lines(path)):
        yield _entry(line.split("\t"), number)


def _entry(fields: list[str], number: int) -> Entry:
    if len(fields) < N_COLUMNS:
        detail = f"{len(fields)} columns where InterProScan has at least {N_COLUMNS}"
        problem = Problem(Reason.UNREADABLE_LINE, detail)
        return Entry((fields[0].strip(),), (FeatureRecord("", "", "", line=number, problem=problem),))

    accession, md5, length, analysis, signature, signature_name, begin, end, _, status, *columns_12_to_15 = map(
        _value, fields
    )
    interpro_columns = columns_12_to_15[1:3]  # accession and name of the InterPro entry
    interpro = " ".join(interpro_columns).strip()
    record = FeatureRecord(
        type=_type(analysis, signature),
        begin=begin,
        end=end,
        description=join_texts([f"{signature} {signature_name}", interpro]),
        line=number,
        problem=Problem(Reason.UNCONFIRMED_MATCH, "its status is F") if status == "F" else None,
        families=tuple(_families(analysis, signature, signature_name, interpro_columns, number)),
    )
    claim = SequenceClaim(md5=md5.lower() or None, length=whole_number(length))
    return Entry((accession,), (record,), claim)


def _families(analysis: str, signature: str, name: str, interpro: Sequence[str], number: int) -> Iterator[FamilyRecord]:
    if (database := database_word(analysis)) and signature:
        yield FamilyRecord(database, family_word(signature), name or None, number)
    if interpro and interpro[0]:
        yield FamilyRecord("InterPro", interpro[0], (interpro[1] if len(interpro) > 1 else "") or None, number)


def _type(analysis: str, signature: str) -> str:
    if analysis.casefold() == "phobius":
        return _PHOBIUS.get(signature, analysis)
    return _ANALYSES.get(analysis.casefold(), analysis)


def _value(text: str) -> str:
    return "" if text.strip() == "-" else text.strip()
