"""The positions of a model, by its configuration: how far they reach, and where they begin. Loads nothing."""

from pathlib import Path
from typing import Any

from attlas.pipeline.model.config_values import read_number, wrong_value

ROTARY = ("esmc", "modernbert", "eurobert", "nomic_bert", "gemma3_text")
"""Architectures whose positions are always rotary: they have no limit, also beyond the length of the training."""

ROTARY_SETTINGS = ("rope_parameters", "rope_theta")
"""Settings that only configurations of rotary positions have."""

OFFSET_POSITIONS = (
    *("esm", "roberta", "xlm-roberta", "camembert", "longformer"),
    *("xlm-roberta-xl", "roberta-prelayernorm", "xmod", "data2vec-text", "luke"),
)
"""Architectures whose learned positions begin after the padding index."""

FIXED_OFFSETS = {"mpnet": 2}
"""Architectures whose learned positions begin at the same place for any padding index."""

DEFAULT_PADDING = 1
"""The padding index of the classes of OFFSET_POSITIONS, where a configuration names none; ESM's has none."""


def find_max_residues(config: dict[str, Any], directory: Path) -> int | None:
    """Return the residues that learned positions reach, without <cls> and <eos>; None for rotary or relative ones."""
    is_relative = config.get("position_biased_input") is False  # DeBERTa: its positions are differences alone
    if has_rotary_positions(config) or is_relative or config.get("max_position_embeddings") is None:
        return None

    n_positions = read_number(config, "max_position_embeddings", directory)
    n_residues = n_positions - _count_unused_positions(config, directory) - 2
    if n_residues < 1:
        raise wrong_value(directory, "max_position_embeddings", "room for a residue between two tokens", n_positions)
    return n_residues


def has_rotary_positions(config: dict[str, Any]) -> bool:
    """Return whether a model turns its queries and keys by their positions, which may then have gaps."""
    positions = config.get("position_embedding_type")
    has_rotary_settings = any(config.get(name) for name in ROTARY_SETTINGS) and positions != "absolute"
    return positions == "rotary" or config["model_type"] in ROTARY or has_rotary_settings


def _count_unused_positions(config: dict[str, Any], directory: Path) -> int:
    """Return the number of learned positions before that of the first token."""
    architecture = config["model_type"]
    if architecture in FIXED_OFFSETS:
        return FIXED_OFFSETS[architecture]
    if architecture not in OFFSET_POSITIONS:
        return 0

    # Where the file does not say, the class does: 1, but for ESM, whose class has none.
    padding = config.get("pad_token_id", None if architecture == "esm" else DEFAULT_PADDING)
    return 1 + (read_number({"pad_token_id": padding}, "pad_token_id", directory, minimum=0) if padding else 0)
