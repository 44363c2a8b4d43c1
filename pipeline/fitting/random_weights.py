"""A model of the same shape with random weights, as before training: what its probes reach is not biology."""

import shutil
from pathlib import Path

import torch

from attlas.pipeline.model.files import ModelFiles, find_model
from attlas.pipeline.model.offline import read_configuration, transformers

_WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.h5", "*.msgpack", "*.safetensors.index.json", "*.bin.index.json")
"""Files of weights, which are not copied."""


def save_random_model(files: ModelFiles, folder: Path, *, seed: int) -> ModelFiles:
    """Write a model of random weights with the configuration and vocabulary of another model, and return its files.

    Args:
        files: the model whose shape it has.
        folder: an empty folder; the weights take as much space as those of the model.
        seed: seed of the weights.
    """
    shutil.copytree(files.directory, folder, ignore=shutil.ignore_patterns(*_WEIGHTS), dirs_exist_ok=True)
    config = read_configuration(files.directory)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        transformers.AutoModel.from_config(config).save_pretrained(folder)
    return find_model(str(folder))
