"""Proteins by what people call them: words, other letter case, PDB ids of structures; and `show` by a name."""

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from helpers.annotated import Shown, place
from helpers.synthetic import SyntheticProtein, write_atlas

from attlas.queries import Atlas
from attlas.queries.answers.many_ids import lookup
from attlas.queries.asking.answering import ask
from attlas.queries.exports.exporting import ExportOptions, prepare_export
from attlas.queries.lookup.hits import FITS
from attlas.queries.lookup.naming import MOST_SEARCHED, N_NOTED
from attlas.schema import QuestionError

COLI = {"organism": "Escherichia coli (strain K12)", "taxon_id": 83333}
BACSU = {"organism": "Bacillus subtilis (strain 168)", "taxon_id": 224308}
PROTEINS = [
    SyntheticProtein("P0A9A6", "MFEPMELTND", "FTSZ_ECOLI", "ftsZ", description="Cell division protein FtsZ", **COLI),
    SyntheticProtein("P77173", "MMQDLRLILI", "ZIPA_ECOLI", "zipA", description="Cell division protein ZipA", **COLI),
    SyntheticProtein("P10443", "MSEPRFVHLR", "DPO3A_ECOLI", "dnaE",
                     description="DNA polymerase III subunit alpha", **COLI),
    SyntheticProtein("P00582", "MVQIPQNPLI", "DPO1_ECOLI", "polA", description="DNA polymerase I", **COLI),
    SyntheticProtein("O34996", "MTERKKLVLV", "DPO1_BACSU", "polA", description="DNA polymerase I", **BACSU),
    SyntheticProtein("P37957", "MKFVKRRIIA", "ESTA_BACSU", "estA", description="Lipase EstA", **BACSU),
    SyntheticProtein("P0A988", "MKFTVEREHL", "DPO3B_ECOLI", "dnaN", description="Beta sliding clamp", **COLI),
    SyntheticProtein("X1", "MKFTVEREHLL"),
]  # fmt: skip


@pytest.fixture(scope="module")
def named_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("named") / "atlas"
    write_atlas(root, PROTEINS)
    place(root, [Shown("P37957", "1I6W.cif.gz", "A", 1, "M", (0, 0, 0), None),
                 Shown("P37957", "1I6W.cif.gz", "A", 2, "K", (1, 0, 0), None),
                 Shown("P00582", "af-model.pdb", "A", 1, "M", (0, 0, 0), None)])  # fmt: skip
    return root


@pytest.fixture(scope="module")
def named(named_dir: Path) -> Iterator[Atlas]:
    """One connection for every test of the file: nothing here changes it."""
    with Atlas.open(named_dir) as opened:
        yield opened


@pytest.mark.parametrize(
    ("text", "accessions", "fit"),
    [
        ("dna polymerase", ["O34996", "P00582", "P10443"], "words of the name in order"),
        ("polymerase DNA", ["O34996", "P00582", "P10443"], "words"),
        ("DNA polymerase I", ["O34996", "P00582"], "whole name"),
        ("polymerase bacillus", ["O34996"], "words"),
        ("FtsZ", ["P0A9A6"], "gene"),
        ("esta_bacsu", ["P37957"], "entry name"),
        ("p0a9a6", ["P0A9A6"], "accession"),
        ("1i6w", ["P37957"], "structure"),
        ("1I6W.cif.gz", ["P37957"], "structure"),
        ("polym", ["O34996", "P00582", "P10443"], "parts of words"),
        ("beta-sliding", ["P0A988"], "words of the name in order"),
    ],
)
def test_a_text_finds_the_proteins_that_are_called_so(named: Atlas, text: str, accessions: list[str], fit: str) -> None:
    hits = named.find(text).to_pylist()
    best = [hit["accession"] for hit in hits if hit["fit"] == fit]
    assert best == accessions
    assert {hit["fit"] for hit in hits[: len(best)]} == {fit}
    assert FITS.index(fit) == min(FITS.index(hit["fit"]) for hit in hits)


@pytest.mark.parametrize("text", ["", "  ", "-", "kinase", "9xyz", "dna kinase"])
def test_a_text_that_no_protein_is_called_finds_none(named: Atlas, text: str) -> None:
    assert named.find(text).num_rows == 0


