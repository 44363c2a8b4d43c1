"""The parameters of a question: their types, what a user typed made into values to bind, and values as SQL text."""

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import pyarrow as pa

from attlas.queries.asking.accessions import find_accession, find_accessions
from attlas.queries.asking.alignments import place_rows
from attlas.queries.engine.views import quote
from attlas.queries.lookup.id_file import read_ids
from attlas.queries.store import Store
from attlas.queries.text import printable
from attlas.schema import InputError, QuestionError

TYPES = {
    "int": "a whole number",
    "float": "a number",
    "text": "text",
    "ints": "whole numbers, separated by commas, or @FILE with one per line",
    "texts": "texts, separated by commas, or @FILE with one per line",
    "protein": "an id: accession, entry name, gene, or MD5 or CRC64 of the sequence",
    "proteins": "ids, separated by commas, or @FILE with one per line",
    "alignment": "a file of aligned sequences (FASTA, Stockholm, Clustal), `-` for stdin",
}
"""The types a parameter may have, and what a value of each is."""
LIST_TYPES = ("ints", "texts", "proteins")
"""The types of lists, which a text with commas or an @FILE stands for on the command line; they may be `all`."""
MOST_NAMED = 12
"""Most values of a column that an error lists."""
EVERY = "all"
"""The value of a list of proteins, texts or numbers that sets no bound; it is bound as NULL."""
NAME = re.compile(r"\$([a-z_][a-z0-9_]*)")
"""A parameter in the text of a question; nothing else there holds a `$`."""

Values = dict[str, Any]


@dataclass(frozen=True)
class Parameter:
    """A value that a question is asked with."""

    name: str
    type: str
    """One of `TYPES`."""
    doc: str
    """What the value says, in one sentence."""
    default: str | None = None
    """As a user would type it; None where a value has to be given."""
    minimum: float | None = None
    """Smallest number allowed."""
    maximum: float | None = None
    """Largest number allowed."""
    choices: tuple[str, ...] = ()
    """Texts allowed; empty where any is."""
    column: str | None = None
    """TABLE.COLUMN whose values are the texts allowed, such as `features.type`."""

    @property
    def is_required(self) -> bool:
        """The question cannot be asked without it."""
        return self.default is None

    @property
    def range(self) -> str:
        """The values allowed, such as `1 or more`; empty where there is no bound."""
        if self.choices:
            return " or ".join((", ".join(self.choices[:-1]), self.choices[-1]))
        if self.column:
            return f"of {self.column}"
        if self.minimum is None:
            return ""
        return f"{self.minimum:g} or more" if self.maximum is None else f"{self.minimum:g} to {self.maximum:g}"

    @property
    def line(self) -> str:
        """Name, type, default and doc in one line."""
        kind = f"{self.type}, {self.range}" if self.range else self.type
        default = "" if self.is_required else f" = {self.default}"
        return f"{self.name}{default} ({kind}): {self.doc}"


@dataclass(frozen=True)
class BoundValues:
    """The values that a question is asked with, one for each of its parameters."""

    values: Values
    notes: tuple[str, ...] = ()
    """What was left out of the values, and why."""


def bind(
    atlas: Store,
    question: str,
    parameters: Sequence[Parameter],
    arguments: Mapping[str, object],
    *,
    takes_names: bool = False,
) -> BoundValues:
    """Return a value for each parameter: the given one, converted to the parameter's type, or the default.

    A given value is a text as a user types it, or what it stands for: a number, a list, a path, a mapping of ids to
    aligned sequences. A parameter may be named in the singular or in the plural, whichever its name is.
    If `takes_names`, a text that is no id stands for the protein that alone is called so, and a note says so.

    Raises:
        QuestionError: a parameter is unknown, missing, given twice or not of its type, or an id is not in the atlas.
    """
    arguments = _by_real_name(question, parameters, arguments)
    _refuse_missing(question, parameters, arguments)

    values: Values = {}
    notes: list[str] = []
    for parameter in parameters:
        value = arguments.get(parameter.name, parameter.default)
        if value is None and parameter.default == EVERY:
            value = EVERY
        values[parameter.name] = _value(atlas, parameter, value, notes.append, takes_names=takes_names)
        if parameter.column and values[parameter.name] is not None:
            note = None if parameter.name in arguments else notes.append
            values[parameter.name] = _in_column(atlas, parameter, values[parameter.name], note)

    return BoundValues(values, tuple(dict.fromkeys(notes)))


