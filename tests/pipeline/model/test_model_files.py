"""The size of a model is read from its configuration."""

import json

import pytest

from attlas.pipeline.model.files import find_model


def test_the_size_of_prott5_is_that_of_its_encoder(tmp_path):
    """Heads four times as wide as the model: 24 layers of 50 million weights, 1.2 billion in all."""
    sizes = {"d_model": 1024, "num_layers": 24, "num_heads": 32, "d_kv": 128, "d_ff": 16384}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "t5", **sizes}))
    (tmp_path / "pytorch_model.bin").touch()
    shape = find_model(str(tmp_path)).shape
    assert (shape.width, shape.heads_width, shape.max_residues) == (1024, 4096, None)
    assert shape.weight_bytes == pytest.approx(4 * 1.2e9, rel=0.02)
