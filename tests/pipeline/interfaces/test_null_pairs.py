"""The nulls of labelled pairs: held against eager maps of inputs joined by hand, resumed, and refused by name."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.building import digests
from helpers.interface_case import HETEROMERS, PROTEINS, UNKNOWN, write_pair_atlas
from helpers.pair_oracle import count_head_numbers, read_eagerly
from helpers.pair_passes_here import add_nulls_here, add_pairs_here
from helpers.sealed_atlas import list_files, query_rows, read_computation, read_keys, read_rows

from attlas.pipeline.interfaces.null_pairs import STATISTICS
from attlas.pipeline.interfaces.nulls import shuffle_letters
from attlas.schema import InputError

pytestmark = pytest.mark.slow

THETA = 0.3


@pytest.fixture(scope="module")
def paired(tmp_path_factory: pytest.TempPathFactory, tiny_esm: Path) -> Path:
    """The atlas with the nulls of its seven pairs, all of which have a label."""
    root = write_pair_atlas(tmp_path_factory.mktemp("nulls"), tiny_esm)
    added = add_nulls_here(root)
    assert (added.n_pairs, added.n_groups, added.n_swapped, added.n_failed) == (7, 6, 7, 0)
    return root


@pytest.fixture
def root(paired: Path, tmp_path: Path) -> Path:
    return shutil.copytree(paired, tmp_path / "atlas")


def test_every_labelled_pair_has_a_row_for_each_form_null_layer_and_head(paired: Path) -> None:
    keys = read_keys(paired, "pair_nulls")
    assert keys == sorted(set(keys))
    assert len(keys) == 7 * 2 * 2 * 2 * 4
    assert len(list_files(paired, "pair_nulls")) == 1
    assert read_computation(paired, "pair_nulls").settings == {
        "forms": "gap linker", "orders": "forward reverse", "gap": 100, "seed": 0, "groups": "identity 0.3"
    }  # fmt: skip


def test_numbers_are_means_over_directions_and_orders_of_the_eager_maps(paired: Path, tiny_esm: Path) -> None:
    pairs = {row["pair_id"]: row for row in read_rows(paired, "pairs")}
    rows = read_rows(paired, "pair_nulls")
    for kind in ("shuffled", "swapped"):
        for form in ("gap", "linker"):
            numbers = [row for row in rows if (row["pair_id"], row["kind"], row["form"]) == (3, kind, form)]
            accession, partner = numbers[0]["accession"], numbers[0]["partner"]
            sequences = PROTEINS[accession], PROTEINS[partner]
            own_partner = pairs[3]["partner"]
            assert (partner == own_partner) == (kind == "shuffled")
            if kind == "shuffled":
                sequences = (
                    shuffle_letters(sequences[0], seed=0, name=f"{accession} of {accession} {partner}"),
                    shuffle_letters(sequences[1], seed=0, name=f"partner of {accession} {partner}"),
                )
                assert [sorted(letters) for letters in sequences] == [
                    sorted(PROTEINS[name]) for name in (accession, partner)
                ]

            eager = [read_eagerly(tiny_esm, *order, form) for order in (sequences, sequences[::-1])]
            by_direction = [
                count_head_numbers(pair, query, is_mirrored=False, theta=THETA) for pair in eager for query in (0, 1)
            ]
            for name in STATISTICS:
                expected = np.mean([of_direction[name] for of_direction in by_direction], axis=0)  # (L, H)
                stored = np.array([row[name] for row in numbers]).reshape(expected.shape)
                assert np.allclose(stored, expected, atol=2e-5), (kind, form, name)


def test_a_swapped_partner_is_of_another_homology_group(paired: Path) -> None:
    pair_names = {row["pair_id"]: (row["accession"], row["partner"]) for row in read_rows(paired, "pairs")}
    rows = read_rows(paired, "pair_nulls")
    group_of = {pair_names[row["pair_id"]]: row["homology_group"] for row in rows}
    given = {frozenset(names) for names in pair_names.values()}
    assert group_of[HETEROMERS[0]] == group_of[UNKNOWN]  # which share a protein
    for row in rows:
        if row["kind"] == "swapped":
            others = {names for names in pair_names.values() if names[1] == row["partner"]}
            assert row["homology_group"] not in {group_of[names] for names in others}
            assert frozenset((row["accession"], row["partner"])) not in given


def test_the_same_command_again_changes_nothing_and_another_seed_the_shuffled_letters_alone(root: Path) -> None:
    before, rows = digests(root), read_rows(root, "pair_nulls")
    add_nulls_here(root)
    assert digests(root) == before

    add_nulls_here(root, seed=1)
    changed = {row["kind"] for row, other in zip(rows, read_rows(root, "pair_nulls"), strict=True) if row != other}
    assert changed == {"shuffled"}
    assert query_rows(root, "SELECT count(*) AS n FROM pair_nulls") == [{"n": len(rows)}]


def test_pairs_of_one_order_and_one_homology_group_have_shuffled_letters_alone(
    root: Path, attlas: Callable, tmp_path: Path
) -> None:
    (tmp_path / "pairs.tsv").write_text("P00000\tP00001\tbinder\nP00000\tP00002\tnone\nP00003\tP00004\n")
    add_pairs_here(root, forms="linker", order="forward")
    run = attlas("binders", root, "--workers", 0)
    assert run.code == 0, run.err
    assert run.out == f"{root}: nulls of 2 labelled pairs of 1 homology group: letters shuffled, 0 partners swapped\n"
    assert "no partner is swapped: all pairs are of one homology group" in run.err
    rows = read_rows(root, "pair_nulls")
    assert {(row["kind"], row["form"], row["pair_id"]) for row in rows} == {
        ("shuffled", "linker", 0),
        ("shuffled", "linker", 1),
    }


def test_pairs_without_a_label_have_no_nulls(root: Path, attlas: Callable, tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_text("P00000\tP00001\n")
    add_pairs_here(root)
    run = attlas("binders", root, "--workers", 0)
    assert run.code == 1
    assert f"No computed pair of {root} has a label." in run.err


def test_an_identity_beyond_one_is_refused(root: Path) -> None:
    with pytest.raises(InputError, match="--identity cannot be used"):
        add_nulls_here(root, identity=1.5)
