"""The evaluation of an atlas against labelled residues: read, group, hold out, score, compare and judge proteins."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attlas.intake.claims import NO_CLAIM
from attlas.intake.rejects import Account, Problem, Reason, Record, Rejected
from attlas.intake.text import counted
from attlas.intake.two_columns import TableLine, read_two_columns
from attlas.pipeline.annotate.check import ProteinOfEntry, Proteins
from attlas.pipeline.annotate.values.check import find_proteins
from attlas.pipeline.directory import read_plan
from attlas.pipeline.evaluating.columns import compute_columns
from attlas.pipeline.evaluating.differences import N_DRAWS
from attlas.pipeline.evaluating.folds import ProteinSplit, assign_folds, split_by_fold, split_by_set
from attlas.pipeline.evaluating.groups import (
    FamilyTable,
    Groups,
    group_by_family,
    refuse_few_groups,
    refuse_few_judged,
    refuse_shared_groups,
)
from attlas.pipeline.evaluating.models import describe_model, describe_other_run, refuse_other_model
from attlas.pipeline.evaluating.predictors import list_predictors
from attlas.pipeline.evaluating.results import Evaluation, HoldOutResult
from attlas.pipeline.evaluating.rivals import Rival
from attlas.pipeline.evaluating.scoring import LabelledSet, ProteinScore, find_nearest, score_split
from attlas.pipeline.evaluating.summary import ScoredSet, summarise
from attlas.pipeline.evaluating.truth import Truth, read_proteins, read_truth
from attlas.pipeline.fitting.folds import connect
from attlas.pipeline.relatives.clusters import FAMILY_IDENTITY, cluster, describe_method
from attlas.pipeline.relatives.hits import find_hits
from attlas.schema import AtlasPaths, InputError, Run

CLOSE_IDENTITY = 0.8
"""Identity of the clusters that are held out in the second run: as when people search a database for a relative."""
EXPECTED_GROUPS = "two columns, separated by a tab or a comma: accession, and family, or several with `;` between"

Say = Callable[[str], None]
"""Takes a line about the progress of the work."""


@dataclass(frozen=True)
class LabelledAtlas:
    """An atlas and the truth of its proteins."""

    root: Path
    run: Run
    proteins: Proteins
    truth: Truth
    path: Path
    """The file of the truth."""


def open_labelled_atlas(root: Path, truth: Path) -> LabelledAtlas:
    """Return an atlas with the truth of its proteins.

    Raises:
        PlanError: there is no plan, as in a release, so that the model cannot run again.
        InputError: as `read_truth`.
    """
    paths = AtlasPaths(root)
    run = read_plan(paths).run
    proteins = read_proteins(paths)
    return LabelledAtlas(root, run, proteins, read_truth(truth, proteins), truth)


def evaluate(
    atlas: LabelledAtlas,
    *,
    groups: Path | None = None,
    train: LabelledAtlas | None = None,
    rivals: Sequence[Rival] = (),
    seed: int = 0,
    n_draws: int = N_DRAWS,
    n_threads: int = 1,
    say: Say = lambda _: None,
) -> Evaluation:
    """Run the protocol on the labelled proteins of an atlas.

    Args:
        atlas: whose labelled proteins are predicted.
        groups: a table of accession and family; None: clusters of 40 % identity.
        train: the atlas with the training proteins; None: folds of `atlas` predict each other.
        rivals: predictions of others for the same proteins.
        seed: of folds and draws.
        n_draws: draws of families.
        n_threads: threads of torch.
        say: called with a line about the progress.

    Raises:
        InputError: there are fewer groups than folds; or the two atlases have different models, dtypes or rules.
        EnvironmentFault: as `compute_columns`.
    """
    if train is not None:
        refuse_other_model(atlas.run, train.run)
        _tell(describe_other_run(atlas.run, train.run), "the atlas to fit on differs: ", say)
    labelled = list(atlas.truth.proteins)
    n_test = len(labelled)
    labelled += train.truth.proteins if train is not None else ()
    table = None
    if groups is not None:
        table = read_families(groups, [atlas] if train is None else [atlas, train])
        _tell(table.account.lines(prefix=f"left out of {table.name}: "), "", say)

    say(f"aligning {counted(len(labelled), 'protein')}")
    hits = find_hits([protein.sequence for protein in labelled])
    accessions = [protein.accession for protein in labelled]
    close = cluster(hits, accessions, identity=CLOSE_IDENTITY)
    families = group_by_family(table, cluster(hits, accessions, identity=FAMILY_IDENTITY))
    hold_outs = [families, Groups("80 % clusters", describe_method(CLOSE_IDENTITY), tuple(close))]
    for kind in hold_outs:
        if train is None:
            refuse_few_groups(kind)
        else:
            refuse_shared_groups(kind, n_test)
    refuse_few_judged(families.of_protein[:n_test], labelled[:n_test], rivals)

    say(f"running the model on {counted(len(labelled), 'protein')}")
    columns = compute_columns(atlas.root, labelled[:n_test], n_threads=n_threads)
    if train is not None:
        columns += compute_columns(train.root, labelled[n_test:], n_threads=n_threads)

    results = []
    for kind in hold_outs:
        say(f"fitting {len(list_predictors())} predictors, {kind.held_out} held out")
        data = LabelledSet(tuple(labelled), tuple(columns), tuple(map(tuple, hits)), kind.of_protein)
        splits = _list_splits(kind, n_test, len(labelled), seed=seed)
        scored = _score(data, splits, n_test, families.of_protein[:n_test], say)
        n_train = 0 if train is None else len(splits[0].train)
        result = summarise(
            scored, held_out=kind.held_out, model=describe_model(atlas.run), rivals=rivals, seed=seed, n_draws=n_draws
        )
        results.append(
            replace(result, method=kind.method, n_train=n_train, n_groups=len(set(kind.of_protein[:n_test])))
        )
    return _make_evaluation(atlas, families, results, seed, n_draws)


def _tell(lines: Iterable[str], prefix: str, say: Say) -> None:
    for line in lines:
        say(f"{prefix}{line}")


def _list_splits(kind: Groups, n_test: int, n_all: int, *, seed: int) -> list[ProteinSplit]:
    if n_test == n_all:
        return split_by_fold(assign_folds(kind.of_protein, seed=seed))
    return [split_by_set(range(n_test), range(n_test, n_all), kind.of_protein, seed=seed)]


def _score(
    data: LabelledSet, splits: Sequence[ProteinSplit], n_test: int, families: Sequence[str], say: Say
) -> ScoredSet:
    """Return the scores of every predictor on every test protein."""
    scores: dict[str, dict[int, ProteinScore]] = {}
    nearest: dict[int, float] = {}
    for number, split in enumerate(splits, start=1):
        nearest |= find_nearest(data, split)
        for predictor, of_split in score_split(data, split, list_predictors()):
            scores.setdefault(predictor.name, {}).update(of_split)
        say(f"split {number} of {len(splits)}")

    return ScoredSet(
        proteins=data.proteins[:n_test],
        families=tuple(families),
        nearest_identity=np.array([nearest[place] for place in range(n_test)]),
        scores={name: tuple(of_all[place] for place in range(n_test)) for name, of_all in scores.items()},
        folds=_number_folds(splits, n_test),
    )


def _number_folds(splits: Sequence[ProteinSplit], n_test: int) -> NDArray[np.intp]:
    """Return the split in which each protein is predicted, (P,)."""
    numbers = np.zeros(n_test, np.intp)
    for number, split in enumerate(splits):
        numbers[list(split.test)] = number
    return numbers


def read_families(path: Path, parts: Sequence[LabelledAtlas]) -> FamilyTable:
    """Return the families of a table for the labelled proteins of atlases, in their order.

    A protein may have several families. Families that share a protein are one: they are held out together. A protein
    of an atlas that has no label takes no part; a line of one that no atlas has is left out and told.

    Raises:
        InputError: as `read_two_columns`, or it names no family of a labelled protein.
    """
    lines, rejected, _ = read_two_columns(path, expected=EXPECTED_GROUPS)
    account = Account()
    for item in rejected:
        account.add(item)

    places = _number_labelled(parts)
    members: dict[str, list[int]] = {}
    for line in lines:
        names = [name.strip() for name in line.value.split(";") if name.strip()]
        abouts = [
            (i, about) for i, part in enumerate(parts) for about in find_proteins(line.id, NO_CLAIM, part.proteins)
        ]
        stored = [(i, about.protein.sequence_id) for i, about in abouts if about.protein and about.problem is None]
        if not stored or not names:
            account.add(_reject_line(line, [] if stored else [about for _, about in abouts]))
            continue
        for name in names:
            members.setdefault(name, []).extend(places[key] for key in stored if key in places)

    if not any(members.values()):
        raise InputError(
            f"{path} names no family of a labelled protein.",
            expected=EXPECTED_GROUPS,
            found=f"{lines[0].id} {lines[0].value}".strip(),
            hint='its accessions are those of the atlas: `attlas sql DIR "SELECT accession FROM proteins"`',
        )

    # Connected families get the name of the first of them in the alphabet.
    components = connect(sum(len(part.truth.proteins) for part in parts), members.values())
    first_names: dict[int, str] = {}
    for family in sorted(members):
        for place in members[family]:
            first_names.setdefault(int(components[place]), family)
    of_protein = tuple(first_names.get(int(component)) for component in components)
    return FamilyTable(path.name, of_protein, account)


def _number_labelled(parts: Sequence[LabelledAtlas]) -> dict[tuple[int, int], int]:
    """Return the place of each labelled protein among those of all atlases, by atlas and `sequence_id`."""
    keys = [(i, protein.sequence_id) for i, part in enumerate(parts) for protein in part.truth.proteins]
    return {key: place for place, key in enumerate(keys)}


def _reject_line(line: TableLine, abouts: Sequence[ProteinOfEntry]) -> Rejected:
    """Return why a line of families is left out: what is wrong with its protein, or else that it names no family."""
    problem = Problem(Reason.NO_FAMILY)
    if abouts:
        # An id that one atlas lacks may be in the other.
        problems = [about.problem or Problem(Reason.UNKNOWN_ID) for about in abouts]
        problem = next((item for item in problems if item.reason is not Reason.UNKNOWN_ID), problems[0])
    return Rejected(problem.reason, Record(line.id, description=line.value, line=line.number), problem.detail)


def _make_evaluation(
    atlas: LabelledAtlas, families: Groups, results: Sequence[HoldOutResult], seed: int, n_draws: int
) -> Evaluation:
    proteins = atlas.truth.proteins
    n_families = len(set(families.of_protein[: len(proteins)]))

    return Evaluation(
        model=describe_model(atlas.run),
        weights_sha256=atlas.run.weights_sha256,
        truth=atlas.path.name,
        truth_sha256=atlas.truth.sha256,
        n_lines=atlas.truth.n_lines,
        n_left_out=sum(atlas.truth.account.counts.values()),
        n_proteins=len(proteins),
        n_residues=sum(len(protein.sequence) for protein in proteins),
        n_labelled=sum(len(protein.positions) for protein in proteins),
        families=f"{n_families:,} {families.held_out}: {families.method}",
        seed=seed,
        n_draws=n_draws,
        hold_outs=tuple(results),
    )
