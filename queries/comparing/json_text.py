"""JSON → rows: an object of protein to positions, a list of objects, or an object per line as `export jsonl` writes."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attlas.queries.comparing.claims import Row
from attlas.queries.comparing.columns import expected, roles, row_of
from attlas.queries.comparing.file_text import LINE_END
from attlas.schema import InputError


def read(text: str, path: Path) -> Iterator[Row]:
    """Yield a row per object, or per protein of one object.

    Raises:
        InputError: it is no JSON, or an object lacks protein or positions.
    """
    for number, value in _values(text, path):
        if not isinstance(value, dict):
            raise _lacking(path, number, value)
        places = roles(list(value))
        if {"accession", "position"} <= set(places):
            names = list(value)
            yield _row({role: value[names[at]] for role, at in places.items()}, number)
        elif all(isinstance(item, (list, int, str)) or item is None for item in value.values()):
            for id, item in value.items():
                yield _row({"accession": id, "position": item}, number)._replace(line=None)
        else:
            raise _lacking(path, number, value)


def _values(text: str, path: Path) -> Iterator[tuple[int, Any]]:
    """Yield the objects with their numbers: lines where there are several, places in a list, or 1."""
    try:
        try:
            whole = json.loads(text)
        except json.JSONDecodeError:
            lines = enumerate(re.split(LINE_END, text), start=1)
            yield from [(number, json.loads(line)) for number, line in lines if line.strip()]
            return
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path.name} is no JSON.", found=str(error)) from error
    yield from enumerate(whole, start=1) if isinstance(whole, list) else [(1, whole)]


def _row(values: dict[str, Any], number: int) -> Row:
    sites = values["position"]
    if isinstance(sites, list) and sites and all(isinstance(site, dict) for site in sites):
        values |= _of_sites(sites)
    return row_of({role: _text(value) for role, value in values.items()}, number)


def _of_sites(sites: list[dict[str, Any]]) -> dict[str, Any]:
    """Return positions and letters of sites that are objects, in order of rank where they all have one."""
    if all(isinstance(site.get("rank"), (int, float)) for site in sites):
        sites = sorted(sites, key=lambda site: site["rank"])
    letters = [site.get("residue") for site in sites]
    return {
        "position": [site.get("position", "?") for site in sites],
        "residue": letters if all(isinstance(letter, str) for letter in letters) else None,
    }


def _text(value: object) -> str | None:
    if isinstance(value, list):
        return " ".join("none" if item is None else str(item) for item in value)
    return None if value is None else str(value)


def _lacking(path: Path, number: int, value: object) -> InputError:
    names = ", ".join(value) if isinstance(value, dict) else type(value).__name__
    return InputError(
        f"{path.name} is no JSON of sites.",
        expected=f"objects with {expected('accession', 'position')}, or one object of protein to list of positions",
        found=f"object {number:,}: {names}"[:120],
    )
