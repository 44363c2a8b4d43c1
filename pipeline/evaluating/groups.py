"""The groups of labelled proteins that are held out whole, and what is refused because they are too few. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from attlas.intake.rejects import Account
from attlas.intake.text import counted
from attlas.pipeline.evaluating.folds import N_FOLDS
from attlas.pipeline.evaluating.rivals import Rival
from attlas.pipeline.evaluating.truth import LabelledProtein
from attlas.pipeline.fitting.folds import join_groups
from attlas.pipeline.relatives.clusters import FAMILY_IDENTITY, describe_method
from attlas.schema import InputError

LEAST_FAMILIES = 5
"""Fewest families for a verdict: draws from fewer spread too little to detect a difference."""


@dataclass(frozen=True)
class Groups:
    """The held-out groups, with that of every protein."""

    held_out: str
    method: str
    of_protein: tuple[str, ...]


@dataclass(frozen=True)
class FamilyTable:
    """The families that a table gives to labelled proteins."""

    name: str
    """Name of the file."""
    of_protein: tuple[str | None, ...]
    """None: the table does not name the protein."""
    account: Account
    """What was left out, with reasons."""


def group_by_family(table: FamilyTable | None, clusters: Sequence[str]) -> Groups:
    """Return the groups that families of a table and clusters make together; without a table, the clusters.

    A table may name one protein and not its relative, or give relatives different families: what shares a family or a
    cluster, also over several proteins, is one group.
    """
    method = describe_method(FAMILY_IDENTITY)
    if table is None:
        return Groups("40 % clusters", method, tuple(clusters))

    # A group is named by the first of its families in the alphabet, or else by its cluster.
    components = join_groups(table.of_protein, clusters)
    names: dict[int, str] = {}
    places = range(len(clusters))
    for family, place in sorted((family, place) for place, family in enumerate(table.of_protein) if family is not None):
        names.setdefault(int(components[place]), f"family {family}")
    for place in places:
        names.setdefault(int(components[place]), f"cluster {clusters[place]}")

    n_named = sum(family is not None for family in table.of_protein)
    n_left_out = sum(table.account.counts.values())
    left_out = f", {counted(n_left_out, 'line')} left out" if n_left_out else ""
    method = (
        f"{table.name} names {n_named:,} of {counted(len(clusters), 'protein')}{left_out}; families and clusters that "
        f"share a protein are one group; clusters by {method}"
    )
    return Groups("families", method, tuple(names[int(components[place])] for place in places))


def refuse_few_groups(kind: Groups) -> None:
    """Refuse a set that cannot be cut into folds. Raises InputError."""
    n_groups = len(set(kind.of_protein))
    if n_groups < 2 * N_FOLDS:
        raise InputError(
            "There are too few groups of labelled proteins to hold some out.",
            expected=f"{2 * N_FOLDS} or more {kind.held_out}",
            found=f"{n_groups} in {counted(len(kind.of_protein), 'protein')}",
            hint="label more proteins, or fit on another atlas with `evaluate sites --train`",
        )


def refuse_few_judged(families: Sequence[str], proteins: Sequence[LabelledProtein], rivals: Sequence[Rival]) -> None:
    """Refuse a verdict on few families, of the whole set or of a rival's proteins. Raises InputError."""
    named = {"the truth": families}
    for rival in rivals:
        named[rival.name] = [
            family
            for family, protein in zip(families, proteins, strict=True)
            if protein.sequence_id in rival.probabilities
        ]

    for name, of_name in named.items():
        if len(set(of_name)) < LEAST_FAMILIES:
            raise InputError(
                f"There are too few families of labelled proteins in {name} to judge by.",
                expected=f"{LEAST_FAMILIES} or more",
                found=f"{len(set(of_name))} in {counted(len(of_name), 'protein')}",
                hint="intervals are over families: judge by more of them",
            )


def refuse_shared_groups(kind: Groups, n_test: int) -> None:
    """Refuse another set of which too little is left without the groups that both share. Raises InputError."""
    train_groups = set(kind.of_protein[n_test:])
    n_left = len(train_groups - set(kind.of_protein[:n_test]))
    if n_left < N_FOLDS:
        raise InputError(
            "Too little of the set to fit on is left without what both sets share.",
            expected=f"{N_FOLDS} or more {kind.held_out} that are not in the set which is judged",
            found=f"{n_left} of {len(train_groups)}",
            hint="fit on a set with other families, or leave --train out: folds then predict each other",
        )
