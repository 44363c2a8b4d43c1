"""The hundred complexes of two chains on which docs/interfaces.md reports, out of BM5-clean: sequences and contacts.

    git clone https://github.com/haddocking/BM5-clean
    python benchmarks/bm5_pairs.py BM5-clean -o pairs.json.gz

BM5-clean is the docking benchmark 5, cleaned by the Haddock group (Apache-2.0). Of each complex its `target.pdb` is
read, all atoms of chains A and B, those behind an early END, too. Sequences are of the residues with a C-alpha; a
contact (i, j), positions counted from 1, has C-betas (of glycine C-alphas) nearer than 8 angstrom. The first
coordinates count where an atom stands twice. FOLDER may also hold the files themselves, as `1AK4.pdb` or `1AK4.pdb.gz`.

The digest of all sequences and contacts is printed, and held against that of the page's hundred.
"""

import argparse
import gzip
import hashlib
import json
import math
import sys
from collections.abc import Iterable
from pathlib import Path

NAMES = """
1AK4 1AY7 1AZS 1B6C 1BVN 1CGI 1CLV 1D6R 1DFJ 1E96 1EAW 1EWY 1F34 1F51 1FC2 1FLE 1GL1 1GLA 1GP2 1GPW 1GRN 1GXD 1H9D 1HIA
1IBR 1IRAtrunc 1J2J 1JIW 1JK9 1JTD 1JTG 1K74 1KAC 1KKL 1KXP 1LFD 1M10 1MAH 1MQ8 1OC0 1OFU 1OPH 1PXV 1R0R 1R6Q 1R8S 1S1Q
1SYX 1T6B 1TMQ 1UDI 1US7 1WQ1 1XD3 1XQS 1Y64 1Z0K 1Z5Y 1ZHH 1ZHI 1ZM4 2A5T 2A9K 2AJF 2AYO 2B42 2BTF 2CFH 2GTP 2H7V 2HLE
2HQS 2I25 2I9B 2IDO 2J0T 2J7P 2NZ8 2O8V 2OOR 2OT3 2OZA 2VDB 2Z0E 3BIW 3BX7 3F1P 3FN1 3K75 3L89 3PC8 3SGQ 3VLB 4CPA 4H03
4M76 7CEI BAAD BP57 CP57
"""
IDS = NAMES.split()
"""Complexes of two protein chains, none of one sequence; the folders of BM5-clean have these names."""

DIGEST = "4feb6a7822b8d6a1dabfa548deb85a169b8a28ec136c8a8b47002139083aa00f"
COMPONENTS = "ALA ARG ASN ASP CYS GLN GLU GLY HIS ILE LEU LYS MET PHE PRO SER THR TRP TYR VAL MSE"
LETTERS = dict(zip(COMPONENTS.split(), "ARNDCQEGHILKMFPSTWYVM", strict=True))
CONTACT = 8.0
"""Angstrom between two C-betas."""

Residue = tuple[str, tuple[float, float, float]]
"""A letter, and where its C-beta is."""


def find_structure(folder: Path, name: str) -> Path | None:
    """Return the structure of a complex in BM5-clean or in a folder of structures, None where there is none."""
    of_complex = folder / "HADDOCK-ready" / name
    places = [
        of_complex / f"{name}_target.pdb",
        of_complex / "ana_scripts" / "target.pdb",
        folder / f"{name}.pdb",
        folder / f"{name}.pdb.gz",
    ]
    return next((place for place in places if place.exists()), None)


def read_chains(lines: Iterable[str]) -> dict[str, list[Residue]]:
    """Return the residues of each chain of a PDB file, in its order."""
    atoms: dict[tuple[str, str, str], dict[str, tuple[float, float, float]]] = {}
    for line in lines:
        if line.startswith(("ATOM  ", "HETATM")) and line[17:20] in LETTERS:
            residue = atoms.setdefault((line[21], line[22:27], line[17:20]), {})
            residue.setdefault(line[12:16].strip(), (float(line[30:38]), float(line[38:46]), float(line[46:54])))

    chains: dict[str, list[Residue]] = {}
    for (chain, _, component), places in atoms.items():
        if "CA" in places:
            beta = places["CA"] if component == "GLY" else places.get("CB", places["CA"])
            chains.setdefault(chain, []).append((LETTERS[component], beta))
    return chains


def read_complex(path: Path, name: str) -> dict[str, object]:
    """Return the sequences of a complex and its contacts."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("ascii", "replace")
    chains = read_chains(text.splitlines())
    first, second = chains.get("A", []), chains.get("B", [])
    return {
        "id": name,
        "sequence_a": "".join(letter for letter, _ in first),
        "sequence_b": "".join(letter for letter, _ in second),
        "contacts": [
            [i, j]
            for i, (_, place) in enumerate(first, start=1)
            for j, (_, other) in enumerate(second, start=1)
            if math.dist(place, other) < CONTACT
        ],
    }


def digest_pairs(records: Iterable[dict[str, object]]) -> str:
    """Return the digest of sequences and contacts."""
    lines = [
        f"{record['id']} {record['sequence_a']} {record['sequence_b']} {sorted(map(list, record['contacts']))}\n"  # type: ignore[call-overload]
        for record in sorted(records, key=lambda record: str(record["id"]))
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="clone of BM5-clean, or a folder of structures")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FILE", help="such as pairs.json.gz")
    options = parser.parse_args()

    structures = {name: find_structure(options.folder, name) for name in IDS}
    lacking = [name for name, path in structures.items() if path is None]
    records = [read_complex(path, name) for name, path in structures.items() if path is not None]
    data = json.dumps(records).encode()
    options.out.write_bytes(gzip.compress(data, mtime=0) if options.out.suffix == ".gz" else data)

    n_contacts = sum(len(record["contacts"]) for record in records)  # type: ignore[arg-type]
    print(f"{options.out}: {len(records)} complexes, {n_contacts} contacts, digest {digest_pairs(records)}")
    if lacking:
        print(f"bm5_pairs: no structure of {' '.join(lacking)} in {options.folder}", file=sys.stderr)
    elif digest_pairs(records) != DIGEST:
        print("bm5_pairs: these are not the sequences and contacts of docs/interfaces.md", file=sys.stderr)
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
