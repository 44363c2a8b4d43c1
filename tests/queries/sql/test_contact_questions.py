"""Questions on contacts, against pairs counted in Python and statistics by scipy and statsmodels, on random rows."""

import math
import random
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from helpers.contact_case import (
    CUTS,
    LIMITS,
    MadeChain,
    Scores,
    add_chains,
    add_contacts,
    add_fused_contacts,
    add_head_contacts,
    all_pairs,
    best_pairs,
    by_hand,
    choose_chains,
    random_head_contacts,
    walk,
)
from helpers.default_cases import each_nth_by_default
from helpers.jackknife_oracle import Estimate, agrees, estimate
from helpers.synthetic import SyntheticProtein, write_atlas
from scipy.stats import norm
from statsmodels.stats.proportion import proportion_confint, proportions_ztest

from attlas.queries import Atlas
from attlas.schema import QuestionError

pytestmark = pytest.mark.slow

N_LAYERS, N_HEADS = 3, 4
HEADS = [(layer, head) for layer in range(N_LAYERS) for head in range(N_HEADS)]
LETTERS = "ACDEFGHIKLMNPQRSTVWY"
ROWS = [(which, cut) for which in LIMITS for cut in CUTS]


class Case:
    """A random atlas with all that went into it: sequences of two accessions, chains of one, both or neither."""

    def __init__(self, root: Path) -> None:
        choose = random.Random(3)
        lengths = [*(choose.randint(30, 90) for _ in range(12)), 20, 9, 7, 3]
        proteins = [SyntheticProtein(f"R{i:02d}", "".join(choose.choices(LETTERS, k=n))) for i, n in enumerate(lengths)]
        proteins += [SyntheticProtein(f"T{i:02d}", proteins[i].sequence) for i in range(4)]
        write_atlas(root, proteins, n_layers=N_LAYERS, n_heads=N_HEADS)
        self.sequences = {p.accession: p.sequence for p in proteins}
        self.maps = {s: all_pairs(len(s), choose) for s in dict.fromkeys(self.sequences.values())}
        accession_of = {sequence: accession for accession, sequence in reversed(self.sequences.items())}
        # R05 has a structure but no contacts, as a protein that was left out.
        self.stored = {s: best_pairs(pairs, len(s)) for s, pairs in self.maps.items() if accession_of[s] != "R05"}
        add_contacts(root, {accession_of[s]: pairs for s, pairs in self.stored.items()})
        # By fused heads, whose scores may be negative: R04 alone lacks them, and R03 and R06 chose the heads.
        fused_maps = {s: {pair: score - 0.4 for pair, score in all_pairs(len(s), choose).items()} for s in self.maps}
        self.fused = {s: best_pairs(pairs, len(s)) for s, pairs in fused_maps.items() if accession_of[s] != "R04"}
        self.choosing = {self.sequences[name] for name in ("R03", "R06")}
        add_fused_contacts(root, {accession_of[s]: pairs for s, pairs in self.fused.items()}, choosing=("R03", "R06"))
        self.chains = self._chains(choose)
        add_chains(root, self.chains)
        self.heads = [row for chain in self.chains for row in random_head_contacts(chain, HEADS, choose)]
        add_head_contacts(root, self.heads)
        self.root, self.atlas = root, Atlas.open(root)

    def _chains(self, choose: random.Random) -> list[MadeChain]:
        """R00, R01: one structure under both accessions; T02 alone has one; R03 and T03 have each their own."""
        made = []
        for name in (*(f"R{i:02d}" for i in range(16) if i not in (2, 10)), "T02", "T03"):
            n = len(self.sequences[name])
            made += [
                MadeChain(name, f"{name}.cif", chain, walk(n, choose, missing=choose.choice((0, 0.1))))
                for chain in ("A", "B")[: choose.randint(1, 2)]
            ]
        shared = [
            MadeChain(f"T{made_chain.accession[1:]}", made_chain.source, made_chain.chain, made_chain.places)
            for made_chain in made[:4]
        ]
        return [*made, *(made_chain for made_chain in shared if made_chain.accession in ("T00", "T01"))]

    def ask(self, name: str, **given: object) -> list[dict]:
        return self.atlas.ask(name, **given).to_pylist()

    def counted(self, atom: str, *, is_every: bool, accessions: tuple[str, ...] | None = None) -> list[MadeChain]:
        chains = [chain for chain in self.chains if self.stored.get(self.sequences[chain.accession])]
        chains = [chain for chain in chains if accessions is None or chain.accession in accessions]
        return choose_chains(chains, self.sequences, atom, is_every=is_every)

    def of(self, chain: MadeChain) -> Scores:
        return self.stored[self.sequences[chain.accession]]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    made = Case(tmp_path_factory.mktemp("contacts") / "atlas")
    yield made
    made.atlas.close()


