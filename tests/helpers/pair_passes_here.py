"""Passes over the pairs of a sealed atlas in this process, without a word: pairs, their interfaces and nulls."""

from pathlib import Path

from attlas.pipeline.encode import StartProgress
from attlas.pipeline.interfaces.adding import AddedInterfaces, InterfaceSettings, add_interfaces
from attlas.pipeline.interfaces.adding_nulls import AddedNulls, NullSettings, add_nulls
from attlas.pipeline.pairs.adding import AddedPairs, add_pairs
from attlas.pipeline.pairs.settings import PairSettings
from helpers.passes_here import say_nothing


def add_pairs_here(root: Path, *, progress: StartProgress = say_nothing, **settings: object) -> AddedPairs:
    """Compute the pairs of `pairs.tsv` beside the atlas."""
    return add_pairs(root, root.parent / "pairs.tsv", PairSettings(**settings), progress=progress, n_workers=0)


def judge_interfaces_here(root: Path, **settings: object) -> AddedInterfaces:
    """Judge every pair that has known contacts."""
    return add_interfaces(root, InterfaceSettings(**settings), progress=say_nothing, n_workers=0)


def add_nulls_here(root: Path, **settings: object) -> AddedNulls:
    """Compute the nulls of every labelled pair."""
    return add_nulls(root, NullSettings(**settings), progress=say_nothing, n_workers=0)
