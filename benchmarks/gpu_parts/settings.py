"""What the parts are told: inputs, device, size and folders."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]

Row = dict[str, Any]
"""A line of a part's table. The key GOALS, which is not shown, holds what counts towards a goal, by its name."""

GOALS = "goals"


@dataclass(frozen=True)
class Settings:
    """The inputs of the parts, and where they write."""

    device: str
    """`cuda`, or `cpu` for a dry run."""
    is_tiny: bool
    """Whether shapes and samples are tiny, for a dry run."""
    out: Path
    """Folder of the figures: of nothing else."""
    scratch: Path
    """Folder of what may be thrown away: a random model, atlases, what parts print. A later run goes on with it."""
    weights: Path | None = None
    """Directory of real 8M weights."""
    proteome: Path | None = None
    """FASTA file of a proteome."""
    examples: Path = ROOT / "examples" / "proteins.fasta"
    """FASTA file of the examples."""
    features: Path = ROOT / "examples" / "features.tsv"
    """Known features of the examples."""
    cpu_atlas: Path | None = None
    """The atlas of the examples as a CPU built it; None: it is built."""

    def write(self, path: Path) -> None:
        """Write the settings as JSON."""
        path.write_text(json.dumps({name: _as_json(value) for name, value in asdict(self).items()}))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote."""
        values = json.loads(path.read_text())
        plain = {name: values.pop(name) for name in ("device", "is_tiny")}
        return cls(**plain, **{name: None if value is None else Path(value) for name, value in values.items()})


def _as_json(value: object) -> object:
    return str(value) if isinstance(value, Path) else value