@pytest.mark.parametrize("atom", ["ca", "cb"])
@pytest.mark.parametrize("structures", ["one", "all"])
def test_precision_by_structure_is_that_counted_by_hand(case: Case, atom: str, structures: str) -> None:
    chains = case.counted(atom, is_every=structures == "all")
    rows = case.ask("contact_precision_by_structure", atom=atom, structures=structures)
    assert [(r["accession"], r["source"], r["chain"], r["range"], r["cut"]) for r in rows] == [
        (chain.accession, chain.source, chain.chain, *at) for chain in chains for at in ROWS
    ]
    for row in rows:
        chain = next(
            o for o in chains if (o.accession, o.source, o.chain) == (row["accession"], row["source"], row["chain"])
        )
        expected = by_hand(case.of(chain), chain.points(atom), row["range"], row["cut"])
        assert {name: row[name] for name in ("n_asked", "n_pairs", "n_contacts")} == {
            name: expected[name] for name in ("n_asked", "n_pairs", "n_contacts")
        }
        assert (row["length"], row["n_residues"]) == (len(case.sequences[chain.accession]), len(chain.points(atom)))
        assert row["precision"] == share(expected["n_contacts"], expected["n_pairs"])
        assert row["background"] == share(expected["n_known_contacts"], expected["n_known"])


def share(k: float, n: float) -> object:
    return pytest.approx(k / n, abs=6e-5) if n else None


def test_the_stored_pairs_tell_what_the_whole_maps_would(case: Case) -> None:
    """Where as many pairs are looked at as asked for, they are those of the map before any was left out."""
    rows = case.ask("contact_precision_by_structure", atom="ca", structures="all")
    of = {(r["accession"], r["source"], r["chain"], r["range"], r["cut"]): r for r in rows}
    n_whole = 0
    for chain in case.counted("ca", is_every=True):
        for which, cut in ROWS:
            row = of[chain.accession, chain.source, chain.chain, which, cut]
            if row["n_pairs"] == row["n_asked"]:
                n_whole += 1
                whole = by_hand(case.maps[case.sequences[chain.accession]], chain.points("ca"), which, cut)
                assert (row["n_pairs"], row["n_contacts"]) == (whole["n_pairs"], whole["n_contacts"])
    assert n_whole > 100


def test_a_structure_of_one_accession_serves_its_sequence_once(case: Case) -> None:
    rows = case.ask("contact_precision_by_structure")
    counted = [row["accession"] for row in rows if (row["range"], row["cut"]) == ("long", "L")]
    assert len({case.sequences[accession] for accession in counted}) == len(counted)
    assert "T02" in counted  # its twin R02 has no structure
    assert "R05" not in counted  # no contacts
    every = case.ask("contact_precision_by_structure", structures="all")
    assert not {("T00", "R00.cif"), ("T01", "R01.cif")} & {(row["accession"], row["source"]) for row in every}


def by_chance(counts: Mapping[str, float]) -> float:
    return counts["n_pairs"] * counts["n_known_contacts"] / counts["n_known"]


