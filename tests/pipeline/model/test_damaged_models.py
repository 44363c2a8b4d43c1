"""Damaged model directories end in a sentence that says what is wrong, not in a traceback."""

import json
import shutil
from pathlib import Path

import pytest
from helpers.architectures import load

from attlas.schema import EnvironmentFault


@pytest.fixture
def model(tiny_esm, tmp_path):
    """Return a copy of the tiny ESM's directory."""
    return Path(shutil.copytree(tiny_esm, tmp_path / "model"))


def cut(path: Path, n_bytes: int) -> None:
    path.write_bytes(path.read_bytes()[:n_bytes])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not JSON"),
        (b'{"model_type": "esm", "num_hid', "is not JSON"),
        (b"\xff\xfe\x00\x01", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is no configuration(.|\n)*a JSON list"),
        (b"3", "is no configuration(.|\n)*a JSON int"),
        (b"{}", "model_type: a word"),
    ],
)
def test_a_configuration_that_is_none_is_refused(model, content, message):
    (model / "config.json").write_bytes(content)
    with pytest.raises(EnvironmentFault, match=message):
        load(model)


def test_a_configuration_that_is_a_directory_is_refused(model):
    (model / "config.json").unlink()
    (model / "config.json").mkdir()
    with pytest.raises(EnvironmentFault, match=r"config.json cannot be read"):
        load(model)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": ["esm"]}, "model_type: a word"),
        ({"model_type": "unheard-of"}, "cannot be loaded"),
        ({"num_hidden_layers": None}, "without num_hidden_layers"),
        ({"num_hidden_layers": "2"}, "num_hidden_layers: a whole number of 1 or more(.|\n)*'2'"),
        ({"num_hidden_layers": True}, "num_hidden_layers: a whole number"),
        ({"num_hidden_layers": 1}, "have more layers than(.|\n)*1 layers(.|\n)*encoder.layer.1."),
        ({"num_hidden_layers": 0}, "num_hidden_layers: a whole number"),
        ({"num_attention_heads": 2.0}, "num_attention_heads: a whole number"),
        ({"num_attention_heads": 5}, "hidden_size: a multiple of the number(.|\n)*32 for 5 heads"),
        ({"hidden_size": -32}, "hidden_size: a whole number"),
        ({"hidden_size": 48}, "of 33 x 32, not 33 x 48"),
        ({"intermediate_size": "wide"}, "intermediate_size: a whole number"),
        ({"num_hidden_layers": 3}, "do not fill the model"),
        ({"position_embedding_type": "absolute", "max_position_embeddings": "far"}, "max_position_embeddings: a whole"),
        ({"position_embedding_type": "absolute", "max_position_embeddings": 3}, "room for a residue"),
        ({"position_embedding_type": "absolute", "pad_token_id": "none"}, "pad_token_id: a whole number"),
        ({"vocab_size": "many"}, "cannot be loaded"),
        ({"vocab_size": 5}, "of 33 x 32, not 5 x 32"),
        ({"pad_token_id": [1]}, "cannot be loaded"),
        ({"layer_norm_eps": "small"}, "cannot be loaded"),
        ({"dtype": "float99"}, "cannot be loaded"),
        ({"rope_parameters": "none"}, "cannot be loaded"),
        ({"quantization_config": 3}, "the setting quantization_config"),
        ({"auto_map": {"AutoModel": "code.Model"}, "model_type": "unheard-of"}, "cannot be loaded"),
    ],
    ids=str,
)
def test_a_configuration_with_wrong_values_is_refused(model, changes, message):
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | changes))
    with pytest.raises(EnvironmentFault, match=message):
        load(model)


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        b"\x10\x00\x00\x00\x00\x00\x00\x00garbage!garbage!",
        b"\xff" * 64,
        b"<html><body>404</body></html>",
    ],
    ids=lambda content: repr(content[:12]),
)
def test_weights_that_are_none_are_refused(model, name, content):
    (model / "model.safetensors").unlink()
    (model / name).write_bytes(content)
    with pytest.raises(EnvironmentFault, match="cannot be loaded"):
        load(model)


@pytest.mark.parametrize("n_bytes", [4, 100, 5_000, 50_000])
def test_weights_cut_short_are_refused(model, n_bytes):
    cut(model / "model.safetensors", n_bytes)
    with pytest.raises(EnvironmentFault, match="cannot be loaded"):
        load(model)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("vocab.txt", None, "vocabulary (of|in)"),
        ("vocab.txt", b"", "vocabulary (of|in)"),
        ("vocab.txt", b"\xff\xfe\x00", "vocabulary (of|in)"),
        ("vocab.txt", b"A\nC\n", "vocabulary (of|in)"),
        ("tokenizer_config.json", b"{", "vocabulary (of|in)"),
        ("tokenizer_config.json", b"[]", "vocabulary (of|in)"),
        ("tokenizer_config.json", b'{"tokenizer_class": "NoSuchTokenizer"}', "vocabulary (of|in)"),
        ("tokenizer.json", b"{", "vocabulary (of|in)"),
        ("special_tokens_map.json", b"[", "vocabulary (of|in)"),
        ("special_tokens_map.json", b'{"cls_token": 3}', "vocabulary (of|in)"),
    ],
)
def test_a_damaged_vocabulary_is_refused(model, name, content, message):
    if content is None:
        (model / name).unlink()
    else:
        (model / name).write_bytes(content)
    with pytest.raises(EnvironmentFault, match=message):
        load(model)
