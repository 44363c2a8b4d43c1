"""UniProt's flat file → entries: the lines AC, DT, DR, FT, SQ and the sequence, entry by entry.

Biopython's `Bio.SwissProt` reads these files too (a test holds this reader against it), but it gives up on a feature
at an unknown position (`?`) and does not say on which line a feature stands; every message here does.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from attlas.intake.claims import SequenceClaim, whole_number
from attlas.pipeline.annotate.families import database_word, family_word
from attlas.pipeline.annotate.records import Entry, FamilyRecord, FeatureRecord, describe_feature, eco_codes, join_texts
from attlas.pipeline.annotate.source import source_lines
from attlas.pipeline.annotate.types import type_word
from attlas.schema import InputError

_VERSION = re.compile(r"sequence version ([0-9]+)")
_SEQUENCE = re.compile(r"SEQUENCE\s+([0-9]+) AA;.*?([0-9A-F]{16}) CRC64")
_QUALIFIER = re.compile(r"/([A-Za-z_]+)=(.*)")
_OLD_EVIDENCE = re.compile(r"\s*\{ECO:[^}]*\}")


@dataclass
class _Feature:
    """The lines of one feature, as they come."""

    line: int
    key: str
    location: str
    texts: list[str] = field(default_factory=list)
    is_old: bool = False
    """Written as before 2019."""


@dataclass
class _Draft:
    """The lines of one entry, as they come."""

    line: int
    accessions: list[str] = field(default_factory=list)
    features: list[_Feature] = field(default_factory=list)
    version: int | None = None
    length: int | None = None
    crc64: str | None = None
    sequence: list[str] = field(default_factory=list)
    families: list[FamilyRecord] = field(default_factory=list)


def read(path: Path) -> Iterator[Entry]:
    """Yield the entries of a UniProt flat file.

    Raises:
        InputError: it is no flat file, or breaks off inside an entry.
    """
    draft: _Draft | None = None
    for number, line in source_lines(path):
        if number == 1 and not line.startswith("ID   "):
            raise InputError(f"{path.name} is no UniProt flat file.", expected="a line ID", found=line[:60])
        if line.startswith("//"):
            if draft is not None:
                yield _entry(draft)
            draft = None
        elif line.strip():
            draft = draft or _Draft(number)
            _add_line(draft, number, line)

    if draft is not None:
        raise InputError(
            f"{path.name} breaks off inside the entry that begins on line {draft.line:,}.",
            expected="`//` at the end of every entry",
            hint="download or copy it again",
        )


def _add_line(draft: _Draft, number: int, line: str) -> None:
    code, text = line[:2], line[5:]
    if code == "AC":
        draft.accessions += [word.strip() for word in text.split(";") if word.strip()]
    elif code == "DT" and (version := _VERSION.search(text)):
        draft.version = whole_number(version[1])
    elif code == "DR":
        draft.families += _families(text, number)
    elif code == "FT":
        _add_feature(draft, number, line)
    elif code == "SQ" and (sequence := _SEQUENCE.search(text)):
        draft.length, draft.crc64 = whole_number(sequence[1]), sequence[2]
    elif code == "  ":
        draft.sequence.append(text.replace(" ", ""))


def _add_feature(draft: _Draft, number: int, line: str) -> None:
    # Since 2019 the key has 16 columns and the location follows; before, key, begin and end have columns of their own.
    is_old = bool(line[13:21].strip())
    if key := line[5:13].strip() if is_old else line[5:21].strip():
        location = f"{line[14:20].strip()}..{line[21:27].strip()}" if is_old else line[21:].strip()
        draft.features.append(_Feature(number, key, location, [line[34:].strip()] if is_old else [], is_old))
    elif draft.features:
        draft.features[-1].texts.append(line[21:].strip())


def _entry(draft: _Draft) -> Entry:
    claim = SequenceClaim(
        sequence="".join(draft.sequence) or None, crc64=draft.crc64, length=draft.length, version=draft.version
    )
    return Entry(tuple(draft.accessions), tuple(map(_record, draft.features)), claim, tuple(draft.families))


def _families(text: str, number: int) -> Iterator[FamilyRecord]:
    """Yield the family of a line such as `Pfam; PF00069; Pkinase; 1.`, if it is of one."""
    fields = [part.strip() for part in text.rstrip().rstrip(".").split("; ")]
    if (database := database_word(fields[0])) and len(fields) > 1:
        name = fields[2] if len(fields) > 2 and fields[2] != "-" else None
        yield FamilyRecord(database, family_word(fields[1]), name, number)


def _record(feature: _Feature) -> FeatureRecord:
    isoform, _, location = feature.location.rpartition(":")
    begin, _, end = location.partition("..")

    values = _qualifiers(feature)
    description = describe_feature(
        values.get("note"),
        ligand=values.get("ligand"),
        label=values.get("ligand_label"),
        ligand_note=values.get("ligand_note"),
        part=values.get("ligand_part"),
    )

    return FeatureRecord(
        type=type_word(feature.key),
        begin=begin,
        end=end or begin,
        description=description,
        evidence=eco_codes(values.get("evidence")),
        isoform=isoform or None,
        line=feature.line,
    )


def _qualifiers(feature: _Feature) -> dict[str, str]:
    if feature.is_old:
        text = join_texts([" ".join(text for text in feature.texts if not text.startswith("/FTId"))])
        return {"note": _OLD_EVIDENCE.sub("", text).rstrip("."), "evidence": text}

    values: dict[str, str] = {}
    name = ""
    is_open = False

    for text in feature.texts:
        if not is_open and (start := _QUALIFIER.fullmatch(text)):
            name, value = start[1], start[2]
        else:
            # A long word is broken behind its hyphen, without a blank.
            value = values.get(name, "") + ("" if values.get(name, "").endswith("-") else " ") + text
        values[name] = value
        is_open = value.startswith('"') and (len(value) == 1 or not value.endswith('"'))

    return {name: value.strip('"').replace('""', '"') for name, value in values.items()}
