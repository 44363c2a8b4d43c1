"""Joined inputs as a GPU runs them, its kernels in Triton's interpreter, its rows in torch, against the plain path."""

import os
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TRITON_INTERPRET", "1")  # before triton is imported
pytest.importorskip("triton")

from helpers.architectures import load
from helpers.device_rows import reduce_pairs_in_rows
from helpers.triton_interpreter import IS_INTERPRETED, emulated_products

from attlas.pipeline.attention.definitions import STATISTICS
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.model.precision import SPLIT
from attlas.pipeline.pairs.gathering import HEAD_NUMBERS, PairReduction, ReduceToPairs
from attlas.pipeline.pairs.joining import FORMS, JoinedInput, join_sequences
from attlas.schema.run import PLAIN

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not IS_INTERPRETED, reason="on a GPU, the passes of its own day compare the two"),
    # Keys past the end of a sequence have sums that may overflow, which nobody reads. NumPy warns, a GPU does not.
    pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning"),
]

A, B = "MKTAYIAKQRQISFV", "GDVEKGKKIFIMKCSQCHTVE"
GAP, THETA, FLOOR = 100, 0.3, 0.02
SHARES = [HEAD_NUMBERS.index(f"{name}_share") for name in ("within", "across", "special", "linker")]


def join(encoder: Encoder) -> list[JoinedInput]:
    options = {"vocabulary": encoder.vocabulary, "filler": encoder.filler, "gap": GAP}
    return [join_sequences((A, B), form, **options) for form in FORMS]


def reduce_pairs(encoder: Encoder, inputs: list[JoinedInput]) -> list:
    settings = PairReduction(THETA, FLOOR, 1, None, None, True)
    reduction = ReduceToPairs(inputs, [False] * len(inputs), settings, n_layers=encoder.n_layers)
    encoder.start_inputs([joined.tokens for joined in inputs], reduce=reduction)
    return reduction.results()


def reduce_by_run(encoder: Encoder, inputs: list[JoinedInput]) -> list:
    return encoder.start_inputs([joined.tokens for joined in inputs]).results()


@pytest.fixture(scope="module")
def plain(tiny_esm: Path) -> Encoder:
    return load(tiny_esm, attention="plain", products=PLAIN, is_compiled=False)


def test_a_gpus_path_gives_the_numbers_of_pairs_in_every_form(
    plain: Encoder, tiny_esm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = join(plain)
    expected = reduce_pairs(plain, inputs)
    by_gpu = load(
        tiny_esm, attention="plain", products=SPLIT, is_compiled=False
    )  # linear layers of halves, as a GPU multiplies
    # Who attends and who adds up is chosen by the device; here both are those of a GPU, in tiles of a few rows.
    reduce_pairs_in_rows(monkeypatch, tile_elements=1_000)

    for form, kernel_attention, expected_attention in zip(FORMS, reduce_pairs(by_gpu, inputs), expected, strict=True):
        assert kernel_attention is not None
        assert expected_attention is not None
        np.testing.assert_allclose(kernel_attention.heads, expected_attention.heads, rtol=1e-4, atol=1e-4, err_msg=form)
        np.testing.assert_allclose(
            kernel_attention.received, expected_attention.received, rtol=1e-4, atol=1e-4, err_msg=form
        )
        np.testing.assert_allclose(
            kernel_attention.segments, expected_attention.segments, rtol=1e-4, atol=1e-5, err_msg=form
        )
        # Rows of special tokens and of the linker count for nothing: those of residues alone are shared out.
        np.testing.assert_allclose(kernel_attention.heads[..., SHARES].sum(-1), 1, atol=1e-5)
        assert (kernel_attention.heads[..., SHARES[-1]] > 0).all() == (form == "linker")
        n_residues = len(A) + len(B)
        received = kernel_attention.received.sum((0, 2)) / n_residues  # of each layer, what residues give to residues
        shares = kernel_attention.heads[..., SHARES[:2]].sum(-1).mean(2)  # of each chain and layer
        assert received == pytest.approx((shares[0] * len(A) + shares[1] * len(B)) / n_residues, abs=1e-5)


@pytest.mark.thorough
def test_the_kernels_read_joined_inputs_with_their_gap_and_linker(
    plain: Encoder, tiny_esm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = join(plain)
    monkeypatch.setattr(
        "attlas.pipeline.encoder.guard.N_KNOWN_RESIDUES", 20
    )  # the interpreter takes seconds for a hundred residues
    with emulated_products():
        by_kernels = reduce_by_run(load(tiny_esm, attention="triton", products=SPLIT, is_compiled=False), inputs)
    entropies = []
    for kernel_attention, expected_attention in zip(by_kernels, reduce_by_run(plain, inputs), strict=True):
        np.testing.assert_allclose(kernel_attention.received, expected_attention.received, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(kernel_attention.heads, expected_attention.heads, rtol=1e-4, atol=1e-4)
        entropies.append(kernel_attention.heads[..., STATISTICS.index("entropy")])

    # Without its gap, an input is another one.
    together = join_sequences((A, B), "gap", vocabulary=plain.vocabulary, filler=plain.filler, gap=0)
    (without_gap,) = reduce_by_run(plain, [together])
    assert np.abs(without_gap.heads[..., STATISTICS.index("entropy")] - entropies[0]).max() > 1e-3
