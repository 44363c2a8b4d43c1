"""The kinds of vectors: segments as the published rule cuts them, weights of tokens, and words that are refused."""

import numpy as np
import pytest

from attlas.pipeline.model.letters import ESM2_VOCABULARY, make_vocabulary
from attlas.pipeline.segments import cut_segments
from attlas.pipeline.vectors.kinds import KINDS, list_kinds, make_pooling, parse_choices
from attlas.pipeline.vectors.kinds import refuse_missing_tokens as refuse
from attlas.schema import EnvironmentFault, InputError


def cut_one_by_one(n_residues: int) -> list[list[int]]:
    """Return the positions of each segment by the rule in words: the first R segments have one residue more."""
    size, n_longer = n_residues // 10, n_residues % 10
    positions = iter(range(1, n_residues + 1))
    return [[next(positions) for _ in range(size + (number < n_longer))] for number in range(10)]


@pytest.mark.parametrize("n_residues", [1, 2, 9, 10, 11, 19, 20, 99, 100, 1234])
def test_segments_are_cut_by_the_published_rule(n_residues: int) -> None:
    segments = [list(range(part.start, part.stop)) for part in cut_segments(n_residues)]
    assert segments == cut_one_by_one(n_residues)


def test_a_vector_is_a_mean_and_an_empty_segment_is_zero() -> None:
    hidden = np.random.default_rng(1).normal(size=(9, 4)).astype(np.float32)  # 7 residues
    vectors = dict(zip(KINDS, make_pooling(KINDS, 7) @ hidden, strict=True))
    assert vectors["cls"] == pytest.approx(hidden[0])
    assert vectors["eos"] == pytest.approx(hidden[8])
    assert vectors["mean"] == pytest.approx(hidden[1:8].mean(axis=0), abs=1e-6)
    assert vectors["segment6"] == pytest.approx(hidden[7])
    assert not vectors["segment7"].any()
    assert not vectors["segment9"].any()


def test_choices_are_ordered_and_each_once() -> None:
    assert parse_choices("mean, cls,mean") == ("cls", "mean")
    assert list_kinds(("mean", "segments"))[:2] == ("mean", "segment0")
    assert list(KINDS) == sorted(KINDS)  # the order of the table
    with pytest.raises(InputError, match="no such kind of vector"):
        parse_choices("cls,average")
    with pytest.raises(InputError, match="no such kind of vector"):
        parse_choices("")


def test_a_vector_of_a_token_that_a_model_has_not_is_refused() -> None:
    letters = {letter: number for number, letter in enumerate("ACDEFGHIKLMNPQRSTVWYX")}
    t5 = make_vocabulary(letters, before=(), after=(30,), unknown=None)
    refuse(t5, ("mean", "eos", "segments"))
    refuse(ESM2_VOCABULARY, ("cls", "eos"))
    with pytest.raises(EnvironmentFault, match="no token for cls"):
        refuse(t5, ("cls", "mean"))
    with pytest.raises(EnvironmentFault, match="no token for cls and eos"):
        refuse(make_vocabulary(letters, before=(), after=(), unknown=None), ("cls", "eos"))
