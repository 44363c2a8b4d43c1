"""Tables added to a sealed atlas: their files are published first, then a manifest of the next version names them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from attlas.schema import AtlasPaths, Manifest, Table, TableFile
from attlas.schema.file_list import FileList
from attlas.schema.unnamed_parts import remove_unnamed_parts


def add_files(paths: AtlasPaths, files: Sequence[TableFile], *, is_replaced: Callable[[TableFile], bool]) -> Manifest:
    """Name published files in the manifest, in place of those they replace; the caller holds the lock.

    The manifest is written last: a reader sees the atlas before or after, never between. What the build wrote does not
    change, nor does the atlas id. Replaced files are removed once no manifest names them; a reader that had the atlas
    open has to open it again.
    """
    manifest = Manifest.read(paths)
    new_paths = {file.path for file in files}
    old_files = [file for file in manifest.files if file.path not in new_paths]
    replaced_files = [file for file in old_files if is_replaced(file)]
    kept_files = [file for file in old_files if not is_replaced(file)]

    # The same files again are no new version.
    all_files = _sort([*kept_files, *files])
    if all_files == _sort(manifest.files):
        return manifest

    manifest = replace(manifest, files=FileList(all_files), version=manifest.version + 1).write(paths)
    for file in replaced_files:
        (paths.root / file.path).unlink(missing_ok=True)
    remove_unnamed_parts(paths)
    return manifest


def remove_unnamed_files(paths: AtlasPaths, manifest: Manifest, tables: Iterable[Table]) -> None:
    """Remove files of added tables that the manifest does not name: a command left them and never finished."""
    for table in tables:
        named_paths = {paths.root / file.path for file in manifest.of_table(table)}
        for path in (paths.root / table.name).glob("*.parquet"):
            if path not in named_paths:
                path.unlink(missing_ok=True)


def _sort(files: Sequence[TableFile]) -> tuple[TableFile, ...]:
    return tuple(sorted(files, key=lambda file: (file.table, file.path)))
