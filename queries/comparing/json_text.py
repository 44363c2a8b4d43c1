"""JSON → rows: an object of protein to positions, a list of objects, or an object per line as `export jsonl` writes."""

import json
from collections.abc import Iterator
from typing import Any

from attlas.intake.files import HandedFile
from attlas.intake.text import numbered_lines
from attlas.queries.comparing.columns import expected_columns, read_row, site_columns
from attlas.queries.comparing.published import PublishedRow
from attlas.schema import InputError


def read_json(file: HandedFile) -> Iterator[PublishedRow]:
    """Yield a row per object, or per protein of one object.

    Raises:
        InputError: it is no JSON, or an object lacks protein or positions.
    """
    for number, value in _objects(file):
        if not isinstance(value, dict):
            raise _shape_error(file.name, number, value)

        names = list(value)
        places = site_columns(names)
        if {"accession", "position"} <= set(places):
            yield _row({column: value[names[place]] for column, place in places.items()}, number)
        elif all(isinstance(item, (list, int, str)) or item is None for item in value.values()):
            for id, positions in value.items():
                yield _row({"accession": id, "position": positions}, None)
        else:
            raise _shape_error(file.name, number, value)


def _objects(file: HandedFile) -> Iterator[tuple[int, Any]]:
    """Yield the objects with their numbers: lines where there are several, places in a list, or 1."""
    text = file.text

    try:
        try:
            document = json.loads(text)
        except json.JSONDecodeError:
            yield from [(number, json.loads(line)) for number, line in numbered_lines(text) if line.strip()]
            return
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file.name} is no JSON.", found=str(error)) from error

    yield from enumerate(document, start=1) if isinstance(document, list) else [(1, document)]


def _row(values: dict[str, Any], number: int | None) -> PublishedRow:
    sites = values["position"]
    if isinstance(sites, list) and sites and all(isinstance(site, dict) for site in sites):
        values |= _columns_of_sites(sites)
    return read_row({column: _text(value) for column, value in values.items()}, number)


def _columns_of_sites(sites: list[dict[str, Any]]) -> dict[str, Any]:
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


def _shape_error(name: str, number: int, value: object) -> InputError:
    content = ", ".join(value) if isinstance(value, dict) else type(value).__name__
    return InputError(
        f"{name} is no JSON of sites.",
        expected=f"objects with {expected_columns('accession', 'position')}, or one object of protein to positions",
        found=f"object {number:,}: {content}"[:120],
    )
