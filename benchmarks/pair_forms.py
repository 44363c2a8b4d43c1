"""Attention across two chains against their contacts, in every form of joining them, with nulls.

    python benchmarks/pair_forms.py pairs.json.gz
    python benchmarks/pair_forms.py pairs.json.gz --model DIR --device cuda --forms gap linker --json FILE

PAIRS is JSON, plain or gzipped: a list of objects with `id`, `sequence_a`, `sequence_b` and `contacts`, pairs (i, j) of
positions counted from 1, as the hundred of BM5-clean (Apache-2.0) on which docs/interfaces.md reports. Without --model
it is the copy of ESM-2 8M that the tests use.

Pairs with chains alike are one homology group (`pipeline/interfaces/homology_groups.py`). A head's map is the mean over
both orders of the two chains; a pair of residues scores A + A^T less the average product of the joined inner map. Fused
heads are chosen by their mean AUROC on ten pairs, each of another group, and judged on all pairs of the other groups,
in 20 splits. Intervals are 95 %, by a jackknife over groups. The nulls are computed in the same way: the letters of
both chains shuffled, and the partner swapped for that of another group's pair, judged on interface residues alone.

Axis letters: `P` pairs, `L` layers, `H` heads, `M` measures.
"""

import argparse
import gzip
import json
import platform
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from attlas.pipeline.contacts.head_choice import Head, spell_heads
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.interfaces.homology_groups import IDENTITY, group_pairs
from attlas.pipeline.interfaces.known_interface import KnownInterface, make_known_interface
from attlas.pipeline.interfaces.measures import MEASURES
from attlas.pipeline.interfaces.nulls import SizedPair, shuffle_letters, swap_partners
from attlas.pipeline.interfaces.splits import PairSplit, choose_heads, draw_splits
from attlas.pipeline.interfaces.trials import MeasureFusedHeads, MeasureHeads, Trial, measure_trials
from attlas.pipeline.model.architectures import KERNELS
from attlas.pipeline.model.files import find_model
from attlas.pipeline.pairs.joining import DEFAULT_GAP, FORMS, Form
from attlas.schema.interface_tables import KINDS

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))
from fetch_model import PYPI_DIRECTORY, FetchError, from_pypi

THETA = 0.3
GIVEN, SWAPPED, SHUFFLED = KINDS
COLUMNS = {
    "AUROC": "auroc",
    "AUPRC": "auprc",
    "P@1": "hits_1",
    "P@5": "hits_5",
    "P@10": "hits_10",
    "P@L/10": "hits_l10",
}
"""Columns of the tables, with the measure of each."""
SIDES = ("interface_auroc", "partner_interface_auroc")
"""The AUROC of the interface residues of either chain."""

Measured = dict[tuple[str, int], NDArray[np.float64]]
"""Measures by kind and pair, (L, H + 1, M) or (choices, M)."""


@dataclass(frozen=True)
class Complex:
    """Two chains with what is known of their contacts."""

    name: str
    sequences: tuple[str, str]
    known: KnownInterface
    n_contacts: int

    @property
    def density(self) -> float:
        """Return the share of contacts among the pairs of residues."""
        return self.n_contacts / self.known.n_pairs