def variance_by_chance(counts: Mapping[str, float]) -> float:
    """Return the variance of the contacts among the pairs looked at, each of them drawn from all pairs known."""
    share = counts["n_known_contacts"] / counts["n_known"]
    return counts["n_pairs"] * share * (1 - share)


def pooled(case: Case, atom: str, at: tuple[str, str], *, is_every: bool, accessions=None) -> dict:
    parts: dict[str, list[dict]] = {}
    for chain in case.counted(atom, is_every=is_every, accessions=accessions):
        counts = by_hand(case.of(chain), chain.points(atom), *at)
        if counts["n_known"]:
            parts.setdefault(case.sequences[chain.accession], []).append(counts)

    by_protein = list(parts.values())
    by_structure = [counts for protein in by_protein for counts in protein]
    return {
        "parts": [
            [sum(counts[name] for counts in protein) for name in ("n_contacts", "n_pairs")] for protein in by_protein
        ],
        "by_chance": [sum(map(by_chance, protein)) for protein in by_protein],
        "variances": [sum(map(variance_by_chance, protein)) for protein in by_protein],
        "n_structures": len(by_structure),
        "n_too_few": sum(counts["n_pairs"] < counts["n_asked"] for counts in by_structure),
        "known": [sum(counts[name] for counts in by_structure) for name in ("n_known_contacts", "n_known")],
        "mean": statistics.mean(counts["n_contacts"] / counts["n_pairs"] for counts in by_structure),
    }


@pytest.mark.parametrize(("atom", "structures"), [("ca", "one"), ("cb", "one"), ("cb", "all")])
def test_pooled_precision_and_its_statistics_are_those_of_scipy_and_statsmodels(case, atom, structures) -> None:
    rows = case.ask("contact_precision", atom=atom, structures=structures)
    assert [(row["range"], row["cut"]) for row in rows] == ROWS
    for row in rows:
        of = pooled(case, atom, (row["range"], row["cut"]), is_every=structures == "all")
        k, n = (sum(part[which] for part in of["parts"]) for which in (0, 1))
        assert (row["n_contacts"], row["n_pairs"], row["n_proteins"]) == (k, n, len(of["parts"]))
        assert (row["n_structures"], row["n_too_few"]) == (of["n_structures"], of["n_too_few"])
        assert row["precision"] == pytest.approx(k / n, abs=6e-5)
        assert row["mean_precision"] == pytest.approx(of["mean"], abs=6e-5)
        assert row["background"] == pytest.approx(of["known"][0] / of["known"][1], abs=6e-5)
        agrees(row, COLUMNS, beyond_shuffled(of), k / n, len(rows))
        assert row["shuffled"] == pytest.approx(sum(of["by_chance"]) / n, abs=6e-5)
        z, p_value = proportions_ztest([k, of["known"][0]], [n, of["known"][1]])
        assert row["z"] == pytest.approx(z, abs=0.006)
        assert row["log10_p"] == pytest.approx(min(math.log10(p_value * len(rows)), 0), abs=0.006)


COLUMNS = ("proteins_low", "proteins_high", "proteins_t", "proteins_log10_p")


def beyond_shuffled(of: dict) -> Estimate:
    """Return by how much precision is above the shuffled, proteins left out one by one."""
    beyond = [k - shuffled for (k, _), shuffled in zip(of["parts"], of["by_chance"], strict=True)]
    return estimate(beyond, [n for _, n in of["parts"]], of["variances"])


FIVE = ("R00", "R01", "R04", "R06", "R07")


