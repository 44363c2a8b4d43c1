"""JSON files of an atlas: all written the same way, and read strictly: a value must have the type of its field."""

import hashlib
import json
import types
from collections import Counter
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from attlas.schema.errors import BrokenAtlasError

T = TypeVar("T")


class IllTypedError(ValueError):
    """A JSON value is not of the type that its field declares; the message names the field, such as `files[3].path`."""


def json_bytes(values: Mapping[str, Any]) -> bytes:
    """Return an object as the bytes of a JSON file: a line for each key and for each item of a list of objects."""
    lines = []
    for key, value in values.items():
        if isinstance(value, list | tuple) and value and all(isinstance(item, dict) for item in value):
            items = ",\n".join(f"  {json.dumps(item)}" for item in value)
            lines.append(f" {json.dumps(key)}: [\n{items}\n ]")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value)}")
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises:
        BrokenAtlasError: the file cannot be read, or holds no JSON object.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise unreadable_json(path, str(error)) from error
    return parse_json(data, path)


def parse_json(data: bytes, name: Path | str) -> dict[str, Any]:
    """Return the JSON object in `data`; `name` is its file, for errors.

    Raises:
        BrokenAtlasError: the bytes are no JSON object.
    """
    try:
        values = load_json(data)
    except (ValueError, RecursionError) as error:  # brackets nested without end are a RecursionError
        raise unreadable_json(name, str(error)) from error
    if not isinstance(values, dict):
        raise unreadable_json(name, f"a JSON {type(values).__name__}, not an object")
    return values


def load_json(data: bytes | str) -> Any:
    """Return the value of a JSON text, as `json.loads` does, but for a key that occurs twice in one object.

    Readers differ in which of its two values they take, so that one digest would stand for two contents.

    Raises:
        ValueError: it is no JSON text, or a key occurs twice in an object; names the key.
        RecursionError: brackets are nested without end.
    """
    return json.loads(data, object_pairs_hook=_make_object)


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of keys and values. Raises ValueError where a key occurs twice."""
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = Counter(key for key, _ in pairs)
        raise ValueError(f"the key {keys.most_common(1)[0][0]!a} occurs twice in an object"[:200])
    return values


def unreadable_json(name: Path | str, reason: str) -> BrokenAtlasError:
    """Return the error for a JSON file of an atlas that cannot be read."""
    return BrokenAtlasError(
        f"{name} cannot be read.", found=reason, hint="run `attlas verify` on the atlas, or build it again"
    )


def digest(values: object) -> str:
    """Return 16 hexadecimal digits that identify plain JSON values."""
    return content_sha256(values)[:16]


def content_sha256(values: object) -> str:
    """Return the SHA-256 of plain JSON values in lower-case hexadecimal, for any spacing and order of keys."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def from_json(kind: type[T], value: object, *, name: str = "") -> T:
    """Convert a JSON value, as `json.loads` returns it, to a plain type, a tuple, a dict or a dataclass.

    A list becomes a tuple, an object a dataclass; a key that the dataclass does not have is an error.

    Args:
        kind: the type, as a field of a dataclass declares it.
        value: the JSON value.
        name: its name in errors; the names of the fields inside it follow.

    Raises:
        IllTypedError: the value has another type.
    """
    return cast(T, _convert(kind, value, name))


def _convert(kind: Any, value: object, name: str) -> object:
    if kind in (str, int, float):  # most values by far: a receipt has sixty
        return _check_plain_value(kind, value, name)

    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _convert_union(kind, value, name)

    if origin is tuple:
        items = _check_kind(value, list | tuple, name, "a list")
        return tuple(_convert(get_args(kind)[0], item, f"{name}[{i}]") for i, item in enumerate(items))
    if origin is dict:
        values = _check_kind(value, dict, name, "an object")
        item_kind = get_args(kind)[1]
        return {_convert(str, key, name): _convert(item_kind, item, f"{name}.{key}") for key, item in values.items()}

    if is_dataclass(kind):
        return _convert_object(kind, value, name)
    return _check_plain_value(kind, value, name)


def _convert_union(kind: Any, value: object, name: str) -> object:
    if value is None and types.NoneType in get_args(kind):
        return None
    (value_kind,) = (option for option in get_args(kind) if option is not types.NoneType)
    return _convert(value_kind, value, name)


def _convert_object(kind: Any, value: object, name: str) -> object:
    values = _check_kind(value, dict, name or kind.__name__, "an object")
    prefix = f"{name}." if name else ""
    hints = _field_types(kind)
    if unknown := sorted(map(str, values.keys() - hints.keys())):
        raise IllTypedError(f"{prefix}{unknown[0]} is no field of it")

    if lacking := [key for key in _required_fields(kind) if key not in values]:
        raise IllTypedError(f"{prefix}{lacking[0]} is missing")

    return kind(**{key: _convert(hints[key], item, f"{prefix}{key}") for key, item in values.items()})


@cache
def _field_types(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


@cache
def _required_fields(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind) if field.default is MISSING)


def _check_plain_value(kind: Any, value: object, name: str) -> object:
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return value
    # In Python a bool is an int; in JSON it is not.
    if type(value) is not kind:
        raise IllTypedError(f"{name} is of type {type(value).__name__}, not {kind.__name__}")

    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise IllTypedError(f"{name} is no text: {value!a}"[:200]) from error
    return value


def _check_kind(value: object, kind: Any, name: str, expected: str) -> Any:
    if not isinstance(value, kind):
        raise IllTypedError(f"{name} is of type {type(value).__name__}, not {expected}")
    return value