@dataclass(frozen=True)
class Estimate:
    """A mean over pairs, with its interval by a jackknife over groups."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return write_estimate(self.mean, self.low, self.high)


def write_estimate(mean: float, low: float, high: float) -> str:
    """Return a mean of fractions with its interval; where no pair has a hit, none: nothing varies there."""
    return f"{mean:.4f} ({max(low, 0):.4f} to {min(high, 1):.4f})" if mean > 0 else f"{mean:.4f}"


def main() -> int:
    options = _options()
    try:
        with redirect_stdout(sys.stderr):  # stdout is the table's
            model = find_model(options.model or str(from_pypi(PYPI_DIRECTORY)))
    except (FetchError, OSError) as error:
        print(f"pair_forms: {error}", file=sys.stderr)
        return 1

    pairs = read_pairs(options.pairs)
    groups = group_pairs(dict(enumerate(pair.sequences for pair in pairs)), identity=options.identity)
    n_choosing = options.n_choosing
    splits = list(draw_splits(groups, n_splits=options.splits, n_choosing=n_choosing, seed=options.seed))
    if not splits:
        print(f"pair_forms: {len(set(groups.values()))} groups are too few to choose on {n_choosing}", file=sys.stderr)
        return 1

    encoder = Encoder(model, device=options.device, dtype="float32", theta=THETA, attention=KERNELS[options.device])
    started = time.perf_counter()
    reports = {}
    for form in options.forms:
        trials = list(make_trials(pairs, groups, form=form, seed=options.seed))
        reports[form] = judge_form(encoder, pairs, groups, trials, splits, options)
        print(f"pair_forms: {form}, {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
        report = describe(options, model.name, pairs, groups, splits, reports)
        if options.json:  # after every form, because all take long
            options.json.write_text(json.dumps(report, indent=1) + "\n")

    print(markdown(report))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", metavar="PAIRS", type=Path, help="JSON, plain or gzipped")
    parser.add_argument("--model", help="directory, or hub id fetched before; default: from PyPI")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=list(FORMS))
    parser.add_argument("--gap", type=int, default=DEFAULT_GAP, help="positions without letters in the form gap")
    parser.add_argument("--apc", choices=("joined", "across"), default="joined")
    parser.add_argument("--best", type=int, nargs="+", default=[3, 10], metavar="K", help="heads fused")
    parser.add_argument("--n-choosing", type=int, default=10, metavar="N", help="pairs on which heads are chosen")
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--identity", type=float, default=IDENTITY, help="share of the shorter chain; for groups")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="all numbers")
    return parser.parse_args()


def read_pairs(path: Path) -> list[Complex]:
    """Return the pairs of a file, in order of id."""
    data = path.read_bytes()
    records = json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)
    pairs = []
    for record in sorted(records, key=lambda record: record["id"]):
        sequences = record["sequence_a"], record["sequence_b"]
        contacts = [(i, j) for i, j in record["contacts"]]
        known = make_known_interface(contacts, lengths=(len(sequences[0]), len(sequences[1])))
        pairs.append(Complex(record["id"], sequences, known, len(set(contacts))))
    return pairs


def make_trials(pairs: Sequence[Complex], groups: Mapping[int, int], *, form: Form, seed: int) -> Iterator[Trial]:
    """Yield every pair in a form as it is, and as both nulls."""
    swapped = swap_partners(size_pairs(pairs, groups))
    for number, pair in enumerate(pairs):
        given = Trial(number, form, GIVEN, *pair.sequences, partner=f"{pair.name} B", interface=pair.known)
        yield given

        shuffled = [shuffle_letters(sequence, seed=seed, name=pair.name) for sequence in pair.sequences]
        yield replace(given, kind=SHUFFLED, sequence=shuffled[0], partner_sequence=shuffled[1])

        if number in swapped:
            other = pairs[swapped[number]]
            known = pair.known.exchange_partner(other.known)
            partner = f"{other.name} B"
            yield replace(given, kind=SWAPPED, partner_sequence=other.sequences[1], partner=partner, interface=known)


def size_pairs(pairs: Sequence[Complex], groups: Mapping[int, int]) -> list[SizedPair]:
    """Return the number, group and length of each pair, which decide for whose partner its own is swapped."""
    return [SizedPair(number, groups[number], len(pair.sequences[1])) for number, pair in enumerate(pairs)]


def judge_form(
    encoder: Encoder,
    pairs: Sequence[Complex],
    groups: Mapping[int, int],
    trials: Sequence[Trial],
    splits: Sequence[PairSplit],
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Return the tables of one form."""
    run = partial(measure_trials, encoder, gap=options.gap, is_both_orders=True)
    results = run(trials, begin_trial=partial(MeasureHeads, apc=options.apc))
    measured = {(trial.kind, trial.pair_id): of_trial for trial, of_trial in zip(trials, results, strict=True)}
    if unfinished := [key for key, of_trial in measured.items() if of_trial is None]:
        raise SystemExit(f"pair_forms: attention is not finite on {unfinished}")

    # Heads are chosen once the given pairs are measured, and judged in a second run of all pairs.
    place = MEASURES.index("auroc")
    choices: list[tuple[PairSplit, int, tuple[Head, ...]]] = []
    for split in splits:
        aurocs = [measured[GIVEN, number][:, :-1, place] for number in split.choosing]
        of_split = zip(options.best, choose_heads(aurocs, options.best), strict=True)
        choices += [(split, n_heads, heads) for n_heads, heads in of_split]
    of_choices = [heads for _, _, heads in choices]
    fused = run(trials, begin_trial=partial(MeasureFusedHeads, apc=options.apc, choices=of_choices))
    measured_fused = {(trial.kind, trial.pair_id): of_trial for trial, of_trial in zip(trials, fused, strict=True)}

    return {
        "fused": summarise_fused(pairs, groups, choices, measured_fused, options.best),
        "best": find_best_heads(pairs, groups, measured),
        "choices": [(split.number, n_heads, spell_heads(heads)) for split, n_heads, heads in choices],
    }


