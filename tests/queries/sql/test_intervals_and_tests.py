"""An interval and its test never contradict each other: in every row of every question, on random atlases.

The interval leaves out what is without an effect if and only if the corrected p value is below 0.05. The atlases are of
few and of many proteins, with effects and without, so that rows of all kinds come up.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from helpers.annotated import Shown, Sums, annotate, call_head_max, measure, place, probe
from helpers.contact_case import (
    MadeChain,
    Scores,
    add_chains,
    add_contacts,
    add_fused_contacts,
    add_head_contacts,
    all_pairs,
    best_pairs,
    walk,
)
from helpers.handmade import N_HEADS, N_LAYERS, hand, write_handmade
from helpers.jackknife_oracle import FEWEST_PROTEINS, LEVEL
from scipy.stats import t

from attlas.queries import Atlas
from attlas.queries.asking.questions import questions
from attlas.queries.engine.functions import reached_from

pytestmark = pytest.mark.slow

LETTERS = "ACDEFGHIKLMNPQRSTVWY"
HEADS = [(layer, head) for layer in range(N_LAYERS) for head in range(N_HEADS)]
LABELS = {"Active site": 0.9, "Binding site": 0.3, "Lipid": 0.0}
"""Types of features, with the share of sites that each of them likes."""
SIZES = (3, 6, 15, 40)
"""Proteins of each atlas."""


@dataclass(frozen=True)
class Pair:
    """Columns of a question: an interval, what it holds without an effect, and the p value that goes with it."""

    question: str
    low: str
    high: str
    log10_p: str
    null: str | float
    """A column, or a number."""


SHUFFLED = ("proteins_low", "proteins_high", "proteins_log10_p", "shuffled")
ENRICHMENT = ("enrichment_low", "enrichment_high", "log10_p", 1.0)
MATCHED = ("matched_low", "matched_high", "matched_log10_p", 1.0)
PAIRS = (
    *(Pair(name, *SHUFFLED) for name in ("head_labels", "best_heads", "amino_acid_heads", "layers_of_label")),
    *(Pair(name, *SHUFFLED) for name in ("contact_precision", "head_contact_precision", "fused_contact_precision")),
    *(Pair(name, *ENRICHMENT) for name in ("sites_at_features", "sites_in_structure", "site_baselines")),
    *(Pair(name, *MATCHED) for name in ("sites_at_features", "sites_in_structure")),
    *(Pair(name, "auc_low", "auc_high", "log10_p", 0.5) for name in ("head_auc", "received_auc")),
    Pair("sites_at_features", "precision_low", "precision_high", "log10_p", "background"),
    Pair("blosum_correlation", "r_low", "r_high", "log10_p", 0.0),
    Pair("track_correlation", "low", "high", "log10_p", 0.0),
)


def write_random_atlas(root: Path, n_proteins: int) -> None:
    """Write an atlas with an effect that differs from type to type and from head to head."""
    choose = random.Random(n_proteins)
    names = [f"P{i:02d}" for i in range(n_proteins)]
    texts = {a: "".join(choose.choices(LETTERS, k=choose.randint(30, 70))) for a in names}
    sites = {a: tuple(choose.sample(range(1, len(x) + 1), choose.randint(0, 5))) for a, x in texts.items()}
    write_handmade(root, [hand(a, x, sites=sites[a], layer=1) for a, x in texts.items()])
    call_head_max(root, {a: list(at)[:2] for a, at in sites.items()}, texts)

    # A feature is where a site is, or anywhere.
    spans, labelled = [], {}
    for accession, text in texts.items():
        for label, liking in LABELS.items():
            at = {choose.randint(1, len(text)) for _ in range(choose.randint(1, 4))}
            at |= {position for position in sites[accession] if choose.random() < liking}
            labelled[accession, label] = at
            spans += [(accession, label, position, position) for position in at]
    annotate(root, spans)
    for name, effect in {"sites": 1, "noise": 0}.items():
        values = {
            a: {i: choose.gauss(effect * (i in sites[a]), 1) for i in range(1, len(x) + 1)} for a, x in texts.items()
        }
        measure(root, values, name=name)

    probe(root, [row for accession, text in texts.items() for row in _probed(accession, text, labelled, choose)])
    points = {a: walk(len(x), choose) for a, x in texts.items()}
    add_chains(root, [MadeChain(a, "made.cif", "A", point) for a, point in points.items()])
    add_contacts(root, {a: best_pairs(_scores(points[a], choose), len(x)) for a, x in texts.items()})
    add_fused_contacts(root, {a: best_pairs(_scores(points[a], choose), len(x)) for a, x in texts.items()})
    add_head_contacts(root, [row for a, x in texts.items() for row in _head_contacts(a, len(x), choose)])


def _probed(accession: str, text: str, labelled: dict, choose: random.Random) -> Iterator[tuple]:
    """Yield the attention of each head to each label: to residues that it likes the better, the higher its number."""
    n, sums = len(text), {}
    for layer, head in HEADS:
        liking = layer + head
        weights = [1 + liking * (at in labelled[accession, "Active site"] or x in "CW") for at, x in enumerate(text, 1)]
        keys = choose.choices(range(1, n + 1), weights, k=max(1, int(choose.lognormvariate(4, 0.8))))
        sums[layer, head] = keys

    def row(label: str, positions: set[int]) -> tuple:
        parts: Sums = {}
        for at, keys in sums.items():
            k = sum(key in positions for key in keys)
            area = None if len(positions) == n else min(max(choose.gauss(0.5 + 0.04 * sum(at), 0.1), 0), 1)
            parts[at] = (k, 0.5 * k, 0.8 * k * n / len(keys), area)
        return accession, label, len(positions), n, parts

    yield row("residue", set(range(1, n + 1)))
    for (protein, label), positions in labelled.items():
        if protein == accession:
            yield row(label, positions)
    for letter in sorted(set(text)):
        yield row(f"aa:{letter}", {i for i, x in enumerate(text, 1) if x == letter})


def _scores(points: dict, choose: random.Random) -> Scores:
    """Return how probable a model thinks each pair: the more so if it is a contact."""
    scores = all_pairs(len(points), choose)
    at = {position: places[1] for position, places in points.items()}
    touching = {
        pair for pair in scores if None not in (at[pair[0]], at[pair[1]]) and math.dist(at[pair[0]], at[pair[1]]) < 8
    }
    return {pair: min(score + 0.2 * (pair in touching), 1) for pair, score in scores.items()}


def _head_contacts(accession: str, length: int, choose: random.Random) -> Iterator[dict]:
    """Yield the attention between residues in contact: more than chance gives in some heads, less in others."""
    for layer, head in HEADS:
        n, share = choose.randint(20, 90), choose.betavariate(2, 8)
        k = sum(choose.random() < min(share * (0.5 + 0.5 * layer), 1) for _ in range(n))
        row = {"accession": accession, "source": "made.cif", "chain": "A", "layer": layer, "head": head, "n_edges": n}
        row |= {"n_contact_edges": k, "edge_mass": n * 0.5, "contact_edge_mass": k * 0.5, "mass": n * 0.75}
        row |= {"contact_mass": k * 0.75, "n_pairs": length**2, "n_contact_pairs": round(length**2 * share)}
        yield row | {"n_top": 20, "n_top_contacts": k % 20, "n_long_pairs": 21, "n_long_contacts": 4}


@pytest.fixture(scope="module")
def atlases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Atlas]]:
    folder = tmp_path_factory.mktemp("random")
    for n_proteins in SIZES:
        write_random_atlas(folder / str(n_proteins), n_proteins)
    opened = [Atlas.open(folder / str(n_proteins)) for n_proteins in SIZES]
    yield opened
    for atlas in opened:
        atlas.close()


@pytest.fixture(scope="module")
def answers(atlases: list[Atlas], is_thorough: bool) -> dict[str, list[dict]]:
    """Return the rows of each question over all atlases, in one form of attention after the other, or in all."""
    rows: dict[str, list[dict]] = {}
    for name in dict.fromkeys(pair.question for pair in PAIRS):
        parameters = {p.name for q in questions() if q.name == name for p in q.parameters}
        forms = [{"form": form} for form in ("count", "mass")] if "form" in parameters else [{}]
        labels = [{"type": label} for label in LABELS] if "type" in parameters else [{}]
        few = {"min_proteins": 1} if "min_proteins" in parameters else {}
        few |= {"min_edges": 1} if "min_edges" in parameters else {}
        few |= {"label": "Active site"} if "label" in parameters else {}
        rows[name] = []
        for i, atlas in enumerate(atlases):
            for form, label in product(forms if is_thorough else [forms[i % len(forms)]], labels):
                rows[name] += atlas.ask(name, **form, **label, **few).to_pylist()
    return rows


@pytest.mark.thorough
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.question}-{pair.log10_p}-{pair.low}")
def test_the_interval_leaves_out_the_null_if_and_only_if_the_test_rejects(pair: Pair, answers: dict) -> None:
    verdicts = compare_verdicts(pair, answers[pair.question])
    assert len(verdicts) >= 5
    assert False in verdicts
    assert True in verdicts or pair.question == "blosum_correlation"  # nothing in these atlases is as in evolution


def compare_verdicts(pair: Pair, rows: list[dict]) -> list[bool]:
    """Hold the interval of each row to its test; return whether it leaves out what is without an effect."""
    verdicts = []
    for row in rows:
        low, high, log10_p = (row[name] for name in (pair.low, pair.high, pair.log10_p))
        if log10_p is None:
            continue
        null = row[pair.null] if isinstance(pair.null, str) else pair.null
        assert low <= high
        is_left_out = null < low or null > high

        # At the level itself, or where ends are the same to the digits of the answer, rows tell nothing.
        if abs(log10_p - LEVEL) > 0.011 and null not in (low, high):
            assert is_left_out == (log10_p < LEVEL), row
            verdicts.append(is_left_out)
    return verdicts


def test_the_one_construction_of_intervals_and_tests_is_of_one_mind_on_random_numbers() -> None:
    """`ratio_test`, by which every question has both, on ten thousand estimates; without `--thorough`, too."""
    rng = np.random.default_rng(13)
    errors, df = rng.lognormal(-2, 1, 10_000), rng.uniform(1, 60, 10_000)
    beyond = errors * rng.standard_t(df) * rng.choice([0.5, 1, 3], 10_000)
    rows = pa.table({"beyond": beyond, "error": errors, "df": df, "n_tests": rng.choice([1, 20, 660], 10_000)})
    with duckdb.connect() as connection:
        for function in reached_from("SELECT ratio_test(1, 1, 1, 1)"):
            connection.execute(function.sql)
        connection.register("estimates", rows)
        query = "SELECT beyond, unnest(ratio_test(beyond, error, df, n_tests)) FROM estimates"
        test_rows = connection.sql(query).to_arrow_table().to_pylist()
    decided = [row for row in test_rows if abs(row["log10_p"] - LEVEL) > 1e-6]
    assert all((abs(row["beyond"]) > row["reach"]) == (row["log10_p"] < LEVEL) for row in decided)
    assert 500 < sum(row["log10_p"] < LEVEL for row in decided) < 9_500


SHORT_FORM = ("head_labels", "received_auc", "sites_at_features")


def test_on_one_atlas_intervals_leave_out_the_null_if_and_only_if_tests_reject(tmp_path: Path) -> None:
    write_random_atlas(tmp_path / "atlas", 15)
    with Atlas.open(tmp_path / "atlas") as atlas:
        rows = {
            "head_labels": atlas.ask("head_labels", label="Active site", min_edges=1).to_pylist(),
            "received_auc": atlas.ask("received_auc", type="Active site").to_pylist(),
            "sites_at_features": atlas.ask("sites_at_features").to_pylist(),
        }
    verdicts = [
        verdict
        for pair in PAIRS
        if pair.question in SHORT_FORM
        for verdict in compare_verdicts(pair, rows[pair.question])
    ]
    assert len(verdicts) >= 10
    assert set(verdicts) == {False, True}


@pytest.mark.thorough
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.question}-{pair.log10_p}-{pair.low}")
def test_an_interval_and_a_p_value_come_together_or_not_at_all_and_the_row_says_why(pair: Pair, answers: dict) -> None:
    for row in answers[pair.question]:
        untested = row[pair.log10_p] is None
        if pair.question == "site_baselines" and row["method"].startswith("random"):
            continue
        assert (row[pair.low] is None) == (row[pair.high] is None) == untested
        if pair.log10_p != "matched_log10_p" and "note" in row:
            assert (row["note"] is not None) == (row["confidence"] is None) == untested, row
        if row.get("n_proteins", FEWEST_PROTEINS) < FEWEST_PROTEINS:
            assert untested


WITH_ONE_ORACLE = {
    *("across_contacts", "fused_across_contacts", "homodimers", "interface_residues"),
    *("repeats", "label_in_letter", "zinc_histidines", "zinc_second_shell", "n_terminal_register"),
    *("binder_nulls", "binder_nulls_held_out"),
    "homodimer_contacts",
    "segment_coverage",
}
"""Questions whose interval and p value are compared with those of one t test of the same values: the first line in
`test_pair_questions`, the second in `test_proteome_questions`, the third in `test_binder_nulls`, the fourth in
`test_homodimer_contacts`; the last has no interval."""


def test_every_question_with_a_p_value_and_an_interval_is_held_to_it() -> None:
    """But for those of families, and for columns as published, which say that they are no p values to believe."""
    held = {pair.question for pair in PAIRS} | WITH_ONE_ORACLE
    for question in questions():
        names = {name for name, _ in question.columns}
        if question.topic != "Families" and any(name.endswith("log10_p") for name in names):
            assert question.name in held


# The level of the test where nothing is to be found


@pytest.mark.thorough
@pytest.mark.parametrize("n_proteins", [5, 10, 40])
def test_of_labels_that_mean_nothing_few_heads_are_found(tmp_path: Path, n_proteins: int) -> None:
    """Two hundred heads with edges of very unequal numbers, clumped on few residues; a rare label at random."""
    rng, heads = np.random.default_rng(n_proteins), [(layer, head) for layer in range(10) for head in range(20)]
    names, lengths = [f"P{i:02d}" for i in range(n_proteins)], rng.integers(40, 90, n_proteins)
    texts = ["".join(rng.choice(list(LETTERS), n)) for n in lengths]
    write_handmade(tmp_path / "atlas", [hand(a, x) for a, x in zip(names, texts, strict=True)])
    rows, weights = [], []
    for name, length in zip(names, map(int, lengths), strict=True):
        labelled = rng.permutation(length) < rng.integers(2, 9)
        sizes = np.maximum(rng.lognormal(3.5, 1, len(heads)).astype(int), 1)
        weights.append(sizes)
        keys = [rng.multinomial(n, rng.dirichlet(np.full(length, 0.5))) for n in sizes]
        whole: Sums = {at: (int(n), 1.0, 1.0) for at, n in zip(heads, sizes, strict=True)}
        part: Sums = {at: (int(k[labelled].sum()), 1.0, 1.0) for at, k in zip(heads, keys, strict=True)}
        rows += [(name, "residue", length, length, whole), (name, "Site", int(labelled.sum()), length, part)]
    probe(tmp_path / "atlas", rows)
    with Atlas.open(tmp_path / "atlas") as atlas:
        head_rows = atlas.ask("head_labels", label="Site", min_edges=1).to_pylist()
    tested = [row for row in head_rows if row["note"] is None]
    assert len(tested) > 150 * (n_proteins > 5)

    # Uncorrected, one in twenty may be found; all heads are of the same labels, so this share varies.
    effective = dict(zip(heads, np.sum(weights, axis=0) ** 2 / np.square(weights).sum(axis=0), strict=True))
    rejected = [abs(r["proteins_t"]) > t.isf(0.025, effective[r["layer"], r["head"]] - 1) for r in tested]
    assert np.mean(rejected) < 0.1
    assert min((row["proteins_log10_p"] for row in tested), default=0) > LEVEL
    assert np.mean([abs(row["z"]) > 1.96 for row in head_rows]) > 0.1


@pytest.mark.thorough
def test_two_proteins_are_no_evidence_however_much_they_agree(tmp_path: Path) -> None:
    """The row that this is about: an enrichment of five, of two proteins, once had an interval of 4.80 to 4.88."""
    texts = {a: "MKCAACGGHW" * 3 + a for a in "AC"}
    write_handmade(tmp_path / "atlas", [hand(a, x, sites=(3, 6), layer=1) for a, x in texts.items()])
    annotate(tmp_path / "atlas", [(a, "Active site", 3, 3) for a in texts])
    place(
        tmp_path / "atlas",
        [
            Shown(a, "x", "A", i, x[i - 1], (3.0 * i, 0, 0), (3.0 * i, 0, 0))
            for a, x in texts.items()
            for i in range(1, 31)
        ],
    )
    with Atlas.open(tmp_path / "atlas") as atlas:
        for name in ("sites_at_features", "sites_in_structure", "site_baselines"):
            row = atlas.ask(name, within=0).to_pylist()[0]
            assert row["enrichment"] > 5
            assert (row["enrichment_low"], row["enrichment_high"], row["log10_p"]) == (None, None, None)
            assert row["note"] == "fewer than 5 proteins"
