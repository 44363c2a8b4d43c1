"""Scripts of the folder `benchmarks`: imported as modules, or run as programs, on three short proteins."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
SEQUENCES = [
    "MKTAYIAKQRQISFVKSHFSRQ",
    "MGDVEKGKKIFIMKCSQCHTVEKGGKHKTGPNLHGLFGRKTG",
    "ACDEFGHIKLMNPQRSTVWYACDEFGHIKLMNP",
]


def load_benchmark(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # what `dataclass` looks names up in
    spec.loader.exec_module(module)
    return module


def run_benchmark(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result


def write_sequences(folder: Path) -> Path:
    """Write the three proteins as FASTA."""
    path = folder / "three.fasta"
    path.write_text("".join(f">P{i}\n{sequence}\n" for i, sequence in enumerate(SEQUENCES)))
    return path
