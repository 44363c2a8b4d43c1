"""The passes that judge pairs, on a small atlas: rows by key, values of one trial, resuming, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from helpers.architectures import load
from helpers.building import build_here, digests, random_proteins, write_fasta
from helpers.interface_case import HETEROMERS, HOMODIMER, PROTEINS, draw_contacts, write_pair_atlas
from helpers.pair_passes_here import add_pairs_here, judge_interfaces_here
from helpers.sealed_atlas import read_computation, read_keys, read_manifest, read_rows

from attlas.pipeline.interfaces.adding import AddedInterfaces
from attlas.pipeline.interfaces.judged_pairs import read_judged_pairs
from attlas.pipeline.interfaces.known_interface import make_known_interface
from attlas.pipeline.interfaces.measures import MEASURES
from attlas.pipeline.interfaces.trials import MeasureHeads, Trial, measure_trials
from attlas.schema import AtlasPaths, InputError

pytestmark = pytest.mark.slow

SETTINGS = {"n_choosing": 2, "n_splits": 3, "n_heads": (1, 3)}


def judge(root: Path, **changes: object) -> AddedInterfaces:
    return judge_interfaces_here(root, **SETTINGS | changes)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, tiny_esm: Path) -> tuple[Path, AddedInterfaces]:
    atlas = write_pair_atlas(tmp_path_factory.mktemp("pairs"), tiny_esm)
    return atlas, judge(atlas)


def test_every_pair_with_contacts_has_a_row_for_each_form_kind_layer_and_head(
    judged: tuple[Path, AddedInterfaces],
) -> None:
    root, added = judged
    rows = read_rows(root, "pair_head_contacts")
    keys = set(read_keys(root, "pair_head_contacts"))

    assert len(keys) == len(rows) == 6 * 2 * 3 * 2 * 5
    assert (added.n_pairs, added.n_groups, added.n_homodimers, added.n_without_contacts) == (6, 6, 1, 1)
    assert (added.forms, added.n_swapped, added.n_failed) == (("gap", "linker"), 6, 0)


def test_values_are_those_of_the_pair_run_alone(judged: tuple[Path, AddedInterfaces], tiny_esm: Path) -> None:
    root, _ = judged
    encoder = load(tiny_esm, attention="plain")
    accession, partner = HETEROMERS[1]  # of which the contacts are given in the other direction
    sequences = PROTEINS[accession], PROTEINS[partner]
    interface = make_known_interface(draw_contacts(accession, partner), lengths=(len(sequences[0]), len(sequences[1])))
    (measures,) = measure_trials(
        encoder,
        [Trial(0, "linker", "given", *sequences, partner, interface)],
        gap=100,
        begin_trial=lambda trial: MeasureHeads(trial, apc="joined"),
        is_both_orders=True,
    )

    assert measures is not None
    for row in read_rows(root, "pair_head_contacts"):
        if (row["accession"], row["form"], row["kind"]) == (accession, "linker", "given"):
            of_head = measures[row["layer"], 4 if row["head"] is None else row["head"]]
            stored = np.array([row[name] for name in MEASURES], float)
            np.testing.assert_allclose(stored, of_head, rtol=1e-5, err_msg=f"{row}")
            assert row["n_contacts"] == len(interface.contacts)


def test_contacts_of_a_homodimer_count_in_both_directions(judged: tuple[Path, AddedInterfaces]) -> None:
    root, _ = judged
    contacts = {place for i, j in draw_contacts(*HOMODIMER) for place in ((i, j), (j, i))}
    rows = [row for row in read_rows(root, "pair_head_contacts") if row["is_homodimer"] and row["kind"] == "given"]
    assert {row["accession"] for row in rows} == {HOMODIMER[0]}
    assert {row["n_contacts"] for row in rows} == {len(contacts)}
    assert {row["n_interface"] for row in rows} == {len({i for i, _ in contacts})}


def test_a_swapped_partner_has_its_own_interface_and_no_contacts(judged: tuple[Path, AddedInterfaces]) -> None:
    root, _ = judged
    partner_of = dict([*HETEROMERS, HOMODIMER])
    interfaces = {b: len({j for _, j in draw_contacts(a, b)}) for a, b in HETEROMERS}
    swapped = [row for row in read_rows(root, "pair_head_contacts") if row["kind"] == "swapped"]

    assert all(row["partner"] != partner_of[row["accession"]] for row in swapped)
    assert all(row["n_contacts"] is row["auroc"] is row["hits_10"] is None for row in swapped)
    assert all(
        row["partner"] not in interfaces or row["n_partner_interface"] == interfaces[row["partner"]] for row in swapped
    )
    assert all(0 <= row["interface_auroc"] <= 1 and 0 <= row["partner_interface_auroc"] <= 1 for row in swapped)


def test_fused_heads_never_judge_the_groups_that_chose_them(judged: tuple[Path, AddedInterfaces]) -> None:
    root, added = judged
    rows = read_rows(root, "pair_choices")
    given = [row for row in rows if row["kind"] == "given"]

    assert added.n_splits == 3
    for split in range(3):
        judging = {row["pair_id"] for row in given if row["split"] == split}
        assert len(judging) == 4  # of five heteromers two choose; the homodimer judges, too
    assert {row["n_heads"] for row in rows} == {1, 3}
    assert {len(str(row["heads"]).split()) - int(str(row["n_heads"])) for row in rows} == {0}


def test_one_fused_head_is_that_head(judged: tuple[Path, AddedInterfaces]) -> None:
    root, _ = judged
    heads = {
        (row["pair_id"], row["form"], row["kind"], f"{row['layer']}-{row['head']}"): row
        for row in read_rows(root, "pair_head_contacts")
    }
    for row in read_rows(root, "pair_choices"):
        if row["n_heads"] == 1:
            head = heads[row["pair_id"], row["form"], row["kind"], row["heads"]]
            assert [row[name] for name in MEASURES] == [head[name] for name in MEASURES]


def test_the_same_command_again_changes_nothing(judged: tuple[Path, AddedInterfaces]) -> None:
    root, added = judged
    before = digests(root)
    assert judge(root).manifest == added.manifest
    assert digests(root) == before


def test_a_file_of_groups_decides_which_pairs_are_alike(judged: tuple[Path, AddedInterfaces], tmp_path: Path) -> None:
    root, _ = judged
    lines = [f"alone {name}\t{name}\n" for name in PROTEINS] + ["P00000\tP00003\n", "P00003\tP00010\n"]
    (tmp_path / "groups.tsv").write_text("".join(lines))
    pairs = read_judged_pairs(AtlasPaths(root), read_manifest(root), groups=tmp_path / "groups.tsv", identity=0.3)

    groups = {pair.accession: pair.group for pair in pairs}
    alike = {groups[accession] for accession in ("P00000", "P00003", "P00010")}
    assert len(alike) == 1
    assert len(set(groups.values())) == 4
    assert all(groups[pair.accession] != next(p.group for p in pairs if p.pair_id == pair.swapped) for pair in pairs)


def test_groups_between_commas_are_those_between_tabs(judged: tuple[Path, AddedInterfaces], tmp_path: Path) -> None:
    root, _ = judged
    groups = []
    for delimiter in "\t,":
        file = tmp_path / "groups.txt"
        file.write_text("".join(f"{name[:-1]}{delimiter}{name}\n" for name in PROTEINS))
        pairs = read_judged_pairs(AtlasPaths(root), read_manifest(root), groups=file, identity=0.3)
        groups.append([pair.group for pair in pairs])
    assert groups[0] == groups[1]


@pytest.mark.thorough
def test_too_few_groups_fuse_no_heads_and_leave_no_rows_of_before(judged: tuple[Path, AddedInterfaces]) -> None:
    root, _ = judged
    added = judge(root, n_choosing=9, forms="gap")
    assert added.n_splits == 0
    assert read_rows(root, "pair_choices") == []


@pytest.mark.thorough
def test_the_gap_is_that_of_the_pairs_unless_another_is_given(tiny_esm: Path, tmp_path: Path) -> None:
    root = write_pair_atlas(tmp_path, tiny_esm)
    add_pairs_here(root, forms="gap", gap=7)
    for given, expected in ((None, 7), (9, 9)):
        judge(root, gap=given)
        computation = read_computation(root, "pair_head_contacts")
        assert computation.settings["gap"] == expected


def test_a_protein_without_a_group_is_refused(judged: tuple[Path, AddedInterfaces], tmp_path: Path) -> None:
    (tmp_path / "groups.tsv").write_text("a\tP00000\n")
    with pytest.raises(InputError, match="lacks proteins"):
        judge(judged[0], groups=tmp_path / "groups.tsv")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"order": "reverse"}, "--order"),
        ({"identity": 0}, "--identity"),
        ({"n_heads": (9,)}, "--heads"),
        ({"forms": "glue"}, "no forms of joining"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    judged: tuple[Path, AddedInterfaces], changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        judge(judged[0], **changes)


def test_an_atlas_without_known_contacts_is_refused(tmp_path: Path, tiny_esm: Path) -> None:
    build_here(write_fasta(tmp_path / "s.fasta", random_proteins([30, 31])), tmp_path / "atlas", tiny_esm)
    with pytest.raises(InputError, match="has known contacts"):
        judge(tmp_path / "atlas")
