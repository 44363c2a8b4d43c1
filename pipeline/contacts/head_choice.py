"""A choice of heads that predict contacts: the JSON file that `--choose-heads` writes and `--heads` reads.

Layers and heads count from 0. A choice holds for the weights on which it was made, and names the sequences on whose
structures it was made: these cannot judge it.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from attlas.intake.files import read_file
from attlas.schema import InputError, Run
from attlas.schema.json_file import IllTypedError, from_json, json_bytes
from attlas.schema.publish import publish_bytes

FORMAT = "attlas heads 1"
"""The value of `format` in a choice file."""

_LIST = re.compile(r"\d{1,5}-\d{1,5}(?:[,\s]+\d{1,5}-\d{1,5})*")
"""Heads given by hand, such as `5-3,4-17`."""


@dataclass(frozen=True, order=True)
class Head:
    """A head of a model, 0-based."""

    layer: int
    head: int

    def __str__(self) -> str:
        return f"{self.layer}-{self.head}"


@dataclass(frozen=True)
class RankedHead:
    """A head of a choice."""

    layer: int
    head: int
    precision: float | None = None
    """Mean long-range P@L/2 over the proteins of the choice; None where nobody measured it."""


@dataclass(frozen=True)
class ChoosingProtein:
    """A protein on whose structure heads were chosen."""

    accession: str
    md5: str
    """MD5 of its sequence, lower-case hexadecimal."""
    structure: str
    """File and chain of the structure, for people."""


@dataclass(frozen=True)
class HeadChoice:
    """The heads whose mean predicts contacts, in order of rank, with what they were chosen on."""

    format: str
    model: str
    """The model's name, for people; the weights decide."""
    weights_sha256: str
    n_layers: int
    n_heads: int
    heads: tuple[RankedHead, ...]
    """The best heads, the best of all first."""
    proteins: tuple[ChoosingProtein, ...] = ()
    """The proteins on which the heads were chosen; none if the heads were given by hand."""
    atom: str | None = None
    """Atom between which distances were measured, `ca` or `cb`."""
    seed: int | None = None
    """Seed with which the proteins were drawn from those with a structure."""

    @property
    def fused_heads(self) -> tuple[Head, ...]:
        """The heads alone."""
        return tuple(Head(ranked.layer, ranked.head) for ranked in self.heads)

    def write(self, path: Path) -> None:
        """Write the choice as JSON, in place of an older file. Raises EnvironmentFault if it cannot be written."""
        publish_bytes(path, json_bytes(asdict(self)))


def read_choice(text: str, run: Run) -> HeadChoice:
    """Return the choice in a file, or the one that a list such as `5-3,4-17` stands for, checked against a run.

    Raises:
        InputError: the file cannot be read or is no choice; it was made for other weights; or a head occurs twice or
            is none of the model's.
    """
    choice = parse_list(text, run) if _LIST.fullmatch(text.strip()) else _read_file(Path(text))
    _refuse_other_weights(choice, run, source=text)
    _refuse_wrong_heads(choice, run, source=text)
    return choice


def parse_list(text: str, run: Run) -> HeadChoice:
    """Return the choice of heads given by hand, as layer-head, separated by commas or blanks."""
    pairs = (pair.split("-") for pair in re.split(r"[,\s]+", text.strip()))
    heads = tuple(RankedHead(int(layer), int(head)) for layer, head in pairs)
    return HeadChoice(FORMAT, run.model, run.weights_sha256, run.n_layers, run.n_heads, heads)


def spell_heads(heads: Sequence[Head]) -> str:
    """Return heads in one line, as `5-3 4-17`."""
    return " ".join(map(str, heads))


def _read_file(path: Path) -> HeadChoice:
    """Return the choice in a JSON file. Raises InputError."""
    file = read_file(
        path, expected="a file that `attlas contacts DIR --choose-heads FILE` wrote, or heads such as 5-3,4-17"
    )
    text = file.text  # a fault of the text is not one of its JSON
    try:
        return _parse(text)
    except ValueError as error:
        raise InputError(
            f"{path} is no choice of heads.",
            expected=f'a JSON object with "format": "{FORMAT}", as `--choose-heads` writes it',
            found=str(error)[:200],
        ) from error


def _parse(text: str) -> HeadChoice:
    """Return the choice in the text of a file. Raises ValueError."""
    import json

    try:
        values = json.loads(text)
    except RecursionError as error:
        raise ValueError("brackets nested too deep") from error
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise ValueError("another format")

    choice = from_json(HeadChoice, values)
    if not choice.heads:
        raise IllTypedError("heads is empty")
    return choice


def _refuse_other_weights(choice: HeadChoice, run: Run, *, source: str) -> None:
    """Refuse a choice that was made for other weights. Raises InputError."""
    if choice.weights_sha256 != run.weights_sha256:
        raise InputError(
            f"The heads of {source} were chosen for other weights.",
            expected=f"{run.model}, weights sha256 {run.weights_sha256}",
            found=f"{choice.model}, weights sha256 {choice.weights_sha256}",
            hint="choose heads for this model: `attlas contacts DIR --choose-heads FILE`",
        )


def _refuse_wrong_heads(choice: HeadChoice, run: Run, *, source: str) -> None:
    """Refuse heads that the model does not have, and heads that occur twice. Raises InputError."""
    heads = choice.fused_heads
    lacking = [head for head in heads if not (0 <= head.layer < run.n_layers and 0 <= head.head < run.n_heads)]
    if lacking:
        raise InputError(
            f"{source} names heads that {run.model} does not have.",
            expected=f"layer-head, from 0-0 to {run.n_layers - 1}-{run.n_heads - 1}",
            offenders=[str(head) for head in lacking],
        )

    repeated = [head for head, n in Counter(heads).items() if n > 1]
    if repeated:
        raise InputError(
            f"{source} names heads twice: each counts once in the mean.", offenders=[str(head) for head in repeated]
        )
