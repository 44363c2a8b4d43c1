"""Annotate a sealed atlas: read a source, check it, publish its rows, then a receipt, then the manifest.

Whoever reads sees the atlas before or after: the manifest is written last, and names the files of all tables that the
source gives rows of. A file is named by what it holds, so that no other bytes come under a name that a manifest has.
What a killed process left, a file that no manifest names, is removed by the next `annotate`.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc

from attlas.intake.rejects import Account, Reason
from attlas.pipeline.adding import add_files, remove_unnamed_files
from attlas.pipeline.annotate.imports import AnnotationSource, Import, ImportReport, ReplacedFile, Series
from attlas.pipeline.annotate.read import read_source
from attlas.pipeline.annotate.rows import TABLES, AnnotationRows
from attlas.pipeline.annotate.source import make_slug
from attlas.pipeline.annotate.tables import stored_metadata, stored_rows
from attlas.pipeline.lock import hold_lock
from attlas.pipeline.scratch import open_scratch
from attlas.schema import AtlasPaths, InputError, Manifest, PlanError, TableFile
from attlas.schema.leftovers import remove_leftovers
from attlas.schema.links import refuse_wrong_links
from attlas.schema.parquet_file import describe_file, provenance, write_table
from attlas.schema.publish import TEMPORARY_PREFIX, publish_bytes, publishing

_SOURCE_KEY = b"attlas.source"
"""Metadata of a file that names the source it is of."""
_SERIES_KEY = b"attlas.series"
"""Metadata of a file of values that names their series."""
_N_DIGITS = 12
"""Hexadecimal digits of the digest in the name of a file."""
_CHUNK_ROWS = 65_536
"""Rows of a batch that is hashed."""
_RECEIPT_PREFIXES = ("annotation-", "features-")
"""Beginnings of the names of receipts: today's, and that of versions that stored features alone."""


def annotate(paths: AtlasPaths, source: AnnotationSource, *, rejected: Path | None = None) -> tuple[Import, Manifest]:
    """Add what a source says to a sealed atlas, in place of what an earlier source of the same name said.

    Args:
        paths: the atlas.
        source: a file in one of FORMATS, plain or compressed, or a folder of structures.
        rejected: where to write every record left out, as TSV.

    Raises:
        InputError: the source cannot be read, or nothing of it can be stored.
        BrokenAtlasError: the atlas is not whole.
        PlanError: another process is writing to it, or it is a release.
        EnvironmentFault: structures are read by gemmi, which is not installed.
    """
    Manifest.read(paths)  # an atlas that is not whole is refused before anything is read
    _refuse_target(paths, source.path, rejected)
    if not paths.plan.is_file():
        raise PlanError(
            f"{paths.root} is a release, which stays as it was published.",
            expected="the directory of an atlas as `attlas build` made it",
            hint="annotate the atlas that was built, and publish it again",
        )

    with hold_lock(paths):
        manifest = Manifest.read(paths)
        refuse_wrong_links(paths.root, manifest.files)
        _clear_leftovers(paths, manifest)
        # Below a table that annotation adds to: there, `_clear_leftovers` removes what a killed process left.
        with open_scratch(paths.root / TABLES[-1].name, purpose="values") as scratch:
            with _open_target(rejected) as out:
                imported = read_source(paths, source, Account(out=out), scratch)
            if not any(imported.rows.filled()):
                raise _nothing_fits(imported)
            return _add(paths, manifest, imported, source.series)


def _refuse_target(paths: AtlasPaths, source: Path, rejected: Path | None) -> None:
    """Refuse to write what is left out over the source, or into the atlas. Raises InputError."""
    if rejected is None:
        return
    target = rejected.resolve()
    if target.is_dir():
        target_kind = "a folder"
    elif target == source.resolve():
        target_kind = "the source"
    elif target.is_relative_to(paths.root.resolve()):
        target_kind = "a part of the atlas"
    else:
        return
    raise InputError(f"--rejected cannot be {rejected}.", expected="a file of its own", found=target_kind)


def _nothing_fits(imported: Import) -> InputError:
    report = imported.report
    if not report.n_records:
        records = "value" if report.series else "feature, no family and no contact"
        return InputError(
            f"{report.source} holds no {records}.",
            expected="at least one",
            found=f"read as {report.format}",
        )

    reasons = [
        f"{reason}: {n:,} of {report.n_records:,} records, such as {imported.rejected.first_record(reason)}"
        for reason, n in report.rejected.items()
    ]

    hint = "--rejected FILE writes every record with its reason"
    if Reason.NO_PROTEIN.value in report.rejected:
        hint += "; --accession ID says whose chains they are"

    noun = "record" if report.n_records == 1 else "records"
    return InputError(
        f"Nothing of {report.source} fits this atlas, which stays as it was.",
        expected="annotation of proteins of the atlas, on the sequences it was built from",
        found=f"{report.n_records:,} {noun}" + (f", read as {report.format}" if report.format else ""),
        offenders=reasons,
        hint=hint,
    )


