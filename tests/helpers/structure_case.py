"""The atlas and the structure that exports onto structures are tested on: everything that can go wrong, in 60 residues.

The structure has the protein twice. Chain A: a tag of four, residues numbered 96 off, one place with an insertion
code, one site mutated and one without coordinates. Chain B: whole, numbered from -5. Chain C is of another protein.
"""

import io
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.queries import Atlas
from attlas.queries.exports import EXPORTS, Request, check_request
from attlas.schema import AtlasPaths, Manifest
from helpers.model_structures import Atoms, chain_of, components, pdb_text, random_letters
from helpers.synthetic import SyntheticProtein, write_atlas

ACCESSION = "P12345"
SEQUENCE = random_letters(60, 4)
HOSTILE = "H;=&%,\"é'|"
HOSTILE_TEXT = "evil; python print(1)\\ %3B 'q' \"Q\" <b> # data_ loop_ \x1b[31m\ttab\r\nREMARK Ω"
PROTEINS = [
    SyntheticProtein(
        ACCESSION, SEQUENCE, "CASE_HUMAN", "CASE", "Homo sapiens", 9606, 'Test; case, "50 %" of it', n_sites=5
    ),
    SyntheticProtein("Q99999", random_letters(45, 8), "OTHE_HUMAN"),
    SyntheticProtein("Q00001", random_letters(50, 9), "NONE_HUMAN", n_sites=0),
    SyntheticProtein("Q00002", "MKT", "TINY_HUMAN"),
    SyntheticProtein("Q00003", "MK*LV" * 9, "STOP_HUMAN", status="skipped", reason="inner `*`"),
    SyntheticProtein(HOSTILE, random_letters(61, 7), HOSTILE_TEXT, description=HOSTILE_TEXT, organism=HOSTILE_TEXT),
]


def write_case(folder: Path) -> tuple[Path, Path]:
    """Write atlas and structure; return their paths."""
    write_atlas(folder / "atlas", PROTEINS)
    with Atlas.open(folder / "atlas") as atlas:
        sites = [site["position"] for site in atlas.sites(ACCESSION).to_pylist()]
    structure = folder / "case.pdb"
    structure.write_text(case_text(mutated=sites[3], unresolved=sites[2]))
    return folder / "atlas", structure


def case_text(*, mutated: int, unresolved: int) -> str:
    """Return the structure with a residue of chain A mutated, and one of it without coordinates."""
    tag, letters = "GSHM", list(SEQUENCE)
    letters[mutated - 1] = "A" if letters[mutated - 1] != "A" else "V"
    a = chain_of(tag + "".join(letters), begin=93)
    a[40] = Atoms("A", 132, a[40].name, insertion="B")
    sequence = components(tag + "".join(letters))
    i = len(tag) + unresolved - 1
    a[i + 1] = Atoms("A", a[i + 1].number, a[i + 1].name, a[i + 1].insertion, is_after_gap=True)
    b = chain_of(SEQUENCE, chain="B", begin=-5)
    c = chain_of(PROTEINS[1].sequence, chain="C")
    others = [Atoms("A", 301, "HEM", is_hetero=True), Atoms("B", 401, "HOH", is_hetero=True)]
    header = [
        "HEADER    OXIDOREDUCTASE                          01-JAN-00   1ABC              ",
        "TITLE     A CASE MADE BY HAND",
        "REMARK   2 RESOLUTION.    1.50 ANGSTROMS.",
        "REMARK 350 BIOMOLECULE: 1",
    ]
    sequences = {"A": sequence, "B": components(SEQUENCE), "C": components(PROTEINS[1].sequence)}
    return pdb_text([*a[:i], *a[i + 1 :], *b, *c, *others], sequences=sequences, header=header)


def exported(
    atlas_dir: Path, format: str, accessions: Sequence[str] = (ACCESSION,), **options: object
) -> tuple[bytes, tuple[str, ...]]:
    """Return an export, checked as the command line does, and what is said beside it."""
    export, sink = EXPORTS[format], io.BytesIO()
    request = Request(tuple(accessions), **options)  # type: ignore[arg-type]
    check_request(export, request)
    with Atlas.open(atlas_dir) as atlas:
        notes = export.write(atlas, request, sink)
    return sink.getvalue(), tuple(notes or ())


def shift_sites(atlas_dir: Path, by: int) -> None:
    """Move every site of an atlas along its sequence without its letter, as an off-by-one would."""
    for file in Manifest.read(AtlasPaths(atlas_dir)).files:
        if file.table == "sites":
            rows = pq.read_table(atlas_dir / file.path)
            i = rows.schema.get_field_index("position")
            moved = [position + by for position in rows["position"].to_pylist()]
            rows = rows.set_column(i, rows.schema.field(i), pa.array(moved, pa.int32()))
            pq.write_table(rows, atlas_dir / file.path)
