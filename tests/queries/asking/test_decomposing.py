"""Questions that are asked of parts of an atlas: their sums over the parts give the answer of the whole."""

import math

import pytest
from helpers.command_line import Run
from helpers.default_cases import each_nth_by_default

from attlas.queries import Atlas
from attlas.queries.asking.answering import ask
from attlas.queries.asking.decomposing import answer_from_sums, divide, split_question
from attlas.queries.asking.question import Question
from attlas.queries.asking.questions import question_named, questions
from attlas.schema import QuestionError

DECOMPOSING = [question for question in questions() if question.decomposes]


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
