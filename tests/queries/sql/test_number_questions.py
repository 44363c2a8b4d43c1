"""Questions on numbers of one's own: against scipy on random profiles, and by hand on the atlas made by hand."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.annotated import assign, link, measure, substitute
from helpers.default_cases import each_nth_by_default
from helpers.handmade import write_handmade
from helpers.synthetic import SyntheticProtein, write_atlas
from scipy import stats

from attlas.queries import Atlas
from attlas.schema import QuestionError

pytestmark = pytest.mark.slow

LETTERS = "ACDEFGHIKLMNPQRSTVWY"
N_PROTEINS = 7
FAMILIES = (
    ("P2", ("Pfam", "A")),
    ("P4", ("Pfam", "A")),
    ("P4", ("InterPro", "B")),
    ("P5", ("InterPro", "B")),
    ("P6", ("Pfam", "B")),
)
"""P2 and P5 share no family, but are connected through P4; a family of the same name in another database is another."""


@pytest.fixture(scope="module")
def random_atlas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Atlas, pd.DataFrame]]:
    """Return an atlas with the track `score`, and its values as a table; P0 and P1 have too few of them."""
    root = tmp_path_factory.mktemp("numbers") / "atlas"
    random = np.random.default_rng(3)
    sequences = {f"P{i}": "".join(random.choice(list(LETTERS), 25 + 7 * i)) for i in range(N_PROTEINS + 2)}
    # A letter and a place that no other protein has: residues without a baseline.
    sequences["P8"] = "UU" + sequences["P8"] + "".join(random.choice(list(LETTERS), 60))
    write_atlas(root, [SyntheticProtein(accession, sequence) for accession, sequence in sequences.items()])

    rows = []
    for accession, sequence in sequences.items():
        n_values = 5 if accession in ("P0", "P1") else len(sequence) - 3
        positions = sorted(random.permutation(len(sequence))[:n_values] + 1)
        # Ties on purpose.
        rows += [(accession, int(at), sequence[at - 1], float(random.integers(0, 12) / 4)) for at in positions]
    table = pd.DataFrame(rows, columns=["accession", "position", "residue", "value"])
    of_proteins = {a: dict(zip(part["position"], part["value"], strict=True)) for a, part in table.groupby("accession")}
    measure(root, of_proteins)
    assign(root, [(accession, database, family) for accession, (database, family) in FAMILIES])
    with Atlas.open(root) as atlas:
        yield atlas, table


def expected_correlations(atlas: Atlas, table: pd.DataFrame, layer: int, units: dict[str, str]) -> pd.DataFrame:
    """Return, for each unit of proteins counted, the correlations of the track by scipy and pandas."""
    profiles = atlas.sql(
        "SELECT accession, position, received[$layer + 1]::DOUBLE AS received FROM residues", {"layer": layer}
    ).to_pandas()
    lengths = atlas.sql("SELECT accession, length FROM proteins").to_pandas()
    rows = table[~table["accession"].isin(["P0", "P1"])].merge(profiles).merge(lengths)
    received = rows.groupby("accession")["received"]
    rows["rank"] = (received.rank() - 0.5) / received.transform("size")

    from_begin, from_end = rows["position"], rows["length"] + 1 - rows["position"]
    doublings = np.floor(np.log2(np.minimum(from_begin, from_end)))
    rows["place"] = np.where(from_begin <= from_end, 1, -1) * (1 + doublings)
    rows["value_rank"] = rows.groupby("accession")["value"].rank()
    rows["unit"] = [units.get(accession, accession) for accession in rows["accession"]]
    proteins = pd.DataFrame(correlate_protein(rows, accession) for accession in rows["accession"].unique())
    names = {name: "sum" if name == "n" else "mean" for name in proteins.columns if name != "unit"}
    return proteins.groupby("unit").agg(names)


def correlate_protein(rows: pd.DataFrame, accession: str) -> dict[str, float | str]:
    """Return the correlations of one protein, its baselines fitted on the rows of all other units."""
    part = rows[rows["accession"] == accession]
    unit = part["unit"].iloc[0]
    others = rows[rows["unit"] != unit]
    letter_means = others.groupby("residue")["rank"].mean()
    others_left = others["rank"] - others["residue"].map(letter_means)
    left_means = others_left.groupby(others["place"]).mean()

    by_letter = part["residue"].map(letter_means)
    beyond_letter = part["rank"] - by_letter
    return {
        "correlation": stats.spearmanr(part["value"], part["received"]).statistic,
        "by_letter": correlate(part["value_rank"], by_letter),
        "by_place": correlate(part["value_rank"], part["place"].map(others.groupby("place")["rank"].mean())),
        "beyond_letter": correlate(part["value_rank"], beyond_letter),
        "beyond_both": correlate(part["value_rank"], beyond_letter - part["place"].map(left_means)),
        "n": len(part),
        "unit": unit,
    }


def correlate(values: pd.Series, baseline: pd.Series) -> float:
    """Return Pearson's correlation over the residues that have a baseline."""
    has_baseline = baseline.notna()
    return float(stats.pearsonr(values[has_baseline], baseline[has_baseline]).statistic)


