"""UniProt XML → entries: read element by element, so that a whole proteome needs the memory of one entry."""

from collections.abc import Iterator
from pathlib import Path
from typing import IO
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from attlas.intake.claims import NO_CLAIM, SequenceClaim, whole_number
from attlas.pipeline.annotate.families import database_word, family_word
from attlas.pipeline.annotate.records import Entry, FamilyRecord, FeatureRecord, describe_feature, eco_codes
from attlas.pipeline.annotate.source import open_source
from attlas.pipeline.annotate.types import type_word
from attlas.schema import InputError

_SIGNS = {"less than": "<", "greater than": ">", "uncertain": "?"}


def read(path: Path) -> Iterator[Entry]:
    """Yield the entries of a UniProt XML file.

    Raises:
        InputError: it is no XML, breaks off, or holds another kind of document.
    """
    with open_source(path) as handle:
        events = _events(handle, path)
        _, root = next(events)
        if _name(root) not in ("uniprot", "entry"):
            raise InputError(
                f"{path.name} is no UniProt XML.", expected="an element `uniprot`", found=f"`{_name(root)}`"
            )
        for event, element in events:
            if event == "end" and _name(element) == "entry":
                yield _entry(element)
                root.clear()  # or the entries would stay in memory, as children of the root


def _events(handle: IO[bytes], path: Path) -> Iterator[tuple[str, Element]]:
    """Yield the beginning and the end of each element. Raises InputError."""
    try:
        yield from ElementTree.iterparse(handle, events=("start", "end"))
    except ElementTree.ParseError as error:
        raise InputError(
            f"{path.name} is no whole XML file.", found=str(error), hint="download or copy it again"
        ) from error
    except InputError:
        raise
    except (LookupError, ValueError) as error:  # the parser raises them for unknown encodings
        raise InputError(
            f"{path.name} is in an encoding that is not read.",
            expected="XML in UTF-8, UTF-16 or an encoding of one byte a character",
            found=str(error),
            hint="convert it to UTF-8, and say so in its first line",
        ) from error


def _entry(entry: Element) -> Entry:
    accessions = tuple((child.text or "").strip() for child in entry if _name(child) == "accession")
    codes = {child.get("key", ""): child.get("type", "") for child in entry if _name(child) == "evidence"}
    records = tuple(_record(child, codes) for child in entry if _name(child) == "feature")

    # Sequences of other databases are deeper in the tree; the entry's own is a child of the entry.
    sequence = next((child for child in entry if _name(child) == "sequence"), None)
    families = tuple(_families(entry))
    return Entry(accessions, records, NO_CLAIM if sequence is None else _claim(sequence), families)


def _families(entry: Element) -> Iterator[FamilyRecord]:
    """Yield the cross-references of an entry to families; those of citations and isoforms are deeper in the tree."""
    for child in entry:
        if _name(child) == "dbReference" and (database := database_word(child.get("type", ""))):
            properties = {detail.get("type"): detail.get("value") for detail in child}
            yield FamilyRecord(database, family_word(child.get("id", "")), properties.get("entry name") or None)


def _claim(sequence: Element) -> SequenceClaim:
    return SequenceClaim(
        sequence="".join((sequence.text or "").split()) or None,
        crc64=sequence.get("checksum"),
        length=whole_number(sequence.get("length")),
        version=whole_number(sequence.get("version")),
    )


def _record(feature: Element, codes: dict[str, str]) -> FeatureRecord:
    kind = type_word(feature.get("type", ""))
    location = _child(feature, "location")
    begin, end = ("?", "?") if location is None else _ends(location)
    return FeatureRecord(
        type=kind,
        begin=begin,
        end=end,
        description=_description(feature, kind),
        evidence=eco_codes(*(codes.get(key) for key in feature.get("evidence", "").split())),
        isoform=None if location is None else location.get("sequence"),
    )


def _ends(location: Element) -> tuple[str, str]:
    if (position := _child(location, "position")) is not None:
        return _position(position), _position(position)
    begin, end = _child(location, "begin"), _child(location, "end")
    return "?" if begin is None else _position(begin), "?" if end is None else _position(end)


def _position(element: Element) -> str:
    return _SIGNS.get(element.get("status", "certain"), "") + (element.get("position") or "?")


def _description(feature: Element, kind: str) -> str:
    note = _change(feature, feature.get("description", ""), kind)
    ligand, part = _child(feature, "ligand"), _child(feature, "ligandPart")
    return describe_feature(
        note,
        ligand=_text(ligand, "name"),
        label=_text(ligand, "label"),
        ligand_note=_text(ligand, "note"),
        part=_text(part, "name"),
    )


def _change(feature: Element, note: str, kind: str) -> str:
    """Return the note of a change of residues as the flat file writes it: `K->A: ...`, `R -> H (...)`."""
    original = _text(feature, "original")
    variations = ",".join(child.text or "" for child in feature if _name(child) == "variation")
    if kind == "Mutagenesis":
        return f"{original}->{variations}: {note}" if original else f"Missing: {note}"
    if kind not in ("Alternative sequence", "Natural variant", "Sequence conflict"):
        return note
    change = f"{original} -> {variations}" if original else "Missing"
    return f"{change} ({note})" if note else change


def _child(element: Element | None, name: str) -> Element | None:
    return None if element is None else next((child for child in element if _name(child) == name), None)


def _text(element: Element | None, name: str) -> str | None:
    child = _child(element, name)
    return None if child is None else child.text


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2]  # http and https have both been its namespace
