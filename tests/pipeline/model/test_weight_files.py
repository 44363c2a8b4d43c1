"""The digest is of the weights that run: the files that transformers loads, and no others."""

import itertools
import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
import transformers
from helpers.architectures import load
from transformers import modeling_utils

from attlas.pipeline.model.files import find_model
from attlas.schema import EnvironmentFault
from attlas.schema.publish import file_sha256

SHARDS = {"weight_map": {"a": "part-2", "b": "part-1", "c": "part-2"}, "metadata": {"total_size": 1}}


@pytest.fixture
def model(tiny_esm, tmp_path):
    """Return a copy of the tiny ESM's directory."""
    return Path(shutil.copytree(tiny_esm, tmp_path / "model"))


def save_pickle(directory: Path, *, shift: float = 0.0) -> None:
    """Put the weights into pytorch_model.bin, and nothing else."""
    weights = transformers.EsmModel.from_pretrained(directory, add_pooling_layer=False).state_dict()
    weights["encoder.layer.0.attention.self.query.bias"] += shift
    (directory / "model.safetensors").unlink(missing_ok=True)
    torch.save(weights, directory / "pytorch_model.bin")


def test_a_variant_beside_the_weights_is_neither_hashed_nor_loaded(model):
    save_pickle(model)
    before = find_model(str(model))
    (model / "model.fp16.safetensors").write_bytes(b"of half the precision")
    (model / "pytorch_model.fp16.bin").write_bytes(b"of half the precision")
    (model / "training_args.bin").write_bytes(b"no weights")
    after = find_model(str(model))
    assert after.weights_sha256() == before.weights_sha256() == file_sha256(model / "pytorch_model.bin")
    load(model)


def test_two_different_pickles_beside_the_same_variant_have_two_digests(model):
    digests = []
    for shift in (0.0, 0.5):
        shutil.copy(model.parent / "model" / "config.json", model / "model.fp16.safetensors")
        if shift:
            weights = torch.load(model / "pytorch_model.bin", weights_only=True)
            weights["encoder.layer.0.attention.self.query.bias"] += shift
            torch.save(weights, model / "pytorch_model.bin")
        else:
            save_pickle(model)
        digests.append(find_model(str(model)).weights_sha256())
    assert digests[0] != digests[1]


NAMES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "model.fp16.safetensors",
)


@pytest.mark.parametrize("present", [set(names) for n in (1, 2, 5) for names in itertools.combinations(NAMES, n)])
def test_the_files_hashed_are_those_that_transformers_chooses(model, present):
    for path in model.glob("*.safetensors"):
        path.unlink()
    for name in present:
        (model / name).write_text(json.dumps(SHARDS))
    for shard in ("part-1", "part-2"):
        (model / shard).touch()
    arguments = {"variant": None, "gguf_file": None, "use_safetensors": None, "user_agent": None}
    if present == {"model.fp16.safetensors"}:
        with pytest.raises(EnvironmentFault, match="holds no weights"):
            find_model(str(model))
        return
    checkpoint_files, _ = modeling_utils._get_resolved_checkpoint_files(str(model), **arguments, is_remote_code=False)
    hashed = [path.name for path in find_model(str(model)).weights if not path.name.endswith(".index.json")]
    assert hashed == sorted(Path(path).name for path in checkpoint_files)


def test_a_model_in_shards_is_loaded_and_its_digest_is_of_all_of_them(model):
    whole = load(model).encode(["MKWV"])[0]
    weights = transformers.EsmModel.from_pretrained(model, add_pooling_layer=False)
    (model / "model.safetensors").unlink()
    weights.save_pretrained(model, max_shard_size="20KB")
    assert len(list(model.glob("model-*.safetensors"))) > 1
    files = find_model(str(model))
    assert load(model).encode(["MKWV"])[0].received.tobytes() == whole.received.tobytes()
    before = files.weights_sha256()
    last = sorted(model.glob("model-*.safetensors"))[-1]
    last.write_bytes(last.read_bytes() + b" ")
    assert files.weights_sha256() != before


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ("{", "is no index of weights"),
        ("[]", "is no index of weights"),
        ('{"weight_map": {"a": 1}}', "is no index of weights"),
        ('{"weight_map": {"a": ["x"]}}', "is no index of weights"),
        ('{"weight_map": {}}', "names weights that are not in its directory"),
        ('{"weight_map": {"a": "gone"}}', "1 names, 1 of them missing(.|\n)*- gone"),
        ('{"weight_map": {"a": "../model/config.json"}}', "names weights that are not in its directory"),
        ('{"weight_map": {"a": "/etc/passwd"}}', "names weights that are not in its directory"),
    ],
)
def test_an_index_that_names_no_weights_of_its_directory_is_refused(model, index, message):
    (model / "model.safetensors").unlink()
    (model / "model.safetensors.index.json").write_text(index)
    with pytest.raises(EnvironmentFault, match=message):
        find_model(str(model))


@pytest.mark.parametrize("setting", ["transformers_weights", "quantization_config"])
def test_a_configuration_that_loads_other_weights_is_refused(model, setting):
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {setting: "other.safetensors"}))
    with pytest.raises(EnvironmentFault, match=f"the setting {setting} in config.json"):
        find_model(str(model))


def test_an_adapter_beside_the_weights_is_refused(model):
    (model / "adapter_config.json").write_text("{}")
    with pytest.raises(EnvironmentFault, match=r"adapter_config.json: weights that are added"):
        find_model(str(model))


class Program:
    """What runs when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickle_that_runs_a_program_is_refused_and_runs_nothing(model, tmp_path):
    (model / "model.safetensors").unlink()
    with (model / "pytorch_model.bin").open("wb") as file:
        pickle.dump(Program(tmp_path / "ran"), file)
    with pytest.raises(EnvironmentFault, match="cannot be loaded"):
        load(model)
    torch.save(Program(tmp_path / "ran"), model / "pytorch_model.bin")
    with pytest.raises(EnvironmentFault, match="cannot be loaded"):
        load(model)
    assert not (tmp_path / "ran").exists()
