"""The packages that parts need: which are missing, and the command that installs them."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from gpu_parts.settings import ROOT


@dataclass(frozen=True)
class Package:
    """A package by the name under which it is installed, and by that of the module under which it is imported."""

    name: str
    module: str

    @property
    def is_there(self) -> bool:
        """Whether the module can be imported, and the package's version be told, on which atlases depend."""
        try:
            version(self.name)
            return find_spec(self.module) is not None
        except (PackageNotFoundError, ImportError):
            return False


MODULES = {"attlas": "attlas.pipeline", "biopython": "Bio"}
"""Modules whose name is not that of the package."""

COMMON = ("attlas", "torch", "triton", "transformers", "numpy", "pyarrow", "psutil", "numba")
"""Packages of every part."""
OF_TESTS = (*COMMON, "pytest", "hypothesis")
OF_ALIGNMENTS = ("biopython",)
"""Packages of passes that align proteins with each other."""
OF_COMMANDS = (*COMMON, "typer", "rich")
"""Packages of parts that run the command line."""


def find_missing(names: Sequence[str]) -> list[Package]:
    """Return the packages that are not there."""
    packages = [Package(name, MODULES.get(name, name)) for name in names]
    return [package for package in packages if not package.is_there]


def describe_missing(names: Sequence[str]) -> str | None:
    """Return the missing packages and the command that installs them; None where none is missing."""
    missing_names = [package.name for package in find_missing(names)]
    if not missing_names:
        return None
    # Of what attlas requires, most is not needed here, and another torch might come with it.
    commands = [f"pip install --no-deps {ROOT}"] if "attlas" in missing_names else []
    if other_names := [name for name in missing_names if name != "attlas"]:
        commands.append(f"pip install {' '.join(other_names)}")
    return f"without {' and '.join(missing_names)}: {' && '.join(commands)}"
