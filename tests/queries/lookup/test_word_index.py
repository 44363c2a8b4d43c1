"""Searches by words in the index: the same as reading every name, with bounds on what is read of large atlases."""

import random
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.name_scan import COLUMNS, scan_names
from helpers.range_server import serving
from helpers.synthetic import SyntheticProtein, write_atlas

from attlas.pipeline.indexes.words import write_word_index
from attlas.queries import Atlas
from attlas.queries.lookup import find, word_index
from attlas.queries.lookup.hits import choose_protein
from attlas.queries.lookup.word_index import WordIndex
from attlas.schema import WORDS, AtlasPaths, Manifest
from attlas.schema.verify import find_problems

pytestmark = pytest.mark.slow

LONG = "x" * 30 + "titin" * 20
DESCRIPTIONS = (
    "DNA polymerase III subunit alpha", "DNA polymerase I", "Uncharacterized protein", "Protein kinase, DNA-dependent",
    "Kinase", "protein-kinase inhibitor", "Straße protein", "ÉTÉ kinase", LONG, None, "Copolymerase", "TNF-α receptor",
)  # fmt: skip
ORGANISMS = ("Escherichia coli (strain K12)", "Homo sapiens", None, "Protein kinase virus")
TEXTS = (
    "protein", "kinase", "protein kinase", "kinase protein", "dna", "polymerase dna", "polym", "ymer", "kin",
    "coli k12", "STRASSE", "été", "α", "gen1", "GEN1_3", "a00001", "A000012", "human", "titin", LONG, LONG[3:40],
    "i", "iii", "-", "", "uniref50_a000020", "a000020", "nobody", "dna kinase coli", "x" * 100, "virus kinase",
    "kinase, dna", "Kinase",
)  # fmt: skip


