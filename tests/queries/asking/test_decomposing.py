"""Questions that are asked of parts of an atlas: their sums over the parts give the answer of the whole."""

import math
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.command_line import Run
from helpers.default_cases import each_nth_by_default
from helpers.synthetic import AMINO_ACIDS, SyntheticProtein, write_atlas

from attlas.queries import Atlas
from attlas.queries.asking.answering import ask
from attlas.queries.asking.decomposing import answer_from_sums, divide, split_question
from attlas.queries.asking.question import Question
from attlas.queries.asking.questions import question_named, questions
from attlas.queries.engine.atlas_part import AtlasPart, cut_atlas
from attlas.schema import HEADS, RESIDUES, SITES, QuestionError, Table

DECOMPOSING = [question for question in questions() if question.decomposes]


def random_proteins(n: int) -> list[SyntheticProtein]:
    """Return proteins of random letters and lengths, of two organisms."""
    choose = random.Random(4)
    return [
        SyntheticProtein(
            accession=f"R{i:04}",
            sequence="".join(choose.choices(AMINO_ACIDS, k=choose.randrange(12, 90))),
            organism=f"Organism {i % 2}",
            taxon_id=i % 2 + 1,
        )
        for i in range(n)
    ]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    """Return an atlas of seven shards, with two accessions of one sequence, and proteins that were not computed."""
    root = tmp_path_factory.mktemp("shards") / "atlas"
    proteins = random_proteins(60)
    proteins.append(replace(proteins[20], accession="SAME1", organism="Another organism"))
    proteins.append(replace(proteins[3], accession="SKIP1", sequence="MKV*LL", status="skipped", reason="inner `*`"))
    write_atlas(root, proteins, n_shards=7)
    with Atlas.open(root) as atlas:
        yield atlas


def test_questions_that_count_over_all_sequences_decompose() -> None:
    assert {"residue_enrichment", "edge_heads", "organisms"} <= {question.name for question in DECOMPOSING}


@pytest.mark.slow
@pytest.mark.parametrize("question", each_nth_by_default(DECOMPOSING, 9), ids=lambda question: question.name)
def test_the_answer_from_parts_is_that_of_the_whole(shards: Atlas, question: Question) -> None:
    bound_question = ask(shards, question.name, {})
    parts = divide(bound_question, shards, 5)
    assert len(parts) > 2
    rows = answer_from_sums(bound_question, shards, [part.sums() for part in parts]).read_all()
    whole = bound_question.answer(shards).read_all()

    assert rows.schema.names == whole.schema.names
    assert rows.schema.metadata == whole.schema.metadata
    assert rows.num_rows == whole.num_rows > 0
    key = question.grain
    by_key = {tuple(row[name] for name in key): row for row in rows.to_pylist()}
    for row in whole.to_pylist():
        from_parts = by_key[tuple(row[name] for name in key)]
        for name, value in row.items():
            if isinstance(value, float):  # sums of floats depend on their order, in the last bits
                assert math.isclose(from_parts[name], value, rel_tol=1e-3, abs_tol=1e-3), (name, row)
            else:
                assert from_parts[name] == value, (name, row)


@pytest.mark.thorough
def test_parameters_hold_in_every_part(shards: Atlas) -> None:
    bound_question = ask(shards, "residue_enrichment", {"proteins": "SAME1", "z": 1.0})
    sums = [part.sums() for part in divide(bound_question, shards, 5)]
    assert sum(table.num_rows > 0 for table in sums) == 1
    assert answer_from_sums(bound_question, shards, sums).read_all().equals(bound_question.answer(shards).read_all())


@pytest.mark.parametrize("table", [SITES, RESIDUES, HEADS], ids=lambda table: table.name)
@pytest.mark.parametrize("n_parts", [1, 2, 3, 7, 100])
def test_parts_follow_one_another_and_hold_everything(shards: Atlas, table: Table, n_parts: int) -> None:
    parts = cut_atlas(shards.manifest, table, n_parts)
    assert 1 <= len(parts) <= min(n_parts, 7)
    assert (parts[0].first_sequence_id, parts[-1].end_sequence_id) == (None, None)
    assert [part.first_sequence_id for part in parts[1:]] == [part.end_sequence_id for part in parts[:-1]]
    for part in parts:
        assert part.files_of(shards.manifest).of_tables([table.name])


def test_an_atlas_of_one_file_is_one_part(tmp_path: Path) -> None:
    write_atlas(tmp_path / "atlas", random_proteins(5), n_shards=1)
    with Atlas.open(tmp_path / "atlas") as atlas:
        assert cut_atlas(atlas.manifest, HEADS, 8) == [AtlasPart(None, None)]


def test_a_question_that_does_not_decompose_is_refused_with_those_that_do(shards: Atlas) -> None:
    bound_question = ask(shards, "sites_per_protein", {})
    with pytest.raises(QuestionError, match=r"(?s)sites_per_protein cannot be asked of parts.*residue_enrichment"):
        divide(bound_question, shards, 3)


def test_the_steps_of_a_question_are_its_select_cut_in_two() -> None:
    steps = split_question(question_named("residue_enrichment"))
    assert steps.of_part.startswith("WITH searched AS")
    assert "FROM sums" not in steps.of_part
    assert "residues" not in steps.of_sums.replace("n_residues", "").replace("share_of_residues", "")


@pytest.mark.thorough
def test_workers_answer_as_one_process_does(shards: Atlas, attlas: Run) -> None:
    alone = attlas("ask", shards.root, "organisms", "--format", "csv")
    by_workers = attlas("ask", shards.root, "organisms", "--format", "csv", "--workers", 2)
    assert (by_workers.code, by_workers.out) == (0, alone.out)
    refused = attlas("ask", shards.root, "site_spacing", "--workers", 2)
    assert refused.code != 0
    assert "cannot be asked of parts" in refused.err
