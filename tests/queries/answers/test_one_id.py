"""The answer to one id: its profiles, the layers that were chosen, and why there is no protein."""

import pytest

from attlas.queries import Atlas
from attlas.queries.answers.one_id import Answer, NoAnswer, answer_id, parse_layers
from attlas.schema import QuestionError


@pytest.mark.parametrize(
    ("text", "layers"),
    [("all", (0, 1, 2, 3, 4, 5)), ("3", (3,)), ("3,1", (3, 1)), ("2-4", (2, 3, 4)), (" 0 , 2-3,0", (0, 2, 3))],
)
def test_layers_are_named_by_number_and_range(text: str, layers: tuple[int, ...]) -> None:
    assert parse_layers(text, 6) == layers


@pytest.mark.parametrize("text", ["", "6", "0-6", "-1", "x", "3-", "4-2", "1.5", "\x1b[31m", "9" * 5000])
def test_layers_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(QuestionError, match="layers") as caught:
        parse_layers(text, 6)
    assert all(line.isprintable() for line in str(caught.value).splitlines())


def test_the_profile_of_an_answer_is_the_layer_of_convergence(atlas: Atlas) -> None:
    for id in ("P04637", "Q00001", "X00005"):
        layer = atlas.protein(id)["layer"][0].as_py()
        expected = [row[layer] for row in atlas.residues(id)["received"].to_pylist()]
        assert list(answer_id(atlas, id)[0].profile or ()) == pytest.approx(expected, rel=5e-4)


def test_the_profiles_of_chosen_layers_are_those_stored(atlas: Atlas) -> None:
    answer = answer_id(atlas, "P04637", layers=(2, 0))[0]
    received = atlas.residues("P04637")["received"].to_pylist()
    assert [layer for layer, _ in answer.profiles] == [2, 0]
    for layer, values in answer.profiles:
        assert list(values) == pytest.approx([row[layer] for row in received], rel=5e-4)
    assert answer.profile == answer_id(atlas, "P04637")[0].profile


def test_an_answer_without_a_protein_says_why_in_json_too(atlas: Atlas) -> None:
    def said(id: str) -> dict[str, object]:
        (answer,) = answer_id(atlas, id)
        return answer.to_json(atlas.manifest)

    assert said("TP53")["candidates"] == ["P04637", "P04637-2"]
    assert said("p04637")["similar"] == ["P04637", "P04637-2"]
    assert said("P04637-9")["reason"] == (
        "P04637 is here, but an isoform may be another sequence; similar ids here: P04637, P04637-2"
    )
    assert said("P04637")["candidates"] == said("P04637")["similar"] == []


def test_an_id_without_a_protein_has_no_answer_and_a_fault(atlas: Atlas) -> None:
    assert isinstance(answer_id(atlas, "Q00003")[0], Answer)
    (missing,) = answer_id(atlas, "nope")
    assert isinstance(missing, NoAnswer)
    assert isinstance(missing.fault(), QuestionError)
