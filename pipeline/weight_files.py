"""Which files of a model directory hold its weights: those that transformers loads, by its own order of preference.

A directory may hold several forms and variants of the weights side by side; only these are loaded, so only these are
hashed. Source: `_get_resolved_checkpoint_files` of transformers 5.23, without a variant.
"""

import json
from pathlib import Path
from typing import Any

from attlas.schema import EnvironmentFault

PREFERENCE = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
"""Names under which transformers looks for weights, the preferred one first; an index names the files of its shards."""

OTHER_WEIGHTS = {
    "transformers_weights": "a file of weights by another name",
    "quantization_config": "weights of another precision than the run would record",
}
"""Settings of a configuration by which transformers would load something else, and what."""

ADAPTER = "adapter_config.json"
"""A file whose adapter transformers would add to the weights, where the package peft is installed."""


def find_weight_files(directory: Path, config: dict[str, Any]) -> tuple[Path, ...]:
    """Return the files that transformers loads, in order of name; an index comes with the files it names.

    Raises:
        EnvironmentFault: there are none; an index cannot be read or names a file that is not in the directory; or the
            directory asks for weights that a digest of these files does not cover.
    """
    for setting, meaning in OTHER_WEIGHTS.items():
        if config.get(setting) is not None:
            raise _unhashed(directory, found=f"the setting {setting} in config.json: {meaning}")
    if (directory / ADAPTER).exists():
        raise _unhashed(directory, found=f"{ADAPTER}: weights that are added to those of the model")

    for name in PREFERENCE:
        path = directory / name
        if path.is_file():
            return (path,) if path.suffix != ".json" else tuple(sorted([path, *_shards(path)]))
    raise EnvironmentFault(
        f"The model directory {directory} holds no weights.",
        expected="model.safetensors or pytorch_model.bin (or their shards, with their index)",
        found=", ".join(sorted(path.name for path in directory.iterdir())[:10]),
        hint="copy the whole model, or get it with `attlas fetch MODEL --to DIR`",
    )


def _shards(index: Path) -> list[Path]:
    """Return the files that an index names."""
    try:
        names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
        paths = [index.parent / name for name in names]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EnvironmentFault(
            f"{index} is no index of weights.",
            expected="JSON with weight_map, the file of every weight",
            found=f"{type(error).__name__}: {error}"[:300],
            hint="copy the whole model again",
        ) from error

    lacking = [
        str(name) for name, path in zip(names, paths, strict=True) if path.parent != index.parent or not path.is_file()
    ]
    if lacking or not names:
        raise EnvironmentFault(
            f"{index} names weights that are not in its directory.",
            expected="files beside it",
            found=f"{len(names)} names, {len(lacking)} of them not there",
            offenders=lacking,
            hint="copy the whole model again",
        )
    return paths


def _unhashed(directory: Path, *, found: str) -> EnvironmentFault:
    return EnvironmentFault(
        f"The weights in {directory} are not all in the files that a run takes the digest of.",
        expected=" or ".join(PREFERENCE[::2]) + ", and nothing that changes them",
        found=found,
        hint="load the model with transformers, merge or convert what is added, and save it with `save_pretrained`",
    )
