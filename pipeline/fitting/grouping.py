"""The groups that folds keep whole: connected families, clusters, or single sequences."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from attlas.intake.two_columns import read_names
from attlas.pipeline.fitting.folds import connect, group_sequences
from attlas.pipeline.fitting.label_sets import AtlasSequence
from attlas.pipeline.relatives.clusters import FAMILY_IDENTITY, cluster, describe_method, is_alike
from attlas.pipeline.relatives.hits import find_hits
from attlas.schema import FAMILIES, AtlasPaths, InputError, Manifest
from attlas.schema.fit_tables import FITS_BY

EXPECTED_CLUSTERS = "two columns, separated by a tab or a comma: accession and cluster"


@dataclass(frozen=True)
class Grouping:
    """The groups of sequences."""

    groups: NDArray[np.int64]
    """The group of each sequence, (n,), counted from 0."""
    method: str
    """How they were made."""
    n_alone: int
    """Sequences of which the source says nothing: each is in the group of its relatives, or else by itself."""


def group_labelled(
    paths: AtlasPaths,
    manifest: Manifest,
    sequences: Sequence[AtlasSequence],
    *,
    by: str,
    clusters: Path | None,
    database: str | None,
) -> Grouping:
    """Return the groups of sequences that folds keep whole.

    Args:
        paths: the atlas.
        manifest: its manifest.
        sequences: the sequences.
        by: one of FITS_BY.
        clusters: a table of accession and cluster, for clusters; None: they are computed from the sequences.
        database: database of the families; None: all.

    Raises:
        InputError: `by` is another word; there are no families; or the file of clusters cannot be used.
    """
    accessions = [sequence.accessions for sequence in sequences]
    if by not in FITS_BY:
        raise InputError("Folds hold out families, clusters or proteins.", expected=", ".join(FITS_BY), found=by)
    if by == "none":
        return Grouping(np.arange(len(sequences)), "single sequences", 0)

    if by == "family":
        rows = list(_read_families(paths, manifest, database))
        if not rows:
            raise InputError(
                "The atlas has no families to hold out.",
                expected="families" + (f" of {database}" if database else "") + ", added with `attlas annotate`",
                hint="annotate them, hold out clusters (--by cluster40), or single proteins (--by none)",
            )
        grouping = make_grouping(accessions, rows, f"connected families of {database or 'all databases'}")
        # Proteins without a family have relatives with one, and relatives may have families of different databases.
        groups = _join_relatives(grouping.groups, sequences, np.ones(len(sequences), bool))
        method = f"{grouping.method}, with relatives by {describe_method(FAMILY_IDENTITY)}"
        return Grouping(groups, method, grouping.n_alone)

    if clusters is None:
        return Grouping(cluster_sequences(sequences), describe_method(FAMILY_IDENTITY), 0)
    rows = read_names(clusters, expected=EXPECTED_CLUSTERS)
    _refuse_strangers(clusters, rows, accessions)
    grouping = make_grouping(accessions, rows, f"clusters of {clusters.name}")
    if not grouping.n_alone:
        return grouping
    named = {accession for accession, _ in rows}
    is_unnamed = np.array([named.isdisjoint(names) for names in accessions])
    groups = _join_relatives(grouping.groups, sequences, is_unnamed)
    method = f"{grouping.method}; what it does not name with relatives by {describe_method(FAMILY_IDENTITY)}"
    return Grouping(groups, method, grouping.n_alone)


def cluster_sequences(sequences: Sequence[AtlasSequence]) -> NDArray[np.int64]:
    """Return the cluster of each sequence at FAMILY_IDENTITY, (n,), counted from 0."""
    hits = find_hits([sequence.sequence for sequence in sequences])
    names = cluster(hits, [sequence.accessions[0] for sequence in sequences], identity=FAMILY_IDENTITY)
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def _join_relatives(
    groups: NDArray[np.int64], sequences: Sequence[AtlasSequence], is_joined: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return groups, (n,), joined where a sequence is alike to one of another group, and one of the two `is_joined`."""
    members: dict[int, list[int]] = defaultdict(list)
    for place, group in enumerate(groups.tolist()):
        members[group].append(place)

    pairs = [
        (place, hit.protein)
        for place, hits in enumerate(find_hits([sequence.sequence for sequence in sequences]))
        for hit in hits
        if is_alike(hit, FAMILY_IDENTITY) and (is_joined[place] or is_joined[hit.protein])
    ]
    return connect(len(sequences), [*members.values(), *pairs])


def make_grouping(accessions: Sequence[Sequence[str]], rows: Sequence[tuple[str, str]], method: str) -> Grouping:
    """Return the groups of sequences by rows of accession and family."""
    assigned = {accession for accession, _ in rows}
    n_alone = sum(assigned.isdisjoint(names) for names in accessions)
    return Grouping(group_sequences(accessions, rows), method, n_alone)


def _refuse_strangers(path: Path, rows: Sequence[tuple[str, str]], accessions: Sequence[Sequence[str]]) -> None:
    """Refuse clusters of other proteins: each protein would be held out by itself. Raises InputError."""
    labelled = {name for names in accessions for name in names}
    if labelled.isdisjoint(name for name, _ in rows):
        raise InputError(
            f"{path} names no protein that carries a label.",
            expected=f"accessions of the atlas, such as {min(labelled)}",
            found=rows[0][0],
            hint="the accession is in the first column, the cluster in the second",
        )


def _read_families(paths: AtlasPaths, manifest: Manifest, database: str | None) -> Iterator[tuple[str, str]]:
    """Yield the accession and the family of every assignment."""
    for file in manifest.of_table(FAMILIES):
        rows = pq.read_table(paths.root / file.path, columns=["accession", "database", "family"]).to_pydict()
        for accession, origin, family in zip(rows["accession"], rows["database"], rows["family"], strict=True):
            if database is None or origin.lower() == database.lower():
                yield accession, f"{origin}:{family}"
