"""A manifest changed by hand, its own digest made right again: what somebody who means harm would write."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attlas.schema.json_file import content_sha256


def change_manifest(root: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the values of an atlas's manifest in place and write it."""
    path = root / "manifest.json"
    values = json.loads(path.read_text())
    del values["manifest_sha256"]
    change(values)
    path.write_text(json.dumps({**values, "manifest_sha256": content_sha256(values)}))


def change_file(root: Path, table: str, /, **values: object) -> None:
    """Change what a manifest says of the first file of a table."""

    def change(manifest: dict[str, Any]) -> None:
        next(file for file in manifest["files"] if file["table"] == table).update(values)

    change_manifest(root, change)
