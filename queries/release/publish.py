"""`publish`: an atlas to a release, whole or not at all; every input digest and every copied row is checked."""

import json
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from attlas.queries.page.release_page import INDEX_NAME, release_page
from attlas.queries.release.catalogue import CATALOGUE_NAME, CATALOGUE_PREFIX, build_catalogue
from attlas.queries.release.croissant import describe_croissant
from attlas.queries.release.datacard import compose_datacard
from attlas.queries.release.readme import compose_readme
from attlas.queries.release.statement import Statement
from attlas.queries.release.tables import ReleasedFile, count_joined_bytes, write_tables
from attlas.queries.store import Store
from attlas.schema import AtlasPaths, BrokenAtlasError, EnvironmentFault, InputError, Manifest
from attlas.schema.errors import system_fault
from attlas.schema.file_list import FileList
from attlas.schema.leftovers import leftover_name, remove_leftovers
from attlas.schema.publish import TEMPORARY_PREFIX, file_sha256, publish_bytes
from attlas.schema.verify import find_problems

UNFINISHED_PREFIX = f"{TEMPORARY_PREFIX}publish-"
"""How the folder begins that a release is written in until it is whole."""
README, DATACARD, CROISSANT, SUMS = "README.md", "DATACARD.md", "croissant.json", "SHA256SUMS"
SPARE_BYTES = 50_000_000
"""Free disk asked for beyond the size of the tables."""


@dataclass(frozen=True)
class Release:
    """A release that was written."""

    manifest: Manifest
    files: tuple[ReleasedFile, ...]

    @property
    def n_linked(self) -> int:
        """Return the number of files that are those of the atlas, by another name."""
        return sum(not (file.is_joined or file.is_copied) for file in self.files)

    @property
    def n_copied(self) -> int:
        """Return the number of files that had to be copied, because no hard link could be made."""
        return sum(file.is_copied for file in self.files)


def publish(source: Path, out: Path, statement: Statement, *, has_pages: bool = False) -> Release:
    """Write the release of the atlas `source` as the folder `out` and return what it holds.

    The release is written beside and renamed when it is whole; what a killed `publish` left there is removed first.
    A release is an atlas itself, without what only a build needs; large files are shared with the atlas
    (`release/tables.py`). The same atlas and statement give the same bytes, whenever it is written. With `has_pages`
    it is a website, too: `index.html` draws the page of any protein.

    Raises:
        InputError: `out` is there already, or lies inside the atlas.
        BrokenAtlasError: the atlas is unfinished, or a file is not as its manifest says.
        EnvironmentFault: the disk is full or cannot be written.
    """
    manifest = Manifest.read(AtlasPaths(source))
    _check_out(out.absolute(), source)
    _check_space(out.absolute().parent, source, manifest)
    if differences := find_problems(AtlasPaths(source), manifest):
        hint = "where it was built, the same `attlas build` computes again what is damaged"
        raise BrokenAtlasError(f"{source} is not as its manifest says.", offenders=differences, hint=hint)

    beside = out.with_name(leftover_name(UNFINISHED_PREFIX, out.name))
    remove_leftovers(out.absolute().parent, UNFINISHED_PREFIX)
    remove_leftovers(Path(tempfile.gettempdir()), CATALOGUE_PREFIX)

    try:
        shutil.rmtree(beside, ignore_errors=True)  # of a killed process with our number
        beside.mkdir(parents=True)
        release = _write(source, beside, manifest, statement, has_pages=has_pages)
        try:
            beside.rename(out)
        except OSError:
            _check_out(out.absolute(), source)  # another `publish` may have been faster
            raise
        release = replace(release, manifest=Manifest.read(AtlasPaths(out)))
    except OSError as error:
        raise system_fault(error, out) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)

    return release


def _write(source: Path, release: Path, manifest: Manifest, statement: Statement, *, has_pages: bool) -> Release:
    files = write_tables(source, release, manifest)
    released_files = FileList(tuple(released.file for released in files))
    published = replace(manifest, files=released_files).write(AtlasPaths(release))
    publish_bytes(release / CATALOGUE_NAME, build_catalogue(release, published))

    with Store.open(release) as atlas:
        publish_bytes(release / README, compose_readme(atlas, statement, has_pages=has_pages).encode())
        publish_bytes(release / DATACARD, compose_datacard(atlas, statement).encode())
        if has_pages:
            publish_bytes(release / INDEX_NAME, release_page(atlas, title=statement.make_title(published)).encode())

    list_parts = [part.path for part in published.files.parts]
    pages = [INDEX_NAME] if has_pages else []
    names = ("manifest.json", *list_parts, README, DATACARD, CATALOGUE_NAME, *pages)
    other_files = {name: _describe(release / name) for name in names}
    metadata = describe_croissant(published, statement, other_files=other_files)
    publish_bytes(release / CROISSANT, json.dumps(metadata, ensure_ascii=False, indent=1).encode() + b"\n")
    # Croissant names the digests of all other files, and SHA256SUMS its digest, so both come last.
    sums = {file.path: file.sha256 for file in published.files} | {
        name: digest for name, (_, digest) in other_files.items()
    }
    sums[CROISSANT] = file_sha256(release / CROISSANT)
    publish_bytes(release / SUMS, "".join(f"{sums[path]}  {path}\n" for path in sorted(sums)).encode())
    return Release(published, tuple(files))


def _describe(path: Path) -> tuple[int, str]:
    return path.stat().st_size, file_sha256(path)


def _check_out(out: Path, source: Path) -> None:
    AtlasPaths(out)  # which refuses a path that is no text
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is there already.", hint="give another --out, or remove it first")
    if out.resolve().is_relative_to(source.resolve()):
        raise InputError(f"{out} lies inside the atlas.", expected="a folder outside of it")


def _check_space(folder: Path, source: Path, manifest: Manifest) -> None:
    existing_folder = next(parent for parent in (folder, *folder.parents) if parent.exists())
    can_link = existing_folder.stat().st_dev == source.stat().st_dev
    table_bytes = count_joined_bytes(manifest) if can_link else manifest.files.n_bytes
    needed = table_bytes + SPARE_BYTES

    free = shutil.disk_usage(existing_folder).free
    if free < needed:
        raise EnvironmentFault(
            "There is too little room for the release.",
            expected=f"{needed / 1e6:,.0f} MB free below {existing_folder}",
            found=f"{free / 1e6:,.0f} MB",
        )
