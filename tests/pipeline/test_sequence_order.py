"""Sequences are planned in an order of their own, each once."""

from hypothesis import given
from hypothesis import strategies as st

from attlas.pipeline.plan import order_sequences
from attlas.pipeline.proteins.proteome import Protein


def protein(accession, sequence, reason=None):
    return Protein(accession, None, None, None, None, None, None, sequence, line=1, reason=reason)


@given(st.permutations(["MKV", "A" * 12, "C" * 12, "MKVL", "WWW"]))
def test_sequence_ids_do_not_depend_on_the_order_of_the_input(sequences):
    order = order_sequences([protein(f"P{i}", sequence) for i, sequence in enumerate(sequences)])
    assert [len(sequence) for sequence in order] == [3, 3, 4, 12, 12]
    assert order == order_sequences([protein(f"P{i}", sequence) for i, sequence in enumerate(sorted(sequences))])


def test_identical_sequences_are_one_and_skipped_ones_none():
    proteins = [protein("A", "MKV"), protein("B", "MKV"), protein("C", "MK*V", reason="inner `*`")]
    assert order_sequences(proteins) == ["MKV"]
