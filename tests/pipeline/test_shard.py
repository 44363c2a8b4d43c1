"""One shard: a pack that does not fit goes on in pieces, and only a culprit is lost."""

import numpy as np
import pytest
import torch
from helpers.building import random_proteins

from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.encoder.guard import N_KNOWN_RESIDUES, make_known_protein
from attlas.pipeline.model.files import find_model
from attlas.pipeline.plan import cut_packs
from attlas.pipeline.shard import encode_packs
from attlas.pipeline.shard_rows import list_sites
from attlas.pipeline.sites.calling import Sites

LENGTHS = [20, 25, 30, 35, 40, 45, 50]


@pytest.fixture(scope="module")
def encoder(tiny_esm):
    return Encoder(find_model(str(tiny_esm)), device="cpu", dtype="float32", theta=0.3)


@pytest.fixture
def sequences():
    return list(random_proteins(LENGTHS).values())


def encode_sequences(encoder, sequences, *, pack_tokens):
    """Return the attention of each sequence, or its error."""
    packs = cut_packs([len(sequence) for sequence in sequences], encoder.limit_pack(pack_tokens))
    pairs = list(encode_packs(encoder, [sequences[pack] for pack in packs]))
    assert [sequence for sequence, _ in pairs] == sequences
    return [attention for _, attention in pairs]


def with_memory_for(encoder, monkeypatch, n_residues):
    """Have the encoder run out of memory above `n_residues`; return the sizes of the packs it was asked for."""
    start, sizes = encoder.start, []

    def start_if_it_fits(sequences):
        if sequences[1:2] == [make_known_protein(N_KNOWN_RESIDUES)]:
            return start(sequences)
        sizes.append(sum(map(len, sequences)))
        if sizes[-1] > n_residues:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return start(sequences)

    monkeypatch.setattr(encoder, "start", start_if_it_fits)
    return sizes


def test_a_pack_too_large_for_memory_is_split_and_nothing_is_lost(encoder, sequences, monkeypatch):
    expected = encode_sequences(encoder, sequences, pack_tokens=10_000)
    sizes = with_memory_for(encoder, monkeypatch, 80)
    answers = encode_sequences(encoder, sequences, pack_tokens=10_000)
    assert sizes[0] == sum(LENGTHS)
    assert all(n <= sum(LENGTHS) / 2 + max(LENGTHS) for n in sizes[1:])
    for answer, whole in zip(answers, expected, strict=True):
        np.testing.assert_allclose(answer.received, whole.received, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(answer.heads, whole.heads, rtol=1e-4, atol=1e-5)


def test_a_sequence_too_large_by_itself_is_the_only_one_lost(encoder, sequences, monkeypatch):
    with_memory_for(encoder, monkeypatch, 47)
    *others, last = encode_sequences(encoder, sequences, pack_tokens=10_000)
    assert isinstance(last, torch.OutOfMemoryError)
    assert [answer.received.shape[1] for answer in others] == LENGTHS[:-1]


def test_packs_keep_to_what_the_device_has_room_for(encoder, sequences, monkeypatch):
    sizes = with_memory_for(encoder, monkeypatch, 10_000)
    monkeypatch.setattr(encoder, "fitting_tokens", 100)
    encode_sequences(encoder, sequences, pack_tokens=10_000)
    assert sizes == [75, 75, 95]  # with two tokens more for each sequence


def test_the_next_pack_is_begun_before_the_last_ones_results_are_waited_for(encoder, sequences, monkeypatch):
    """What keeps a GPU busy: it has work queued while the host waits for a copy."""
    order = []
    start = encoder.start

    def watched(pack):
        forward = start(pack)
        results, name = forward.results, len([what for what in order if what[0] == "start"])
        order.append(("start", name))

        def wait():
            order.append(("wait", name))
            return results()

        forward.results = wait
        return forward

    monkeypatch.setattr(encoder, "start", watched)
    assert len(encode_sequences(encoder, sequences, pack_tokens=100)) == len(sequences)
    steps = [("start", 0), ("start", 1), ("wait", 0), ("start", 2), ("wait", 1), ("wait", 2)]
    assert order == steps


def test_only_a_methionine_at_the_first_position_is_marked_as_the_initiator():
    sites = Sites(0, np.array([3, 1], np.int32), np.array([2, 1], np.float32), np.array([1, 0.5], np.float32), None)
    rows = list_sites([(0, "MAMAA", sites), (1, "AAMAA", sites)])
    assert rows["residue"] == ["M", "M", "M", "A"]
    assert rows["is_initiator_methionine"] == [False, True, False, False]