@pytest.mark.parametrize(
    ("parameters", "units"),
    each_nth_by_default(
        [
            ({"units": "families"}, dict.fromkeys(["P2", "P4", "P5"], "A and B")),
            ({"units": "families", "databases": "Pfam"}, dict.fromkeys(["P2", "P4"], "A")),
            ({}, {}),
        ],
        3,
    ),
    ids=["families", "Pfam", "proteins"],
)
def test_correlations_intervals_and_tests_are_those_of_scipy(
    random_atlas: tuple[Atlas, pd.DataFrame], parameters: dict[str, str], units: dict[str, str]
) -> None:
    atlas, table = random_atlas
    rows = atlas.ask("track_correlation", **parameters).to_pylist()
    assert [row["layer"] for row in rows] == list(range(atlas.n_layers))
    for row in rows:
        expected = expected_correlations(atlas, table, row["layer"], units)
        names = ("correlation", "by_letter", "by_place", "beyond_letter", "beyond_both")
        assert {name: row[name] for name in names} == pytest.approx(
            {name: expected[name].mean() for name in names}, abs=6e-5
        )
        assert (row["n_proteins"], row["n_residues"]) == (N_PROTEINS, expected["n"].sum())
        assert row["n_units"] == len(expected)
        assert row["confidence"] == pytest.approx(1 - 0.05 / atlas.n_layers, abs=1e-6)

        for low, high, name in (("low", "high", "correlation"), ("beyond_low", "beyond_high", "beyond_both")):
            values = expected[name]
            interval = stats.t.interval(1 - 0.05 / atlas.n_layers, len(values) - 1, values.mean(), stats.sem(values))
            assert (row[low], row[high]) == pytest.approx(np.clip(interval, -1, 1), abs=1e-3)
        p = stats.ttest_1samp(expected["correlation"], 0).pvalue * atlas.n_layers
        assert row["log10_p"] == pytest.approx(min(np.log10(p), 0), abs=0.02)


def test_one_family_alone_has_no_baselines_and_is_told_why(random_atlas: tuple[Atlas, pd.DataFrame]) -> None:
    rows = random_atlas[0].ask("track_correlation", units="families", proteins=["P2", "P4"]).to_pylist()
    assert {(row["n_proteins"], row["n_units"]) for row in rows} == {(2, 1)}
    assert {row["by_letter"] for row in rows} == {None}
    assert {row["note"] for row in rows} == {"fewer than 5 families; baselines need another family"}


