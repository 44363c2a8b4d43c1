"""Whether the sizes of a configuration make whole heads: its code would fail on others, with an error of torch."""

from pathlib import Path
from typing import Any

from attlas.pipeline.model.config_values import read_number, wrong_value
from attlas.pipeline.model.positions import has_rotary_positions

ROTARY_CLASSES = ("roformer",)
"""Architectures that turn pairs of numbers by positions, though their positions have a limit."""

FEWEST_BUCKETS = 4
"""The fewest buckets of distances with which the relative bias of T5 can be computed."""


def refuse_uneven_heads(config: dict[str, Any], directory: Path, *, n_heads: int, heads_width: int) -> None:
    """Refuse a configuration whose heads, key heads, rotations or buckets of distances are not whole.

    Args:
        config: the configuration, whose `model_type` is checked.
        directory: the directory of the model, for messages.
        n_heads: query heads of a layer.
        heads_width: width of all heads together.

    Raises:
        EnvironmentFault: names the setting, what it must be and what it is.
    """
    head_dim, remainder = divmod(heads_width, n_heads)
    if remainder:
        sizes = f"{heads_width} for {n_heads} heads"
        raise wrong_value(directory, "hidden_size", "a multiple of the number of heads", heads_width, found=sizes)

    if config.get("num_key_value_heads") is not None:
        n_key_heads = read_number(config, "num_key_value_heads", directory)
        if n_heads % n_key_heads:
            sizes = f"{n_key_heads} key heads for {n_heads} heads"
            expected = "a divisor of the number of heads"
            raise wrong_value(directory, "num_key_value_heads", expected, n_key_heads, found=sizes)

    if has_rotary_positions(config) or config["model_type"] in ROTARY_CLASSES:
        n_rotated = int(head_dim * _read_rotated_share(config))
        if n_rotated % 2:
            expected = "an even number of rotated dimensions of a head: positions turn pairs of them"
            sizes = f"{n_rotated} rotated dimensions of a head"
            raise wrong_value(directory, "head_dim", expected, n_rotated, found=sizes)

    if config.get("relative_attention_num_buckets") is not None:
        read_number(config, "relative_attention_num_buckets", directory, minimum=FEWEST_BUCKETS)


def _read_rotated_share(config: dict[str, Any]) -> float:
    """Return the share of a head that positions turn: all of it where the configuration does not say."""
    rotary = config.get("rope_parameters")
    of_rotary = rotary.get("partial_rotary_factor") if isinstance(rotary, dict) else None
    share = config.get("partial_rotary_factor", of_rotary)
    return float(share) if isinstance(share, (int, float)) and not isinstance(share, bool) else 1.0
