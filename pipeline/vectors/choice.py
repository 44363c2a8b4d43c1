"""The vectors that are asked for: their kinds, layers and digits, and the bytes that they take. Loads no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attlas.pipeline.drafting import read_model_vocabulary
from attlas.pipeline.model.files import find_model
from attlas.pipeline.part_limits import PASS_PART_LIMITS, PartLimits, cut_parts
from attlas.pipeline.plan import RESULT_COPIES, Plan
from attlas.pipeline.vectors.kinds import list_kinds, parse_choices, refuse_missing_tokens
from attlas.schema import InputError

LAST = "last"
"""Name of the last layer, for any number of layers."""

DEFAULT_CHOICES = "mean"

FLOAT16 = "float16"
NUMBERS = ("float32", FLOAT16)
"""Digits of the numbers that are stored, always as float32, which every engine reads."""

PART_BYTES = 1 << 28
"""Most bytes of the vectors of one part."""


@dataclass(frozen=True)
class VectorSettings:
    """The settings of the pass that pools hidden states."""

    vectors: str = DEFAULT_CHOICES
    """Some of `kinds.CHOICES`, separated by commas."""
    layers: str = LAST
    """`last` or numbers of layers from 0, separated by commas."""
    numbers: str = NUMBERS[0]
    """One of NUMBERS."""
    max_length: int | None = None
    """Longest sequence, residues; None: no limit."""


@dataclass(frozen=True)
class VectorChoice:
    """The vectors that are asked for, of a model that has them."""

    choices: tuple[str, ...]
    """Some of `kinds.CHOICES`, in their order."""
    layers: tuple[int, ...]
    """Layers whose output is pooled, ascending."""
    numbers: str
    """One of NUMBERS."""
    width: int
    """Numbers of a vector."""
    max_length: int | None
    """Longest sequence, residues; longer ones are left out."""

    @property
    def settings(self) -> Mapping[str, object]:
        """The settings that `vectors` declares."""
        return {
            "vectors": " ".join(self.choices),
            "layers": " ".join(map(str, self.layers)),
            "numbers": self.numbers,
            "width": self.width,
            "max_length": self.max_length,
        }

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of vectors, in the order of the table."""
        return list_kinds(self.choices)

    @property
    def n_vectors(self) -> int:
        """Vectors of one sequence."""
        return len(self.layers) * len(self.kinds)

    @property
    def bytes_of_sequence(self) -> int:
        """Bytes of the vectors of one sequence in memory."""
        return 4 * self.n_vectors * self.width

    @property
    def part_limits(self) -> PartLimits:
        """The limits of a part, whose vectors are in memory until they are written."""
        n_sequences = max(1, min(PASS_PART_LIMITS.n_sequences, PART_BYTES // self.bytes_of_sequence))
        return PartLimits(PASS_PART_LIMITS.n_residues, n_sequences)

    def predict_pass_bytes(self, lengths: Sequence[int]) -> int:
        """Return the bytes that a process of the pass needs for sequences of these lengths, besides the build's."""
        largest = max((part.stop - part.start for part in cut_parts(lengths, self.part_limits)), default=0)
        return RESULT_COPIES * self.bytes_of_sequence * largest


def choose_vectors(plan: Plan, settings: VectorSettings) -> VectorChoice:
    """Return the vectors that are asked for of the model of a plan.

    Raises:
        InputError: a kind of vector, a layer or the kind of numbers does not exist.
        EnvironmentFault: the model has no token that a vector is of.
    """
    if settings.numbers not in NUMBERS:
        raise InputError("There are no such numbers.", expected=" or ".join(NUMBERS), found=settings.numbers)
    choices = parse_choices(settings.vectors)
    layers = parse_layers(settings.layers, plan.run.n_layers)
    files = find_model(plan.model_directory)
    refuse_missing_tokens(read_model_vocabulary(files), choices)
    return VectorChoice(choices, layers, settings.numbers, files.shape.width, settings.max_length)


def parse_layers(text: str, n_layers: int) -> tuple[int, ...]:
    """Return the layers of a text such as `last` or `0,5`, ascending, each once.

    Raises:
        InputError: one is no layer of the model.
    """
    words = [word.strip() for word in text.split(",")]
    layers = {n_layers - 1 if word == LAST else int(word) if word.isdecimal() else -1 for word in words}
    if not all(0 <= layer < n_layers for layer in layers):
        raise InputError(
            "Vectors are of layers of the model.",
            expected=f"{LAST}, or numbers from 0 to {n_layers - 1}, separated by commas",
            found=text,
        )
    return tuple(sorted(layers))
