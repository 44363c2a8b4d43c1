"""The passes that judge attention across pairs: first every head alone, then heads that were chosen on other pairs.

Axis letters: `L` layers, `H` heads, `M` measures, `C` choices of heads.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.contacts.head_choice import Head, spell_heads
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.interfaces.across_maps import Apc
from attlas.pipeline.interfaces.judged_pairs import JudgedPair, ProteinSequence, read_known_interfaces, read_letters
from attlas.pipeline.interfaces.known_interface import KnownInterface
from attlas.pipeline.interfaces.measures import MEASURES
from attlas.pipeline.interfaces.nulls import shuffle_letters
from attlas.pipeline.interfaces.trials import (
    MeasureFusedHeads,
    MeasureHeads,
    Measures,
    MeasureTrial,
    Trial,
    measure_trials,
)
from attlas.pipeline.pairs.joining import Form
from attlas.pipeline.pairs.supported_forms import refuse_unsupported_forms
from attlas.pipeline.pass_task import PassTask, ShardRows, TableRows
from attlas.pipeline.plan import Plan, Shard
from attlas.schema import PAIR_CHOICES, PAIR_HEAD_CONTACTS, AtlasPaths, Manifest
from attlas.schema.interface_tables import KINDS
from attlas.schema.json_file import digest

GIVEN, SWAPPED, SHUFFLED = KINDS

RULE = 1
"""Version of how trials are made and measured; a new version means new numbers."""

Rows = list[dict[str, object]]


@dataclass(frozen=True)
class JudgeSettings:
    """How pairs are judged."""

    forms: tuple[Form, ...]
    gap: int
    """Positions without letters between the two, in the form `gap`."""
    is_both_orders: bool
    """Whether scores come from the mean map over both orders."""
    apc: Apc
    seed: int
    groups: str
    """The source of the homology groups, in words."""

    @property
    def values(self) -> Mapping[str, object]:
        """Return the settings as the tables declare them."""
        return {
            "forms": " ".join(self.forms),
            "orders": "forward reverse" if self.is_both_orders else "forward",
            "gap": self.gap,
            "apc": self.apc,
            "seed": self.seed,
            "groups": self.groups,
        }


@dataclass(frozen=True)
class FusedChoice:
    """Heads that were chosen on the pairs of some homology groups; these groups cannot judge them."""

    form: Form
    split: int
    heads: tuple[Head, ...]
    """In order of rank."""
    choosing_groups: tuple[str, ...]


@dataclass(frozen=True)
class PairTrials(PassTask[list[Trial], list[Measures | None]]):
    """A pass over trials of pairs, in its own shards; each pass says what is measured, and makes the rows.

    A trial on which the attention is not finite has no rows and counts as failed.
    """

    pairs: tuple[JudgedPair, ...]
    """All pairs with known contacts, in order of `pair_id`; a shard is a range of places in this order."""
    shards: tuple[Shard, ...]
    judge_settings: JudgeSettings

    @abstractmethod
    def begin_trial(self, trial: Trial) -> MeasureTrial:
        """Return the object that takes the maps of a trial."""

    @cached_property
    def pairs_by_id(self) -> Mapping[int, JudgedPair]:
        """The pairs by `pair_id`."""
        return {pair.pair_id: pair for pair in self.pairs}

    @cached_property
    def identity(self) -> str:
        """Return the digest of pairs, settings and tables; equal digests mean equal rows."""
        cuts = [[shard.first_sequence_id, shard.end_sequence_id] for shard in self.shards]
        pairs = [list(asdict(pair).values()) for pair in self.pairs]
        return digest([RULE, self.atlas_id, self.inputs, pairs, cuts, dict(self.judge_settings.values)])

    def find_shard(self, paths: AtlasPaths, plan: Plan, index: int) -> Shard:
        """Return shard `index` (from 1) of the pairs."""
        return self.shards[index - 1]

    def read_lengths(self, paths: AtlasPaths, shard: Shard) -> Sequence[int]:
        """Return the residues of each pair of a shard."""
        return [pair.n_residues for pair in self.pairs[shard.first_sequence_id : shard.end_sequence_id]]

    def select_sequences(self, paths: AtlasPaths, manifest: Manifest, shard: Shard) -> list[Trial]:
        """Return the trials of the pairs of a shard, in order of pair, form and kind."""
        pairs = self.pairs[shard.first_sequence_id : shard.end_sequence_id]
        swapped_pairs = [self.pairs_by_id[pair.swapped] for pair in pairs if pair.swapped is not None]
        all_pairs = list(dict.fromkeys([*pairs, *swapped_pairs]))
        interfaces = read_known_interfaces(paths, manifest, all_pairs)
        letters = read_letters(paths, {name for pair in all_pairs for name in (pair.accession, pair.partner)})
        return [
            trial
            for pair in pairs
            for form in sorted(self.judge_settings.forms)
            for trial in self._make_trials(pair, form, interfaces, letters)
        ]

    def _make_trials(
        self,
        pair: JudgedPair,
        form: Form,
        interfaces: Mapping[int, KnownInterface],
        letters: Mapping[str, ProteinSequence],
    ) -> Iterator[Trial]:
        """Yield the trials of a pair in one form: the pair as it is, then its two nulls."""
        given = Trial(
            pair_id=pair.pair_id,
            form=form,
            kind=GIVEN,
            sequence=letters[pair.accession].letters,
            partner_sequence=letters[pair.partner].letters,
            partner=pair.partner,
            interface=interfaces[pair.pair_id],
        )
        yield given

        shuffle = partial(shuffle_letters, seed=self.judge_settings.seed)
        yield replace(
            given,
            kind=SHUFFLED,
            sequence=shuffle(given.sequence, name=f"{pair.accession} of {pair.accession} {pair.partner}"),
            partner_sequence=shuffle(given.partner_sequence, name=f"partner of {pair.accession} {pair.partner}"),
        )

        if pair.swapped is not None:
            swapped_pair = self.pairs_by_id[pair.swapped]
            yield replace(
                given,
                kind=SWAPPED,
                partner_sequence=letters[swapped_pair.partner].letters,
                partner=swapped_pair.partner,
                interface=given.interface.exchange_partner(interfaces[swapped_pair.pair_id]),
            )

    def compute(self, encoder: Encoder, plan: Plan, sequences: list[Trial]) -> list[Measures | None]:
        """Return the measures of each trial, None if its attention is not finite. Raises as `PassTask.compute`."""
        refuse_unsupported_forms(encoder, self.judge_settings.forms)
        return measure_trials(
            encoder,
            sequences,
            gap=self.judge_settings.gap,
            begin_trial=self.begin_trial,
            is_both_orders=self.judge_settings.is_both_orders,
        )

    def describe_trial(self, trial: Trial) -> dict[str, object]:
        """Return the columns that all rows of a trial share."""
        pair = self.pairs_by_id[trial.pair_id]
        columns: dict[str, object] = {
            "pair_id": pair.pair_id,
            "sequence_id": pair.sequence_id,
            "accession": pair.accession,
            "partner": trial.partner,
            "homology_group": pair.group,
            "is_homodimer": pair.is_homodimer,
            "form": trial.form,
            "kind": trial.kind,
        }

        # What the trial is judged by: contacts are not always known, an interface is.
        interface = trial.interface
        return columns | {
            "n_pairs": interface.n_pairs,
            "n_contacts": None if interface.contacts is None else len(interface.contacts),
            "n_l10": interface.n_tenth,
            "n_residues": len(interface.observed),
            "n_interface": len(interface.interface),
            "n_partner_residues": len(interface.partner_observed),
            "n_partner_interface": len(interface.partner_interface),
        }


@dataclass(frozen=True)
class JudgeHeads(PairTrials):
    """Judge every head alone, and the mean map of each layer."""

    @property
    def name(self) -> str:
        """The beginning of its files' names: the same settings on the same tables give the same rows."""
        return f"interfaces-{self.identity}"

    @property
    def settings(self) -> Mapping[str, object]:
        """The settings that `pair_head_contacts` declares."""
        return self.judge_settings.values

    def begin_trial(self, trial: Trial) -> MeasureTrial:
        """Return the object that takes the maps of a trial."""
        return MeasureHeads(trial, apc=self.judge_settings.apc)

    def make_rows(self, plan: Plan, sequences: list[Trial], results: list[Measures | None]) -> ShardRows:
        """Return the rows of `pair_head_contacts`."""
        rows: Rows = []
        for trial, measures in zip(sequences, results, strict=True):
            if measures is not None:
                shared, n_heads = self.describe_trial(trial), measures.shape[1] - 1
                for layer, of_layer in enumerate(measures):
                    for place, of_head in enumerate(of_layer):
                        head = place if place < n_heads else None
                        rows.append({**shared, "layer": layer, "head": head, **name_measures(of_head)})
        columns = list_columns(rows, PAIR_HEAD_CONTACTS.schema(plan.run.n_layers).names)
        return ShardRows([TableRows(PAIR_HEAD_CONTACTS, columns)], _list_lengths(sequences), _count_failed(results))


