"""Cut entries of the PDB down to the C-alpha atoms of some chains, with the records that say how they map to UniProt.

    python make_cuts.py FOLDER    # holds 2hdh.cif.gz and 1apy.cif.gz, from files.wwpdb.org or any mirror

Kept, unchanged: entry, entities and their sequences, the reference records (`_struct_ref*`), the numbering scheme.
"""

import sys
from pathlib import Path

import gemmi

CHAINS = {"2hdh": ("A",), "1apy": ("A", "B")}
WHOLE = ("_entry.", "_entity.", "_entity_poly.", "_entity_poly_seq.", "_struct_ref.", "_struct_asym.")
BY_CHAIN = {
    "_struct_ref_seq.": "pdbx_strand_id",
    "_struct_ref_seq_dif.": "pdbx_pdb_strand_id",
    "_pdbx_poly_seq_scheme.": "pdb_strand_id",
    "_atom_site.": "auth_asym_id",
}


def cut(source: Path, chains: tuple[str, ...]) -> str:
    """Return the cut as mmCIF."""
    block = gemmi.cif.read(str(source)).sole_block()
    document = gemmi.cif.Document()
    made = document.add_new_block(block.name)
    for name in [*WHOLE, *BY_CHAIN]:
        category = block.get_mmcif_category(name)
        rows = [dict(zip(category, values, strict=True)) for values in zip(*category.values(), strict=True)]
        if name in BY_CHAIN:
            rows = [row for row in rows if row[BY_CHAIN[name]] in chains]
        if name == "_atom_site.":
            rows = [row for row in rows if row["label_atom_id"] == "CA" and row["group_PDB"] == "ATOM"]
        if rows:
            made.set_mmcif_category(name, {tag: [row[tag] for row in rows] for tag in category})
    return str(document.as_string())


if __name__ == "__main__":
    for entry, chain_names in CHAINS.items():
        text = cut(Path(sys.argv[1]) / f"{entry}.cif.gz", chain_names)
        (Path(__file__).parent / f"{entry}.cif").write_text(text)
