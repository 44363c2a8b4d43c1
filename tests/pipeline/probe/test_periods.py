"""The attention between residues one period apart: against sums over diagonals by hand, and as a table of an atlas."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.annotated import add_rows
from helpers.building import assert_whole, build_here, random_proteins, write_fasta
from helpers.command_line import Run
from helpers.handmade import write_handmade
from helpers.packed_layer import draw_layer, pack_layer
from helpers.sealed_atlas import ask_rows, query_rows
from helpers.tiny_esm import save_tiny_esm

from attlas.pipeline.attention import attending
from attlas.pipeline.attention.receiving import receive_by_device, receive_in_rows
from attlas.pipeline.probe.adding import add_probe
from attlas.pipeline.probe.pack_labels import place_labels
from attlas.pipeline.probe.periods import PeriodSums
from attlas.pipeline.probe.received import MEASURES, ReduceToLabels
from attlas.schema import HEAD_PERIODS, InputError

N_HEADS = 3
PERIODS = (1, 7, 60)


def sum_diagonals(q: torch.Tensor, k: torch.Tensor) -> np.ndarray:
    """Return the sums one period before and after of one sequence, (H, periods, 2), in float64."""
    scores = np.einsum("hid,hjd->hij", q.double().numpy(), k.double().numpy())
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    inner = (weights / weights.sum(-1, keepdims=True))[:, 1:-1, 1:-1]
    return np.array([[[np.trace(head, -period), np.trace(head, period)] for period in PERIODS] for head in inner])


@pytest.mark.parametrize("lengths", [(1,), (61, 1, 30), (200,)])
def test_the_sums_are_those_of_the_diagonals(lengths: tuple[int, ...]) -> None:
    q, k, v = draw_layer(sum(lengths) + 2 * len(lengths), seed=1)
    inputs = pack_layer(q, k, v, [n + 2 for n in lengths])
    labels = place_labels([np.ones((2, n), bool) for n in lengths], inputs.pack.device)
    heads = ReduceToLabels(labels, receive_by_device, PERIODS)(inputs, theta=0.3).heads[0].numpy()

    sums = heads[:, 2 * len(MEASURES) * len(lengths) :].reshape(N_HEADS, len(lengths), len(PERIODS), 2)
    for i, tokens in enumerate(inputs.pack.slices):
        np.testing.assert_allclose(sums[:, i], sum_diagonals(q[:, tokens], k[:, tokens]), rtol=2e-5, atol=2e-6)


def test_tiles_of_a_few_rows_give_the_same_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attending, "GPU_TILE_ELEMENTS", 1_000)
    q, k, v = draw_layer(132, seed=2)
    inputs = pack_layer(q, k, v, [102, 30])
    sums = PeriodSums(PERIODS, inputs.pack, N_HEADS)
    receive_in_rows(inputs, theta=0.3, add_tile=sums.add)

    by_sequence = sums.by_head().reshape(N_HEADS, 2, len(PERIODS), 2)
    for i, tokens in enumerate(inputs.pack.slices):
        expected = sum_diagonals(q[:, tokens], k[:, tokens])
        np.testing.assert_allclose(by_sequence[:, i], expected, rtol=2e-5, atol=2e-6)


@pytest.mark.thorough
@pytest.mark.slow
def test_a_probe_with_periods_adds_a_table_and_one_without_does_not(tmp_path: Path, attlas: Run) -> None:
    proteins, out = random_proteins([30, 90]), tmp_path / "atlas"
    build_here(write_fasta(tmp_path / "p.fasta", proteins), out, save_tiny_esm(tmp_path / "tiny"))

    assert attlas("probe", out, "--workers", 0, "--no-amino-acids").code == 0
    assert HEAD_PERIODS.name not in {file.table for file in assert_whole(out).added}
    missing = attlas("ask", out, "repeat_heads")
    assert "--period N" in missing.err

    assert attlas("probe", out, "--workers", 0, "--no-amino-acids", "--period", 60, "--period", 4).code == 0
    assert_whole(out)
    rows = query_rows(out, "FROM head_periods ORDER BY accession, period, layer, head")
    assert len(rows) == len(proteins) * 2 * 2 * 4
    for row in rows:
        if len(proteins[row["accession"]]) <= row["period"]:
            assert (row["before"], row["after"]) == (0, 0)
        else:
            assert row["before"] > 0 < row["after"]


def test_a_period_below_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="1 residue or more"):
        add_probe(tmp_path, theta=0.3, types=None, is_by_letter=True, periods=[0], progress=lambda *_: print)


def test_repeat_heads_averages_shares_over_the_sequences_longer_than_the_period(tmp_path: Path) -> None:
    root = tmp_path / "atlas"
    write_handmade(root)
    ids = {row["accession"]: row["sequence_id"] for row in query_rows(root, "FROM proteins")}
    sums = {"A1": (1.0, 2.0), "B1": (3.0, 4.0), "C1": (8.0, 2.0), "T1": (0.0, 0.0)}
    rows = [
        {"sequence_id": ids[accession], "period": 5, "layer": 0, "head": 1, "before": before, "after": after}
        for accession, (before, after) in sums.items()
    ]
    add_rows(root, HEAD_PERIODS, rows, "probe")

    # A1 and B1 have 10 residues, C1 20; T1 has 2, fewer than the period.
    even = np.mean([5 / (10 * 12), 5 / (10 * 12), 15 / (20 * 22)])
    before, after = np.mean([0.1, 0.3, 0.4]), np.mean([0.2, 0.4, 0.1])
    (answer,) = ask_rows(root, "repeat_heads", period=5)
    assert answer == {
        "layer": 0,
        "head": 1,
        "n_sequences": 3,
        "before_share": pytest.approx(before, abs=1e-4),
        "after_share": pytest.approx(after, abs=1e-4),
        "even_share": pytest.approx(even, abs=1e-5),
        "ratio": pytest.approx((before + after) / (2 * even), abs=0.01),
    }