@pytest.mark.thorough
def test_letters_drawn_at_random_tell_nothing_of_a_track(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    n_groups, length = 16, 20
    accessions = [f"P{i}" for i in range(3 * n_groups)]
    sequences = {accession: "".join(random.choice(list(LETTERS), length)) for accession in accessions}
    write_atlas(tmp_path / "atlas", [SyntheticProtein(*item) for item in sequences.items()], n_layers=1)
    with Atlas.open(tmp_path / "atlas") as atlas:
        profiles = atlas.sql("SELECT accession, position, received[1]::DOUBLE AS received FROM residues").to_pandas()
    measure(
        tmp_path / "atlas",
        {a: dict(zip(part["position"], part["received"], strict=True)) for a, part in profiles.groupby("accession")},
    )

    # The track is attention received itself, so that a mean which a residue is part of goes along with it.
    with Atlas.open(tmp_path / "atlas") as atlas:
        answers = [
            atlas.ask("track_correlation", proteins=accessions[3 * group : 3 * group + 3]).to_pylist()[0]
            for group in range(n_groups)
        ]
    assert {row["correlation"] for row in answers} == {1}
    # 48 correlations over 20 residues: a standard error of 0.03.
    for name in ("by_letter", "by_place"):
        assert np.mean([row[name] for row in answers]) == pytest.approx(0, abs=0.1), name


def test_one_protein_alone_has_no_baselines_and_is_told_why(random_atlas: tuple[Atlas, pd.DataFrame]) -> None:
    rows = random_atlas[0].ask("track_correlation", proteins="P5").to_pylist()
    assert {row["n_proteins"] for row in rows} == {1}
    for row in rows:
        assert row["correlation"] is not None
        for name in ("by_letter", "by_place", "beyond_letter", "beyond_both", "beyond_low", "beyond_high"):
            assert row[name] is None, name
        assert row["note"] == "fewer than 5 proteins; baselines need another protein"


@pytest.mark.thorough
def test_too_few_proteins_with_baselines_leave_a_note_where_enough_are_counted(tmp_path: Path) -> None:
    random = np.random.default_rng(7)
    # Three proteins share letters; each of the others has letters of its own, for which no baseline is to be had.
    alphabets = ["ACDE", "ACDE", "ACDE", "FG", "HI", "KL"]
    sequences = {f"P{i}": "".join(random.choice(list(letters), 30)) for i, letters in enumerate(alphabets)}
    write_atlas(tmp_path / "atlas", [SyntheticProtein(*item) for item in sequences.items()], n_layers=1)
    values = {accession: dict(enumerate(map(float, random.random(30)), 1)) for accession in sequences}
    measure(tmp_path / "atlas", values)

    with Atlas.open(tmp_path / "atlas") as atlas:
        (row,) = atlas.ask("track_correlation").to_pylist()
        (of_all,) = atlas.ask("track_correlation", proteins=["P0", "P1", "P2"]).to_pylist()
    assert row["n_proteins"] == 6
    assert None not in (row["low"], row["high"], row["log10_p"], row["beyond_both"])
    assert (row["beyond_low"], row["beyond_high"]) == (None, None)
    assert row["note"] == "beyond_both: fewer than 5 proteins"
    assert of_all["note"] == "fewer than 5 proteins"


@pytest.mark.thorough
def test_a_track_that_is_attention_received_goes_along_with_it_wholly(tmp_path: Path) -> None:
    write_handmade(tmp_path / "atlas")
    # A1 receives 9, 8 and 7 at its sites of layer 1, and 1 elsewhere and in the other layers.
    measure(tmp_path / "atlas", {"A1": {at: {3: 9, 6: 8, 1: 7}.get(at, 1) for at in range(1, 11)}}, name="copy")
    with Atlas.open(tmp_path / "atlas") as atlas:
        rows = atlas.ask("track_correlation", min_residues=3).to_pylist()
        assert [(row["layer"], row["n_proteins"], row["correlation"]) for row in rows] == [
            (0, 0, None),
            (1, 1, 1),
            (2, 0, None),
        ]
        assert rows[1]["note"] == "fewer than 5 proteins; baselines need another protein"
        assert atlas.ask("track_correlation", min_residues=11).num_rows == 0


@pytest.mark.thorough
def test_the_same_values_of_two_accessions_of_a_sequence_count_once(tmp_path: Path) -> None:
    write_handmade(tmp_path / "atlas")
    values = {at: float(at) for at in range(1, 11)}
    measure(tmp_path / "atlas", {"A1": values, "A2": values, "B1": values}, unit="steps")
    with Atlas.open(tmp_path / "atlas") as atlas:
        assert {row["n_proteins"] for row in atlas.ask("track_correlation").to_pylist() if row["layer"] == 1} == {2}
        (row,) = atlas.ask("track_names").to_pylist()
    assert row == {
        "name": "score",
        "unit": "steps",
        "n_proteins": 3,
        "n_values": 30,
        "n_residues": 30,
        "share": 1,
        "minimum": 1,
        "mean": 5.5,
        "maximum": 10,
        "n_sources": 1,
        "sources": "score.csv",
    }


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    """Return the atlas made by hand with variants and links: A1 is MKCAACGGHW with sites at C3, C6 and M1."""
    root = tmp_path_factory.mktemp("by_hand") / "atlas"
    write_handmade(root)
    substitute(root, {"A1": {"C3A": 0.9, "A4V": 0.5, "W10F": 0.1}, "T1": {"K2R": 0.2}}, name="am")
    substitute(root, {"B1": {"C3S": 1.5}}, name="dms")
    of_a1 = {(1, 0, 4, 3): 0.5, (1, 1, 3, 10): 0.75, (2, 1, 3, 1): 0.75}
    link(root, {"A1": of_a1, "B1": {(0, 0, 1, 9): 0.25}})
    with Atlas.open(root) as atlas:
        yield atlas


def test_variants_stand_beside_sites_as_counted_by_hand(by_hand: Atlas) -> None:
    columns = ("name", "variant", "layer", "received", "share", "rank", "n_residues")
    near = ("is_site", "nearest_site", "distance")
    rows = by_hand.ask("variants_at_sites").to_pylist()
    assert [tuple(row[name] for name in (*columns, *near)) for row in rows] == [
        ("am", "C3A", 1, 9, 1, 1, 10, True, 3, 0),
        ("am", "A4V", 1, 1, pytest.approx(0.111), 4, 10, False, 3, 1),
        ("am", "W10F", 1, 1, pytest.approx(0.111), 4, 10, False, 6, 4),
        ("am", "K2R", None, None, None, None, None, None, None, None),  # too short for a layer of convergence
        ("dms", "C3S", 1, 9, 1, 1, 10, True, 3, 0),
    ]
    assert [row["value"] for row in rows] == pytest.approx([0.9, 0.5, 0.1, 0.2, 1.5])


def test_of_two_sites_as_near_the_better_one_counts(tmp_path: Path) -> None:
    write_handmade(tmp_path / "atlas")
    substitute(tmp_path / "atlas", {"A1": {"K2R": 1.0}})
    with Atlas.open(tmp_path / "atlas") as atlas:
        (row,) = atlas.ask("variants_at_sites").to_pylist()
    assert (row["nearest_site"], row["distance"]) == (3, 1)  # rank 1, not M1 of rank 3


def test_links_of_variants_are_those_counted_by_hand(by_hand: Atlas) -> None:
    columns = ("variant", "n_links", "n_heads", "largest_weight", "layer", "head", "partner", "is_query", "n_kept")
    rows = by_hand.ask("links_of_variants", variants="am").to_pylist()
    assert [tuple(row[name] for name in columns) for row in rows] == [
        ("C3A", 3, 3, 0.75, 1, 1, 10, True, 3),
        ("A4V", 1, 1, 0.5, 1, 0, 3, True, 3),
        ("W10F", 1, 1, 0.75, 1, 1, 3, False, 3),
        ("K2R", 0, 0, None, None, None, None, None, 0),
    ]
    n_edges = by_hand.sql("SELECT sum(n_edges)::BIGINT AS n FROM heads WHERE accession = 'A1'").to_pylist()[0]["n"]
    assert rows[0]["n_edges"] == n_edges


def test_a_name_that_the_atlas_lacks_is_refused_with_those_there_are(by_hand: Atlas) -> None:
    with pytest.raises(QuestionError, match=r"(?s)evs.*dms"):
        by_hand.ask("variants_at_sites", variants="evs")


def test_links_are_asked_for_only_where_there_are_any(random_atlas: tuple[Atlas, pd.DataFrame]) -> None:
    with pytest.raises(
        QuestionError, match=r"(?s)variants.*attlas annotate DIR --variants NAME FILE.*attlas links DIR"
    ):
        random_atlas[0].ask("links_of_variants")
