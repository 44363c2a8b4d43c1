"""Questions on annotation, against sets and sums in Python, scipy and Biopython, on random and on hand-made rows."""

import math
import random
import re
import statistics
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from Bio.Align import substitution_matrices
from helpers.annotated import Span, Sums, annotate, probe
from helpers.default_cases import each_nth_by_default
from helpers.handmade import hand, write_handmade
from helpers.synthetic import SyntheticProtein, write_atlas
from scipy.stats import binomtest, mannwhitneyu, norm, pearsonr, t, ttest_1samp

from attlas.queries import Atlas
from attlas.queries.asking.question import Question
from attlas.queries.asking.question_file import read_question
from attlas.queries.asking.questions import describe_lines, question_named, questions
from attlas.schema import ADDED_TABLES, QuestionError

pytestmark = pytest.mark.slow

LETTERS = "ACDEFGHIKLMNPQRSTVWY"
N_LAYERS, N_HEADS = 4, 3
HEADS = [(layer, head) for layer in range(N_LAYERS) for head in range(N_HEADS)]
TYPES = ("Active site", "Binding site", "Disulfide bond")
FORMS = ("count", "weighted", "mass")

Probed = dict[tuple[str, str], tuple[int, int, Sums]]
"""By accession and label: labelled residues, length, sums."""


def random_proteins(choose: random.Random) -> list[SyntheticProtein]:
    """Forty random proteins, eight of them under two accessions, some without a site, one too short for a fit."""
    sequences = ["".join(choose.choices(LETTERS, k=choose.randint(12, 80))) for _ in range(40)]
    proteins = [SyntheticProtein(f"R{i:03d}", s, n_sites=choose.randint(0, 9)) for i, s in enumerate(sequences)]
    proteins += [SyntheticProtein(f"T{i:03d}", p.sequence, n_sites=p.n_sites) for i, p in enumerate(proteins[:8])]
    return [*proteins, SyntheticProtein("Z1", "MKCDE"), SyntheticProtein("Z2", "MKWF" * 5, status="failed", reason="x")]


def random_spans(proteins: list[SyntheticProtein], choose: random.Random) -> list[Span]:
    """Features, one of them given twice; the second accessions carry none, the same, or others."""
    spans = []
    for protein in proteins:
        for type_ in choose.sample(TYPES, choose.randint(0, 3)):
            for _ in range(choose.randint(1, 3)):
                begin = choose.randint(1, len(protein.sequence))
                end = begin if type_ == "Active site" else min(begin + choose.randint(0, 5), len(protein.sequence))
                spans.append((protein.accession, type_, begin, end))
    return list(dict.fromkeys(spans))


