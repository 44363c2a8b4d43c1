"""The benchmark of fused heads: its numbers are those of plain loops, and no chain judges the heads it has chosen."""

import json
import random
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.building import random_proteins, write_fasta
from helpers.contact_oracles import corrected, eager_layers, folded, top_precision

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "contact_fusion.py"
N_CHOOSING, N_DRAWS = 2, 4


@pytest.fixture(scope="module")
def chains(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str], dict[str, np.ndarray]]:
    """Return a folder with five chains of 75 residues or more, and a shorter one; their sequences and places."""
    folder = tmp_path_factory.mktemp("chains")
    sequences = random_proteins([78, 80, 83, 86, 90, 60])
    places = {name: folded(len(sequence), seed=i, step=1.6) for i, (name, sequence) in enumerate(sequences.items())}
    places[min(places)][20:24] = np.nan
    write_fasta(folder / "s.fasta", sequences)
    (folder / "contacts").mkdir()
    for name, chain in places.items():
        arrays = {"positions": np.nan_to_num(chain), "valid_residues": np.isfinite(chain).all(1)}
        np.savez(folder / "contacts" / f"{name}.npz", **arrays)
    return folder, sequences, places


def run(folder: Path, *options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPT, folder / "s.fasta", folder / "contacts", *options]
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def report(chains, tiny_esm: Path) -> tuple[dict, str]:
    folder = chains[0]
    options = ["--model", tiny_esm, "--n-choosing", N_CHOOSING, "--draws", N_DRAWS, "--best", 1, 3]
    result = run(folder, *options, "--json", folder / "report.json")
    assert result.returncode == 0, result.stderr
    return json.loads((folder / "report.json").read_text()), result.stdout


def test_no_chain_judges_the_heads_it_has_chosen(chains, report: tuple[dict, str]) -> None:
    _, sequences, _ = chains
    long_enough = {name for name, sequence in sequences.items() if len(sequence) >= 75}
    draws = report[0]["draws"]
    assert [draw["seed"] for draw in draws] == [*range(N_DRAWS)]
    for draw in draws:
        assert len(draw["choosing"]) == N_CHOOSING
        assert not {*draw["choosing"]} & {*draw["judging"]}
        assert {*draw["choosing"], *draw["judging"]} == long_enough
        assert draw["choosing"] == sorted(random.Random(draw["seed"]).sample(sorted(long_enough), N_CHOOSING))
    assert (report[0]["n_chains"], report[0]["n_judging"]) == (5, 3)


def test_precision_is_that_counted_by_hand(chains, report: tuple[dict, str], tiny_esm: Path) -> None:
    _, sequences, places = chains
    maps = {
        name: np.array([[corrected(attention) for attention in layer] for layer in eager_layers(tiny_esm, sequence)])
        for name, sequence in sequences.items()
    }

    def precision(name: str, heads: list[tuple[int, int]], cut: str) -> float:
        scores = np.mean([maps[name][head] for head in heads], axis=0)
        n_pairs, n_contacts, _, _ = top_precision(scores, places[name], "long", cut)
        return n_contacts / n_pairs

    every_head = [(layer, head) for layer in range(2) for head in range(4)]
    for number, draw in enumerate(report[0]["draws"]):
        by_head = {
            head: statistics.fmean(precision(name, [head], "L/2") for name in draw["choosing"]) for head in every_head
        }
        ranked = sorted(every_head, key=lambda head: (-by_head[head], head))
        assert draw["heads"] == [f"{layer}-{head}" for layer, head in ranked[:3]]
        for n_best in (1, 3):
            for cut in ("L", "L/2", "L/5"):
                expected = statistics.fmean(precision(name, ranked[:n_best], cut) for name in draw["judging"])
                assert report[0]["methods"][f"best {n_best}"][f"P@{cut}"][number] == pytest.approx(expected)


def test_the_table_has_a_line_for_each_method_with_what_was_compared(report: tuple[dict, str]) -> None:
    values, printed = report
    assert [*values["methods"]] == ["contact head", "best 1", "random 1", "best 3", "random 3"]
    assert "5 chains; heads chosen on 2 by P@L/2, judged on the other 3" in printed
    numbers = values["methods"]["best 3"]["P@L/2"]
    differences = np.subtract(numbers, values["methods"]["contact head"]["P@L/2"])
    (line,) = [line for line in printed.splitlines() if line.startswith("| best 3 ")]
    assert f"{statistics.fmean(numbers):.3f} ± {statistics.stdev(numbers):.3f}" in line
    assert line.endswith(f"{differences.mean():+.3f} ± {differences.std(ddof=1):.3f} |")


def test_too_few_chains_are_refused(chains, tiny_esm: Path) -> None:
    result = run(chains[0], "--model", tiny_esm, "--n-choosing", 5)
    assert result.returncode == 1
    assert "5 chains are too few to choose on 5" in result.stderr
