"""A structure in mmCIF with the attention share in its B column.

An mmCIF file keeps its categories; `_atom_site.B_iso_or_equiv` is replaced, and four categories of ours say what it
holds, where it is from, and which sites and mismatches there are. A PDB file is written as mmCIF by gemmi.
"""

from typing import TYPE_CHECKING, BinaryIO

from attlas.queries.exports.annotation import Annotation, annotate
from attlas.queries.exports.b_column import MEANING, NO_VALUE, Key, b_values, check_all_found
from attlas.queries.exports.request import Request
from attlas.queries.store import Store
from attlas.queries.text import printable
from attlas.structures.chains import coordinate_block, require
from attlas.structures.mapping import StructureMatch

if TYPE_CHECKING:
    import gemmi

B_COLUMN = "_atom_site.B_iso_or_equiv"


def write(atlas: Store, request: Request, sink: BinaryIO) -> tuple[str, ...]:
    """Write the structure; return notes on it."""
    gemmi = require("gemmi")
    annotation = annotate(atlas, request)
    match = annotation.match
    assert match is not None  # check_request has seen to it

    is_cif = match.file.format == "mmcif"
    document = gemmi.cif.read_string(match.file.data) if is_cif else match.file.structure.make_mmcif_document()

    block = coordinate_block(document)
    _set_values(block, b_values(annotation), match.file.name)
    _say(block, annotation, match)

    sink.write(document.as_string().encode())
    return annotation.notes()


def _set_values(block: "gemmi.cif.Block", values: dict[Key, float], name: str) -> None:
    keys = list(zip(*(_column(block, *tags) for tags in KEY_TAGS), strict=True))
    check_all_found(values, set(keys), name)
    column = block.find_loop(B_COLUMN)
    if not column:
        loop = block.find_loop("_atom_site.Cartn_x").get_loop()
        loop.add_columns([B_COLUMN], value="?")
        column = block.find_loop(B_COLUMN)

    for i, key in enumerate(keys):
        column[i] = f"{values.get(key, NO_VALUE):.2f}"


KEY_TAGS = (
    ("auth_asym_id", "label_asym_id"),
    ("auth_seq_id", "label_seq_id"),
    ("pdbx_PDB_ins_code",),
    ("label_comp_id", "auth_comp_id"),
)
"""Items that name a residue, each with what stands in where it is missing; as gemmi reads them."""


def _column(block: "gemmi.cif.Block", *tags: str) -> list[str]:
    import gemmi

    for tag in tags:
        column = block.find_loop(f"_atom_site.{tag}")
        if column:
            return [gemmi.cif.as_string(value) for value in column]  # `?` and `.` are empty
    return [""] * len(block.find_loop("_atom_site.Cartn_x"))


def _say(block: "gemmi.cif.Block", annotation: Annotation, match: StructureMatch) -> None:
    """Add the categories of attlas; ASCII only, as CIF 1.1 is."""
    import gemmi

    protein, run = annotation.protein, annotation.provenance
    facts = {
        name: getattr(protein, name) for name in ("accession", "entry_name", "description", "length", "md5", "layer")
    }

    facts |= {**run, "b_iso_or_equiv": MEANING}
    for name, value in facts.items():
        plain = _make_plain(value)
        block.set_pair(f"_attlas.{name}", "?" if plain is None else gemmi.cif.quote(plain))

    _set_category(block, "_attlas_note.", [{"id": i, "text": note} for i, note in enumerate(annotation.notes(), 1)])
    _set_category(block, "_attlas_site.", [
        {"rank": site.rank, "position": site.position, "residue": site.residue, "received": site.received,
         "share": site.share, "is_initiator_methionine": "yes" if site.is_initiator_methionine else "no",
         "auth_asym_id": residue.chain, "auth_seq_id": residue.number, "pdbx_PDB_ins_code": residue.insertion,
         "auth_comp_id": residue.names[0]}
        for site, residue in annotation.site_residues()
    ])  # fmt: skip
    _set_category(block, "_attlas_mismatch.", [
        {"position": placed.position, "residue": placed.letter, "found": placed.structure_letter,
         "auth_asym_id": chain.chain,
         "auth_seq_id": placed.residue.number, "pdbx_PDB_ins_code": placed.residue.insertion,
         "auth_comp_id": placed.residue.names[0]}
        for chain in match.chains for placed in chain.mismatches
    ])  # fmt: skip


def _set_category(block: "gemmi.cif.Block", name: str, rows: list[dict[str, object]]) -> None:
    if rows:
        block.set_mmcif_category(name, {key: [_make_plain(row[key]) for row in rows] for key in rows[0]})


def _make_plain(value: object) -> str | None:
    """Return a value on one line of printable ASCII: a line of text that begins with `;` would end its field."""
    return printable(str(value)).encode("ascii", "backslashreplace").decode() if value not in (None, "") else None
