"""The export formats, by name: along sequences, onto structures, as tables."""

from collections.abc import Iterator
from difflib import get_close_matches

from attlas.queries.exports import (
    bed,
    bedpe,
    candidates,
    chimerax,
    chimerax_links,
    chimerax_script,
    coverage,
    cytoscape,
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
    pair_drawings,
    pdb,
    pymol,
    pymol_links,
    tables,
    uniprot,
)
from attlas.queries.exports.export import Export
from attlas.queries.text import Layout
from attlas.schema import QuestionError

# fmt: off
ALONG_SEQUENCES = (
    Export("gff3", ".gff3", gff3.write, "GFF3 features, one per site"),
    Export("bed", ".bed", bed.write, "BED6+5 along the proteins, 0-based, one line per site",
           leaves_out="without sites"),
    Export("bedpe", ".bedpe", bedpe.write, "BEDPE along the proteins, 0-based, one line per link",
           leaves_out="without links", takes_head=True),
    Export("uniprot", ".json", uniprot.write, "UniProt features JSON, for ProtVista"),
    Export("interproscan", ".tsv", interproscan.write, "InterProScan TSV, one line per site",
           leaves_out="without sites", companion="coverage"),
    Export("jalview-features", ".features", jalview_features.write, "Jalview features file, sites shaded by share",
           takes_alignment=True),
    Export("jalview-annotation", ".annotation", jalview_annotation.write,
           "Jalview annotation file, the attention profile",
           leaves_out="without a layer of convergence", takes_alignment=True),
    Export("candidates", ".ranked.gff3", candidates.write, "GFF3 of candidate sites, which are predictions",
           leaves_out="without candidate sites"),
    Export("fasta", ".fasta", fasta.write, "FASTA, sites in lower case", leaves_out="not computed"),
)
ONTO_STRUCTURES = (
    Export("chimerax", ".defattr", chimerax.write, "ChimeraX attributes, share of every residue and rank of sites",
           structure="may", is_of_one=True, companion="chimerax-script"),
    Export("chimerax-script", ".cxc", chimerax_script.write, "ChimeraX commands that colour by these attributes",
           structure="may", is_of_one=True, companion="chimerax"),
    Export("pymol", ".pml", pymol.write, "PyMOL script, share as B factors, sites as sticks",
           structure="may", is_of_one=True),
    Export("chimerax-links", ".pb", chimerax_links.write, "ChimeraX pseudobonds, strongest links or those of a head",
           structure="may", is_of_one=True, takes_head=True),
    Export("pymol-links", ".links.pml", pymol_links.write, "PyMOL script, strongest links or those of a head",
           structure="may", is_of_one=True, takes_head=True),
    Export("pdb", ".pdb", pdb.write, "PDB file with 100 x share in its B column", structure="must", is_of_one=True),
    Export("mmcif", ".cif", mmcif.write, "mmCIF file with 100 x share in its B column",
           structure="must", is_of_one=True),
    Export("molviewspec", ".mvsx", molviewspec_scene.write, "MolViewSpec scene with its structure, for Mol*",
           structure="must", is_of_one=True, is_text=False, takes_head=True),
    Export("funpdbe", ".json", funpdbe.write, "FunPDBe JSON of a PDB entry, for PDBe-KB",
           structure="must", is_of_one=True, takes_pdb_id=True),
)
ACROSS_CHAINS = (
    Export("chimerax-across", ".across.pb", pair_drawings.write_chimerax_links,
           "ChimeraX pseudobonds, strongest links across two proteins",
           structure="must", is_of_pair=True, takes_head=True, takes_form=True),
    Export("chimerax-contacts", ".contacts.pb", pair_drawings.write_chimerax_contacts,
           "ChimeraX pseudobonds, predicted contacts of two proteins",
           structure="must", is_of_pair=True, takes_form=True),
    Export("pymol-across", ".across.pml", pair_drawings.write_pymol_links,
           "PyMOL script, strongest links across two proteins",
           structure="must", is_of_pair=True, takes_head=True, takes_form=True),
    Export("pymol-contacts", ".contacts.pml", pair_drawings.write_pymol_contacts,
           "PyMOL script, predicted contacts of two proteins",
           structure="must", is_of_pair=True, takes_form=True),
)
AS_TABLES = (
    Export("csv", ".csv", tables.write_csv, "CSV, one row per site",
           leaves_out="without sites", is_for_spreadsheets=True),
    Export("tsv", ".tsv", tables.write_tsv, "TSV, one row per site",
           leaves_out="without sites", is_for_spreadsheets=True),
    Export("jsonl", ".jsonl", jsonl.write, "JSON lines, one protein with its sites per line"),
    Export("parquet", ".parquet", tables.write_parquet, "Parquet, one row per site",
           leaves_out="without sites", is_text=False),
    Export("arrow", ".arrow", tables.write_arrow, "Arrow IPC file, one row per site",
           leaves_out="without sites", is_text=False),
    Export("cytoscape", ".edges.csv", cytoscape.write_edges, "CSV of Cytoscape's edges, links and contacts of pairs",
           is_for_spreadsheets=True, takes_head=True, takes_form=True, companion="cytoscape-nodes"),
    Export("cytoscape-nodes", ".nodes.csv", cytoscape.write_nodes, "CSV of Cytoscape's nodes, the residues they join",
           is_for_spreadsheets=True, takes_head=True, takes_form=True, companion="cytoscape"),
    Export("duckdb", ".duckdb", duckdb_file.write, "DuckDB file, the tables themselves with their docs",
           is_text=False),
    Export("coverage", ".coverage.tsv", coverage.write, "TSV, every protein with its outcome",
           is_for_spreadsheets=True),
)
# fmt: on
EXPORTS = {export.name: export for export in (*ALONG_SEQUENCES, *ONTO_STRUCTURES, *ACROSS_CHAINS, *AS_TABLES)}
"""Every format, by name."""


def export_named(name: str) -> Export:
    """Return a format.

    Raises:
        QuestionError: there is none of that name; names those like it, and lists those there are.
    """
    if name in EXPORTS:
        return EXPORTS[name]

    similar = get_close_matches(name.lower(), EXPORTS)
    suggestion = f"do you mean {', '.join(similar)}? " if similar else ""
    hint = f"{suggestion}`attlas export DIR` says what each of them holds"
    raise QuestionError(f"There is no format {name}.", expected=", ".join(EXPORTS), hint=hint)


def _count_proteins(export: Export) -> str:
    """Return in a word how many proteins a file is of."""
    if export.is_of_pair:
        return "a pair"
    return "one" if export.is_of_one else "any"


def list_lines(width: int | None = None) -> Iterator[str]:
    """Yield a table of the formats, folded into `width` characters if it is given."""
    structure = {"no": "", "may": "may have one", "must": "needs one"}
    rows = [
        (export.name, export.suffix, structure[export.structure], _count_proteins(export), export.title)
        for export in EXPORTS.values()
    ]
    yield from Layout.of(("format", "file", "structure", "proteins", "what it holds"), rows).lines(rows, width)
