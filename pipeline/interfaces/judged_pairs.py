"""The pairs of an atlas that are judged by known contacts or by labels: homology groups and swapped partners."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from attlas.intake.two_columns import read_names
from attlas.pipeline.interfaces.homology_groups import Components, group_pairs
from attlas.pipeline.interfaces.known_interface import KnownInterface, make_known_interface
from attlas.pipeline.interfaces.nulls import SizedPair, swap_partners
from attlas.schema import COORDINATES, PAIRS, PARTNER_CONTACTS, AtlasPaths, InputError, Manifest, Table

Structure = tuple[str, str, str]
"""File of a structure, chain of the protein, chain of the partner; no chains where a table gives the contacts."""
Contacts = set[tuple[int, int]]
"""Positions in the protein and in its partner, 1-based."""

EXPECTED_GROUPS = (
    "two names a line, separated by a tab or a comma: a group and a protein in it, or, as mmseqs writes clusters, a "
    "representative and a protein"
)

PAIR_COLUMNS = ["pair_id", "accession", "partner"]
IS_COMPUTED = pc.field("status") == "ok"


@dataclass(frozen=True)
class JudgedPair:
    """A pair with known contacts, or with a label."""

    pair_id: int
    sequence_id: int
    """Number of the sequence of `accession`."""
    accession: str
    partner: str
    n_residues: int
    """Residues of both proteins."""
    partner_length: int
    is_homodimer: bool
    """Whether both have the same sequence."""
    group: str = ""
    """Its homology group."""
    swapped: int | None = None
    """`pair_id` of the pair whose partner takes the place of its own in the null; None where all are of one group."""


def read_judged_pairs(
    paths: AtlasPaths, manifest: Manifest, *, groups: Path | None, identity: float
) -> tuple[JudgedPair, ...]:
    """Return the computed pairs of an atlas that have known contacts, in order of `pair_id`.

    Args:
        paths: the atlas.
        manifest: its manifest.
        groups: a file that says which proteins are of one homology group; None: by alignment of sequences.
        identity: share of the shorter sequence from which on identical residues make two sequences alike.

    Raises:
        InputError: the file of groups cannot be read, or lacks a protein.
    """
    with_contacts = _list_pairs_with_contacts(paths, manifest)
    rows = [
        row
        for row in _read_rows(paths, manifest, PAIRS, PAIR_COLUMNS, filters=IS_COMPUTED)
        if frozenset((row["accession"], row["partner"])) in with_contacts
    ]
    return _group_and_swap(rows, paths, groups=groups, identity=identity)


def read_labelled_pairs(
    paths: AtlasPaths, manifest: Manifest, *, groups: Path | None, identity: float
) -> tuple[JudgedPair, ...]:
    """Return the computed pairs of an atlas that have a label. Arguments and errors as of `read_judged_pairs`."""
    is_labelled = IS_COMPUTED & pc.field("label").is_valid()
    rows = _read_rows(paths, manifest, PAIRS, PAIR_COLUMNS, filters=is_labelled)
    return _group_and_swap(rows, paths, groups=groups, identity=identity)


def _group_and_swap(
    rows: Sequence[Mapping[str, Any]], paths: AtlasPaths, *, groups: Path | None, identity: float
) -> tuple[JudgedPair, ...]:
    """Return pairs, of rows with PAIR_COLUMNS, in their homology groups and with their swapped partners."""
    sequences = read_letters(paths, {name for row in rows for name in (row["accession"], row["partner"])})

    pairs = []
    for row in sorted(rows, key=lambda row: row["pair_id"]):
        protein, partner = sequences[row["accession"]], sequences[row["partner"]]
        pairs.append(
            JudgedPair(
                pair_id=row["pair_id"],
                sequence_id=protein.sequence_id,
                accession=row["accession"],
                partner=row["partner"],
                n_residues=len(protein.letters) + len(partner.letters),
                partner_length=len(partner.letters),
                is_homodimer=protein.letters == partner.letters,
            )
        )

    letters = {pair.pair_id: (sequences[pair.accession].letters, sequences[pair.partner].letters) for pair in pairs}
    if groups is None:
        group_of = {pair_id: str(group) for pair_id, group in group_pairs(letters, identity=identity).items()}
    else:
        group_of = name_groups(pairs, read_names(groups, expected=EXPECTED_GROUPS), source=groups)
    swapped = swap_partners([SizedPair(pair.pair_id, group_of[pair.pair_id], pair.partner_length) for pair in pairs])
    return tuple(replace(pair, group=group_of[pair.pair_id], swapped=swapped.get(pair.pair_id)) for pair in pairs)


def name_groups(
    pairs: Sequence[JudgedPair], joined_names: Sequence[tuple[str, str]], *, source: Path
) -> dict[int, str]:
    """Return the homology group of each pair, by `pair_id`, where a file says which names are in one group.

    Pairs are in one group through any protein of theirs; it has the name of the lowest `pair_id` of the group.

    Raises:
        InputError: a protein of a pair is not in the file.
    """
    names = {name for pair in joined_names for name in pair}
    proteins = dict.fromkeys(protein for pair in pairs for protein in (pair.accession, pair.partner))
    if lacking := [protein for protein in proteins if protein not in names]:
        raise InputError(
            f"{source} lacks proteins of the pairs that are judged.",
            expected="every protein in a group, alone if need be",
            offenders=lacking,
        )

    components = Components()
    for name, other in joined_names:
        components.join(name, other)
    for pair in pairs:
        components.join(pair.accession, pair.partner)

    lowest: dict[object, int] = {}
    for pair in pairs:
        lowest.setdefault(components.find(pair.accession), pair.pair_id)
    return {pair.pair_id: str(lowest[components.find(pair.accession)]) for pair in pairs}


@dataclass(frozen=True)
class ProteinSequence:
    """The sequence of a protein."""

    sequence_id: int
    letters: str


def read_letters(paths: AtlasPaths, accessions: set[str]) -> dict[str, ProteinSequence]:
    """Return the sequences of proteins, by accession."""
    is_named = pc.field("accession").isin(pa.array(sorted(accessions), pa.string()))
    rows = pq.read_table(paths.proteins, columns=["accession", "sequence_id", "sequence"], filters=is_named)
    return {row["accession"]: ProteinSequence(row["sequence_id"], row["sequence"]) for row in rows.to_pylist()}


def read_known_interfaces(
    paths: AtlasPaths, manifest: Manifest, pairs: Sequence[JudgedPair]
) -> dict[int, KnownInterface]:
    """Return the known interface of each pair, by `pair_id`.

    If several structures, or several chains of one, show the pair, the one with most contacts is taken; among equals,
    the first in alphabetical order. Residues that it does not show are left out. A contact of two copies of one
    sequence counts in both directions.
    """
    contacts = _read_contacts(paths, manifest, pairs)
    sequences = read_letters(paths, {name for pair in pairs for name in (pair.accession, pair.partner)})
    structures = {pair_id: _choose_structure(by_structure) for pair_id, by_structure in contacts.items()}
    observed = _read_observed(paths, manifest, pairs, structures)

    interfaces = {}
    for pair in pairs:
        structure = structures[pair.pair_id]
        pair_contacts = contacts[pair.pair_id][structure]
        source, chain, partner_chain = structure
        positions = observed.get((pair.accession, source, chain))
        partner_positions = observed.get((pair.partner, source, partner_chain))

        # Two copies of one sequence: contacts count in both directions, and what either copy shows is shown of both.
        if pair.is_homodimer:
            pair_contacts = pair_contacts | {(j, i) for i, j in pair_contacts}
            if positions and partner_positions:
                positions = partner_positions = positions | partner_positions

        interfaces[pair.pair_id] = make_known_interface(
            sorted(pair_contacts),
            lengths=(len(sequences[pair.accession].letters), len(sequences[pair.partner].letters)),
            observed=sorted(positions) if positions else None,
            partner_observed=sorted(partner_positions) if partner_positions else None,
        )
    return interfaces


def _list_pairs_with_contacts(paths: AtlasPaths, manifest: Manifest) -> set[frozenset[str]]:
    """Return every two proteins that have a known contact."""
    rows = _read_rows(paths, manifest, PARTNER_CONTACTS, ["accession", "partner"])
    return {frozenset((row["accession"], row["partner"])) for row in rows}


def _read_contacts(
    paths: AtlasPaths, manifest: Manifest, pairs: Sequence[JudgedPair]
) -> dict[int, dict[Structure, Contacts]]:
    """Return the contacts of each pair in each structure, in the direction of the pair."""
    by_names = {(pair.accession, pair.partner): pair.pair_id for pair in pairs}
    columns = ["accession", "partner", "i", "j", "chain", "partner_chain", "source"]
    contacts: dict[int, dict[Structure, Contacts]] = {pair.pair_id: {} for pair in pairs}

    for row in _read_rows(paths, manifest, PARTNER_CONTACTS, columns):
        names = row["accession"], row["partner"]
        if (pair_id := by_names.get(names)) is not None:
            structure = row["source"], row["chain"] or "", row["partner_chain"] or ""
            contacts[pair_id].setdefault(structure, set()).add((row["i"], row["j"]))
        elif (pair_id := by_names.get(names[::-1])) is not None:
            structure = row["source"], row["partner_chain"] or "", row["chain"] or ""
            contacts[pair_id].setdefault(structure, set()).add((row["j"], row["i"]))
    return contacts


def _choose_structure(contacts: Mapping[Structure, Contacts]) -> Structure:
    """Return the structure with most contacts, of equal ones the first in alphabetical order."""
    counts = Counter({structure: len(of_structure) for structure, of_structure in contacts.items()})
    return min(counts, key=lambda structure: (-counts[structure], structure))


def _read_observed(
    paths: AtlasPaths, manifest: Manifest, pairs: Sequence[JudgedPair], structures: Mapping[int, Structure]
) -> dict[tuple[str, str, str], set[int]]:
    """Return the positions with a C-beta, by protein, structure and chain, of the chains of the pairs."""
    chains = set()
    for pair in pairs:
        source, chain, partner_chain = structures[pair.pair_id]
        chains |= {(pair.accession, source, chain), (pair.partner, source, partner_chain)}

    observed: dict[tuple[str, str, str], set[int]] = {}
    is_of_pairs = pc.field("accession").isin(pa.array(sorted({accession for accession, _, _ in chains}), pa.string()))
    columns = ["accession", "source", "chain", "position"]
    for row in _read_rows(paths, manifest, COORDINATES, columns, filters=is_of_pairs & pc.field("cb_x").is_valid()):
        chain_key = row["accession"], row["source"], row["chain"]
        if chain_key in chains:
            observed.setdefault(chain_key, set()).add(row["position"])
    return observed


def _read_rows(
    paths: AtlasPaths, manifest: Manifest, table: Table, columns: list[str], filters: pc.Expression | None = None
) -> list[dict[str, Any]]:
    """Return rows of a table of the atlas."""
    files = [paths.root / file.path for file in manifest.of_table(table)]
    tables = [pq.read_table(file, columns=columns, filters=filters) for file in files]
    return pa.concat_tables(tables).to_pylist() if tables else []
