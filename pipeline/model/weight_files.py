"""The files of a model directory that transformers loads as weights, by its own order of preference.

A directory may hold several forms and variants of the weights side by side; only these are loaded, so the digest is
of these alone. Source: `_get_resolved_checkpoint_files` of transformers 5.23, without a variant.
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
"""Names of weights for which transformers looks, in order; an index names the files of its shards."""

OTHER_WEIGHTS = {
    "transformers_weights": "a file of weights by another name",
    "quantization_config": "weights of another precision than the run would record",
}
"""Settings of a configuration that make transformers load other weights, with a description."""

ADAPTER = "adapter_config.json"
"""File of an adapter, which transformers would add to the weights where the package peft is installed."""


def find_weight_files(directory: Path, config: dict[str, Any]) -> tuple[Path, ...]:
    """Return the files that transformers loads, in order of name; an index comes with the files it names.

    Raises:
        EnvironmentFault: there are no weights; an index cannot be read or names a file that is not in the directory;
            or the directory asks for weights that a digest of these files does not cover.
    """
    for setting, meaning in OTHER_WEIGHTS.items():
        if config.get(setting) is not None:
            raise _undigested_weights(directory, found=f"the setting {setting} in config.json: {meaning}")
    if (directory / ADAPTER).exists():
        raise _undigested_weights(directory, found=f"{ADAPTER}: weights that are added to those of the model")

    for name in PREFERENCE:
        path = directory / name
        if path.is_file():
            return (path,) if path.suffix != ".json" else tuple(sorted([path, *_read_index(path)]))

    raise EnvironmentFault(
        f"The model directory {directory} holds no weights.",
        expected="model.safetensors or pytorch_model.bin (or their shards, with their index)",
        found=", ".join(sorted(path.name for path in directory.iterdir())[:10]),
        hint="copy the whole model, or get it with `attlas fetch MODEL -o DIR`",
    )


def _read_index(index: Path) -> list[Path]:
    """Return the files that an index names. Raises EnvironmentFault."""
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
            found=f"{len(names)} names, {len(lacking)} of them missing",
            offenders=lacking,
            hint="copy the whole model again",
        )
    return paths


def _undigested_weights(directory: Path, *, found: str) -> EnvironmentFault:
    return EnvironmentFault(
        f"The weights in {directory} are not all in the files whose digest a run records.",
        expected=" or ".join(PREFERENCE[::2]) + ", and nothing that changes them",
        found=found,
        hint="load the model with transformers, merge or convert the added weights, and save it with `save_pretrained`",
    )
