"""The page of a release: `index.html`, which finds a protein and draws its page from the release's own Parquet files.

The page holds what it needs to know of the release, and reads the tables by range requests from the host it is on. The
scripts in `static/release/` make the JSON object that `protein_data.py` makes; the page's own scripts draw it.
"""

from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from attlas.queries.answers.one_id import FAMILY_COLUMNS, FEATURE_COLUMNS, SITE_COLUMNS
from attlas.queries.answers.stored_rows import ProteinRow
from attlas.queries.lookup import protein_groups
from attlas.queries.lookup.settings import settings_of, settings_of_file
from attlas.queries.page.drawn_structure import COORDINATE_COLUMNS
from attlas.queries.page.html import PAGE_PARTS, data_element, fill_template, read_static
from attlas.queries.page.protein_data import (
    CONTACT_COLUMNS,
    FORMAT,
    LINK_COLUMNS,
    STATISTICS,
    TRACK_COLUMNS,
    VARIANT_COLUMNS,
    model_facts,
)
from attlas.queries.provenance import provenance_values
from attlas.queries.store import Store
from attlas.schema import COORDINATES, INDEX_TABLES, MEMBERS, PROTEINS, RESIDUES, TABLES, Table, TableFile
from attlas.schema.footer_parts import read_footer_parts
from attlas.schema.index_tables import KEY_COLUMNS
from attlas.schema.letter_case import FOLDED_LETTERS
from attlas.structures.components import COMPONENTS

INDEX_NAME = "index.html"
STYLES = ("release/search.css",)
SCRIPTS = (
    "vendor/hyparquet.js",
    "release/numbers.js",
    "release/tables.js",
    "release/words.js",
    "release/proteins.js",
    "release/trace.js",
    "release/gather.js",
    "release/search.js",
)
"""Scripts after those of the page, in the order they are run in."""
SEARCH = "release/search.html"
COLUMNS = {
    "proteins": tuple(field.name for field in fields(ProteinRow)),
    "sites": SITE_COLUMNS,
    "heads": STATISTICS,
    "links": LINK_COLUMNS,
    "contacts": CONTACT_COLUMNS,
    "features": FEATURE_COLUMNS,
    "families": FAMILY_COLUMNS,
    "tracks": TRACK_COLUMNS,
    "variants": VARIANT_COLUMNS,
    "coordinates": COORDINATE_COLUMNS,
}
"""Columns that the page reads, by table; of `residues` it reads the letters and the attention received."""


def release_page(atlas: Store, *, title: str) -> str:
    """Return the page of a release whose tables are there already."""
    facts = data_element("attlas-release", release_facts(atlas, title=title))
    # Only an atlas with coordinates has structures to show; the viewer is most of the bytes of a page.
    page = PAGE_PARTS.with_viewer() if atlas.manifest.of_table(COORDINATES) else PAGE_PARTS
    parts = replace(
        page,
        styles=(*page.styles, *STYLES),
        scripts=(*page.scripts, *SCRIPTS),
        top=read_static(SEARCH),
        may_fetch=True,
    )
    return facts.join(fill_template(title=title, parts=parts))


def release_facts(atlas: Store, *, title: str) -> dict[str, Any]:
    """Return the data of the page about the release: title and provenance, files, and the columns to read."""
    manifest = atlas.manifest
    tables = [table for table in TABLES if table.name in COLUMNS or table is RESIDUES]
    tables += (*INDEX_TABLES, MEMBERS)

    return {
        "format": FORMAT,
        "title": title,
        "n_proteins": manifest.counts.n_requested,
        "provenance": provenance_values(manifest),
        "model": model_facts(manifest.run),
        "columns": COLUMNS,
        "keys": KEY_COLUMNS,
        "folded_letters": FOLDED_LETTERS,
        "components": COMPONENTS,
        "tables": {table.name: _list_files(atlas, table) for table in tables if manifest.of_table(table)},
    }


def _list_files(atlas: Store, table: Table) -> list[dict[str, Any]] | dict[str, Any]:
    """Return the files of a table; of a long list its parts, with the settings on which all files agree."""
    if parts := atlas.manifest.of_table(table).parts:
        names = ("path", "n_bytes", "n_rows", *_ends(table))
        entries = [{name: getattr(part, name) for name in names} for part in parts]
        return {"parts": entries, "settings": settings_of(atlas.root, atlas.manifest, table) if table.settings else {}}
    return list(_files(atlas, table))


def _files(atlas: Store, table: Table) -> Iterator[dict[str, Any]]:
    """Yield the values with which each file of a table is read, with the settings of the pass that computed it."""
    names = ("path", "n_rows", "n_bytes", "tail_bytes", *_ends(table))
    for file in atlas.manifest.of_table(table):
        values = asdict(file)
        settings = {"settings": settings_of_file(atlas.root, table, file)} if table.settings else {}
        parts = _footer_parts(atlas, file) if table is PROTEINS else {}
        yield {**{name: values[name] for name in names}, **settings, **parts}


def _footer_parts(atlas: Store, file: TableFile) -> dict[str, Any]:
    """Return where the parts of the footer of a large `proteins` are, by which the page reads its row groups."""
    if not isinstance(atlas.root, Path) or file.tail_bytes <= protein_groups.SMALL_TAIL_BYTES:
        return {}
    parts = read_footer_parts(atlas.root / file.path)
    names = ("first_byte", "part_bytes", "group_rows")
    return {"footer_parts": {name: getattr(parts, name) for name in names}} if parts else {}


def _ends(table: Table) -> tuple[str, str]:
    """Return the names of the values that say what a file holds, from the first to the last."""
    return ("first_key", "last_key") if table.name in KEY_COLUMNS else ("first_sequence_id", "last_sequence_id")
