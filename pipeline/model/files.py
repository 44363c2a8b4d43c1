"""The files of a model: their directory, name, shape and digests. Loads nothing.

A model is a local directory, or a hub id that `attlas fetch` has downloaded into the cache of the hub. Nothing here
uses the network.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attlas.pipeline.model.architectures import REFUSED, REFUSED_HEADS
from attlas.pipeline.model.config_values import read_number, wrong_value
from attlas.pipeline.model.head_sizes import refuse_uneven_heads
from attlas.pipeline.model.positions import find_max_residues
from attlas.pipeline.model.weight_files import find_weight_files
from attlas.schema import EnvironmentFault
from attlas.schema.publish import file_sha256

DEFAULT_MODEL = "facebook/esm2_t33_650M_UR50D"
"""The model of the published HA sites (Nayar et al. 2025)."""

LOCAL_REVISION = "local"
"""The revision, in a run, of a model that is a directory."""

READ_BESIDE_WEIGHTS = (
    "config.json",
    "vocab*",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "merges.txt",  # of byte-level BPE
    "*.model",  # of SentencePiece
)
"""Patterns of the files, besides the weights, on which the attention of a model depends."""

SIZE_NAMES = {
    "layers": ("num_hidden_layers", "num_layers", "n_layers", "n_layer"),
    "heads": ("num_attention_heads", "num_heads", "n_heads", "n_head"),
    "hidden": ("hidden_size", "d_model", "dim"),
    "head": ("head_dim", "d_kv", "d_head"),
    "feed_forward": ("intermediate_size", "d_ff", "d_inner", "hidden_dim"),
}
"""Names under which configurations hold each size: those of most, then those of T5, DistilBERT and XLNet."""

NEEDED_SIZES = ("layers", "heads", "hidden")
"""The sizes that every configuration has."""

PUBLISHED_SHAPES = {  # Lin et al., Science 2023: layers, width, heads
    "facebook/esm2_t6_8M_UR50D": (6, 320, 20),
    "facebook/esm2_t12_35M_UR50D": (12, 480, 20),
    "facebook/esm2_t30_150M_UR50D": (30, 640, 20),
    "facebook/esm2_t33_650M_UR50D": (33, 1280, 20),
    "facebook/esm2_t36_3B_UR50D": (36, 2560, 40),
    "facebook/esm2_t48_15B_UR50D": (48, 5120, 40),
}


@dataclass(frozen=True)
class ModelShape:
    """The sizes of a model, on which cost and memory depend."""

    architecture: str
    """Model type as the configuration names it, such as `esm`."""
    n_layers: int
    n_heads: int
    width: int
    """Hidden size."""
    feed_forward: int
    """Width inside the feed-forward block."""
    max_residues: int | None
    """Longest sequence that the positions reach, residues; None where positions are rotary."""
    weight_bytes: int
    """Size of the weights as float32."""
    attention_width: int | None = None
    """Width of all heads together where it differs from the hidden size, as in ProtT5; None: the hidden size."""

    @property
    def heads_width(self) -> int:
        """Return the width of all heads together."""
        return self.attention_width or self.width


@dataclass(frozen=True)
class ModelFiles:
    """The files of a model."""

    name: str
    """Hub id, or name of the directory."""
    revision: str
    """Commit of the hub, or `local`."""
    directory: Path
    weights: tuple[Path, ...]
    """Weight files that are loaded, in order of name."""
    shape: ModelShape

    def weights_sha256(self) -> str:
        """Return the SHA-256 of the weights: of the file, or over the digests of several."""
        digests = [file_sha256(path) for path in self.weights]
        return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()

    def config_sha256(self) -> str:
        """Return the SHA-256 over the digests of the configuration and the vocabulary."""
        paths = sorted(
            {path for pattern in READ_BESIDE_WEIGHTS for path in self.directory.glob(pattern) if path.is_file()}
        )
        return hashlib.sha256("".join(file_sha256(path) for path in paths).encode()).hexdigest()


def find_model(model: str, *, revision: str | None = None) -> ModelFiles:
    """Return the files of a model given as a directory or a hub id, without going to the network.

    Raises:
        EnvironmentFault: there is no such directory; it has no configuration, or one without the needed sizes, or no
            weights; or the hub id is not in the local cache (the message says how to fetch it).
    """
    path = Path(model).expanduser()
    if path.is_dir():
        return _describe_files(path, name=path.resolve().name, revision=revision or LOCAL_REVISION)
    if _looks_like_path(model):
        raise EnvironmentFault(
            f"There is no model directory {model}.",
            expected="a directory with config.json and the weights, or a hub id such as " + DEFAULT_MODEL,
            hint="check the path, or get a model with `attlas fetch MODEL -o DIR`",
        )

    directory = _find_cached(model, revision)
    # A snapshot's directory is named by its commit.
    return _describe_files(directory, name=model, revision=directory.name)


def find_shape(model: str, *, revision: str | None = None) -> ModelShape:
    """Return the shape of a model, from its files or, for the published ESM-2 models, without them."""
    try:
        return find_model(model, revision=revision).shape
    except EnvironmentFault:
        if model not in PUBLISHED_SHAPES:
            raise

    n_layers, width, n_heads = PUBLISHED_SHAPES[model]
    n_bytes = _count_weight_bytes(n_layers, width, 4 * width, width)
    return ModelShape("esm", n_layers, n_heads, width, 4 * width, None, n_bytes)


def _describe_files(directory: Path, *, name: str, revision: str) -> ModelFiles:
    config = _read_config(directory)
    weights = find_weight_files(directory, config)
    return ModelFiles(name, revision, directory.resolve(), weights, _read_shape(config, directory))


def _read_config(directory: Path) -> dict[str, Any]:
    path = directory / "config.json"
    try:
        config = json.loads(path.read_text())
    except FileNotFoundError:
        raise EnvironmentFault(
            f"The directory {directory} is no model: it has no config.json.",
            expected="a directory as `save_pretrained` or `attlas fetch` writes it",
            hint="check the path",
        ) from None
    except OSError as error:
        raise EnvironmentFault(f"{path} cannot be read.", found=str(error), hint="check the file") from error
    except (ValueError, RecursionError) as error:
        raise EnvironmentFault(f"{path} is not JSON.", found=str(error), hint="copy the model again") from error

    if not isinstance(config, dict):
        raise EnvironmentFault(
            f"{path} is no configuration.",
            expected="a JSON object",
            found=f"a JSON {type(config).__name__}",
            hint="copy the model again",
        )
    return config


def _read_shape(config: dict[str, Any], directory: Path) -> ModelShape:
    if not isinstance(config.get("model_type"), str):
        raise wrong_value(directory, "model_type", "a word", config.get("model_type"))
    architecture = config["model_type"]
    reasons = [REFUSED.get(architecture), *(REFUSED_HEADS.get(str(name)) for name in config.get("architectures") or ())]
    if reason := next(filter(None, reasons), None):
        raise _unreadable_model(directory, expected="attention of residues to residues", found=reason)

    names = {
        size: next((name for name in SIZE_NAMES[size] if config.get(name) is not None), None) for size in SIZE_NAMES
    }
    if missing := [" or ".join(SIZE_NAMES[size]) for size in NEEDED_SIZES if names[size] is None]:
        raise _unreadable_model(
            directory,
            expected="a configuration that names its layers, heads and hidden size",
            found=f"model type {architecture!r} without {', '.join(missing)}",
        )

    sizes = {size: read_number(config, name, directory) for size, name in names.items() if name is not None}
    n_layers, n_heads, width = (sizes[size] for size in NEEDED_SIZES)
    feed_forward = sizes.get("feed_forward", 4 * width)
    heads_width = n_heads * sizes["head"] if "head" in sizes else width
    refuse_uneven_heads(config, directory, n_heads=n_heads, heads_width=heads_width)

    return ModelShape(
        architecture=architecture,
        n_layers=n_layers,
        n_heads=n_heads,
        width=width,
        feed_forward=feed_forward,
        max_residues=find_max_residues(config, directory),
        weight_bytes=_count_weight_bytes(n_layers, width, feed_forward, heads_width),
        attention_width=None if heads_width == width else heads_width,
    )


def _unreadable_model(directory: Path, *, expected: str, found: str) -> EnvironmentFault:
    return EnvironmentFault(
        f"The model in {directory} is not one attlas can read attention from.",
        expected=f"a transformer encoder: {expected}",
        found=found,
        hint="use ESM-2 or another encoder of the transformers library (docs/models.md)",
    )


def _count_weight_bytes(n_layers: int, width: int, feed_forward: int, heads_width: int) -> int:
    return 4 * n_layers * (4 * width * heads_width + 2 * width * feed_forward + 9 * width + feed_forward)


def _looks_like_path(model: str) -> bool:
    # A hub id is `name` or `owner/name`; anything else is a path to a directory that does not exist.
    return model.startswith((".", "/", "~")) or model.count("/") > 1 or "\\" in model


def _find_cached(model: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model, revision=revision, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, OSError) as error:
        at_revision = f" at revision {revision}" if revision else ""
        raise EnvironmentFault(
            f"The model {model}{at_revision} is not on this machine.",
            expected="a model directory, or a hub id in the local cache; a build never downloads",
            hint=f"run `attlas fetch {model}` once (or `attlas fetch {model} -o DIR` and give --model DIR)",
        ) from error
