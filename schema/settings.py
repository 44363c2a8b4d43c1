"""The computation of an added table, as JSON in the metadata of its Parquet files: passes write it, queries read it.

The value of the key `attlas.settings` is an object with two keys: `settings`, those that the table declares
(`schema/added_tables.py`), and `computed_from`, the digest of each table that the pass has read.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from attlas.schema.table import Table

SETTINGS_KEY = b"attlas.settings"
"""Key of the settings JSON in the metadata of a file of an added table."""


@dataclass(frozen=True)
class Computation:
    """The settings of a pass, and the tables that it has read."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    """Value of each setting, by name."""
    computed_from: Mapping[str, str] = field(default_factory=dict)
    """Digest of the files of each table that was read (`Manifest.digest_of`), by the table's name."""

    def of(self, table: Table) -> Self:
        """Return the settings and the sources on which one table of a pass depends: those that it declares."""
        settings = {setting.name for setting in table.settings}
        sources = {source.name for source in table.computed_from}
        return type(self)(
            settings={name: value for name, value in self.settings.items() if name in settings},
            computed_from={name: value for name, value in self.computed_from.items() if name in sources},
        )

    def metadata(self, table: Table) -> dict[bytes, bytes]:
        """Return the metadata that a file of `table` carries.

        Raises:
            ValueError: the settings or the sources are not those that the table declares.
        """
        declared = {setting.name: setting for setting in table.settings}
        if self.settings.keys() != declared.keys():
            raise ValueError(f"{table.name} declares the settings {list(declared)}: got {list(self.settings)}")
        if unfit := [name for name, value in self.settings.items() if not declared[name].allows(value)]:
            raise ValueError(f"settings of {table.name} that are not of their type: {unfit}")

        sources = {source.name for source in table.computed_from}
        if self.computed_from.keys() != sources:
            raise ValueError(f"{table.name} is computed from {sorted(sources)}: got {sorted(self.computed_from)}")

        values = {"settings": dict(self.settings), "computed_from": dict(self.computed_from)}
        return {SETTINGS_KEY: json.dumps(values, sort_keys=True).encode()}

    @classmethod
    def parse(cls, table: Table, metadata: Mapping[bytes, bytes] | None) -> Self:
        """Read the metadata of a file of `table`; values that are missing or of another type are left out."""
        try:
            values = json.loads((metadata or {}).get(SETTINGS_KEY, b"{}"))
        except ValueError:
            values = {}

        stored, digests = _object(values, "settings"), _object(values, "computed_from")
        settings = [setting for setting in table.settings if setting.name in stored]
        return cls(
            settings={s.name: stored[s.name] for s in settings if s.allows(stored[s.name])},
            computed_from={s.name: str(digests[s.name]) for s in table.computed_from if s.name in digests},
        )


def describe_outdated(changed_sources: Mapping[Table, Iterable[Table]]) -> list[str]:
    """Return a sentence for each command that renews outdated tables.

    Args:
        changed_sources: for each outdated table, the tables that have changed since it was computed from them.
    """
    # Tables of one command that are outdated for the same reason share a sentence: the command renews them together.
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for table, sources in changed_sources.items():
        key = str(table.added_by), tuple(source.name for source in sources)
        groups.setdefault(key, []).append(table.name)

    notes = []
    for (command, source_names), names in groups.items():
        verb, pronoun = ("was", "it") if len(names) == 1 else ("were", "them")
        changed = f"{_join_words(names)} {verb} computed from other {_join_words(source_names)} than the atlas has now"
        notes.append(f"{changed}: `{command}` renews {pronoun}")
    return notes


def _object(values: object, name: str) -> dict[str, Any]:
    part = values.get(name) if isinstance(values, dict) else None
    return part if isinstance(part, dict) else {}


def _join_words(words: Iterable[str]) -> str:
    """Return words as a list in a sentence: `a, b and c`."""
    *beginning, last = words
    return f"{', '.join(beginning)} and {last}" if beginning else last
