"""Annotate a sealed atlas: read a source, check it, publish its rows, then a receipt, then the manifest.

Whoever reads sees the atlas before or after: the manifest is written last, and names the files of all tables that the
source gives rows of. A file is named by what it holds, so that no other bytes come under a name that a manifest has.
What a killed process left, a file that no manifest names, is removed by the next `annotate`.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc

from attlas.pipeline.adding import add_files
from attlas.pipeline.annotate.read import Annotation, Reading, Replaced, Request, read_source
from attlas.pipeline.annotate.rejects import Rejects, shown
from attlas.pipeline.annotate.rows import TABLES, Rows
from attlas.pipeline.annotate.structures.assign import NO_PROTEIN
from attlas.pipeline.annotate.tables import stored_metadata, stored_rows
from attlas.pipeline.directory import locked
from attlas.schema import AtlasPaths, InputError, Manifest, PlanError, TableFile
from attlas.schema.links import refuse_wrong_links
from attlas.schema.parquet_file import describe_file, provenance, write_table
from attlas.schema.publish import TEMPORARY_PREFIX, publish_bytes, publishing

_SOURCE_KEY = b"attlas.source"
_N_DIGITS = 12
_CHUNK_ROWS = 65_536
_RECEIPT_PREFIXES = ("annotation-", "features-")
"""Of receipts: today's, and that of the time when annotation was features alone."""


def annotate(paths: AtlasPaths, request: Request, *, rejected: Path | None = None) -> tuple[Reading, Manifest]:
    """Add what a source says to a sealed atlas, in place of what an earlier source of the same name said.

    Args:
        paths: the atlas.
        request: the source, a file in one of FORMATS, plain or gzip, or a folder of structures.
        rejected: where to write every record left out, as TSV.

    Raises:
        InputError: the source cannot be read, or nothing of it can be stored.
        BrokenAtlasError: the atlas is not whole.
        PlanError: another process is writing to it, or it is a release.
        EnvironmentFault: structures are read by gemmi, which is not installed.
    """
    manifest = Manifest.read(paths)
    _refuse_target(paths, request.source, rejected)
    if not paths.plan.is_file():
        raise PlanError(
            f"{paths.root} is a release, which stays as it was published.",
            expected="the directory of an atlas as `attlas build` made it",
            hint="annotate the atlas that was built, and publish it again",
        )
    with locked(paths):
        manifest = Manifest.read(paths)
        refuse_wrong_links(paths.root, manifest.files)
        _clear_leftovers(paths, manifest)
        with _maybe(rejected) as out:
            reading = read_source(paths, request, Rejects(out=out))
        if not any(reading.rows.filled()):
            raise _nothing(reading.found, reading.rejects)
        return _add(paths, manifest, reading)


def _refuse_target(paths: AtlasPaths, source: Path, rejected: Path | None) -> None:
    """Refuse to write what is left out over the source, or into the atlas. Raises InputError."""
    if rejected is None:
        return
    target = rejected.resolve()
    if target == source.resolve() or target.is_relative_to(paths.root.resolve()) or target.is_dir():
        here = "a folder" if target.is_dir() else "the source" if target == source.resolve() else "a part of the atlas"
        raise InputError(f"--rejected cannot be {rejected}.", expected="a file of its own", found=here)


def _nothing(found: Annotation, rejects: Rejects) -> InputError:
    if not found.n_records:
        return InputError(
            f"{found.source} holds no feature and no family.", expected="at least one", found=f"read as {found.format}"
        )
    noun = "record" if found.n_records == 1 else "records"
    whose = "; --accession ID says whose chains they are" if NO_PROTEIN in found.rejected else ""
    said = [
        f"{reason}: {n:,} of {found.n_records:,} records, such as {shown(rejects.first[reason][0]._replace(detail=''))}"
        for reason, n in found.rejected.items()
    ]
    return InputError(
        f"Nothing of {found.source} fits this atlas, which stays as it was.",
        expected="annotation of proteins of the atlas, on the sequences it was built from",
        found=f"{found.n_records:,} {noun}" + (f", read as {found.format}" if found.format else ""),
        offenders=said,
        hint="--rejected FILE writes every record with its reason"
        + ("; " + whose if NO_PROTEIN in found.rejected else ""),
    )


