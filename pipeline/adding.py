"""Tables added to a sealed atlas: their files published first, then a manifest that names them, one version on."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from attlas.schema import AtlasPaths, Manifest, TableFile


def add_files(paths: AtlasPaths, files: Sequence[TableFile], *, is_replaced: Callable[[TableFile], bool]) -> Manifest:
    """Name published files in the manifest and forget those they replace; the caller holds the lock.

    The manifest is written last: whoever opens the atlas sees it before or after, never between. Nothing that was built
    changes, nor does the atlas id. The files replaced are removed once nothing names them; who had it open opens it
    again.
    """
    manifest = Manifest.read(paths)
    names = {file.path for file in files}
    gone = [file for file in manifest.files if is_replaced(file) and file.path not in names]
    kept = [file for file in manifest.files if not is_replaced(file) and file.path not in names]
    ordered = tuple(sorted([*kept, *files], key=lambda file: (file.table, file.path)))
    if ordered == tuple(sorted(manifest.files, key=lambda file: (file.table, file.path))):
        return manifest
    manifest = replace(manifest, files=ordered, version=manifest.version + 1)
    manifest.write(paths)
    for file in gone:
        (paths.root / file.path).unlink(missing_ok=True)
    return manifest
