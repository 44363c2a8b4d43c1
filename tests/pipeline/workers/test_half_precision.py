"""A run of half precision whose model float32 would refuse is refused, though its own bound is 250 times wider."""

from dataclasses import replace
from pathlib import Path

import pytest
from helpers.architectures import ARCHITECTURES, load
from helpers.written_run import RUN
from safetensors.torch import load_file, save_file

from attlas.pipeline.encoder import encoder as loaded
from attlas.pipeline.model.files import find_model
from attlas.pipeline.workers import runners
from attlas.schema import EnvironmentFault

pytestmark = pytest.mark.slow


@pytest.fixture
def shifted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a RoBERTa whose positions are taken from 0 on here, though its class begins after the padding index.

    Its positions count for little, so that such a shift is small.
    """
    next(architecture for architecture in ARCHITECTURES if architecture.name == "RoBERTa").save(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    weights["embeddings.position_embeddings.weight"] *= 0.03
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    monkeypatch.setattr(loaded, "OFFSET_POSITIONS", ())
    return tmp_path


def test_a_shift_that_half_precision_would_pass_is_refused_by_float32(
    shifted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(shifted, dtype="bfloat16")  # within the bound of bfloat16
    run = replace(RUN, dtype="bfloat16", architecture="roberta")
    with pytest.raises(EnvironmentFault, match="within 1e-03"):
        runners._check_in_float32(find_model(str(shifted)), run)

    # Where the weights do not fit twice, nothing is compared.
    monkeypatch.setattr(runners, "measure_available_bytes", lambda device: 1_000)
    runners._check_in_float32(find_model(str(shifted)), run)
