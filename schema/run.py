"""The run, which identifies a computation: equal runs have equal ids and give equal tables."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any, Self

PLAIN = "plain"
"""Products of matrices as the dtype of the run has them; also those of runs that record no products."""


@dataclass(frozen=True)
class Run:
    """A model, the way it runs, and a rule: everything that the tables depend on except the proteins."""

    model: str
    """The model: a hub id, or the name of a local directory."""
    revision: str
    """Revision of the model: a commit of the hub, or `local` for a directory."""
    weights_sha256: str
    """SHA-256 over the weight files that are loaded, in order of name."""
    config_sha256: str
    """SHA-256 over the configuration and vocabulary files, in order of name."""
    architecture: str
    """Model type as its configuration names it, such as `esm`."""
    n_layers: int
    n_heads: int
    dtype: str
    """`float32`, `bfloat16`, or `mixed`: matrix products in float16, all between them in float32."""
    device: str
    """`cpu` or `cuda`: the last bits of a sum depend on it."""
    attention: str
    """The implementation of the reductions, such as `tiled`."""
    attention_bound: float
    """Largest difference from the model's own eager attention on the known protein, as a share of the layer's maximum,
    with which a model is accepted whenever it is loaded."""
    letters: str
    """Letters that the model reads as another letter or token, such as `J as X`; empty where there are none."""
    rule: str
    """Rule for HA sites, such as `nayar-2025-05`."""
    edge_theta: float
    """Attention from which on a pair counts as an edge."""
    max_length: int | None
    """Longest sequence computed, residues; longer ones are skipped with a reason. None: no limit."""
    format_version: int
    """Version of the numbers of the tables (`VALUES_VERSION`)."""
    attlas_version: str
    torch_version: str
    transformers_version: str
    products: str = PLAIN
    """The products of matrices: `plain`, as the dtype has them, or `bfloat16x3`, float32 by three products of bfloat16
    halves."""

    @property
    def arithmetic(self) -> str:
        """Return dtype, products where they are not those of the dtype, device and reduction, in words."""
        products = "" if self.products == PLAIN else f", products {self.products}"
        return f"{self.dtype}{products} on {self.device}, attention {self.attention}"

    @cached_property
    def run_id(self) -> str:
        """Return the identity of this computation: 16 hexadecimal digits of a SHA-256 over every field.

        Plain products are left out, so that runs recorded before there were others keep their ids.
        """
        values = asdict(self)
        if self.products == PLAIN:
            del values["products"]
        canonical = json.dumps(values, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    def describe_changes(self, run: Self) -> list[str]:
        """Return a line for each field in which `run` differs from this one: `name: this value -> value of run`."""
        before, after = asdict(self), asdict(run)
        return [f"{name}: {before[name]} -> {after[name]}" for name in before if before[name] != after[name]]

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Return the run that `to_json` wrote; the caller has checked the format version."""
        return cls(**{field.name: values[field.name] for field in fields(cls) if field.name in values})
