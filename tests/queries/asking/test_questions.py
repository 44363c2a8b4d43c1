"""Questions as they are answered: grain, columns, numbers, few proteins or none with a site, a real atlas."""

import json
import re
import shutil
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pyarrow as pa
import pytest
from helpers.annotated import annotate_at_random
from helpers.building import build_here
from helpers.candidate_case import candidates_at_random
from helpers.contact_case import contacts_at_random
from helpers.default_cases import each_nth_by_default
from helpers.fit_case import fits_at_random
from helpers.handmade import hand, write_handmade
from helpers.pair_numbers_case import add_rows, draw_rows
from helpers.pair_rows import pairs_at_random
from helpers.segment_case import segments_at_random

from attlas.queries import Atlas
from attlas.queries.asking.answering import ask
from attlas.queries.asking.parameters import with_literals
from attlas.queries.asking.question import Question, column_docs
from attlas.queries.asking.questions import question_named, questions

ROOT = Path(__file__).resolve().parents[3]
NAMES = [question.name for question in questions()]
Answer = Callable[[Question], pa.Table]
# Of the few proteins here, some questions have no rows, and say why.
pytestmark = pytest.mark.filterwarnings(
    "ignore:No (fold has pairs|pairs of both kinds|two proteins are compared):UserWarning"
)

every_question = pytest.mark.parametrize("question", questions(), ids=NAMES)
PROTEIN, PROTEINS = "P0DP23", "P0DP23,P04637,X00003,Q00001"
"""Values for the parameters that have no default, on the atlas of `conftest.py`."""