@pytest.mark.parametrize("structures", ["one", "all"])
def test_of_five_structures_intervals_and_tests_are_wide(case: Case, structures) -> None:
    rows = case.ask("contact_precision", proteins=FIVE, structures=structures)
    assert [(row["range"], row["cut"]) for row in rows] == ROWS
    for row in rows:
        at = row["range"], row["cut"]
        of = pooled(case, "cb", at, is_every=structures == "all", accessions=FIVE)
        assert len(of["parts"]) == row["n_proteins"] == 5
        told = beyond_shuffled(of)
        agrees(row, COLUMNS, told, sum(k for k, _ in of["parts"]) / sum(n for _, n in of["parts"]), 9)
        assert told.df < 4  # structures of unequal length
        assert told.reach(9) > 1.5 * norm.isf(0.025 / 9) * told.error  # what a normal quantile would give


def test_the_error_over_proteins_is_that_of_a_bootstrap_or_of_chance(case: Case) -> None:
    rows = case.ask("contact_precision")
    (row,) = (r for r in rows if (r["range"], r["cut"]) == ("long", "L"))
    of, choose = pooled(case, "cb", ("long", "L"), is_every=False), random.Random(1)
    parts = [(k - shuffled, n) for (k, n), shuffled in zip(of["parts"], of["by_chance"], strict=True)]
    samples = [choose.choices(parts, k=len(parts)) for _ in range(4000)]
    spread = statistics.stdev(sum(d for d, _ in sample) / sum(n for _, n in sample) for sample in samples)
    chance = math.sqrt(sum(of["variances"])) / sum(n for _, n in parts)
    told = beyond_shuffled(of)
    assert told.error == pytest.approx(max(spread, chance), rel=0.15)
    assert row["proteins_high"] - row["precision"] == pytest.approx(told.reach(len(rows)), rel=2e-3, abs=1e-4)


def test_a_question_of_some_proteins_counts_these_alone(case: Case) -> None:
    rows = case.ask("contact_precision", proteins="R00,T02")
    assert {row["n_proteins"] for row in rows} == {2}
    (alone,) = {row["n_structures"] for row in case.ask("contact_precision", proteins="R06", structures="one")}
    assert alone == 1


@pytest.mark.parametrize("name", ["contact_precision", "head_contact_precision"])
@pytest.mark.parametrize("structures", ["one", "all"])
def test_one_protein_has_no_interval_and_no_test_over_proteins(case: Case, name: str, structures: str) -> None:
    rows = case.ask(name, proteins="R06", structures=structures, **({"min_edges": 1} if name[0] == "h" else {}))
    over_proteins = [x for x in rows[0] if x.startswith(("proteins_", "top_low", "top_high"))]
    assert len(over_proteins) == (4 if name[0] == "c" else 6)
    assert {row["note"] for row in rows} == {"fewer than 5 proteins"}
    assert len(rows) >= 9
    assert {row[x] for row in rows for x in over_proteins} == {None}
    assert None not in {row["z"] for row in rows}


def test_a_protein_too_short_for_a_range_has_no_precision_there(case: Case) -> None:
    rows = {(row["accession"], row["range"], row["cut"]): row for row in case.ask("contact_precision_by_structure")}
    assert rows["R12", "long", "L"]["precision"] is None
    assert rows["R12", "long", "L"]["n_asked"] == 0
    assert ("R15", "short", "L") not in rows  # three residues


@pytest.mark.thorough
def test_too_few_stored_pairs_are_told(case: Case, tmp_path: Path) -> None:
    choose = random.Random(1)
    write_atlas(tmp_path / "a", [SyntheticProtein("A", "".join(choose.choices(LETTERS, k=60)))])
    scores = all_pairs(60, choose)
    add_contacts(tmp_path / "a", {"A": dict(list(scores.items())[:20])})
    add_chains(tmp_path / "a", [MadeChain("A", "a.cif", "A", walk(60, choose))])
    with Atlas.open(tmp_path / "a") as atlas:
        rows = atlas.ask("contact_precision", atom="ca").to_pylist()
        of = atlas.ask("contact_precision_by_structure", atom="ca").to_pylist()
    assert [row["n_too_few"] for row in rows] == [int(row["n_pairs"] < row["n_asked"]) for row in of]
    assert {row["n_too_few"] for row in rows} == {0, 1}


