"""The parts, ordered by worth: what each needs, and how long it may take."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module

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

    @property
    def measure(self) -> Callable[[Settings], Iterator[Row]]:
        """Return the function that yields the rows."""
        function: Callable[[Settings], Iterator[Row]] = import_module(f"gpu_parts.{self.module}").measure
        return function

    def lacks(self, settings: Settings) -> list[str]:
        """Return the options without which the part is left out."""
        return [f"--{name.replace('_', '-')}" for name in self.needs if getattr(settings, name) is None]


PARTS = (
    Part(1, "The kernels' tests on the device", "kernel_tests", 200),
    Part(2, "The examples in every dtype, against a CPU's atlas", "example_atlases", 180, needs=("weights",)),
    Part(3, "Products of matrices at the shapes of 650M", "matrix_products", 60),
    Part(4, "Residues per second beside transformers, 650M", "transformers_ways", 180),
    Part(5, "Where the time goes, and sizes of the kernels' programs", "encoder_profile", 180),
    Part(6, "A proteome at the shape of 650M, FASTA to sealed atlas", "proteome_builds", 420, needs=("proteome",)),
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
        begin, _, end = piece.partition("-")
        numbers |= set(range(int(begin), int(end or begin) + 1))
    if not numbers <= {part.number for part in PARTS}:
        raise ValueError(f"--parts {text} names parts beyond 1-{len(PARTS)}")
    return [part for part in PARTS if part.number in numbers]