@pytest.fixture(scope="module")
def atlas(atlas_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    """Return the small atlas, annotated."""
    root = tmp_path_factory.mktemp("annotated") / "atlas"
    shutil.copytree(atlas_dir, root)
    add_tables_at_random(root)
    with Atlas.open(root) as opened:
        yield opened


def add_tables_at_random(root: Path) -> None:
    """Add rows at random to every table that a command adds to a sealed atlas."""
    annotate_at_random(root)
    contacts_at_random(root)
    pairs_at_random(root)
    segments_at_random(root)
    fits_at_random(root)
    candidates_at_random(root)

    # Numbers of heads on pairs are there already, by `pairs_at_random`.
    for table, rows in draw_rows().items():
        if table.name != "pair_heads":
            add_rows(root, table, rows)


def given_for(
    question: Question, atlas: Atlas, *, proteins: str = PROTEINS, protein: str = PROTEIN
) -> dict[str, object]:
    sequence = atlas.protein(protein)["sequence"][0].as_py()
    values = {
        "protein": protein,
        "proteins": proteins,
        "ints": "1,5,100000",
        "text": "p",
        "alignment": {protein: sequence},
    }
    return {p.name: values[p.type] for p in question.parameters if p.is_required}


@pytest.fixture(scope="module")
def answer(atlas: Atlas) -> Answer:
    """Return a function that gives the answer to a question, asked when a test first needs it."""

    @cache
    def ask_once(name: str) -> pa.Table:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*was not computed")
            return atlas.ask(name, **given_for(question_named(name), atlas))

    return lambda question: ask_once(question.name)


WITHOUT_ROWS = (
    *("motifs_at_sites", "name_families", "conserved_sites"),
    *("repeats", "repeat_proteins", "zinc_histidines", "zinc_second_shell", "label_in_letter", "n_terminal_register"),
    *("binders_held_out", "binder_nulls_held_out"),
)
"""Questions of what random proteins and pairs do not have; the second line is tested in `test_proteome_questions`, the
last in `test_pair_questions` and `test_binder_nulls`."""


@pytest.mark.slow
@every_question
def test_the_grain_is_that_of_the_rows(answer: Answer, question: Question) -> None:
    rows = answer(question)
    keys = list(zip(*(rows[name].to_pylist() for name in question.grain), strict=True))
    assert len(set(keys)) == len(keys)
    assert keys or question.name in WITHOUT_ROWS


@pytest.mark.slow
@every_question
def test_every_column_is_documented_once(answer: Answer, question: Question) -> None:
    rows = answer(question)
    assert [name for name, doc in column_docs(question, rows.schema.names).items() if not doc] == []
    assert {name for name, _ in question.columns} <= set(rows.schema.names)
    assert [field.name for field in rows.schema if not field.metadata[b"doc"]] == []


@pytest.mark.slow
@every_question
def test_the_answer_says_what_was_asked_of_which_atlas(atlas: Atlas, answer: Answer, question: Question) -> None:
    rows = answer(question)
    provenance = json.loads(rows.schema.metadata[b"attlas"])
    assert (provenance["question"], provenance["model"]) == (question.name, atlas.manifest.run.model)
    assert set(provenance["parameters"]) == {parameter.name for parameter in question.parameters}
    assert rows.schema.metadata[b"doc"].decode() == question.title


@pytest.mark.parametrize("question", each_nth_by_default(questions(), 6), ids=NAMES)
@pytest.mark.slow
def test_the_text_with_literals_gives_the_same_rows(atlas: Atlas, answer: Answer, question: Question) -> None:
    bound_question = ask(atlas, question.name, given_for(question, atlas))
    assert "$" not in with_literals(bound_question.question.sql, bound_question.bound.values)
    assert atlas.sql(bound_question.sql).to_pylist() == answer(question).to_pylist()


@pytest.mark.slow
@every_question
def test_no_number_is_infinite_or_not_one(answer: Answer, question: Question) -> None:
    rows = answer(question).to_pylist()
    numbers = [value for row in rows for value in row.values() if isinstance(value, float)]
    assert [number for number in numbers if number != number or abs(number) == float("inf")] == []


@pytest.fixture(scope="module")
def barren(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    """Return an atlas in which nothing has a site: a protein with a profile but no elbow, and one not computed."""
    root = tmp_path_factory.mktemp("barren") / "atlas"
    write_handmade(
        root,
        [
            hand("A", "MKLVMKLVMKLV", layer=0, note="none above the elbow"),
            hand("B", "MK*LV" * 3, status="skipped", reason="inner `*`"),
        ],
    )
    add_tables_at_random(root)
    with Atlas.open(root) as opened:
        yield opened


@pytest.mark.parametrize("question", each_nth_by_default(questions(), 6), ids=NAMES)
@pytest.mark.slow
def test_an_atlas_without_a_site_has_answers(barren: Atlas, question: Question) -> None:
    rows = barren.ask(question.name, **given_for(question, barren, proteins="A", protein="A")).to_pylist()
    numbers = [value for row in rows for value in row.values() if isinstance(value, float)]
    assert [number for number in numbers if number != number or abs(number) == float("inf")] == []
    if question.name == "completeness":
        assert [row["outcome"] for row in rows] == ["none above the elbow", "inner `*`"]


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    """Return an atlas of four proteins that are alike in much, all with sites."""
    root = tmp_path_factory.mktemp("few") / "atlas"
    texts = ["MKCAACGGHWACDEFGHIKL", "MKCAACGGHWLMNPQRSTVW", "MKCAACGGHWYACDEFGHIK", "MKCAACGGHWVWTSRQPNML"]
    write_handmade(root, [hand(f"A{i}", text, sites=(3, 6, 9), layer=1) for i, text in enumerate(texts, 1)])
    add_tables_at_random(root)
    with Atlas.open(root) as opened:
        yield opened


OF_OTHER_UNITS = {
    *("blosum_correlation", "probe_layers"),
    *("across_contacts", "fused_across_contacts", "interface_residues"),
}
"""Questions whose intervals are over letters, over the families of a pass, or over homology groups of pairs."""
WITHOUT_ROWS_OF_FEW = {"repeats", "label_in_letter", "zinc_histidines", "zinc_second_shell", "binder_nulls_held_out"}
"""Questions of what these proteins have not, such as zinc fingers; `test_proteome_questions` asks them of few."""
INTERVAL = re.compile(r"(\w+_)?(low|high)(?<!null_low)(?<!null_high)")
"""Names of the ends of an interval; those of `null_low` are values of permutations."""
WITH_INTERVAL = [q for q in questions() if any(INTERVAL.fullmatch(name) for name, _ in q.columns)]


@pytest.mark.parametrize("question", each_nth_by_default(WITH_INTERVAL, 6), ids=lambda question: question.name)
@pytest.mark.slow
def test_there_is_no_interval_of_fewer_than_five_proteins_and_the_answer_says_so(
    few: Atlas, question: Question
) -> None:
    ends = {name: doc for name, doc in question.columns if INTERVAL.fullmatch(name)}
    assert "note" in dict(question.columns) or any("five" in doc for doc in ends.values())
    if question.name in OF_OTHER_UNITS:
        return
    fewest = {"min_edges": 1, "min_proteins": 1, "min_sites": 1, "min_size": 2, "min_clusters": 1}
    fewest = {parameter.name: fewest[parameter.name] for parameter in question.parameters if parameter.name in fewest}
    rows = few.ask(question.name, **given_for(question, few, proteins="A1,A2", protein="A1") | fewest).to_pylist()
    assert bool(rows) != (question.name in WITHOUT_ROWS_OF_FEW)
    assert {name for row in rows for name in ends if row[name] is not None} == set()
    notes = {row["note"] for row in rows if row.get("note")}  # what stands beside for comparison has none
    assert all(note.startswith("fewer than 5 ") for note in notes)
    assert bool(notes) == (bool(rows) and "note" in rows[0])


@pytest.mark.thorough
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.slow
def test_an_answer_is_the_same_twice(atlas: Atlas, answer: Answer, name: str) -> None:
    question = question_named(name)
    assert atlas.ask(name, **given_for(question, atlas)).equals(answer(question))


@pytest.fixture(scope="module")
def real(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    """Return an atlas of the small examples, through the pipeline."""
    text = (ROOT / "examples" / "proteins.fasta").read_text()
    records = [f">{record}" for record in text.split(">")[1:]]
    accessions = {"P0DP23", "P0DP24", "P69905", "P68871", "P02144", "P01308", "P99999", "P0DPR3", "P07203"}
    folder = tmp_path_factory.mktemp("real")
    (folder / "small.fasta").write_text("".join(r for r in records if r.split("|")[1] in accessions))
    build_here(folder / "small.fasta", folder / "atlas", weights)
    add_tables_at_random(folder / "atlas")
    with Atlas.open(folder / "atlas") as opened:
        yield opened


@pytest.mark.thorough
@pytest.mark.parametrize("question", questions(), ids=NAMES)
@pytest.mark.slow
def test_a_real_atlas_answers_in_the_grain(real: Atlas, question: Question) -> None:
    rows = real.ask(question.name, **given_for(question, real, proteins="P69905,P68871,P02144", protein="P68871"))
    keys = list(zip(*(rows[name].to_pylist() for name in question.grain), strict=True))
    assert len(set(keys)) == len(keys)
    numbers = [value for row in rows.to_pylist() for value in row.values() if isinstance(value, float)]
    assert [number for number in numbers if number != number or abs(number) == float("inf")] == []


@pytest.mark.thorough
@pytest.mark.slow
def test_globins_are_alike_to_a_real_model(real: Atlas) -> None:
    nearest = real.ask("similar_proteins", protein="P68871")["accession"].to_pylist()[:2]
    assert set(nearest) == {"P69905", "P02144"}
    firsts = real.ask("sites_by_end", reach=1).to_pylist()
    assert [row["commonest"] for row in firsts if row["terminus"] == "N"] == ["M"]
