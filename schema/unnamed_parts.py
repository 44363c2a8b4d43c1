"""List parts that no manifest names: those of earlier tables, and of a seal that was killed before its manifest."""

from contextlib import suppress

from attlas.schema.errors import BrokenAtlasError
from attlas.schema.list_part_files import find_part_files
from attlas.schema.manifest import Manifest
from attlas.schema.paths import AtlasPaths


def remove_unnamed_parts(paths: AtlasPaths) -> None:
    """Remove the list parts that neither the manifest nor the one from before names.

    Nothing is removed where a manifest cannot be read.
    """
    if not paths.list_parts.is_dir():
        return

    named: set[str] = set()
    for path in (paths.manifest, paths.manifest_before):
        if path.is_file():
            try:
                named |= {part.path for part in Manifest.parse(path.read_bytes(), source=str(paths.root)).files.parts}
            except (BrokenAtlasError, OSError):
                return

    for path in find_part_files(paths):
        if paths.relative(path) not in named:
            path.unlink(missing_ok=True)
    with suppress(OSError):  # where parts are left in it
        paths.list_parts.rmdir()
