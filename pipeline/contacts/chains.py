"""The chains of structures that an atlas has coordinates of: which there are, and their contacts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from attlas.pipeline.contacts.known import KnownContacts, contacts_of
from attlas.pipeline.plan import Shard
from attlas.schema import COORDINATES, AtlasPaths, Manifest

Atom = Literal["ca", "cb"]
"""Which atom stands for a residue: C-alpha, or C-beta with a glycine's C-alpha."""

_KEY = ["sequence_id", "accession", "source", "chain"]


@dataclass(frozen=True, order=True)
class Chain:
    """A chain of a structure, laid onto a protein."""

    sequence_id: int
    accession: str
    source: str
    """Name of the structure's file."""
    chain: str

    def __str__(self) -> str:
        return f"{self.accession} (chain {self.chain} of {self.source})"


def known_chains(paths: AtlasPaths, manifest: Manifest, atom: Atom) -> list[Chain]:
    """Return the chains that have at least one residue with the atom, in order."""
    found: set[Chain] = set()
    for file in manifest.of_table(COORDINATES):
        rows = pq.read_table(paths.root / file.path, columns=_KEY, filters=pc.field(f"{atom}_x").is_valid())
        distinct = rows.group_by(_KEY).aggregate([]).to_pydict()
        found.update(Chain(*key) for key in zip(*(distinct[name] for name in _KEY), strict=True))
    return sorted(found)


def chain_contacts(
    paths: AtlasPaths, manifest: Manifest, shard: Shard, *, atom: Atom, sequences: dict[int, str]
) -> dict[int, dict[Chain, KnownContacts]]:
    """Return the contacts in every chain of some sequences of a shard, by `sequence_id`, in order."""
    columns = [f"{atom}_{axis}" for axis in "xyz"]
    within = pc.field("sequence_id").isin(list(sequences)) & pc.field(columns[0]).is_valid()
    parts = [
        pq.read_table(paths.root / file.path, columns=[*_KEY, "position", *columns], filters=within)
        for file in manifest.of_table(COORDINATES)
        if _overlaps(file.first_sequence_id, file.last_sequence_id, shard)
    ]
    found: dict[int, dict[Chain, KnownContacts]] = {}
    for chain, rows in _by_chain(pa.concat_tables(parts) if parts else None):
        places = np.full((len(sequences[chain.sequence_id]), 3), np.nan)
        places[rows["position"].to_numpy() - 1] = np.stack([rows[name].to_numpy() for name in columns], axis=1)
        found.setdefault(chain.sequence_id, {})[chain] = contacts_of(places)
    return found


def _by_chain(rows: pa.Table | None) -> Sequence[tuple[Chain, pa.Table]]:
    """Return the rows of each chain, in order of the chains."""
    if rows is None or not rows.num_rows:
        return []
    rows = rows.sort_by([(name, "ascending") for name in [*_KEY, "position"]])
    keys = [Chain(*key) for key in zip(*(rows[name].to_pylist() for name in _KEY), strict=True)]
    begins = [i for i in range(len(keys)) if i == 0 or keys[i] != keys[i - 1]]
    return [(keys[a], rows.slice(a, b - a)) for a, b in zip(begins, [*begins[1:], len(keys)], strict=True)]


def _overlaps(first: int | None, last: int | None, shard: Shard) -> bool:
    return first is not None and last is not None and first < shard.end_sequence_id and last >= shard.first_sequence_id
