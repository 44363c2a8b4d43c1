"""What probes reach, by layer, against the rows of the fit in Python."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.fit_case import LABELS, Row, draw_fits, fits_at_random
from helpers.reading_case import PROTEINS
from helpers.synthetic import write_atlas

from attlas.queries import Atlas
from attlas.schema import QuestionError


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    root = tmp_path_factory.mktemp("fits") / "atlas"
    write_atlas(root, PROTEINS)
    fits_at_random(root)
    with Atlas.open(root) as opened:
        yield opened


@pytest.fixture(scope="module")
def rows(atlas: Atlas) -> dict[tuple[object, ...], Row]:
    """Return the rows of the fit by label, weights, input and layer, as numbers of the file."""
    drawn = draw_fits(atlas.n_layers)
    keys = ("label", "weights", "input", "layer")
    return {
        tuple(row[key] for key in keys): {
            name: float(np.float32(value)) if isinstance(value, float) else value for name, value in row.items()
        }
        for row in drawn
    }


def measure_of(row: Row | None, end: str = "") -> object:
    if row is None:
        return None
    value = row[("r2" if str(row["label"]).startswith("track:") else "auprc") + end]
    return None if value is None else pytest.approx(value, abs=6e-5)


def test_each_layer_stands_beside_what_it_is_compared_with(atlas: Atlas, rows: dict[tuple[object, ...], Row]) -> None:
    answers = atlas.ask("probe_layers").to_pylist()
    trained = [key for key in rows if key[1] == "trained"]
    assert [(a["label"], a["input"], a["layer"]) for a in answers] == sorted((k[0], k[2], k[3]) for k in trained)

    for answer in answers:
        label, source, layer = (answer[name] for name in ("label", "input", "layer"))
        row = rows[label, "trained", source, layer]
        assert answer["measure"] == ("r2" if label == "track:score" else "auprc")
        assert answer["value"] == measure_of(row)
        assert (answer["value_low"], answer["value_high"]) == (measure_of(row, "_low"), measure_of(row, "_high"))
        assert answer["letter"] == measure_of(rows[label, "trained", "letter", -1])
        assert answer["window"] == measure_of(rows[label, "trained", "window", -1])
        assert answer["random_weights"] == measure_of(rows.get((label, "random", source, layer)))
        for name in ("control", "selectivity", "permuted", "prevalence"):
            assert answer[name] == pytest.approx(row[name], abs=6e-5)
        assert [answer[n] for n in ("n_labelled", "n_residues", "n_sequences", "n_groups")] == [40, 1300, 30, 12]


def test_the_best_single_layer_of_each_input_is_marked(atlas: Atlas, rows: dict[tuple[object, ...], Row]) -> None:
    marked = {(a["label"], a["input"], a["layer"]) for a in atlas.ask("probe_layers").to_pylist() if a["is_best"]}
    expected = set()
    for label in LABELS:
        measure = "r2" if label.startswith("track:") else "auprc"
        for source in ("attention", "embedding", "both"):
            values = [float(rows[label, "trained", source, layer][measure]) for layer in range(atlas.n_layers)]  # type: ignore[arg-type]
            expected.add((label, source, int(np.argmax(values))))
    assert marked == expected


def test_labels_and_inputs_can_be_chosen(atlas: Atlas) -> None:
    answers = atlas.ask("probe_layers", labels="Helix", inputs="both").to_pylist()
    assert {(a["label"], a["input"]) for a in answers} == {("Helix", "both")}
    assert all(a["letter"] is not None and a["window"] is not None for a in answers)


def test_an_atlas_without_a_fit_says_what_adds_one(tmp_path: Path) -> None:
    write_atlas(tmp_path / "atlas", PROTEINS)
    with (
        Atlas.open(tmp_path / "atlas") as opened,
        pytest.raises(QuestionError, match=r"needs fits(.|\n)*attlas fit DIR"),
    ):
        opened.ask("probe_layers")