def test_names_that_are_not_there_are_null(named: Atlas) -> None:
    (hit,) = named.find("x1").to_pylist()
    assert hit == {"accession": "X1", "entry_name": None, "gene": None, "description": None, "organism": None,
                   "fit": "accession"}  # fmt: skip


@pytest.mark.parametrize("name", ["esta_bacsu", "FTSZ", "ftsz", "sliding clamp", "1i6w", "lipase"])
def test_show_takes_a_name_that_only_one_protein_has(named_dir: Path, attlas: Callable, name: str) -> None:
    run = attlas("show", named_dir, name)
    assert run.code == 0, run.err
    assert " is taken for P" in run.err
    assert f"asked as {name}" in run.out


@pytest.mark.parametrize("method", ["show", "protein", "sites", "residues", "heads"])
@pytest.mark.parametrize("name", ["esta_bacsu", "lipase", "1i6w"])
def test_a_lookup_in_python_takes_a_name_that_only_one_protein_has(named: Atlas, method: str, name: str) -> None:
    with pytest.warns(UserWarning, match=f"^{name} is taken for P37957 ") as caught:
        answer = getattr(named, method)(name)
    assert [warning.filename for warning in caught] == [__file__]
    expected = getattr(named, method)("P37957")
    if method == "show":
        assert answer.answer.protein == expected.answer.protein
    else:
        assert answer.equals(expected)


@pytest.mark.parametrize(
    "method", ["features", "families", "tracks", "variants", "contacts", "fused_contacts", "links"]
)
def test_a_lookup_of_an_added_table_takes_such_a_name(named: Atlas, method: str) -> None:
    with (
        pytest.warns(UserWarning, match="^lipase is taken for P37957 "),
        pytest.raises(QuestionError, match="This atlas has no table"),
    ):
        getattr(named, method)("lipase")


@pytest.mark.parametrize("method", ["show", "sites", "page", "links", "plot"])
def test_a_lookup_in_python_lists_the_proteins_of_a_name_that_several_have(named: Atlas, method: str) -> None:
    with pytest.raises(QuestionError, match=r"names 3 proteins of this atlas(.|\n)*- O34996 · polA") as caught:
        getattr(named, method)("dna polymerase")
    assert caught.value.what == "dna polymerase names 3 proteins of this atlas."


def test_a_page_in_python_takes_a_name_that_only_one_protein_has(named: Atlas) -> None:
    with pytest.warns(UserWarning, match="^lipase is taken for P37957 "):
        page = named.page("lipase")
    assert page.name == named.page("P37957").name


def test_a_list_of_ids_in_python_takes_names(named: Atlas, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="is taken for") as caught:
        rows = named.ask("sites_of", proteins=["P0A9A6", "esta_bacsu", "sliding clamp"])
    assert [str(warning.message).partition(" (")[0] for warning in caught] == [
        "esta_bacsu is taken for P37957",
        "sliding clamp is taken for P0A988",
    ]
    assert set(rows["accession"].to_pylist()) == {"P0A9A6", "P37957", "P0A988"}

    with pytest.warns(UserWarning, match="^lipase is taken for P37957 "):
        named.export("bed", tmp_path / "sites.bed", ["lipase"])


@pytest.mark.parametrize("arguments", [["ask", "sites_of", "proteins=esta_bacsu"], ["export", "bed", "esta_bacsu"]])
def test_verbs_of_a_list_of_ids_take_names(named_dir: Path, attlas: Callable, arguments: list[str]) -> None:
    run = attlas(arguments[0], named_dir, *arguments[1:])
    assert (run.code, run.err) == (0, "attlas: esta_bacsu is taken for P37957 (fit: entry name)\n")
    assert "P37957" in run.out


def test_of_a_batch_the_letter_case_may_differ_and_nothing_else(named: Atlas) -> None:
    rows = named.lookup(["ESTA_bacsu", "lipase", "pola", "FTSZ"])
    answers = {row["asked"]: (row["accession"], row["reason"]) for row in rows.to_pylist()}
    assert answers["ESTA_bacsu"] == ("P37957", "ESTA_bacsu is taken for P37957 (fit: letter case)")
    assert answers["FTSZ"] == ("P0A9A6", "FTSZ is taken for P0A9A6 (fit: letter case)")
    assert answers["lipase"][0] is answers["pola"][0] is None