def summarise_fused(
    pairs: Sequence[Complex],
    groups: Mapping[int, int],
    choices: Sequence[tuple[PairSplit, int, tuple[Head, ...]]],
    measured: Measured,
    n_best: Sequence[int],
) -> list[dict[str, Any]]:
    """Return a row for each number of heads and kind: the means over judging pairs of all splits."""
    swapped = swap_partners(size_pairs(pairs, groups))
    rows = []
    for n_heads in n_best:
        judged = [
            (place, number)
            for place, (split, n_of_choice, _) in enumerate(choices)
            if n_of_choice == n_heads
            for number in split.judging
        ]
        for kind in KINDS:
            judged_of_kind = [(place, number) for place, number in judged if (kind, number) in measured]
            if kind == SWAPPED:  # a partner must not be of a group that chose the heads
                judged_of_kind = [
                    (place, number)
                    for place, number in judged_of_kind
                    if groups[swapped[number]] not in {groups[choosing] for choosing in choices[place][0].choosing}
                ]
            of_groups = [groups[number] for _, number in judged_of_kind]
            row: dict[str, Any] = {"heads": n_heads, "kind": kind}
            for column, name in COLUMNS.items():
                if kind != SWAPPED:
                    values = [read_measure(pairs[n], measured[kind, n][place], name) for place, n in judged_of_kind]
                    row[column] = estimate(values, of_groups)
            sides = [
                np.nanmean([measured[kind, n][place][MEASURES.index(side)] for side in SIDES])
                for place, n in judged_of_kind
            ]
            row["interface AUROC"] = estimate(sides, of_groups)
            rows.append(row)

    return rows


def find_best_heads(
    pairs: Sequence[Complex], groups: Mapping[int, int], measured: Mapping[tuple[str, int], Any]
) -> list[dict[str, Any]]:
    """Return, for a few measures, the head that is best over all pairs in hindsight, beside its shuffled null."""
    rows = []
    for column, name in {**COLUMNS, "interface AUROC": "interface_auroc"}.items():
        means = {
            kind: np.mean(
                [read_heads(pairs[number], measured[kind, number], name) for number in range(len(pairs))], axis=0
            )
            for kind in (GIVEN, SHUFFLED)
        }
        layer, head = np.unravel_index(np.argmax(means[GIVEN]), means[GIVEN].shape)
        values = [read_heads(pairs[number], measured[GIVEN, number], name)[layer, head] for number in range(len(pairs))]
        rows.append(
            {
                "measure": column,
                "head": f"{layer}-{head}",
                "value": estimate(values, [groups[number] for number in range(len(pairs))]),
                "shuffled": float(means[SHUFFLED][layer, head]),
                "best shuffled": float(means[SHUFFLED].max()),
                "mean of heads": float(means[GIVEN].mean()),
            }
        )

    return rows