# Single heads


def of_heads(case: Case, form: str, *, is_every: bool) -> dict[tuple[int, int], dict]:
    k_name, n_name = {
        "count": ("n_contact_edges", "n_edges"),
        "weighted": ("contact_edge_mass", "edge_mass"),
        "mass": ("contact_mass", "mass"),
    }[form]
    counted = choose_chains(case.chains, case.sequences, "ca", is_every=is_every)
    keys = {(chain.accession, chain.source, chain.chain) for chain in counted}
    numbers: dict[tuple[int, int], dict] = {}
    for at in HEADS:
        rows = [
            r for r in case.heads if (r["layer"], r["head"]) == at and (r["accession"], r["source"], r["chain"]) in keys
        ]
        parts: dict[str, list[float]] = {}
        for row in rows:
            sums_of_protein, share = (
                parts.setdefault(case.sequences[row["accession"]], [0.0] * 6),
                row["n_contact_pairs"] / row["n_pairs"],
            )
            sums_of_protein[4] += row[n_name] * share
            draws = math.sqrt(row["n_pairs"]) if form == "mass" else row["n_edges"]
            sums_of_protein[5] += row[n_name] ** 2 * share * (1 - share) / draws if draws else 0
            for i, name in enumerate((k_name, n_name, "n_top_contacts", "n_top")):
                sums_of_protein[i] += row[name]
        sums = {name: sum(row[name] for row in rows) for name in rows[0] if name.startswith("n_")}
        k, n = (
            sum(sums_of_protein[0] for sums_of_protein in parts.values()),
            sum(sums_of_protein[1] for sums_of_protein in parts.values()),
        )
        shuffled = sum(row[n_name] * row["n_contact_pairs"] / row["n_pairs"] for row in rows) / n if n else None
        numbers[at] = {"parts": list(parts.values()), "k": k, "n": n, "n_rows": len(rows), "shuffled": shuffled, **sums}
    return numbers


@pytest.mark.parametrize("structures", ["one", "all"])
@pytest.mark.parametrize("form", each_nth_by_default(["count", "weighted", "mass"], 3))
def test_shares_of_heads_are_those_by_addition(case: Case, form: str, structures: str) -> None:
    expected = {at: of for at, of in of_heads(case, form, is_every=structures == "all").items() if of["n_edges"] >= 100}
    rows = case.ask("head_contact_precision", form=form, structures=structures)
    assert {(row["layer"], row["head"]) for row in rows} == set(expected) == set(HEADS) - {(0, 0)}
    for row in rows:
        of = expected[row["layer"], row["head"]]
        p, top = of["k"] / of["n"], of["n_top_contacts"] / of["n_top"]
        assert (row["n_proteins"], row["n_structures"]) == (len(of["parts"]), of["n_rows"])
        assert row["n_edges"] == of["n_edges"]
        assert row["p"] == pytest.approx(p, abs=6e-5)
        assert row["background"] == pytest.approx(of["n_contact_pairs"] / of["n_pairs"], abs=6e-5)
        assert row["shuffled"] == pytest.approx(of["shuffled"], abs=6e-5)
        assert row["top_precision"] == pytest.approx(top, abs=6e-5)
        assert row["top_background"] == pytest.approx(of["n_long_contacts"] / of["n_long_pairs"], abs=6e-5)
        d, n, variance = zip(*((part[0] - part[4], part[1], part[5]) for part in of["parts"]), strict=True)
        agrees(row, COLUMNS, estimate(d, n, variance), p, len(rows))
        told = estimate(*zip(*((part[2], part[3]) for part in of["parts"] if part[3]), strict=True))
        reach = told.reach(len(rows))
        bounds = max(top - reach, 0), min(top + reach, 1)
        assert (row["top_low"], row["top_high"]) == pytest.approx(bounds, abs=1e-4 + 1e-3 * reach)
    assert [row["p"] for row in rows] == sorted((row["p"] for row in rows), reverse=True)


