"""The text of `TABLES.md`, from the declarations in the files `*_tables.py`.

`python -m attlas.schema.document` prints it; with `--write` it renews the file beside this one.
"""

import sys
from pathlib import Path

from attlas.schema.table import Column, Table
from attlas.schema.tables import FORMAT_VERSION, STORED_TABLES

TABLES_MD = Path(__file__).with_name("TABLES.md")

_ARROW_NAMES = {"float": "float32", "double": "float64"}
"""Arrow prints floating point by the names of C; everything else as declared."""

_HEAD = f"""\
# The tables of an atlas

Written by `python -m attlas.schema.document --write` from the files `schema/*_tables.py`; edit those. `names` and
`words` are indexes for lookups, and no views. Atlas format {FORMAT_VERSION}.

`L` is the number of layers of the model. Positions count from 1, layers and heads from 0; `[]` is a list as long as
the model is wide. A column marked *view* is seen in the view of that name and not stored in the table's files; *null*
marks columns that may be null.
"""


def describe_tables() -> str:
    """Return the text of `TABLES.md`: each table with its meaning, key, order and columns."""
    return "\n".join([_HEAD, *(describe_table(table) for table in STORED_TABLES)])


def describe_table(table: Table) -> str:
    """Return the meaning of a table, its key, order and origin, and a Markdown table of its columns."""
    order = f"Stored in order of {_names(table.sort)}, {table.row_group_rows:,} rows to a row group."
    lines = [f"## {table.name}", "", table.doc, f"Key: {_names(table.key)}. {order}", ""]
    if table.added_by:
        lines += [*_describe_origin(table), ""]

    head = "| column | type | unit | what it says |\n|---|---|---|---|"
    return "\n".join([*lines, head, *(_column_line(column) for column in table.columns), ""])


def _describe_origin(table: Table) -> list[str]:
    """Return the command that adds a table and the tables it reads, then a line for each of its settings."""
    sources = " and ".join(f"`{source.name}`" for source in table.computed_from)
    origin = f"computed from {sources}" if sources else "one file for each source"

    settings = [f"- `{setting.name}`: {setting.doc}" for setting in table.settings]
    text = f"Added by `{table.added_by}`, {origin}."
    return [f"{text} Its files say the settings in their metadata:", "", *settings] if settings else [text]


def _column_line(column: Column) -> str:
    marks = ["view"] * column.is_joined + ["null"] * column.is_nullable
    kind = f"{_type(column)} *{', '.join(marks)}*" if marks else _type(column)
    return f"| `{column.name}` | {kind} | {column.unit} | {_cell(column.doc)} |"


def _type(column: Column) -> str:
    name = _ARROW_NAMES.get(str(column.type), str(column.type))
    if column.is_per_layer:
        return f"{name}[L]"
    return f"{name}[]" if column.is_list else name


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: list[str]) -> None:
    """Print the text, or write the file with `--write`."""
    if arguments == ["--write"]:
        TABLES_MD.write_text(describe_tables())
    else:
        sys.stdout.write(describe_tables())


if __name__ == "__main__":
    main(sys.argv[1:])