def read_heads(pair: Complex, measures: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """Return a measure of every head of a pair, (L, H); of an interface, the mean of both chains."""
    heads = measures[:, :-1]
    if name in SIDES:
        return np.nanmean([heads[..., MEASURES.index(side)] for side in SIDES], axis=0)
    return heads[..., MEASURES.index(name)] / count_looked_at(pair, name)


def read_measure(pair: Complex, measures: NDArray[np.float64], name: str) -> float:
    """Return a measure of a pair; of hits, the precision."""
    return float(measures[MEASURES.index(name)] / count_looked_at(pair, name))


def count_looked_at(pair: Complex, name: str) -> int:
    """Return how many pairs of residues hits are counted among; 1 for what is no count."""
    if not name.startswith("hits_"):
        return 1
    cut = name.removeprefix("hits_")
    return min(pair.known.n_tenth if cut == "l10" else int(cut), pair.known.n_pairs)


def estimate(values: Sequence[float], groups: Sequence[int]) -> Estimate:
    """Return the mean of values, with a 95 % interval by leaving out one group after the other."""
    names, places = np.unique(groups, return_inverse=True)
    sums = np.bincount(places, weights=np.asarray(values, float))
    counts = np.bincount(places).astype(float)
    mean = sums.sum() / counts.sum()

    without = (sums.sum() - sums) / (counts.sum() - counts)
    error = np.sqrt((len(names) - 1) / len(names) * np.square(without - mean).sum())
    reach = student.ppf(0.975, len(names) - 1) * error
    return Estimate(float(mean), float(mean - reach), float(mean + reach))


def describe(
    options: argparse.Namespace,
    model: str,
    pairs: Sequence[Complex],
    groups: Mapping[int, int],
    splits: Sequence[PairSplit],
    reports: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the settings of the measurement, and all numbers."""
    return {
        "model": model,
        "machine": f"{platform.machine()}, {options.device}, attlas {version('attlas')}",
        "n_pairs": len(pairs),
        "n_groups": len(set(groups.values())),
        "identity": options.identity,
        "n_splits": len(splits),
        "mean_judging": float(np.mean([len(split.judging) for split in splits])),
        "density": float(np.mean([pair.density for pair in pairs])),
        "apc": options.apc,
        "gap": options.gap,
        "seed": options.seed,
        "forms": {form: _plain(report) for form, report in reports.items()},
    }


def _plain(value: Any) -> Any:
    """Return a value with estimates as lists: mean, low, high."""
    if isinstance(value, Estimate):
        return [value.mean, value.low, value.high]
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value


def markdown(report: Mapping[str, Any]) -> str:
    """Return the tables of a report."""
    lines = [
        f"{report['model']}: {report['n_pairs']} pairs of {report['n_groups']} homology groups, density of contacts "
        f"{report['density']:.4f}; {report['n_splits']} splits, {report['mean_judging']:.0f} pairs judge on average",
        "",
        "Fused heads, chosen on other homology groups",
        "",
        "| form | heads | pairs | " + " | ".join([*COLUMNS, "interface AUROC"]) + " |",
        "|---|--:|---" + "|---" * (len(COLUMNS) + 1) + "|",
    ]
    for form, of_form in report["forms"].items():
        for row in of_form["fused"]:
            cells = [_cell(row.get(column)) for column in [*COLUMNS, "interface AUROC"]]
            lines.append(f"| {form} | {row['heads']} | {row['kind']} | " + " | ".join(cells) + " |")

    lines += [
        "",
        "The best of all heads, in hindsight",
        "",
        "| form | measure | head | value | the same head, shuffled | best head, shuffled | mean of heads |",
        "|---|---|---|---|--:|--:|--:|",
    ]
    for form, of_form in report["forms"].items():
        for row in of_form["best"]:
            numbers = [f"{row[name]:.4f}" for name in ("shuffled", "best shuffled", "mean of heads")]
            cells = [form, row["measure"], row["head"], _cell(row["value"]), *numbers]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(value: Sequence[float] | None) -> str:
    return "" if value is None else write_estimate(*value)


if __name__ == "__main__":
    sys.exit(main())
