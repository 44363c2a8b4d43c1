"""The parts, ordered by worth: what each needs, and how long it may take."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module

from gpu_parts.packages import COMMON, OF_ALIGNMENTS, OF_COMMANDS, OF_TESTS, describe_missing
from gpu_parts.settings import Row, Settings


@dataclass(frozen=True)
class Part:
    """A part of the day: it yields the rows of a table."""

    number: int
    title: str
    module: str
    """Its module in `gpu_parts`, which has a function `measure`; imported only where the part runs."""
    limit_s: float
    """Seconds after which it is ended; the rows so far are kept."""
    needs: tuple[str, ...] = ()
    """Names of the settings without which it is left out."""
    packages: tuple[str, ...] = COMMON
    """Packages without which it is left out."""
    packages_of_passes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Packages without which the passes of these names are left out."""

    @property
    def measure(self) -> Callable[[Settings], Iterator[Row]]:
        """Return the function that yields the rows."""
        function: Callable[[Settings], Iterator[Row]] = import_module(f"gpu_parts.{self.module}").measure
        return function

    def lacks(self, settings: Settings) -> list[str]:
        """Return the options without which the part is left out."""
        return [f"--{name.replace('_', '-')}" for name in self.needs if getattr(settings, name) is None]

    def reason_to_leave_out(self, settings: Settings) -> str | None:
        """Return the options or the packages without which the part is left out; None: it can be run."""
        if options := self.lacks(settings):
            return f"without {' and '.join(options)}"
        return describe_missing(self.packages)

    def describe_passes_left_out(self) -> str | None:
        """Return the passes that are left out for want of packages, with the command that installs these."""
        reasons = [(passes, describe_missing(packages)) for passes, packages in self.packages_of_passes]
        return "; ".join(f"{passes}, {reason}" for passes, reason in reasons if reason is not None) or None


PARTS = (
    Part(1, "The kernels' tests on the device", "kernel_tests", 200, packages=OF_TESTS),
    Part(
        2,
        "The examples in every dtype, against a CPU's atlas",
        "example_atlases",
        180,
        needs=("weights",),
        packages=OF_COMMANDS,
        packages_of_passes=(("interfaces and fit", OF_ALIGNMENTS),),
    ),
    Part(3, "Products of matrices at the shapes of 650M", "matrix_products", 60),
    Part(4, "Residues per second beside transformers, 650M", "transformers_ways", 180),
    Part(5, "Where the time goes, and sizes of the kernels' programs", "encoder_profile", 180),
    Part(
        6,
        "A proteome at the shape of 650M, FASTA to sealed atlas",
        "proteome_builds",
        420,
        needs=("proteome",),
        packages=OF_COMMANDS,
    ),
    Part(7, "Memory, predicted and measured", "memory_bounds", 60),
)


def select_parts(text: str | None) -> list[Part]:
    """Return the parts of a text such as `1-4` or `2,5-7`; all of them for None.

    Raises:
        ValueError: the text names no parts.
    """
    if text is None:
        return list(PARTS)

    numbers: set[int] = set()
    for piece in text.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", piece.strip())
        if match is None:
            raise ValueError(f"--parts {text}: {piece!r} is neither a number nor two, such as 1-4")
        begin, end = int(match[1]), int(match[2] or match[1])
        if end < begin:
            raise ValueError(f"--parts {text}: {piece.strip()} ends before it begins; write {end}-{begin}")
        numbers |= set(range(begin, end + 1))
    if not numbers <= {part.number for part in PARTS}:
        raise ValueError(f"--parts {text} names parts beyond 1-{len(PARTS)}")
    return [part for part in PARTS if part.number in numbers]