def random_probe(proteins: list[SyntheticProtein], spans: list[Span], choose: random.Random) -> Probed:
    probed: Probed = {}
    for protein in (p for p in proteins if p.status == "ok"):
        accession, n = protein.accession, len(protein.sequence)
        labels = dict(Counter(f"aa:{x}" for x in protein.sequence))
        labels |= {t: choose.randint(1, 9) for t in sorted({t for a, t, _, _ in spans if a == accession})}
        # Head (0, 0) has hardly an edge.
        edges = {at: choose.randint(0, 2) if at == (0, 0) else choose.randint(20, 90) for at in HEADS}
        whole = {at: (k, k * choose.uniform(0.3, 0.9), n * choose.uniform(0.8, 1.0)) for at, k in edges.items()}
        probed[accession, "residue"] = n, n, whole
        for label, n_labelled in labels.items():
            sums = {}
            for at, (k, edge_mass, mass) in whole.items():
                part = choose.randint(0, max(k // 8, 0))
                sums[at] = part, edge_mass * part / max(k, 1) * choose.uniform(0.8, 1), mass * choose.uniform(0, 0.3)
            probed[accession, label] = n_labelled, n, sums
    return probed


class Case:
    """A random atlas with all that went into it."""

    def __init__(self, root: Path) -> None:
        choose = random.Random(11)
        self.proteins = random_proteins(choose)
        self.spans = random_spans(self.proteins, choose)
        self.probed = random_probe(self.proteins, self.spans, choose)
        write_atlas(root, self.proteins, n_layers=N_LAYERS, n_heads=N_HEADS)
        annotate(root, self.spans)
        probe(root, [(a, label, *values) for (a, label), values in self.probed.items()])
        self.atlas = Atlas.open(root)
        self.sequences = {p.accession: p.sequence for p in self.proteins}

    def ask(self, name: str, **given: object) -> list[dict]:
        return self.atlas.ask(name, **given).to_pylist()

    def first(self, accessions: list[str]) -> list[str]:
        """Return one accession of each sequence, the first."""
        by_sequence: dict[str, str] = {}
        for accession in sorted(accessions):
            by_sequence.setdefault(self.sequences[accession], accession)
        return sorted(by_sequence.values())

    def labelled(self, accession: str, type_: str) -> set[int]:
        spans = [(b, e) for a, t, b, e in self.spans if (a, t) == (accession, type_)]
        if type_ == "Disulfide bond":
            return {at for span in spans for at in span}
        return {at for b, e in spans for at in range(b, e + 1)}

    def received(self, accession: str) -> list[list[float]]:
        """Return the profile by layer."""
        rows = self.atlas.residues(accession)["received"].to_pylist()
        return [list(layer) for layer in zip(*rows, strict=True)]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    case = Case(tmp_path_factory.mktemp("biology") / "atlas")
    yield case
    case.atlas.close()


def wilson(k: int, n: int, level: float = 0.95) -> tuple[float, float]:
    interval = binomtest(k, n).proportion_ci(level, method="wilson")
    return interval.low, interval.high


# p(f | layer, head)


def pooled(case: Case, label: str, form: str, accessions: list[str] | None = None) -> dict[tuple[int, int], dict]:
    """Return for each head the sums over the first accession of each sequence that carries the label."""
    which = FORMS.index(form)
    names = case.first([a for a, x in case.probed if x == label and (accessions is None or a in accessions)])
    numbers = {}
    for at in HEADS:
        parts = [(case.probed[a, label], case.probed[a, "residue"]) for a in names]
        k, n = ([float(part[i][2][at][which]) for part in parts] for i in (0, 1))
        shares = [of[0] / of[1] for of, _ in parts]
        background = sum(of[0] for of, _ in parts) / sum(of[1] for of, _ in parts)
        p = sum(k) / sum(n)
        n_edges = sum(whole[2][at][0] for _, whole in parts)
        shuffled = sum(x * y for x, y in zip(n, shares, strict=True)) / sum(n)
        numbers[at] = {"k": sum(k), "n": sum(n), "p": p, "n_edges": n_edges, "background": background}
        numbers[at] |= {"shuffled": shuffled, "n_proteins": len(names), "n_residues": sum(of[1] for of, _ in parts)}
    return numbers


@pytest.mark.parametrize("form", each_nth_by_default(FORMS, 3))
@pytest.mark.parametrize("label", ["Active site", "Binding site", "aa:C"])
def test_shares_of_heads_are_those_by_addition(case: Case, label: str, form: str) -> None:
    expected = {at: of for at, of in pooled(case, label, form).items() if of["n_edges"] >= 100}
    assert len(expected) == len(HEADS) - 1
    rows = case.ask("head_labels", label=label, form=form)
    assert {(row["layer"], row["head"]) for row in rows} == set(expected)
    for row in rows:
        of = expected[row["layer"], row["head"]]
        assert (row["n_proteins"], row["n_edges"]) == (of["n_proteins"], of["n_edges"])
        assert row["p"] == pytest.approx(of["p"], abs=6e-5)
        assert row["background"] == pytest.approx(of["background"], abs=6e-5)
        assert row["shuffled"] == pytest.approx(of["shuffled"], abs=6e-5)
        assert row["ratio"] == pytest.approx(of["p"] / of["background"], abs=0.006)
        assert row["proteins_low"] < row["p"] < row["proteins_high"]  # their values: test_head_statistics.py
    assert [row["p"] for row in rows] == sorted((row["p"] for row in rows), reverse=True)


@pytest.mark.parametrize("label", ["Active site", "Binding site"])
def test_intervals_and_tests_of_heads_are_those_of_scipy(case: Case, label: str) -> None:
    expected, rows = pooled(case, label, "count"), case.ask("head_labels", label=label)
    for row in rows:
        of = expected[row["layer"], row["head"]]
        k, n, residues = round(of["k"]), round(of["n"]), of["n_residues"]
        low, high = wilson(k, n, 1 - 0.05 / len(rows))
        assert (row["wilson_low"], row["wilson_high"]) == pytest.approx((low, high), abs=1e-4)
        both = (k + of["background"] * residues) / (n + residues)
        z = (of["p"] - of["background"]) / math.sqrt(both * (1 - both) * (1 / n + 1 / residues))
        assert row["z"] == pytest.approx(z, abs=0.006)
        log10_p = (norm.logsf(abs(z)) + math.log(2)) / math.log(10) + math.log10(len(rows))
        assert row["log10_p"] == pytest.approx(min(log10_p, 0), abs=0.006)
    assert any(row["log10_p"] < -1 for row in rows)


def test_the_error_over_proteins_is_that_of_a_bootstrap_or_of_chance(case: Case) -> None:
    (row,) = (r for r in case.ask("head_labels", label="aa:C") if (r["layer"], r["head"]) == (2, 1))
    names = case.first([a for a, x in case.probed if x == "aa:C"])
    labelled, whole = ([case.probed[a, x] for a in names] for x in ("aa:C", "residue"))
    n = [of[2][2, 1][0] for of in whole]
    share = [of[0] / of[1] for of in labelled]
    parts = [(of[2][2, 1][0] - m * s, m) for of, m, s in zip(labelled, n, share, strict=True)]
    choose = random.Random(1)
    drawn = [choose.choices(parts, k=len(parts)) for _ in range(4_000)]
    spread = statistics.stdev(sum(d for d, _ in sample) / sum(m for _, m in sample) for sample in drawn)
    chance = math.sqrt(sum(m * s * (1 - s) for m, s in zip(n, share, strict=True))) / sum(n)
    quantile = t.isf(0.05 / (2 * (len(HEADS) - 1)), sum(n) ** 2 / sum(m * m for m in n) - 1)
    assert row["proteins_high"] - row["p"] == pytest.approx(quantile * max(spread, chance), rel=0.1)


def test_only_counts_have_tests_of_counts(case: Case) -> None:
    for form in ("weighted", "mass"):
        rows = case.ask("head_labels", form=form)
        assert len(rows) == len(HEADS) - 1
        for row in rows:
            assert [row[name] for name in ("wilson_low", "wilson_high", "z", "log10_p")] == [None] * 4


def test_heads_can_be_asked_of_some_proteins_and_with_few_edges(case: Case) -> None:
    accessions = ["R001", "R002", "R003", "T001", "R020"]
    expected = pooled(case, "aa:C", "count", accessions)
    rows = case.ask("head_labels", label="aa:C", proteins=accessions, min_edges=0)
    assert {(r["layer"], r["head"]): r["n_edges"] for r in rows} == {
        at: of["n_edges"] for at, of in expected.items() if of["n_edges"]
    }
    for row in rows:
        assert row["p"] == pytest.approx(expected[row["layer"], row["head"]]["p"], abs=6e-5)
    (only,) = {row["proteins_low"] for row in case.ask("head_labels", label="aa:C", proteins="R001", min_edges=1)}
    assert only is None  # one protein says nothing of how proteins differ


def test_a_label_that_was_not_probed_has_no_heads(case: Case) -> None:
    with pytest.raises(QuestionError, match=r"no 'Domain' in labels.label"):
        case.ask("head_labels", label="Domain")


def test_layers_are_means_of_their_heads_with_a_centre(case: Case) -> None:
    rows = case.ask("layers_of_label")
    labels = {label for _, label in case.probed} - {"residue"}
    assert {row["label"] for row in rows} == labels
    for label in labels:
        of = {at: x for at, x in pooled(case, label, "count").items() if x["n_edges"] >= 100}
        means = {
            layer: statistics.fmean(x["p"] for at, x in of.items() if at[0] == layer)
            for layer in sorted({layer for layer, _ in of})
        }
        label_rows = [row for row in rows if row["label"] == label]
        assert {row["layer"]: row["mean_p"] for row in label_rows} == pytest.approx(means, abs=6e-5)
        assert {row["n_heads"] for row in label_rows if row["layer"]} == {N_HEADS}
        centre = sum(layer * p for layer, p in means.items()) / sum(means.values())
        assert [row["centre"] for row in label_rows] == pytest.approx([centre] * len(label_rows), abs=0.006)


@pytest.mark.thorough
def test_best_heads_are_the_first_of_each_label(case: Case) -> None:
    rows = case.ask("best_heads", labels=["Active site", "aa:W"], n=2, form="mass")
    assert [(row["label"], row["place"]) for row in rows] == [
        (label, place) for label in ("Active site", "aa:W") for place in (1, 2)
    ]
    for row in rows:
        full = case.ask("head_labels", label=row["label"], form="mass")[row["place"] - 1]
        shared = set(row) & set(full)
        assert {name: row[name] for name in shared} == {name: full[name] for name in shared}
        assert {"layer", "head", "p", "ratio", "proteins_low", "proteins_high"} <= shared
    assert len(case.ask("best_heads")) == len({label for _, label in case.probed} - {"residue"})


def by_letter(case: Case, form: str) -> dict[tuple[str, tuple[int, int]], float]:
    which = FORMS.index(form)
    names = case.first([a for a, x in case.probed if x == "residue"])
    shares = {}
    for at in HEADS:
        wholes = [case.probed[a, "residue"][2][at] for a in names]
        if sum(whole[0] for whole in wholes) >= 100:
            for x in LETTERS:
                k = sum(case.probed[a, f"aa:{x}"][2][at][which] for a in names if (a, f"aa:{x}") in case.probed)
                shares[x, at] = k / sum(whole[which] for whole in wholes)
    return shares


@pytest.mark.parametrize("form", FORMS)
def test_amino_acids_are_pooled_over_all_proteins(case: Case, form: str) -> None:
    rows = case.ask("amino_acid_heads", form=form)
    shares = {(row["residue"], (row["layer"], row["head"])): row["p"] for row in rows}
    assert shares == pytest.approx(by_letter(case, form), abs=6e-5)
    text = "".join(case.sequences[a] for a in case.first([a for a, x in case.probed if x == "residue"]))
    for row in rows:
        assert row["background"] == pytest.approx(text.count(row["residue"]) / len(text), abs=6e-5)


@pytest.mark.parametrize("form", FORMS)
def test_amino_acids_are_compared_with_blosum62(case: Case, form: str) -> None:
    matrix, shares = substitution_matrices.load("BLOSUM62"), by_letter(case, form)
    heads = sorted({at for _, at in shares})
    rows = case.ask("blosum_correlation", form=form)
    assert [(row["first"], row["second"]) for row in rows] == [(a, b) for a in LETTERS for b in LETTERS if a < b]
    for row in rows:
        pair = [[shares[x, at] for at in heads] for x in (row["first"], row["second"])]
        assert row["correlation"] == pytest.approx(pearsonr(*pair).statistic, abs=6e-5)
        assert row["blosum62"] == matrix[row["first"]][row["second"]]
        assert (row["n_heads"], row["n_pairs"]) == (len(heads), 190)
    r = pearsonr([row["correlation"] for row in rows], [row["blosum62"] for row in rows]).statistic
    assert [row["r"] for row in rows] == pytest.approx([r] * len(rows), abs=2e-4)


def test_blosum_needs_three_amino_acids_to_say_anything(tmp_path: Path) -> None:
    write_handmade(tmp_path / "atlas", [hand("A", "MKLVMKLVMKLV", layer=0)])
    probe(tmp_path / "atlas", [("A", x, 4, 12, {(0, 0): (200, 1.0, 1.0)}) for x in ("residue", "aa:M", "aa:K")])
    with Atlas.open(tmp_path / "atlas") as atlas:
        (row,) = atlas.ask("blosum_correlation").to_pylist()
    assert (row["first"], row["second"], row["correlation"], row["r"], row["n_pairs"]) == ("K", "M", None, None, 0)


def test_a_head_by_hand(tmp_path: Path) -> None:
    """Two accessions of one sequence and another protein: 30 + 10 of 100 + 100 edges, 1 + 2 of 10 + 20 residues."""
    write_handmade(tmp_path / "atlas", [hand(a, s) for a, s in (("A", "M" * 10), ("A2", "M" * 10), ("B", "K" * 20))])
    rows = [
        (
            accession,
            label,
            n if label == "Site" else length,
            length,
            {(0, 0): (k if label == "Site" else 100, 1.0, 1.0)},
        )
        for accession, n, length, k in (("A", 1, 10, 30), ("A2", 9, 10, 90), ("B", 2, 20, 10))
        for label in ("residue", "Site")
    ]
    probe(tmp_path / "atlas", rows)
    with Atlas.open(tmp_path / "atlas") as atlas:
        (row,) = atlas.ask("head_labels", label="Site").to_pylist()
    assert (row["n_proteins"], row["n_edges"], row["p"], row["background"]) == (2, 200, 0.2, 0.1)
    assert (row["ratio"], row["shuffled"]) == (2.0, 0.1)
    assert (row["proteins_low"], row["proteins_high"], row["note"]) == (None, None, "fewer than 5 proteins")


# AUC of attention received


@pytest.mark.parametrize("type_", each_nth_by_default(TYPES, 3))
def test_auc_is_that_of_scipy(case: Case, type_: str) -> None:
    computed = {p.accession for p in case.proteins if p.status == "ok"}
    names = case.first([a for a, t, _, _ in case.spans if t == type_ and a in computed])
    rows = case.ask("received_auc", type=type_)
    for layer, row in enumerate(rows):
        aucs, with_it, without = [], [], []
        for accession in names:
            profile, labelled = case.received(accession)[layer], case.labelled(accession, type_)
            mean = statistics.fmean(profile)
            parts = [[x for at, x in enumerate(profile, 1) if (at in labelled) is has] for has in (True, False)]
            with_it += [x / mean for x in parts[0]]
            without += [x / mean for x in parts[1]]
            if all(parts):
                aucs.append(mannwhitneyu(*parts).statistic / (len(parts[0]) * len(parts[1])))
        assert (row["layer"], row["n_proteins"], row["n_labelled"]) == (layer, len(aucs), len(with_it))
        assert row["auc_of_proteins"] == pytest.approx(statistics.fmean(aucs), abs=6e-5)
        test = ttest_1samp(aucs, 0.5)
        low, high = test.confidence_interval(1 - 0.05 / N_LAYERS)
        assert (row["auc_low"], row["auc_high"]) == pytest.approx((max(low, 0), min(high, 1)), abs=1e-3)
        assert row["t"] == pytest.approx(test.statistic, abs=0.006)
        log10_p = min(math.log10(test.pvalue * N_LAYERS), 0)
        assert row["log10_p"] == pytest.approx(log10_p, abs=0.006 + 0.005 * abs(log10_p))
        whole = mannwhitneyu(with_it, without).statistic / (len(with_it) * len(without))
        assert row["auc_pooled"] == pytest.approx(whole, abs=6e-5)
    assert len(rows) == N_LAYERS


def test_a_protein_that_carries_the_feature_everywhere_has_no_auc(tmp_path: Path) -> None:
    write_handmade(tmp_path / "atlas", [hand("A", "MKCAACGGHW", sites=(3,), layer=1)])
    annotate(tmp_path / "atlas", [("A", "Chain", 1, 10)])
    with Atlas.open(tmp_path / "atlas") as atlas:
        rows = atlas.ask("received_auc", type="Chain").to_pylist()
    assert {(row["n_proteins"], row["auc_of_proteins"], row["auc_pooled"]) for row in rows} == {(0, None, None)}


# What a question needs


needy = [question for question in questions() if question.needs]


@pytest.mark.parametrize("question", needy, ids=[question.name for question in needy])
def test_an_atlas_without_annotation_says_what_is_missing(atlas: Atlas, question: Question) -> None:
    given = {parameter.name: "P0DP23" for parameter in question.parameters if parameter.is_required}
    with pytest.raises(
        QuestionError, match=rf"needs .*{question.needs[0]}.*, but the atlas has no such rows"
    ) as caught:
        atlas.ask(question.name, **given)
    for text in (*question.needs, *(f"`{command}`" for command in question.command.split(" and "))):
        assert text in str(caught.value)


def test_a_table_without_rows_is_as_none(tmp_path: Path) -> None:
    write_handmade(tmp_path / "atlas", [hand("A", "MKCAACGGHW", sites=(3,), layer=1)])
    annotate(tmp_path / "atlas", [])
    with Atlas.open(tmp_path / "atlas") as atlas, pytest.raises(QuestionError, match="no such rows"):
        atlas.ask("sites_at_features")


def test_every_question_on_an_added_table_says_that_it_needs_it() -> None:
    # Both methods of contacts share their functions; the others are asked all the same, and say less then. Families are
    # needed only where they are the units.
    does_without = {
        "site_baselines": {"head_max_sites"},
        "track_correlation": {"families"},
        "contact_precision": {"fused_contacts"},
        "contact_precision_by_structure": {"fused_contacts"},
        "predicted_contacts": {"coordinates", "fused_contacts"},
        "fused_contact_precision": {"contacts"},
        "predicted_fused_contacts": {"coordinates", "contacts"},
    }
    for question in questions():
        sql = question.whole_sql.replace("main.", "")
        named = set(re.findall(r"\b(?:FROM|JOIN) (\w+)", sql)) - set(re.findall(r"(\w+) AS \(", sql))
        used = named & {table.name for table in ADDED_TABLES}
        assert set(question.needs) | does_without.get(question.name, set()) == used


def test_what_is_needed_is_described() -> None:
    assert "needs features: `attlas annotate DIR SOURCE` first" in list(describe_lines(question_named("received_auc")))


HEADER = """-- title: Heads
-- topic: Heads
-- needs: {needs}
-- answers: Which heads?
-- parameters:
--   form text {choices}: Which form.
-- grain: layer
-- source: None.
SELECT layer FROM heads WHERE $form <> '' ORDER BY layer LIMIT 1
"""


def test_a_question_of_ones_own_may_offer_choices(atlas: Atlas, tmp_path: Path) -> None:
    path = tmp_path / "own.sql"
    path.write_text(HEADER.format(needs="", choices="one|other = one"))
    (parameter,) = read_question(path).parameters
    assert (parameter.choices, parameter.default, parameter.range) == (("one", "other"), "one", "one or other")
    assert atlas.ask(path, form="other").num_rows == 1
    with pytest.raises(QuestionError, match="one or other"):
        atlas.ask(path, form="third")


def test_a_question_cannot_need_what_is_no_added_table(tmp_path: Path) -> None:
    path = tmp_path / "own.sql"
    path.write_text(HEADER.format(needs="features, sites", choices="= one"))
    with pytest.raises(QuestionError, match="sites"):
        read_question(path)


# Texts that stand in a column


@pytest.mark.thorough
@pytest.mark.parametrize("typed", ["active site", "ACTIVE SITE", "Active site"])
def test_a_label_is_found_in_any_letter_case(case: Case, typed: str) -> None:
    assert case.ask("head_labels", label=typed) == case.ask("head_labels", label="Active site") != []
    assert case.ask("best_heads", labels=[typed, "Active site"]) == case.ask("best_heads", labels="Active site")


def test_a_text_that_is_no_value_of_its_column_is_refused_with_those_there_are(case: Case) -> None:
    with pytest.raises(QuestionError, match=r"This atlas has no 'Actve site' in labels\.label\.") as caught:
        case.ask("best_heads", labels="Active site,Actve site")
    assert "Active site" in caught.value.expected
    query = re.search(r"attlas sql DIR \"(.*?)\"", caught.value.hint)
    counted = {row["label"]: row["n"] for row in case.atlas.sql(query[1]).to_pylist()}
    assert sorted(counted) == sorted({label for _, label in case.probed})


@pytest.mark.thorough
def test_a_default_that_an_atlas_has_nothing_of_is_reported(tmp_path: Path) -> None:
    proteins = [SyntheticProtein("A1", "MKCAACGGHW")]
    write_atlas(tmp_path / "atlas", proteins, n_layers=2, n_heads=2)
    annotate(tmp_path / "atlas", [("A1", "Site", 2, 3)])
    with Atlas.open(tmp_path / "atlas") as atlas:
        with pytest.warns(UserWarning, match=r"no 'Active site', 'Binding site' in features.type. It has Site"):
            assert atlas.ask("sites_at_features").num_rows == 0
        with pytest.warns(UserWarning, match=r"no 'Active site' in features.type. It has Site"):
            assert atlas.ask("received_auc").num_rows == 0
