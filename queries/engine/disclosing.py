"""What of DuckDB's own lists shows paths of the machine: a query that reads one of them is not run.

Nothing of it is of the atlas: folders of the account that runs attlas, secrets, extensions, settings, files that a
query spills to. The views of the atlas name its own files, which stay readable.
"""

import json
import re
from collections.abc import Iterable, Iterator

from attlas.queries.engine.parse_tree import Node, objects_of

DISCLOSING = {
    "duckdb_extension_repositories",
    "duckdb_extensions",
    "duckdb_external_file_cache",
    "duckdb_external_resources",
    "duckdb_logs",
    "duckdb_logs_parsed",
    "duckdb_log_contexts",
    "duckdb_secrets",
    "duckdb_settings",
    "duckdb_temporary_files",
    "pg_settings",
    "which_secret",
}
"""Functions and views that list paths of the machine."""
SETTING = "current_setting"
"""The function that returns one setting, by its name."""
BY_NAME = (SETTING, "query_table")
"""Functions that read what a text names."""
WORDS = (*sorted(DISCLOSING), SETTING)

_PATH_WORDS = re.compile(r"path|director|file|output|secret|config|repositor|proxy|user|password|log", re.IGNORECASE)
"""What the names of settings hold that tell of the machine: `temp_directory`, `allowed_paths`, `profile_output`."""


def find_disclosing(functions: Iterable[str], tables: Iterable[str]) -> str | None:
    """Return the function or view, of those that a query names, that lists paths of the machine; None if none does."""
    names = DISCLOSING.intersection(name.lower() for name in (*functions, *tables))
    return min(names, default=None)


def find_disclosing_text(tree: str) -> str | None:
    """Return the call in a query's tree that may show paths of the machine by what its text names; None if none does.

    A name that is put together when the query runs is none that can be checked.
    """
    for node in objects_of(json.loads(tree)):
        name = str(node.get("function_name")).lower()
        if name not in BY_NAME:
            continue
        for text in _texts(node):
            is_setting = name == SETTING and (text is None or _PATH_WORDS.search(text))
            is_list = name != SETTING and (text is None or text.strip('"').lower() in DISCLOSING)
            if is_setting or is_list:
                return f"{name}({'...' if text is None else repr(text)})"
    return None


def _texts(node: Node) -> Iterator[str | None]:
    """Yield the arguments of a call; None for one that is no text as it stands."""
    for argument in node.get("arguments") or []:
        literal = (argument.get("expression") or {}).get("literal") or {}
        yield str(literal["text"]) if literal.get("kind") == "STRING" else None
