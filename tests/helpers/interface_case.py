"""A small atlas of pairs with contacts that are made up: chains of random letters, and a homodimer."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from attlas.pipeline.adding import add_files
from attlas.pipeline.lock import hold_lock
from attlas.pipeline.pairs.adding import add_pairs
from attlas.pipeline.pairs.settings import PairSettings
from attlas.schema import PARTNER_CONTACTS, AtlasPaths
from attlas.schema.parquet_file import describe_file, write_table
from attlas.schema.settings import Computation
from helpers.building import build_here, random_proteins, write_fasta

LENGTHS = (30, 31, 34, 36, 40, 42, 44, 47, 50, 52, 55, 60)
PROTEINS = random_proteins(LENGTHS, seed=5)
HETEROMERS = [
    ("P00000", "P00001"),
    ("P00003", "P00002"),
    ("P00004", "P00005"),
    ("P00006", "P00007"),
    ("P00009", "P00008"),
]
HOMODIMER = ("P00010", "P00010")
UNKNOWN = ("P00011", "P00000")
"""A pair without known contacts."""
LABELS = ["binder", "none", "binder", "none", "binder", "none", "binder"]


def draw_contacts(accession: str, partner: str, *, n: int = 6) -> list[tuple[int, int]]:
    """Return contacts of a pair, the same every time."""
    draw = random.Random(f"{accession} {partner}")
    lengths = len(PROTEINS[accession]), len(PROTEINS[partner])
    return sorted({(draw.randint(1, lengths[0]), draw.randint(1, lengths[1])) for _ in range(n)})


def write_pair_atlas(root: Path, model: Path) -> Path:
    """Build the atlas, compute its pairs, and add their contacts; the contacts of one pair in the other direction."""
    atlas = root / "atlas"
    build_here(write_fasta(root / "s.fasta", PROTEINS), atlas, model)
    pairs = [*HETEROMERS, HOMODIMER, UNKNOWN]
    lines = [f"{a}\t{b}\t{label}\n" for (a, b), label in zip(pairs, LABELS, strict=True)]
    (root / "pairs.tsv").write_text("".join(lines))
    add_pairs(
        atlas, root / "pairs.tsv", PairSettings(forms="gap,linker"), progress=lambda *_: lambda _: None, n_workers=0
    )

    rows = []
    for number, (accession, partner) in enumerate([*HETEROMERS, HOMODIMER]):
        for i, j in draw_contacts(accession, partner):
            is_turned = number == 1
            rows.append((partner, accession, j, i) if is_turned else (accession, partner, i, j))
    add_contacts(atlas, rows)
    return atlas


def add_contacts(root: Path, rows: Sequence[tuple[str, str, int, int]]) -> None:
    """Add contacts to `partner_contacts`, as a table of contacts does."""
    paths = AtlasPaths(root)
    plan = json.loads(paths.plan.read_text())
    ids = _read_ids(paths)
    rows = sorted(rows, key=lambda row: (ids[row[0]], *row))
    columns = {
        "accession": [row[0] for row in rows],
        "sequence_id": [ids[row[0]] for row in rows],
        "partner": [row[1] for row in rows],
        "i": [row[2] for row in rows],
        "j": [row[3] for row in rows],
        "distance": [None] * len(rows),
        "chain": [""] * len(rows),
        "partner_chain": [""] * len(rows),
        "source": ["contacts.tsv"] * len(rows),
    }
    schema = PARTNER_CONTACTS.schema(plan["run"]["n_layers"])
    table = pa.Table.from_arrays([pa.array(columns[field.name], field.type) for field in schema], schema=schema)
    with hold_lock(paths):
        path = paths.added(PARTNER_CONTACTS, "contacts")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_table(path, table=PARTNER_CONTACTS, rows=table, metadata=Computation().metadata(PARTNER_CONTACTS))
        add_files(paths, [describe_file(paths, path, PARTNER_CONTACTS)], is_replaced=lambda file: False)


def _read_ids(paths: AtlasPaths) -> dict[str, int]:
    import pyarrow.parquet as pq

    rows = pq.read_table(paths.proteins, columns=["accession", "sequence_id"]).to_pydict()
    return dict(zip(rows["accession"], rows["sequence_id"], strict=True))
