"""The table of export formats: what each is called, and the function that writes it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Literal

from attlas.queries.atlas import Atlas
from attlas.queries.exports import (
    arrow,
    bed,
    chimerax,
    chimerax_script,
    coverage,
    csv,
    duckdb_file,
    fasta,
    funpdbe,
    gff3,
    interproscan,
    jalview_annotation,
    jalview_features,
    jsonl,
    mmcif,
    molviewspec_scene,
    parquet,
    pdb,
    pymol,
    tsv,
    uniprot,
)
from attlas.queries.exports.left_out import Kind
from attlas.queries.exports.request import EVERY_PROTEIN, Request
from attlas.queries.text import Layout
from attlas.schema import QuestionError

__all__ = ["EVERY_PROTEIN", "EXPORTS", "Export", "Request", "export_named", "list_lines"]


@dataclass(frozen=True)
class Export:
    """One format of the high-attention sites."""

    name: str
    title: str
    """What the file holds, in a few words, for the list of formats."""
    suffix: str
    """How files of the format end, with the dot."""
    write: Callable[[Atlas, Request, BinaryIO], Sequence[str] | None]
    """Writes to a binary sink, protein by protein or batch by batch; returns what is to be said beside the file."""
    has_all_proteins: bool
    """Proteins without sites are in the file too, and those not computed, with the reason."""
    leaves_out: Kind = "without sites"
    """Which proteins are not in the file, where not all are; those not computed never are."""
    is_text: bool = True
    takes_alignment: bool = False
    """An alignment can be given, whose ids and numbering the file then follows."""
    structure: Literal["no", "may", "must"] = "no"
    """Whether a structure can be, or has to be, given."""
    takes_pdb_id: bool = False
    """The file is about an entry of the PDB, which has to be named."""
    is_of_one: bool = False
    """The file is of exactly one protein."""
    companion: str | None = None
    """The format that is written beside a file of this one."""

    def check(self, request: Request) -> None:
        """Refuse a request that this format cannot answer.

        Raises:
            QuestionError: a structure is missing, a structure, a chain, a PDB id or an alignment has no use here, or
                a file of one protein is asked for several.
        """
        if self.structure == "must" and request.structure is None:
            raise QuestionError(f"{self.name} is written onto a structure.", hint="give one with --structure FILE")
        if self.structure == "no" and request.structure is not None:
            users = [export.name for export in EXPORTS.values() if export.structure != "no"]
            raise QuestionError(f"{self.name} takes no structure.", expected=f"one of {', '.join(users)}")
        if self.structure == "no" and request.chain is not None:
            raise QuestionError(f"{self.name} has no chains.", hint="leave --chain out")
        if not self.takes_pdb_id and request.pdb_id is not None:
            users = [export.name for export in EXPORTS.values() if export.takes_pdb_id]
            raise QuestionError(f"{self.name} takes no PDB id.", expected=f"one of {', '.join(users)}")
        if not self.takes_alignment and request.alignment is not None:
            users = [export.name for export in EXPORTS.values() if export.takes_alignment]
            raise QuestionError(f"{self.name} takes no alignment.", expected=f"one of {', '.join(users)}")
        is_one = self.is_of_one or request.structure is not None
        if is_one and (request.accessions is None or len(request.accessions) != 1):
            n = "all" if request.accessions is None else f"{len(request.accessions):,}"
            raise QuestionError(f"A file of {self.name} is of one protein here.", expected="one id", found=n)


EXPORTS = {
    export.name: export
    for export in (
        Export("gff3", "GFF3 features, one per site", ".gff3", gff3.write, has_all_proteins=True),
        Export(
            "bed", "BED6+5 along the proteins, 0-based, one line per site", ".bed", bed.write, has_all_proteins=False
        ),
        Export("uniprot", "UniProt features JSON, for ProtVista", ".json", uniprot.write, has_all_proteins=True),
        Export(
            "interproscan",
            "InterProScan TSV, one line per site",
            ".tsv",
            interproscan.write,
            has_all_proteins=False,
            companion="coverage",
        ),
        Export(
            "jalview-features",
            "Jalview features file, sites shaded by share",
            ".features",
            jalview_features.write,
            has_all_proteins=True,
            takes_alignment=True,
        ),
        Export(
            "jalview-annotation",
            "Jalview annotation file, the attention profile",
            ".annotation",
            jalview_annotation.write,
            has_all_proteins=False,
            leaves_out="without a layer of convergence",
            takes_alignment=True,
        ),
        Export(
            "fasta",
            "FASTA, sites in lower case",
            ".fasta",
            fasta.write,
            has_all_proteins=False,
            leaves_out="not computed",
        ),
        Export(
            "chimerax",
            "ChimeraX attributes, share of every residue and rank of sites",
            ".defattr",
            chimerax.write,
            has_all_proteins=True,
            structure="may",
            is_of_one=True,
            companion="chimerax-script",
        ),
        Export(
            "chimerax-script",
            "ChimeraX commands that colour by these attributes",
            ".cxc",
            chimerax_script.write,
            has_all_proteins=True,
            structure="may",
            is_of_one=True,
        ),
        Export(
            "pymol",
            "PyMOL script, share as B factors, sites as sticks",
            ".pml",
            pymol.write,
            has_all_proteins=True,
            structure="may",
            is_of_one=True,
        ),
        Export(
            "pdb",
            "PDB file with 100 x share in its B column",
            ".pdb",
            pdb.write,
            has_all_proteins=True,
            structure="must",
            is_of_one=True,
        ),
        Export(
            "mmcif",
            "mmCIF file with 100 x share in its B column",
            ".cif",
            mmcif.write,
            has_all_proteins=True,
            structure="must",
            is_of_one=True,
        ),
        Export(
            "molviewspec",
            "MolViewSpec scene with its structure, for Mol*",
            ".mvsx",
            molviewspec_scene.write,
            has_all_proteins=True,
            is_text=False,
            structure="must",
            is_of_one=True,
        ),
        Export(
            "funpdbe",
            "FunPDBe JSON of a PDB entry, for PDBe-KB",
            ".json",
            funpdbe.write,
            has_all_proteins=True,
            structure="must",
            takes_pdb_id=True,
            is_of_one=True,
        ),
        Export("csv", "CSV, one row per site", ".csv", csv.write, has_all_proteins=False),
        Export("tsv", "TSV, one row per site", ".tsv", tsv.write, has_all_proteins=False),
        Export(
            "jsonl", "JSON lines, one protein with its sites per line", ".jsonl", jsonl.write, has_all_proteins=True
        ),
        Export(
            "parquet", "Parquet, one row per site", ".parquet", parquet.write, has_all_proteins=False, is_text=False
        ),
        Export(
            "arrow", "Arrow IPC file, one row per site", ".arrow", arrow.write, has_all_proteins=False, is_text=False
        ),
        Export(
            "duckdb",
            "DuckDB file, the tables themselves with their docs",
            ".duckdb",
            duckdb_file.write,
            has_all_proteins=True,
            is_text=False,
        ),
        Export(
            "coverage", "TSV, every protein with its outcome", ".coverage.tsv", coverage.write, has_all_proteins=True
        ),
    )
}
"""Every format, by name."""


def export_named(name: str) -> Export:
    """Return a format.

    Raises:
        QuestionError: there is none of that name; lists those there are.
    """
    if name not in EXPORTS:
        raise QuestionError(
            f"There is no format {name}.", expected=", ".join(EXPORTS), hint="`attlas export DIR` tells them all"
        )
    return EXPORTS[name]


def list_lines() -> Iterator[str]:
    """Yield a table of the formats."""
    structure = {"no": "", "may": "may have one", "must": "needs one"}
    rows = [
        (export.name, export.suffix, structure[export.structure], "one" if export.is_of_one else "any", export.title)
        for export in EXPORTS.values()
    ]
    yield from Layout.of(("format", "file", "structure", "proteins", "what it holds"), rows).lines(rows)
