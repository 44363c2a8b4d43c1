"""What questions answer on an atlas made by hand, against answers counted by hand.

`HAND` of `handmade.py` is what the answers here were counted on: ten letters with sites at C3, C6 and M1 under two
accessions (A1, A2), ten with sites at C3 and C6 (B1), a site on U20 (C1), none (C1-2), and three without a fit.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.handmade import HAND, hand, write_handmade

from attlas.queries import Atlas
from attlas.queries.asking.questions import questions

pytestmark = pytest.mark.slow

ALIGNED = {"A1": "MKCAACGGHW--", "A2": "MKCAACGGHW--", "B1/3-10": "--CAAC--LLKR"}

ANSWERS: list[tuple[str, dict[str, object], str, list[tuple]]] = [
    (
        "completeness",
        {},
        "status, outcome, n_proteins, n_sequences, n_residues, shortest, longest, example",
        [
            ("ok", "sites found", 4, 3, 40, 10, 20, "A1"),
            ("failed", "out of memory", 1, 1, 12, 12, 12, "F1"),
            ("ok", "none above the elbow", 1, 1, 10, 10, 10, "C1-2"),
            ("ok", "too short", 1, 1, 2, 2, 2, "T1"),
            ("skipped", "inner `*`", 1, 1, 11, 11, 11, "S1"),
        ],
    ),
    (
        "organisms",
        {},
        "taxon_id, n_proteins, n_sequences, n_isoforms, n_versioned, n_not_computed, n_residues, n_sites",
        [(9606, 7, 4, 1, 0, 2, 42, 4), (224308, 1, 1, 0, 0, 0, 10, 2)],
    ),
    (
        "without_sites",
        {},
        "accession, status, why, layer",
        [
            ("F1", "failed", "out of memory", None),
            ("S1", "skipped", "inner `*`", None),
            ("C1-2", "ok", "none above the elbow", 0),
            ("T1", "ok", "too short", None),
        ],
    ),
    (
        "lengths",
        {"width": 10, "last": 15},
        "from_length, to_length, n_sequences, n_residues, n_all, median_length",
        [(1, 10, 4, 32, 5, 10), (11, None, 1, 20, 5, 10)],
    ),
    (
        "sites_per_protein",
        {},
        "n_sites, n_sequences, share, share_up_to, n_all, mean_sites, median_sites",
        [(n, 1, 0.25, 0.25 * (n + 1), 4, 1.5, 1.5) for n in range(4)],
    ),
    ("duplicates", {}, "n_proteins, length, accessions, genes, n_sites", [(2, 10, ["A1", "A2"], ["ABCA", "ABCB"], 3)]),
    (
        "flagged",
        {},
        "flag, accession, n, letters",
        [("nonstandard letters", "C1", 1, "U20"), ("site on a nonstandard letter", "C1", 1, "U20")],
    ),
    (
        "sites_of",
        {"proteins": "B1,C1-2,S1", "flank": 2},
        "accession, rank, position, residue, share, around, note",
        [
            ("B1", 1, 3, "C", 1, "maCaa", None),
            ("B1", 2, 6, "C", 0.889, "aaCll", None),
            ("C1-2", None, None, None, None, None, "none above the elbow"),
            ("S1", None, None, None, None, None, "inner `*`"),
        ],
    ),
    (
        "sites_of",
        {"proteins": "A1", "flank": 0},
        "position, note",
        [(3, None), (6, None), (1, "initiator methionine")],
    ),
    ("sites_of", {"proteins": "C1", "flank": 99}, "around", [("m" + 18 * "g" + "U",)]),
    (
        "rank_of_positions",
        {"protein": "A1", "positions": "3,4,99"},
        "position, residue, is_site, layer, received, share, rank, n_residues",
        [
            (3, "C", True, 1, 9, 1, 1, 10),
            (4, "A", False, 1, 1, 0.111, 4, 10),
            (99, None, None, 1, None, None, None, 10),
        ],
    ),
    (
        "runner_ups",
        {"proteins": "B1", "n": 2},
        "accession, n_sites, last_site_share, place, position, residue, received, share",
        [("B1", 2, 0.889, 1, 1, "M", 1, 0.111), ("B1", 2, 0.889, 2, 2, "A", 1, 0.111)],
    ),
    (
        "sites_per_length",
        {"min_length": 10},
        "accession, n_sites, sites_per_100",
        [("A1", 3, 30), ("A2", 3, 30), ("B1", 2, 20), ("C1", 1, 5), ("C1-2", 0, 0)],
    ),
    (
        "sites_by_length",
        {"lengths": "11,20"},
        "from_length, n_sequences, n_sites, mean_sites, median_sites, sites_per_100, share_without",
        [(0, 3, 5, 1.67, 2, 16.667, 0.333), (20, 1, 1, 1, 1, 5, 0)],
    ),
    (
        "residue_enrichment",
        {},
        "residue, n_sites, n_sequences, n_residues, share_of_sites, share_of_residues, ratio",
        [
            ("C", 4, 2, 4, 0.6667, 0.08, 8.33),
            ("U", 1, 1, 1, 0.1667, 0.02, 8.33),
            ("M", 1, 1, 4, 0.1667, 0.08, 2.08),
            *((r, 0, 0, n, 0, n / 50, 0) for r, n in zip("AGHKLRW", (5, 29, 1, 2, 2, 1, 1), strict=True)),
        ],
    ),
    (
        "residue_enrichment",
        {"proteins": "B1,S1"},
        "residue, n_sites, n_residues, ratio",
        [("C", 2, 2, 5), ("A", 0, 3, 0), ("K", 0, 1, 0), ("L", 0, 2, 0), ("M", 0, 1, 0), ("R", 0, 1, 0)],
    ),
    (
        "motifs_at_sites",
        {"before": 1, "after": 0, "min_sites": 1},
        "motif, n_sites, n_sequences, n_occurrences, share_at_sites, ratio, examples",
        # 5 sites among the 46 residues with another before them
        [("aC", 3, 2, 3, 1, 9.2, "A1 B1"), ("gU", 1, 1, 1, 1, 9.2, "C1"), ("kC", 1, 1, 1, 1, 9.2, "A1")],
    ),
    ("motifs_at_sites", {"before": 2, "min_sites": 2}, "motif", []),
    (
        "sites_on_residues",
        {"residues": "m, u", "flank": 1},
        "residue, accession, position, rank, n_sites, around",
        [("M", "A1", 1, 3, 3, "Mk"), ("M", "A2", 1, 3, 3, "Mk"), ("U", "C1", 20, 1, 1, "gU")],
    ),
    (
        "terminal_sites",
        {"within": 3},
        "terminus, from_end, accession, position",
        [
            *(("N", 1, accession, 1) for accession in ("A1", "A2")),
            *(("N", 3, accession, 3) for accession in ("A1", "A2", "B1")),
            ("C", 1, "C1", 20),
        ],
    ),
    (
        "sites_by_end",
        {"reach": 3},
        "terminus, from_end, n_sequences, n_sites, share, ratio, commonest",
        # 6 sites on 50 residues: 0.12 of them
        [
            ("N", 1, 4, 1, 0.25, 2.08, "M"),
            ("N", 2, 4, 0, 0, 0, None),
            ("N", 3, 4, 2, 0.5, 4.17, "C"),
            ("C", 1, 4, 1, 0.25, 2.08, "U"),
            ("C", 2, 4, 0, 0, 0, None),
            ("C", 3, 4, 0, 0, 0, None),
        ],
    ),
    (
        "densest_windows",
        {"window": 4, "min_sites": 2},
        "accession, first, last, n_in_window, n_sites, ratio, sites",
        [
            ("B1", 3, 6, 2, 2, 2.5, "C3 C6"),
            ("A1", 1, 3, 2, 3, 1.67, "M1 C3"),
            ("A2", 1, 3, 2, 3, 1.67, "M1 C3"),
        ],
    ),
    (
        "site_pairs",
        {"window": 5, "min_pairs": 1},
        "first, second, n_pairs, n_sequences, expected, ratio, median_separation, commonest_separation",
        [("C", "C", 2, 2, 2, 1, 3, 3), ("M", "C", 2, 1, 2, 1, 3.5, 2)],
    ),
    ("site_pairs", {"window": 2, "min_pairs": 1}, "first, second, n_pairs", [("M", "C", 1)]),
    (
        "layer_of_convergence",
        {},
        "layer, n_sequences, share, median_length, mean_sites",
        [(0, 1, 0.2, 10, 0), (1, 2, 0.4, 10, 2.5), (2, 1, 0.2, 20, 1), (None, 1, 0.2, 2, 0)],
    ),
    (
        "layers_by_length",
        {"lengths": "15"},
        "from_length, layer, n_sequences, share, n_in_class",
        [(0, 0, 1, 0.333, 3), (0, 1, 2, 0.667, 3), (15, 2, 1, 1, 1)],
    ),
    (
        "layers_of_word",
        {"word": "kinase"},
        "layer, n_with, share_with, n_others, share_others, ratio",
        [(0, 0, 0, 1, 0.5, 0), (1, 2, 1, 0, 0, None), (2, 0, 0, 1, 0.5, 0)],
    ),
    ("layers_of_word", {"word": "nowhere"}, "n_with, share_with", [(0, None)] * 3),
    (
        "layer_profile",
        {"protein": "A2"},
        "layer, is_convergence, top_position, top_residue, received, share, effective_residues",
        # 9 + 8 + 7 + 7 times 1 = 31
        [
            (0, False, 1, "M", 1, 0.1, 10),
            (1, True, 3, "C", 9, 0.2903, 6.2),
            (2, False, 1, "M", 1, 0.1, 10),
        ],
    ),
    (
        "conserved_sites",
        {"alignment": ALIGNED},
        "alignment_column, n_rows, n_sites, share, expected, letters, sites",
        [
            (3, 2, 2, 1, 0.5, "C2", "A1:C3 B1:C3"),
            (6, 2, 2, 1, 0.5, "C2", "A1:C6 B1:C6"),
            (1, 1, 1, 1, 0.3, "M1", "A1:M1"),
        ],
    ),
    ("conserved_sites", {"alignment": ALIGNED, "min_sites": 2}, "alignment_column", [(3,), (6,)]),
    (
        "aligned_sites",
        {"alignment": {"A1/1-5": "MKCA-A", "B1/2-6": "ACAA-C"}},
        "accession, position, alignment_column, n_others, n_others_with_site, n_others_alike",
        [("A1", 1, 1, 1, 0, 0), ("A1", 3, 3, 1, 0, 0), ("B1", 3, 2, 1, 0, 0), ("B1", 6, 6, 1, 0, 0)],
    ),
    (
        "name_families",
        {},
        "family, n_sequences, n_layers, commonest_layer, share_at_layer, mean_sites, shared_motif, accessions",
        [("ABC", 2, 1, 1, 1, 2.5, None, "A1 B1")],
    ),
]


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    root = tmp_path_factory.mktemp("questions") / "hand"
    write_handmade(root)
    with Atlas.open(root) as opened:
        yield opened


def asked(atlas: Atlas, name: str, **given: object) -> list[dict]:
    return atlas.ask(name, **given).to_pylist()


@pytest.mark.filterwarnings("ignore:.*was not computed")
@pytest.mark.parametrize(
    ("name", "given", "columns", "rows"), ANSWERS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_question_answers_what_was_counted_by_hand(
    by_hand: Atlas, name: str, given: dict, columns: str, rows: list[tuple]
) -> None:
    answer = by_hand.ask(name, **given).select(columns.split(", ")).to_pylist()
    cells = [[value if isinstance(value, list) else pytest.approx(value) for value in row] for row in rows]
    assert [list(row.values()) for row in answer] == cells


def test_every_question_but_those_of_heads_is_counted_by_hand() -> None:
    counted = {name for name, *_ in ANSWERS}
    with_oracle = {"provenance", "site_spacing", "residues_around_sites", "heads_apart", "similar_proteins"}
    elsewhere = {q.name for q in questions() if q.topic == "Heads" or q.needs} | {"n_terminal_register"}
    assert {q.name for q in questions()} - counted - with_oracle - elsewhere == set()


@pytest.mark.parametrize("n", [10, 11, 47])
def test_even_attention_is_the_measure_of_distance_and_period(tmp_path: Path, n: int) -> None:
    # A protein whose heads look at every token alike: entropy is ln(N + 2), and both questions say 1.
    write_handmade(tmp_path / "even", [hand("E1", "M" * n, sites=(1,), layer=0)])
    tokens = n + 2
    pairs = [abs(i - j) for i in range(n) for j in range(n)]
    distance = sum(pairs) / tokens / n
    helix = sum(d in (3, 4) for d in pairs) / tokens / n
    with Atlas.open(tmp_path / "even") as atlas:
        (row,) = asked(atlas, "heads_by_distance")[:1]
        stored = atlas.heads("E1").to_pylist()
        at = {(r["layer"], r["head"]): r for r in stored}[row["layer"], row["head"]]
        assert row["of_even"] == pytest.approx(at["distance"] / distance, abs=6e-4)
        (row,) = asked(atlas, "periodic_heads")[:1]
        assert row["even_share"] == pytest.approx(helix, abs=6e-5)


def test_provenance_is_that_of_the_manifest(by_hand: Atlas) -> None:
    values = {row["name"]: row["value"] for row in asked(by_hand, "provenance")}
    run, counts = by_hand.manifest.run, by_hand.manifest.counts
    assert (values["model"], values["rule"], values["weights_sha256"]) == (run.model, run.rule, run.weights_sha256)
    assert (values["n_ok"], values["n_sites"], values["max_length"]) == (str(counts.n_ok), "6", "none")
    assert values["source"] == "hand.fasta"


def test_flags_name_forty_sites_and_more(tmp_path: Path) -> None:
    many = hand("M1", "ACDEF" * 20, sites=tuple(range(1, 41)), layer=0, note="40 or more")
    write_handmade(tmp_path / "many", [many, *HAND])
    with Atlas.open(tmp_path / "many") as atlas:
        assert asked(atlas, "flagged")[0]["accession"] == "M1"
        assert asked(atlas, "flagged")[0]["n"] == 40
        assert ("ok", "sites found, 40 or more", 1) in [tuple(r.values())[:3] for r in asked(atlas, "completeness")]


def test_families_share_motifs_and_layers(tmp_path: Path) -> None:
    alike = [
        hand("K1", "MACDEFGHIKL", sites=(4,), layer=1, entry_name="KIN1_HUMAN"),
        hand("K2", "MWWACDEFGHW", sites=(6, 1), layer=1, entry_name="KIN12_HUMAN"),
        hand("K3", "MWWWWWWWWWW", sites=(4,), layer=2, entry_name="KIN_BACSU"),
        hand("K3-2", "MWWWWWWWWWWW", sites=(4,), layer=2, entry_name="KIN_BACSU"),
        hand("Z1", "MKKKKKKKKKK", sites=(4,), layer=0, entry_name="Z1_HUMAN"),
        hand("Z2", "MKKKKKKKKKR", sites=(4,), layer=0, entry_name="Z2_HUMAN"),
        hand("A0A0", "MKKKKKKKKRR", sites=(4,), layer=0, entry_name="A0A0_HUMAN"),
    ]
    write_handmade(tmp_path / "alike", alike)
    with Atlas.open(tmp_path / "alike") as atlas:
        (row,) = asked(atlas, "name_families")
    assert (row["family"], row["n_sequences"], row["accessions"]) == ("KIN", 3, "K1 K2 K3")
    assert (row["n_layers"], row["commonest_layer"], row["share_at_layer"]) == (2, 1, 0.67)
    assert (row["shared_motif"], row["n_with_motif"], row["mean_sites"]) == ("cDe", 2, 1.3)


def test_an_interval_is_of_five_sequences_of_its_own_row(tmp_path: Path) -> None:
    # Six sequences have sites, and every motif; four of them have a site on H.
    tails = enumerate("ADEFKL")
    write_handmade(
        tmp_path / "few", [hand(f"P{i}", f"MGGHAC{tail}", sites=(6, 4)[: 1 + (i < 4)], layer=1) for i, tail in tails]
    )
    with Atlas.open(tmp_path / "few") as atlas:
        answers = {
            "ratio_low": [*asked(atlas, "residue_enrichment"), *asked(atlas, "residues_around_sites", reach=1)],
            "ratio_high": [*asked(atlas, "residue_enrichment"), *asked(atlas, "residues_around_sites", reach=1)],
            "share_low": asked(atlas, "motifs_at_sites", min_sites=1, after=0),
        }
    for bound, rows in answers.items():
        assert {row["n_sequences"] for row in rows} >= {4, 6}
        for row in rows:
            is_few = row["n_sequences"] < 5
            assert (row[bound] is None, row["note"]) == (is_few, "fewer than 5 proteins" if is_few else None)
