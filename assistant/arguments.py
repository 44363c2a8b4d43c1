"""The arguments of a tool: declared once, described to the model as JSON Schema, and checked when they come."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from attlas.queries.text import cut, printable
from attlas.schema import QuestionError

Kind = Literal["text", "texts", "integer", "flag", "values"]
MOST_BYTES = 20_000
"""Most bytes of JSON that the arguments of a call may take: the answer repeats them."""
MOST_ROWS = 1_000
"""Most rows that a call may ask for."""
DEFAULT_ROWS = 100

_SCHEMAS: dict[Kind, dict[str, Any]] = {
    "text": {"type": "string", "minLength": 1},
    "texts": {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
    "integer": {"type": "integer"},
    "flag": {"type": "boolean"},
    "values": {"type": "object"},
}
_WORDS: dict[Kind, str] = {
    "text": "a text that is not empty",
    "texts": "a list of texts that are not empty",
    "integer": "a whole number",
    "flag": "true or false",
    "values": "an object of names and values",
}


@dataclass(frozen=True)
class Argument:
    """An argument of a tool."""

    name: str
    kind: Kind
    doc: str
    """What the value says, with its unit and where it counts from."""
    is_required: bool = False
    default: int | bool | None = None
    minimum: int = 0
    """Smallest whole number allowed."""
    maximum: int = 2**31 - 1
    """Largest whole number allowed."""

    @property
    def expected(self) -> str:
        """What a value has to be, in words."""
        bounds = f" from {self.minimum} to {self.maximum}" if self.kind == "integer" else ""
        return f"{self.name}, {_WORDS[self.kind]}{bounds}: {self.doc}"

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of a value."""
        bounds = {"minimum": self.minimum, "maximum": self.maximum} if self.kind == "integer" else {}
        default = {} if self.default is None else {"default": self.default}
        return {**_SCHEMAS[self.kind], **bounds, **default, "description": self.doc}

    def accepts(self, value: object) -> bool:
        """Return whether a value is one of this argument's."""
        match self.kind:
            case "text":
                return _is_text(value)
            case "texts":
                return isinstance(value, list) and bool(value) and all(map(_is_text, value))
            case "integer":
                return isinstance(value, int) and not isinstance(value, bool) and self.minimum <= value <= self.maximum
            case "flag":
                return isinstance(value, bool)
            case "values":
                return isinstance(value, dict)


OFFSET = Argument(
    "offset", "integer", "Rows to pass over, 0 for the beginning; `next_offset` of an answer goes on.", default=0
)
LIMIT = Argument("limit", "integer", "Most rows to return.", default=DEFAULT_ROWS, minimum=1, maximum=MOST_ROWS)


def describe_arguments(arguments: Sequence[Argument]) -> dict[str, Any]:
    """Return the JSON Schema of all arguments of a tool."""
    return {
        "type": "object",
        "properties": {argument.name: argument.schema() for argument in arguments},
        "required": [argument.name for argument in arguments if argument.is_required],
        "additionalProperties": False,
    }


def check_arguments(tool: str, arguments: Sequence[Argument], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value for each argument: the given one, or the default.

    Raises:
        QuestionError: an argument is unknown, missing, not of its kind, or all of them are too large.
    """
    n_bytes = len(json.dumps(values))
    if n_bytes > MOST_BYTES:
        raise QuestionError(
            f"The arguments of {tool} are too large.",
            expected=f"at most {MOST_BYTES:,} bytes of JSON",
            found=f"{n_bytes:,} bytes",
            hint="ask for fewer proteins at once",
        )

    names = {argument.name for argument in arguments}
    if unknown := sorted(set(values) - names):
        message = f"{tool} has no argument {', '.join(repr(cut(printable(name), 60)) for name in unknown[:5])}."
        raise QuestionError(message, expected=", ".join(argument.name for argument in arguments))

    if missing := [argument for argument in arguments if argument.is_required and values.get(argument.name) is None]:
        raise QuestionError(f"{tool} needs {missing[0].name}.", expected=missing[0].expected)

    checked = {}
    for argument in arguments:
        value = values.get(argument.name)
        if value is not None and not argument.accepts(value):
            message = f"The value of {argument.name} cannot be used."
            raise QuestionError(message, expected=argument.expected, found=cut(printable(repr(value)), 80))
        checked[argument.name] = argument.default if value is None else value
    return checked


def join_ids(id: str | None, ids: Sequence[str] | None) -> list[str] | None:
    """Return the ids of a call that may name one protein by `id`, several by `ids`; None where it names none."""
    names = list(dict.fromkeys([*([] if id is None else [id]), *(ids or [])]))
    return names or None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