def test_intervals_and_tests_of_heads_are_those_of_statsmodels(case: Case) -> None:
    expected, rows = of_heads(case, "count", is_every=False), case.ask("head_contact_precision")
    for row in rows:
        of = expected[row["layer"], row["head"]]
        k, n = round(of["k"]), round(of["n"])
        low, high = proportion_confint(k, n, alpha=0.05 / len(rows), method="wilson")
        assert (row["wilson_low"], row["wilson_high"]) == pytest.approx((low, high), abs=2e-4)
        z, _ = proportions_ztest([k, of["n_contact_pairs"]], [n, of["n_pairs"]])
        assert row["z"] == pytest.approx(z, abs=0.006)
        log10_p = (norm.logsf(abs(z)) + math.log(2 * len(rows))) / math.log(10)
        assert row["log10_p"] == pytest.approx(min(log10_p, 0), abs=0.006)
    other = case.ask("head_contact_precision", form="mass")
    assert {row[name] for row in other for name in ("wilson_low", "wilson_high", "z", "log10_p")} == {None}


def test_a_head_with_few_edges_is_told_when_asked_for(case: Case) -> None:
    rows = case.ask("head_contact_precision", min_edges=0)
    assert (0, 0) in {(row["layer"], row["head"]) for row in rows}
    assert case.ask("head_contact_precision", min_edges=10**6) == []


# One protein


@pytest.mark.parametrize("atom", ["ca", "cb"])
@pytest.mark.parametrize(
    ("accession", "chain_accession"), [("R00", "R00"), ("R02", "T02"), ("R03", None), ("R10", "R10")]
)
def test_the_contacts_of_a_protein_are_measured_in_its_largest_chain(
    case: Case, accession, chain_accession, atom: str
) -> None:
    chains = [chain for chain in case.chains if case.sequences[chain.accession] == case.sequences[accession]]
    best = choose_chains(chains, case.sequences, atom, is_every=False)
    if chain_accession is not None:
        assert [chain.accession for chain in best] == ([chain_accession] if accession != "R10" else [])
    points = best[0].points(atom) if best else {}
    scores = case.stored[case.sequences[accession]]
    rows = case.ask("predicted_contacts", protein=accession, atom=atom, min_probability=0.2)
    ranked = sorted((p for p in scores if scores[p] >= 0.2), key=lambda p: (-scores[p], p))
    assert [(row["i"], row["j"]) for row in rows] == ranked
    letters = case.sequences[accession]
    for row in rows:
        i, j = row["i"], row["j"]
        assert row["residues"] == f"{letters[i - 1]}{i} {letters[j - 1]}{j}"
        assert (row["separation"], row["probability"]) == (j - i, pytest.approx(scores[i, j], abs=6e-5))
        if i in points and j in points:
            distance = math.dist(points[i], points[j])
            assert row["distance"] == pytest.approx(distance, abs=0.006)
            assert (row["is_contact"], row["source"], row["chain"]) == (distance < 8, best[0].source, best[0].chain)
        else:
            assert [row[name] for name in ("distance", "is_contact", "source", "chain")] == [None] * 4


# By fused heads