@dataclass(frozen=True)
class JudgeFusedHeads(PairTrials):
    """Judge fused heads on pairs of homology groups on which they were not chosen."""

    choices: tuple[FusedChoice, ...]
    n_choosing: int
    """Pairs on which heads were chosen."""

    @property
    def name(self) -> str:
        """The beginning of its files' names: the same choices and settings give the same rows."""
        choices = [[c.form, c.split, spell_heads(c.heads), c.choosing_groups] for c in self.choices]
        return f"fused-interfaces-{digest([self.identity, choices, self.n_choosing])}"

    @property
    def settings(self) -> Mapping[str, object]:
        """The settings that `pair_choices` declares."""
        return {**self.judge_settings.values, "n_choosing": self.n_choosing}

    def begin_trial(self, trial: Trial) -> MeasureTrial:
        """Return the object that takes the maps of a trial."""
        choices = [choice.heads for choice in self.list_choices(trial)]
        return MeasureFusedHeads(trial, apc=self.judge_settings.apc, choices=choices)

    def list_choices(self, trial: Trial) -> Iterator[FusedChoice]:
        """Yield the choices that a trial judges, in order of split and number of heads.

        None of them was made on its homology group, nor on that of the pair from which a swapped partner comes.
        """
        by_id = self.pairs_by_id
        pair = by_id[trial.pair_id]
        groups = {pair.group}
        if trial.kind == SWAPPED and pair.swapped is not None:
            groups.add(by_id[pair.swapped].group)
        for choice in self.choices:
            if choice.form == trial.form and groups.isdisjoint(choice.choosing_groups):
                yield choice

    def make_rows(self, plan: Plan, sequences: list[Trial], results: list[Measures | None]) -> ShardRows:
        """Return the rows of `pair_choices`."""
        rows: Rows = []
        for trial, measures in zip(sequences, results, strict=True):
            if measures is not None:
                shared = self.describe_trial(trial)
                for choice, of_choice in zip(self.list_choices(trial), measures, strict=True):
                    of_heads = {"n_heads": len(choice.heads), "heads": spell_heads(choice.heads)}
                    rows.append({**shared, "split": choice.split, **of_heads, **name_measures(of_choice)})
        columns = list_columns(rows, PAIR_CHOICES.schema(plan.run.n_layers).names)
        return ShardRows([TableRows(PAIR_CHOICES, columns)], _list_lengths(sequences), _count_failed(results))


def name_measures(measures: NDArray[np.float64]) -> dict[str, float | None]:
    """Return MEASURES by name; None if not defined."""
    return {name: None if np.isnan(value) else float(value) for name, value in zip(MEASURES, measures, strict=True)}


def list_columns(rows: Rows, names: Sequence[str]) -> dict[str, object]:
    """Return rows as columns."""
    return {name: [row[name] for row in rows] for name in names}


def _list_lengths(trials: Sequence[Trial]) -> list[int]:
    """Return the residues of each trial."""
    return [len(trial.sequence) + len(trial.partner_sequence) for trial in trials]


def _count_failed(results: Sequence[Measures | None]) -> int:
    return sum(measures is None for measures in results)