def _add(paths: AtlasPaths, manifest: Manifest, reading: Reading) -> tuple[Reading, Manifest]:
    found, rows = reading.found, reading.rows
    replaced = _replaced(paths, manifest, found.source, rows)
    said = {name: value for name, value in asdict(found).items() if name != "replaced"}  # the same run, the same bytes
    name = _name(said, rows)
    metadata = {**provenance(manifest.run, manifest.atlas_id), _SOURCE_KEY: found.source.encode()}
    files = []
    for table, part in rows.filled():
        path = paths.added(table, name)
        with publishing(path) as beside:
            write_table(beside, table=table, rows=part, metadata=metadata)
        files.append(describe_file(paths, path, table))
    receipt = {"atlas_id": manifest.atlas_id, **said, "files": [asdict(file) for file in files]}
    publish_bytes(_receipt(paths, name), (json.dumps(receipt, indent=1, ensure_ascii=False) + "\n").encode())
    added = add_files(paths, files, is_replaced=lambda other: other.path in replaced)
    _clear_leftovers(paths, added)
    gone = sorted(replaced.keys() - {file.path for file in files})
    return replace(reading, found=replace(found, replaced=tuple(replaced[path] for path in gone))), added


def _replaced(paths: AtlasPaths, manifest: Manifest, source: str, rows: Rows) -> dict[str, Replaced]:
    """Return the files that the new rows take the place of: of the same source, or of a file that a folder now holds.

    Raises:
        InputError: one of the files came with a folder that holds others too.
    """
    sources = rows.sources()
    replaced = {}
    for file in (file for table in TABLES for file in manifest.of_table(table)):
        of, held = _sources(paths, file)
        if of == source or held <= sources:
            replaced[file.path] = Replaced(of, file.table, file.n_rows)
        elif both := sorted(held & sources):
            raise InputError(
                f"The atlas has {both[0]} from the folder {of}, with {len(held) - 1:,} others.",
                expected="a file that no folder has brought, or the whole folder again",
                offenders=both,
                hint=f"annotate the folder {of} again, or give the file another name",
            )
    return replaced


def _sources(paths: AtlasPaths, file: TableFile) -> tuple[str, set[str]]:
    """Return the source that a file is of, and the names of the files that its rows are of."""
    path = paths.root / file.path
    metadata = stored_metadata(paths, path)
    names = pc.unique(stored_rows(paths, path, ["source"])["source"]).to_pylist()
    return metadata.get(_SOURCE_KEY, b"").decode(), set(names)


def _name(said: dict[str, Any], rows: Rows) -> str:
    """Return the name of the files and the receipt of a source: its own, and a digest of all that they hold."""
    slug = re.sub(r"[^A-Za-z0-9_]+", "-", said["source"]).strip("-")[:80] or "source"
    # The library writes the bytes: a newer one may write the same rows otherwise.
    digest = hashlib.sha256(json.dumps([pa.__version__, said]).encode())
    for _, part in rows.filled():
        digest.update(part.schema.serialize())
        for batch in part.to_batches(max_chunksize=_CHUNK_ROWS):
            digest.update(batch.serialize())
    return f"{slug}-{digest.hexdigest()[:_N_DIGITS]}"


def _receipt(paths: AtlasPaths, name: str) -> Path:
    return paths.receipts / f"{_RECEIPT_PREFIXES[0]}{name}.json"


def _clear_leftovers(paths: AtlasPaths, manifest: Manifest) -> None:
    """Remove files of annotation, and receipts of them, that no manifest names: what a killed `annotate` left."""
    named = {Path(file.path).stem for table in TABLES for file in manifest.of_table(table)}
    listed = {file.path for file in manifest.files}
    for folder in (paths.root / table.name for table in TABLES):
        for path in folder.glob(f"{TEMPORARY_PREFIX}*"):
            path.unlink(missing_ok=True)
        for path in folder.glob("*.parquet"):
            if paths.relative(path) not in listed:
                path.unlink(missing_ok=True)
    for prefix in _RECEIPT_PREFIXES:
        for path in paths.receipts.glob(f"{prefix}*.json"):
            if path.stem.removeprefix(prefix) not in named:
                path.unlink(missing_ok=True)


@contextmanager
def _maybe(path: Path | None) -> Iterator[IO[str] | None]:
    if path is None:
        yield None
        return
    if path.exists() and not path.is_file():  # a pipe or a device, which a rename would replace
        with path.open("w", encoding="utf-8") as out:
            yield out
        return
    with publishing(path.resolve()) as beside, beside.open("w", encoding="utf-8") as out:
        yield out
