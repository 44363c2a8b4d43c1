"""InterProScan TSV → entries: 11 to 15 columns, the MD5 and length of the sequence among them.

UniProt's words are used where an analysis finds one kind of feature (Coils, SignalP, TMHMM); of the others, such as
Pfam, the type is the name of the analysis, since the table does not say which of its families are domains. A match of
a database of families assigns the protein to the signature's family, and to the InterPro entry where there is one.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from attlas.pipeline.annotate.families import database_word, family_word
from attlas.pipeline.annotate.records import Claim, Entry, Family, Record, joined, whole_number
from attlas.pipeline.annotate.source import lines, opened

N_COLUMNS = 11
_ANALYSES = {
    "coils": "Coiled coil",
    "tmhmm": "Transmembrane",
    "deeptmhmm": "Transmembrane",
    "signalp": "Signal",
    "signalp_euk": "Signal",
    "signalp_gram_positive": "Signal",
    "signalp_gram_negative": "Signal",
}
_PHOBIUS = {
    "SIGNAL_PEPTIDE": "Signal",
    "TRANSMEMBRANE": "Transmembrane",
    "CYTOPLASMIC_DOMAIN": "Topological domain",
    "NON_CYTOPLASMIC_DOMAIN": "Topological domain",
}


def read(path: Path) -> Iterator[Entry]:
    """Yield an InterProScan table row by row. Raises InputError if it cannot be read."""
    with opened(path) as handle:
        for number, line in lines(handle):
            if line.strip() and not line.startswith("#"):
                yield _entry(line.split("\t"), number)


def _entry(fields: list[str], number: int) -> Entry:
    if len(fields) < N_COLUMNS:
        problem = f"line cannot be read: {len(fields)} columns where InterProScan has at least {N_COLUMNS}"
        return Entry((fields[0].strip(),), (Record("", "", "", line=number, problem=problem),))
    accession, md5, length, analysis, signature, signature_name, begin, end, _, status, *rest = map(_value, fields)
    interpro = " ".join(rest[1:3]).strip()
    record = Record(
        type=_type(analysis, signature),
        begin=begin,
        end=end,
        description=joined([f"{signature} {signature_name}", interpro]),
        line=number,
        problem="match not confirmed: its status is F" if status == "F" else None,
        families=tuple(_families(analysis, signature, signature_name, rest[1:3], number)),
    )
    claim = Claim(md5=md5.lower() or None, length=whole_number(length))
    return Entry((accession,), (record,), claim)


def _families(analysis: str, signature: str, name: str, interpro: Sequence[str], number: int) -> Iterator[Family]:
    if (database := database_word(analysis)) and signature:
        yield Family(database, family_word(signature), name or None, number)
    if interpro and interpro[0]:
        yield Family("InterPro", interpro[0], (interpro[1] if len(interpro) > 1 else "") or None, number)


def _type(analysis: str, signature: str) -> str:
    if analysis.casefold() == "phobius":
        return _PHOBIUS.get(signature, analysis)
    return _ANALYSES.get(analysis.casefold(), analysis)


def _value(text: str) -> str:
    return "" if text.strip() == "-" else text.strip()