def _add(paths: AtlasPaths, manifest: Manifest, imported: Import, series: Series | None) -> tuple[Import, Manifest]:
    """Publish the rows of a source, then its receipt, then the manifest that names them."""
    report, rows = imported.report, imported.rows
    replaced = _replaced_files(paths, manifest, report.source, rows, series)
    values = _receipt_values(report)
    name = _file_name(values, rows)
    metadata = {**provenance(manifest.run, manifest.atlas_id), _SOURCE_KEY: report.source.encode()}
    if series is not None:
        metadata[_SERIES_KEY] = series.words.encode()

    files = []
    for table, table_rows in rows.filled():
        path = paths.added(table, name)
        with publishing(path) as beside:
            write_table(beside, table=table, rows=table_rows, metadata=metadata)
        files.append(describe_file(paths, path, table))

    receipt = {"atlas_id": manifest.atlas_id, **values, "files": [asdict(file) for file in files]}
    publish_bytes(_receipt(paths, name), (json.dumps(receipt, indent=1, ensure_ascii=False) + "\n").encode())

    added = add_files(paths, files, is_replaced=lambda file: file.path in replaced)
    _clear_leftovers(paths, added)
    removed_paths = sorted(replaced.keys() - {file.path for file in files})
    report = replace(report, replaced=tuple(replaced[path] for path in removed_paths))
    return replace(imported, report=report), added


def _receipt_values(report: ImportReport) -> dict[str, Any]:
    """Return the report without what it replaced: the same source gives the same bytes whenever it is imported."""
    return {name: value for name, value in asdict(report).items() if name != "replaced"}


def _replaced_files(
    paths: AtlasPaths, manifest: Manifest, source: str, rows: AnnotationRows, series: Series | None
) -> dict[str, ReplacedFile]:
    """Return the files that the new rows take the place of: of the same source, or of a file that a folder now holds.

    A source may be of several series, and of none: a structure gives coordinates, and its B column gives a track. Each
    series of a source takes the place of its own rows alone.

    Raises:
        InputError: one of the files came with a folder that holds others too.
    """
    new_names = rows.sources()
    series_words = series.words if series else ""

    replaced = {}
    for file in (file for table in TABLES for file in manifest.of_table(table)):
        file_source, file_series, file_names = _sources(paths, file)
        if file_series != series_words:
            continue
        if file_source == source or file_names <= new_names:
            replaced[file.path] = ReplacedFile(file_source, file.table, file.n_rows)
        elif shared := sorted(file_names & new_names):
            raise InputError(
                f"The atlas has {shared[0]} from the folder {file_source}, with {len(file_names) - 1:,} others.",
                expected="a file that no folder has brought, or the whole folder again",
                offenders=shared,
                hint=f"annotate the folder {file_source} again, or give the file another name",
            )
    return replaced


def _sources(paths: AtlasPaths, file: TableFile) -> tuple[str, str, set[str]]:
    """Return the source and the series of a stored file, and the names of the files from which its rows came."""
    path = paths.root / file.path
    metadata = stored_metadata(paths, path)
    names = pc.unique(stored_rows(paths, path, ["source"])["source"]).to_pylist()
    return metadata.get(_SOURCE_KEY, b"").decode(), metadata.get(_SERIES_KEY, b"").decode(), set(names)


def _file_name(values: dict[str, Any], rows: AnnotationRows) -> str:
    """Return the name of the files and the receipt of a source: its own, and a digest of all that they hold."""
    slug = make_slug(values["source"], default="source")
    # The library writes the bytes: a newer one may write the same rows otherwise.
    digest = hashlib.sha256(json.dumps([pa.__version__, values]).encode())
    for _, part in rows.filled():
        digest.update(part.schema.serialize())
        for batch in part.to_batches(max_chunksize=_CHUNK_ROWS):
            digest.update(batch.serialize())
    return f"{slug}-{digest.hexdigest()[:_N_DIGITS]}"


def _receipt(paths: AtlasPaths, name: str) -> Path:
    return paths.receipts / f"{_RECEIPT_PREFIXES[0]}{name}.json"


def _clear_leftovers(paths: AtlasPaths, manifest: Manifest) -> None:
    """Remove files of annotation, and receipts of them, that no manifest names: what a killed `annotate` left."""
    with_receipt = {Path(file.path).stem for table in TABLES for file in manifest.of_table(table)}
    for table in TABLES:
        remove_leftovers(paths.root / table.name, TEMPORARY_PREFIX)
    remove_unnamed_files(paths, manifest, TABLES)
    for prefix in _RECEIPT_PREFIXES:
        for path in paths.receipts.glob(f"{prefix}*.json"):
            if path.stem.removeprefix(prefix) not in with_receipt:
                path.unlink(missing_ok=True)


@contextmanager
def _open_target(path: Path | None) -> Iterator[IO[str] | None]:
    if path is None:
        yield None
        return
    if path.exists() and not path.is_file():  # a pipe or a device, which a rename would replace
        with path.open("w", encoding="utf-8") as out:
            yield out
        return
    with publishing(path.resolve()) as beside, beside.open("w", encoding="utf-8") as out:
        yield out