def write_literal(value: object) -> str:
    """Return a bound value as SQL text that means the same.

    Source: the types are those of `bind`; texts are quoted as in `views.quote`.
    """
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quote(name)}: {write_literal(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(write_literal, value)) + "]"

    kind = "::DOUBLE" if isinstance(value, float) else ""  # else 0.1 is a decimal, which is added up in another way
    return f"({value!r}){kind}" if str(value).startswith("-") else f"{value!r}{kind}"


def with_literals(sql: str, values: Mapping[str, object]) -> str:
    """Return the text of a question with its parameters as literals, to be asked as it is."""
    return NAME.sub(lambda match: write_literal(values[match[1]]), sql)


def make_singular(name: str) -> str:
    """Return the name of a parameter in the singular: `protein` of `proteins`, `family` of `families`."""
    return f"{name.removesuffix('ies')}y" if name.endswith("ies") else name.removesuffix("s")


def _by_real_name(
    question: str, parameters: Sequence[Parameter], arguments: Mapping[str, object]
) -> Mapping[str, object]:
    """Return the given values by the names of the parameters, for `protein` those of `proteins` and the reverse.

    Raises:
        QuestionError: a name is of no parameter, or two are of one.
    """
    names = {make_singular(parameter.name): parameter.name for parameter in parameters}
    if unknown := [name for name in arguments if make_singular(name) not in names]:
        message = f"The question {question} has no parameter {', '.join(map(repr, unknown))}."
        raise QuestionError(message, hint=_parameters_hint(parameters))

    repeated = [
        name for name in arguments if names[make_singular(name)] != name and names[make_singular(name)] in arguments
    ]
    if repeated:
        real_names = [f"{name} is {names[make_singular(name)]}" for name in repeated]
        message = f"A parameter of {question} is given twice: {', '.join(real_names)}."
        raise QuestionError(message, hint=_parameters_hint(parameters))

    return {names[make_singular(name)]: value for name, value in arguments.items()}


def _refuse_missing(question: str, parameters: Sequence[Parameter], arguments: Mapping[str, object]) -> None:
    missing = [parameter.name for parameter in parameters if parameter.is_required and parameter.name not in arguments]
    if missing:
        raise QuestionError(f"The question {question} needs {', '.join(missing)}.", hint=_parameters_hint(parameters))


def _parameters_hint(parameters: Sequence[Parameter]) -> str:
    lines = [parameter.line for parameter in parameters] or ["none"]
    return "\n".join(["give them as NAME=VALUE; the parameters are", *(f"    {line}" for line in lines)])


def _value(atlas: Store, parameter: Parameter, value: object, note: Callable[[str], None], *, takes_names: bool) -> Any:
    """Return a value converted to the type of its parameter; None for the default that stands for all."""
    if isinstance(value, str) and value == EVERY == parameter.default and parameter.type in LIST_TYPES:
        return None

    match parameter.type:
        case "int":
            return _read_whole_number(parameter, value)
        case "float":
            return _in_range(parameter, _number(parameter, value))
        case "text":
            return _text(parameter, value)
        case "ints":
            return [_read_whole_number(parameter, item) for item in _items(parameter, value)]
        case "texts":
            return [_text(parameter, item) for item in _items(parameter, value)]
        case "protein":
            return find_accession(atlas, _text(parameter, value), note, name=parameter.name, takes_names=takes_names)
        case "proteins":
            ids = [_text(parameter, item) for item in _items(parameter, value)]
            return find_accessions(atlas, ids, note, name=parameter.name, takes_names=takes_names)
        case _:
            return place_rows(atlas, value, note)


def _read_whole_number(parameter: Parameter, value: object) -> int:
    if isinstance(value, bool):
        raise _ill_typed(parameter, value)
    try:
        number = int(value) if isinstance(value, str) else operator.index(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise _ill_typed(parameter, value) from None
    return int(_in_range(parameter, number))


def _number(parameter: Parameter, value: object) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise _ill_typed(parameter, value) from None
    if isinstance(value, bool) or not math.isfinite(number):
        raise _ill_typed(parameter, value)
    return number


def _in_range(parameter: Parameter, number: float) -> float:
    # Every number has an upper end: a separation of 10^12 would otherwise be counted up to, one by one.
    maximum = parameter.maximum if parameter.maximum is not None else 2**31 - 1
    if number > maximum or (parameter.minimum is not None and number < parameter.minimum):
        raise _ill_typed(parameter, number)
    return number


def _text(parameter: Parameter, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _ill_typed(parameter, value)
    if parameter.choices and value.strip() not in parameter.choices:
        raise _ill_typed(parameter, value)
    return value.strip()


def _items(parameter: Parameter, value: object) -> list[object]:
    """Return the items of a list: of a text with commas, of the file that `@FILE` names, or of a sequence as it is."""
    if isinstance(value, str):
        parts = _lines(parameter, value[1:]) if value.startswith("@") else value.split(",")
        items: list[object] = [part.strip() for part in parts if part.strip()]
    elif isinstance(value, (pa.Array, pa.ChunkedArray)):
        items = value.to_pylist()
    elif isinstance(value, Iterable) and not isinstance(value, (bytes, Mapping)):
        items = list(value)
    else:
        items = [value]

    if not items:
        raise _ill_typed(parameter, value)
    return list(dict.fromkeys(items))


def _lines(parameter: Parameter, path: str) -> list[str]:
    """Return the first column of the lines of a file; blank lines and those that begin with `#` are passed over."""
    try:
        return read_ids(path)
    except InputError as error:
        reason = "; ".join(text for text in (error.what, error.found) if text)
        raise QuestionError(f"The file of {parameter.name} cannot be read: {path}.", found=reason) from error


def _in_column(
    atlas: Store, parameter: Parameter, value: str | list[str], note: Callable[[str], None] | None
) -> str | list[str]:
    """Return texts as their column spells them, for any letter case of the input.

    A default may name texts that the column does not hold: `note` is given then, and is called if it holds none.

    Raises:
        QuestionError: the column does not hold a given text.
    """
    table, column = str(parameter.column).split(".")
    rows = atlas.sql(f"SELECT DISTINCT {column} AS name FROM {table} WHERE {column} IS NOT NULL ORDER BY name")
    names: list[str] = rows["name"].to_pylist()
    spellings = {name.lower(): name for name in reversed(names)} | {name: name for name in names}
    texts = [value] if isinstance(value, str) else value
    unknown = [text for text in texts if text not in spellings and text.lower() not in spellings]

    # Without names the table is missing, which the question says.
    if names and unknown and (note is None or len(unknown) == len(texts)):
        message = f"This atlas has no {', '.join(map(repr, map(printable, unknown)))} in {parameter.column}."
        like = _those_like(unknown, names)
        if note is None:
            query = f"SELECT {column}, count(*) AS n FROM {table} GROUP BY ALL"
            raise QuestionError(message, expected=like, hint=f'`attlas sql DIR "{query}"` lists all {len(names):,}')
        note(f"{message} It has {like}")

    spelt = [spellings.get(text, spellings.get(text.lower(), text)) for text in texts]
    return spelt[0] if isinstance(value, str) else list(dict.fromkeys(spelt))


def _those_like(unknown: list[str], names: list[str]) -> str:
    """Return the names to choose from: all if there are few, else those similar to the typed ones, else the first."""
    if len(names) <= MOST_NAMED:
        return ", ".join(names)
    lower = {name.lower(): name for name in names}
    close = [lower[name] for text in unknown for name in get_close_matches(text.lower(), lower, MOST_NAMED)]
    names_shown = list(dict.fromkeys(close)) or names[:MOST_NAMED]
    return f"{', '.join(names_shown)}, ..."


def _ill_typed(parameter: Parameter, value: object) -> QuestionError:
    value_words = repr(value) if len(repr(value)) <= 80 else f"{repr(value)[:79]}…"
    expected = f"{TYPES[parameter.type]}{f', {parameter.range}' if parameter.range else ''}"
    return QuestionError(
        f"The value of {parameter.name} cannot be used.", expected=expected, found=value_words, hint=parameter.line
    )
