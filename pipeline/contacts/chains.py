"""The chains of structures for which an atlas has coordinates, and the contacts in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from attlas.pipeline.contacts.structure_contacts import StructureContacts, find_contacts
from attlas.pipeline.plan import Shard
from attlas.schema import COORDINATES, AtlasPaths, Manifest, Table, TableFile

Atom = Literal["ca", "cb"]
"""The atom that stands for a residue: C-alpha, or C-beta with a glycine's C-alpha."""

_KEY = ["sequence_id", "accession", "source", "chain"]


@dataclass(frozen=True, order=True)
class Chain:
    """A chain of a structure, mapped onto a protein."""

    sequence_id: int
    accession: str
    source: str
    """Name of the structure's file."""
    chain: str

    def __str__(self) -> str:
        return f"{self.accession} (chain {self.chain} of {self.source})"


def read_chains(
    paths: AtlasPaths, manifest: Manifest, table: Table, *, rows: pc.Expression | None = None
) -> set[Chain]:
    """Return the distinct chains in the rows of a table; `rows` selects rows, None takes all."""
    chains: set[Chain] = set()
    for file in manifest.of_table(table):
        keys = pq.read_table(paths.root / file.path, columns=_KEY, filters=rows)
        distinct = keys.group_by(_KEY).aggregate([]).to_pydict()
        chains.update(Chain(*key) for key in zip(*(distinct[name] for name in _KEY), strict=True))
    return chains


def read_chains_with_coordinates(paths: AtlasPaths, manifest: Manifest, atom: Atom) -> list[Chain]:
    """Return the chains that have at least one residue with the atom, in order."""
    return sorted(read_chains(paths, manifest, COORDINATES, rows=pc.field(f"{atom}_x").is_valid()))


def read_chain_contacts(
    paths: AtlasPaths, manifest: Manifest, shard: Shard, *, atom: Atom, sequences: Mapping[int, str]
) -> dict[int, dict[Chain, StructureContacts]]:
    """Return the contacts in every chain of the given sequences of a shard, by `sequence_id`, in order."""
    columns = [f"{atom}_{axis}" for axis in "xyz"]
    has_atom = pc.field("sequence_id").isin(list(sequences)) & pc.field(columns[0]).is_valid()
    parts = [
        pq.read_table(paths.root / file.path, columns=[*_KEY, "position", *columns], filters=has_atom)
        for file in manifest.of_table(COORDINATES)
        if _overlaps(file, shard)
    ]

    contacts: dict[int, dict[Chain, StructureContacts]] = {}
    for chain, rows in _split_by_chain(pa.concat_tables(parts) if parts else None):
        coordinates = np.full((len(sequences[chain.sequence_id]), 3), np.nan)
        coordinates[rows["position"].to_numpy() - 1] = np.stack([rows[name].to_numpy() for name in columns], axis=1)
        contacts.setdefault(chain.sequence_id, {})[chain] = find_contacts(coordinates)
    return contacts


def _split_by_chain(rows: pa.Table | None) -> Sequence[tuple[Chain, pa.Table]]:
    """Return the rows of each chain, in order of the chains."""
    if rows is None or not rows.num_rows:
        return []

    rows = rows.sort_by([(name, "ascending") for name in [*_KEY, "position"]])
    chains = [Chain(*key) for key in zip(*(rows[name].to_pylist() for name in _KEY), strict=True)]
    begins = [i for i in range(len(chains)) if i == 0 or chains[i] != chains[i - 1]]
    ends = [*begins[1:], len(chains)]
    return [(chains[begin], rows.slice(begin, end - begin)) for begin, end in zip(begins, ends, strict=True)]


def _overlaps(file: TableFile, shard: Shard) -> bool:
    """Return whether a file may have rows of a shard, by the range of its `sequence_id`."""
    if file.first_sequence_id is None or file.last_sequence_id is None:
        return False
    return file.first_sequence_id < shard.end_sequence_id and file.last_sequence_id >= shard.first_sequence_id


def choose_chain(chains: Mapping[Chain, StructureContacts]) -> Chain:
    """Return the chain with the most residues of a sequence, of equal ones the one at the beginning of their order."""
    return min(chains, key=lambda chain: (-chains[chain].n_with_coordinates, chain))
