"""Secondary structure as a structure file records it: helices, strands and turns, by the author's numbering.

Nothing is computed from coordinates. Read are HELIX and SHEET of PDB, `_struct_conf` and `_struct_sheet_range` of
mmCIF, where AlphaFold's files have their strands and turns among `_struct_conf`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from attlas.structures.chains import StructureFile

HELIX, STRAND, TURN = "Helix", "Beta strand", "Turn"
"""UniProt's words; its helices are alpha, 3-10 and pi helices."""
POLYPROLINE = "Polyproline helix"
"""A left-handed helix without hydrogen bonds, which UniProt does not count among its helices."""

_CLASSES = {
    "1": "alpha helix",
    "2": "omega helix",
    "3": "pi helix",
    "4": "gamma helix",
    "5": "3-10 helix",
    "6": "left-handed alpha helix",
    "7": "left-handed omega helix",
    "8": "left-handed gamma helix",
    "9": "2-7 ribbon",
    "10": "polyproline helix",
}
"""Helix classes of the PDB format, which mmCIF repeats."""
_KINDS = {"AL": "alpha", "OM": "omega", "PI": "pi", "GA": "gamma", "3T": "3-10", "27": "2-7", "PP": "polyproline"}
"""Letters of mmCIF's `conf_type_id`, as in HELX_RH_3T_P."""
_CONF = (
    "conf_type_id",
    "beg_auth_asym_id",
    "beg_auth_seq_id",
    "end_auth_seq_id",
    "?pdbx_beg_PDB_ins_code",
    "?pdbx_end_PDB_ins_code",
    "?pdbx_PDB_helix_class",
    "?details",
)
_RANGE = (
    "sheet_id",
    "beg_auth_asym_id",
    "beg_auth_seq_id",
    "end_auth_seq_id",
    "?pdbx_beg_PDB_ins_code",
    "?pdbx_end_PDB_ins_code",
)


@dataclass(frozen=True)
class Element:
    """An element of secondary structure, a range of residues of a chain."""

    type: str
    chain: str
    begin: tuple[int, str]
    """Number and insertion code of the first residue."""
    end: tuple[int, str]
    words: str
    """What the file says of it, such as `3-10 helix` or `sheet A`."""


def read_elements(file: StructureFile) -> tuple[tuple[Element, ...], dict[str, int]]:
    """Return the elements that a file records, each once, and the number of records by kind that are not used.

    Such are those of other kinds, as BEND, and those that do not number their residues as the author does.
    """
    n_others: dict[str, int] = {}
    recorded = _of_pdb(file) if file.block is None else _of_mmcif(file, n_others)
    return tuple(dict.fromkeys(recorded)), n_others


def _of_pdb(file: StructureFile) -> Iterator[Element]:
    for helix in file.structure.helices:
        kind = str(helix.pdb_helix_class.value)
        begin, end = helix.start.res_id.seqid, helix.end.res_id.seqid
        type = POLYPROLINE if kind == "10" else HELIX
        yield Element(type, helix.start.chain_name, _seqid(begin), _seqid(end), _CLASSES.get(kind, "helix"))

    for sheet in file.structure.sheets:
        for strand in sheet.strands:
            begin, end = strand.start.res_id.seqid, strand.end.res_id.seqid
            yield Element(STRAND, strand.start.chain_name, _seqid(begin), _seqid(end), f"sheet {sheet.name}")


def _of_mmcif(file: StructureFile, n_others: dict[str, int]) -> Iterator[Element]:
    for row in _rows(file, "_struct_conf.", _CONF, n_others):
        conf, chain, begin, end, begin_code, end_code, helix_class, details = row
        type, words = _type_and_words(conf.upper(), helix_class)
        if not type:
            n_others[conf] = n_others.get(conf, 0) + 1
            continue
        words = "; ".join(text for text in (words, " ".join(details.split())) if text)
        yield Element(type, chain, (int(begin), begin_code), (int(end), end_code), words)

    for sheet, chain, begin, end, begin_code, end_code in _rows(file, "_struct_sheet_range.", _RANGE, n_others):
        yield Element(STRAND, chain, (int(begin), begin_code), (int(end), end_code), f"sheet {sheet}")


def _type_and_words(conf: str, helix_class: str) -> tuple[str, str]:
    """Return type and words of a `conf_type_id`, with the helix class where there is one; no type if it is another."""
    if conf.startswith("STRN"):
        return STRAND, ""
    if conf.startswith("TURN"):
        return TURN, ""
    if not conf.startswith("HELX"):
        return "", ""

    parts = conf.split("_")  # HELX_P, HELX_RH_P, HELX_RH_AL_P
    name = next((_KINDS[part] for part in parts if part in _KINDS), "")
    is_left = "LH" in parts and name != "polyproline"
    words = f"{'left-handed ' if is_left else ''}{name} helix" if name else _CLASSES.get(helix_class, "helix")
    return (POLYPROLINE if words.startswith("polyproline") else HELIX), words


def _rows(file: StructureFile, category: str, tags: tuple[str, ...], n_others: dict[str, int]) -> Iterator[list[str]]:
    """Yield the rows of a category that name their residues, and count the others; an unknown value is empty."""
    import gemmi

    if file.block is None:
        return

    rows = file.block.find(category, list(tags))
    n_without = 0 if len(rows) else len(file.block.find_mmcif_category(category))
    for row in rows:
        values = [gemmi.cif.as_string(row[i]) if row.has(i) else "" for i in range(len(tags))]
        if all(_is_number(text) for text in values[2:4]):
            yield values
        else:
            n_without += 1

    if n_without:
        n_others[f"{category.strip('_.')} without the author's numbers"] = n_without


def _is_number(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _seqid(seqid: object) -> tuple[int, str]:
    return (getattr(seqid, "num", None) or 0), str(getattr(seqid, "icode", "")).strip()