def test_of_very_many_texts_the_first_are_searched_for_and_told(named: Atlas) -> None:
    notes: list[str] = []
    ids = [*("ftsz" + " " * n for n in range(MOST_SEARCHED)), "esta_bacsu", "lipase"]
    result = named.match_names(named.matches(ids), note=notes.append)
    assert [fault.what for fault in result.faults] == ["lipase is not in this atlas."]
    assert notes[N_NOTED:] == [f"and {MOST_SEARCHED + 1 - N_NOTED} more texts likewise"]
    assert result.matches[-2].rows == named.match("P37957").rows


def test_the_api_and_the_assistant_take_ids_only(named: Atlas) -> None:
    with pytest.raises(QuestionError, match="esta_bacsu is not in this atlas"):
        ask(named, "sites_of", {"proteins": "esta_bacsu"})
    (fault,) = prepare_export(named, "bed", ExportOptions(ids=("esta_bacsu",))).faults
    assert fault.what == "esta_bacsu is not in this atlas."
    assert set(lookup(named, ["esta_bacsu"])["accession"].to_pylist()) == {None}


def test_show_lists_the_proteins_of_a_name_that_several_have(named_dir: Path, attlas: Callable) -> None:
    run = attlas("show", named_dir, "dna polymerase")
    assert (run.code, run.out) == (1, "")
    assert "dna polymerase names 3 proteins of this atlas." in run.err
    assert "  - O34996 · polA · DNA polymerase I · Bacillus subtilis (strain 168)" in run.err
    assert run.err.index("O34996") < run.err.index("P00582") < run.err.index("P10443")


def test_show_never_takes_a_part_of_a_word_or_an_isoform_for_a_protein(named_dir: Path, attlas: Callable) -> None:
    for name in ("P0A9A6-2", "P0A9A6.3", "P0A9", "clam"):
        run = attlas("show", named_dir, name)
        assert (run.code, run.out) == (1, "")
        assert "is not in this atlas" in run.err


def test_find_prints_a_table_or_a_file(named_dir: Path, tmp_path: Path, attlas: Callable) -> None:
    run = attlas("find", named_dir, "dna", "polymerase")
    assert run.code == 0
    assert [line.split()[0] for line in run.out.splitlines()[2:]] == ["O34996", "P00582", "P10443"]
    attlas("find", named_dir, "dna polymerase", "-o", tmp_path / "hits.csv")
    rows = pd.read_csv(io.BytesIO((tmp_path / "hits.csv").read_bytes()))
    assert list(rows.columns) == ["accession", "entry_name", "gene", "description", "organism", "fit"]
    assert list(rows["accession"]) == ["O34996", "P00582", "P10443"]


def test_find_of_nothing_is_an_error_with_similar_ids(named_dir: Path, attlas: Callable) -> None:
    run = attlas("find", named_dir, "fstZ")
    assert (run.code, run.out) == (1, "")
    assert "No protein of this atlas is called 'fstZ'." in run.err


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("polymerse", "do you mean polymerase for polymerse?"),
        ("dna polimerase", "do you mean polymerase for polimerase?"),
        ("Slidng clmap", "do you mean sliding for slidng, clamp for clmap?"),
        ("sliding kinase", "fewer words, or parts of words, find more"),  # every word is there, or like none
        ("dma", "fewer words, or parts of words, find more"),  # too short to be told from others
    ],
)
def test_a_misspelt_word_is_answered_with_words_of_names_that_are_spelt_nearly_so(
    named_dir: Path, attlas: Callable, text: str, hint: str
) -> None:
    run = attlas("find", named_dir, text)
    assert run.code == 1
    assert f"to do:    {hint}\n" in run.err


def test_find_needs_neither_duckdb_nor_pandas(named_dir: Path) -> None:
    code = (
        "import sys; from attlas.queries import Atlas; Atlas.open(sys.argv[1]).find('polymerase');"
        "print([name for name in ('duckdb', 'pandas', 'pyarrow.compute') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, named_dir], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_an_atlas_without_structures_finds_none(atlas: Atlas) -> None:
    assert atlas.find("1i6w").num_rows == 0