@pytest.mark.parametrize("atom", each_nth_by_default(["ca", "cb"], 2))
@pytest.mark.parametrize("accessions", [None, ("R00", "R03", "R05", "R07", "T01")])
def test_both_methods_are_judged_on_sequences_on_which_no_head_was_chosen(case: Case, atom: str, accessions) -> None:
    judges = {s for s in case.fused if s not in case.choosing and case.fused[s]}
    by_method = {
        "fused_heads": {s: case.fused[s] for s in judges},
        "contact_head": {s: case.stored[s] for s in judges if case.stored.get(s)},
    }
    given = {} if accessions is None else {"proteins": list(accessions)}
    rows = case.ask("fused_contact_precision", atom=atom, **given)
    assert [(row["method"], row["range"], row["cut"]) for row in rows] == [
        (method, which, cut) for which in LIMITS for cut in CUTS for method in by_method
    ]
    for row in rows:
        scores = by_method[row["method"]]
        with_scores = [chain for chain in case.chains if case.sequences[chain.accession] in scores]
        with_scores = [chain for chain in with_scores if accessions is None or chain.accession in accessions]
        chains = choose_chains(with_scores, case.sequences, atom, is_every=False)
        counts = [
            by_hand(scores[case.sequences[chain.accession]], chain.points(atom), row["range"], row["cut"])
            for chain in chains
        ]
        counts = [count for count in counts if count["n_known"]]
        assert row["n_structures"] == len(counts)
        for name in ("n_pairs", "n_contacts"):
            assert row[name] == sum(count[name] for count in counts)


def test_the_contact_head_alone_is_judged_as_without_fused_heads(case: Case) -> None:
    rows = [row for row in case.ask("contact_precision", atom="ca") if row["cut"] == "L"]
    chains = case.counted("ca", is_every=False)
    for row in rows:
        counts = [by_hand(case.of(chain), chain.points("ca"), row["range"], "L") for chain in chains]
        assert row["n_contacts"] == sum(count["n_contacts"] for count in counts)
    assert len(chains) > len([chain for chain in chains if case.sequences[chain.accession] not in case.choosing])


def test_the_pairs_of_fused_heads_are_listed_by_rank_in_each_range(case: Case) -> None:
    for accession in ("R00", "R03", "R12"):
        rows = case.ask("predicted_fused_contacts", protein=accession, n=5, atom="ca")
        scores = case.fused[case.sequences[accession]]
        expected = [
            (which, rank, *pair)
            for which, (nearest, farthest) in LIMITS.items()
            for rank, pair in enumerate(
                sorted((p for p in scores if nearest <= p[1] - p[0] <= farthest), key=lambda p: (-scores[p], p))[:5],
                start=1,
            )
        ]
        assert [(row["range"], row["rank"], row["i"], row["j"]) for row in rows] == expected
        assert [row["score"] for row in rows] == pytest.approx([scores[i, j] for *_, i, j in expected], abs=6e-5)
        assert {row["chose_heads"] for row in rows} <= {accession == "R03"}


def test_contacts_are_by_one_of_two_methods(case: Case) -> None:
    with pytest.raises(QuestionError, match="contact_head or by fused_heads"):
        case.atlas.sql("FROM scored_contacts('heads')")


def test_an_atlas_without_fused_heads_says_what_adds_them(tmp_path: Path) -> None:
    write_atlas(tmp_path / "a", [SyntheticProtein("A", "ACDEFGHIKL")])
    with Atlas.open(tmp_path / "a") as atlas:
        for name, given in (("fused_contact_precision", {}), ("predicted_fused_contacts", {"protein": "A"})):
            with pytest.raises(QuestionError, match=r"(?s)needs .*fused_contacts.*attlas contacts DIR --heads HEADS"):
                atlas.ask(name, **given)


def test_an_atlas_without_structures_says_what_adds_them(tmp_path: Path) -> None:
    write_atlas(tmp_path / "a", [SyntheticProtein("A", "ACDEFGHIKL")])
    add_contacts(tmp_path / "a", {"A": {(1, 7): 0.5}})
    with Atlas.open(tmp_path / "a") as atlas:
        assert [row["distance"] for row in atlas.ask("predicted_contacts", protein="A").to_pylist()] == [None]
        with pytest.raises(QuestionError, match=r"(?s)coordinates.*attlas annotate"):
            atlas.ask("contact_precision")
        with pytest.raises(QuestionError, match=r"(?s)head_contacts.*attlas contacts"):
            atlas.ask("head_contact_precision")