def _proteins(n: int) -> list[SyntheticProtein]:
    dice = random.Random(n)
    return [
        SyntheticProtein(
            f"UniRef50_A{i:06d}" if i % 5 == 0 else f"A{i:06d}",
            "MKV" + "ACDEFGHIKL"[i % 10] * (i // 10 + 1),
            None if i % 7 == 0 else f"GEN{i % 9}_{i}",
            dice.choice([None, "kinase", f"gen{i % 9}", "dnaN-2"]),
            organism=dice.choice(ORGANISMS),
            description=dice.choice(DESCRIPTIONS),
        )
        for i in range(n)
    ]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("words") / "atlas"
    write_atlas(root, _proteins(150), n_layers=1, n_heads=1, n_shards=1)
    return root


def _names(root: Path) -> list[dict[str, str | None]]:
    with Atlas.open(root) as atlas:
        return atlas.sql(f"SELECT {', '.join(COLUMNS)} FROM proteins ORDER BY accession").to_pylist()


def _hits(atlas: Atlas, text: str) -> list[tuple[str, str]]:
    return [(hit.accession, hit.fit) for hit in atlas.search(text).hits]


def test_a_small_atlas_is_searched_as_if_every_name_were_read(root: Path) -> None:
    names = _names(root)
    with Atlas.open(root) as atlas:
        for text in TEXTS:
            assert _hits(atlas, text) == scan_names(names, text), text
            assert not atlas.search(text).notes


@pytest.mark.thorough
@pytest.mark.parametrize(("few_rows", "few_compared"), [(0, 0), (0, 1_000), (20, 0), (60, 3)])
def test_frequent_words_are_answered_by_columns_as_rare_ones_one_by_one(
    root: Path, monkeypatch: pytest.MonkeyPatch, few_rows: int, few_compared: int
) -> None:
    names = _names(root)
    monkeypatch.setattr(word_index, "FEW_ROWS", few_rows)
    monkeypatch.setattr(find, "FEW_COMPARED", few_compared)
    with Atlas.open(root) as atlas:
        for text in TEXTS:
            assert _hits(atlas, text) == scan_names(names, text), text
            rows = atlas.find(text).to_pylist()
            accessions = [accession for accession, _ in scan_names(names, text)]
            by_accession = {row["accession"]: row for row in names}
            assert [{column: row[column] for column in COLUMNS} for row in rows] == [
                by_accession[accession] for accession in accessions
            ]


@pytest.mark.parametrize(
    "words", [["protein"], ["kinase", "a0"], ["protein", "kinase", "i"], ["in", "dna", "a0000"], ["no"]]
)
def test_the_likeliest_proteins_of_frequent_words_are_those_of_rare_ones(root: Path, words: list[str]) -> None:
    manifest = Manifest.read(AtlasPaths(root))
    words_proteins = WordIndex(root, manifest.of_table(WORDS)).look_up(words)
    rows = find._rows_of_rare(words_proteins)
    assert find._rows_of_all(words_proteins) == rows
    assert bool(rows) == (words != ["no"])


def test_very_many_hits_are_a_sequence_of_hits(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Atlas.open(root) as atlas:
        hits = atlas.hits("protein kinase")
        monkeypatch.setattr(find, "FEW_COMPARED", 0)
        table = atlas.search("protein kinase").hits
        assert len(hits) > 3
        assert (list(table), len(table), table[1], table[-1]) == (hits, len(hits), hits[1], hits[-1])
        assert (list(table[1:3]), list(table[::-2])) == (hits[1:3], hits[::-2])
        with pytest.raises(IndexError, match="out of range"):
            table[len(hits)]


def test_an_atlas_without_the_index_answers_the_same(root: Path, tmp_path: Path) -> None:
    names = _names(root)
    paths, manifest = AtlasPaths(tmp_path), Manifest.read(AtlasPaths(root))
    for file in manifest.files:
        (tmp_path / file.path).parent.mkdir(exist_ok=True)
        (tmp_path / file.path).symlink_to(root / file.path)
    replace(manifest, files=tuple(file for file in manifest.files if file.table != WORDS.name)).write(paths)
    with Atlas.open(tmp_path) as atlas:
        for text in TEXTS:
            assert _hits(atlas, text) == scan_names(names, text), text
        assert "polymerase for polimerase" in atlas.suggest("polimerase")


SMALL_GROUPS = replace(WORDS, row_group_rows=20)


@pytest.fixture(scope="module")
def cut_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An atlas whose index of words has many files of tiny row groups."""
    root = tmp_path_factory.mktemp("large") / "atlas"
    write_atlas(root, _proteins(250), n_layers=1, n_heads=1, n_shards=1)
    paths, manifest = AtlasPaths(root), Manifest.read(AtlasPaths(root))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("attlas.pipeline.indexes.words.WORDS", SMALL_GROUPS)
        files = write_word_index(paths, [paths.proteins], metadata={}, file_rows=200)
    assert len(files) > 5
    others = [file for file in manifest.files if file.table != WORDS.name]
    replace(manifest, files=(*others, *files)).write(paths)
    assert not find_problems(paths, Manifest.read(paths))
    return root


@pytest.fixture
def large(cut_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same to a reader that takes few of the row groups."""
    monkeypatch.setattr(word_index, "WORDS", SMALL_GROUPS)
    monkeypatch.setattr(word_index, "MOST_SCANNED", 6)
    monkeypatch.setattr(word_index, "MOST_READ", 6)
    monkeypatch.setattr(word_index, "MOST_READ_REMOTELY", 6)
    return cut_root


@pytest.fixture(params=[1 << 14, 0], ids=["one by one", "by columns"])
def large_both_ways(large: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, whose words are taken for rare ones, or for frequent ones."""
    monkeypatch.setattr(word_index, "FEW_ROWS", request.param)
    monkeypatch.setattr(find, "FEW_COMPARED", request.param)
    return large


def _has_beginnings(names: dict[str, str | None], text: str) -> bool:
    words = [word for name in names.values() if name for word in re.findall(r"[^\W_]+", name.casefold())]
    return all(any(word.startswith(part) for word in words) for part in re.findall(r"[^\W_]+", text.casefold()))


def test_of_a_large_atlas_words_are_found_whole_or_by_their_beginnings(large_both_ways: Path) -> None:
    names = _names(large_both_ways)
    with Atlas.open(large_both_ways) as atlas:
        for text in TEXTS:
            search = atlas.search(text)
            expected = scan_names([row for row in names if _has_beginnings(row, text)], text)
            hits = [(hit.accession, hit.fit) for hit in search.hits]
            assert set(hits) <= set(scan_names(names, text)), text
            if search.is_complete:
                whole = [hit for hit in expected if hit[1] != "parts of words"]
                assert [hit for hit in hits if hit[1] != "parts of words"] == whole, text
            else:
                assert "more words leave fewer" in search.notes[0]
            assert not text.strip("-") or find.WHOLE_WORDS_NOTE in search.notes


def test_of_a_word_that_very_many_have_the_number_is_told_and_the_likeliest_are_listed(large_both_ways: Path) -> None:
    names = _names(large_both_ways)
    words = [{word for name in row.values() if name for word in re.findall(r"[^\W_]+", name.casefold())}
             for row in names]  # fmt: skip
    n_proteins = sum("protein" in row for row in words)
    with Atlas.open(large_both_ways) as atlas:
        search = atlas.search("protein")
        assert not search.is_complete
        assert search.notes[0].startswith(f"{n_proteins} proteins have the word protein: the likeliest ")
        listed = [(hit.accession, hit.fit) for hit in search.hits]
        assert 0 < len(listed) < n_proteins
        assert listed == scan_names(names, "protein")[: len(listed)]
        assert choose_protein(search) is None

        # With a rarer word beside it, nothing is left out.
        rare = next(row for row in names if row["description"] == "Straße protein")
        both = atlas.search("protein strasse")
        assert both.is_complete
        assert rare["accession"] in [hit.accession for hit in both.hits]


def test_a_misspelt_word_of_a_large_atlas_is_compared_with_those_that_begin_alike(large: Path) -> None:
    with Atlas.open(large) as atlas:
        assert "do you mean polymerase for polimerase?" in atlas.suggest("polimerase")
        assert "inhibitor" in atlas.suggest("inhibitr")


def test_names_are_read_in_a_limited_number_of_places(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attlas.queries.store.MOST_GROUPS", 0)
    with Atlas.open(root) as atlas:
        search = atlas.search("kinase")
        n_fitting = len(scan_names(_names(root), "kinase"))
        assert search.hits == ()
        assert search.notes == (f"{n_fitting} proteins fit: the likeliest 0 are listed; more words leave fewer",)


def test_a_search_behind_a_url_reads_the_row_groups_of_its_words_alone(large: Path) -> None:
    names = _names(large)
    with serving(large) as server, Atlas.open(server.url) as atlas:
        server.forget()
        assert [hit[0] for hit in _hits(atlas, "inhibitor")] == [hit[0] for hit in scan_names(names, "inhibitor")]
        assert not [path for path, _ in server.requests if path.startswith("names/")]
        assert len([path for path, _ in server.requests if path.startswith("words/")]) <= 8


def test_find_says_what_was_not_looked_at(large: Path, attlas: Callable) -> None:
    run = attlas("find", large, "protein")
    assert run.code == 0
    assert "proteins have the word protein: the likeliest" in run.err
    run = attlas("show", large, "protein kinase inhibitor virus")
    assert run.code in (0, 1)
    run = attlas("show", large, "protein")
    assert run.code == 1
    assert "protein names more than" in run.err
