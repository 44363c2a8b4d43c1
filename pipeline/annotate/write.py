"""Annotate a sealed atlas: read a source, check it, publish its rows, then a receipt, then the manifest.

Whoever reads sees the atlas before or after: the manifest is written last. What a killed process left, a file that no
manifest names, is removed by the next `annotate`.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from attlas.pipeline.adding import add_files
from attlas.pipeline.annotate.check import COLUMNS, Known
from attlas.pipeline.annotate.formats import FORMATS, format_of
from attlas.pipeline.annotate.gather import gathered
from attlas.pipeline.annotate.rejects import Rejects
from attlas.pipeline.directory import locked
from attlas.schema import FEATURES, AtlasPaths, InputError, Manifest, PlanError, TableFile
from attlas.schema.manifest import describe_file, provenance, write_table
from attlas.schema.publish import TEMPORARY_PREFIX, file_sha256, publish_bytes, publishing

_SOURCE_KEY = b"attlas.source"
_N_DIGITS = 8


@dataclass(frozen=True)
class Annotation:
    """What became of a source."""

    source: str
    """Name of the file."""
    sha256: str
    """SHA-256 of its bytes."""
    format: str
    n_records: int
    """Records of the source: stored and rejected."""
    n_features: int
    """Rows stored."""
    n_proteins: int
    """Accessions that have one."""
    by_type: dict[str, int]
    """Rows stored of each type."""
    n_rejected: int
    rejected: dict[str, int]
    """Records left out, by reason."""


def annotate(
    paths: AtlasPaths, source: Path, *, format: str | None = None, rejected: Path | None = None
) -> tuple[Annotation, Rejects, Manifest]:
    """Add the features of `source` to a sealed atlas, in place of those of an earlier file of the same name.

    Args:
        paths: the atlas.
        source: a file in one of FORMATS, plain or gzip.
        format: a name of FORMATS; None tells it by the content.
        rejected: where to write every record left out, as TSV.

    Raises:
        InputError: the source cannot be read, or nothing of it can be stored.
        BrokenAtlasError: the atlas is not whole.
        PlanError: another process is writing to it, or it is a release.
    """
    manifest = Manifest.read(paths)
    if not paths.plan.is_file():
        raise PlanError(
            f"{paths.root} is a release, which stays as it was published.",
            expected="the directory of an atlas as `attlas build` made it",
            hint="annotate the atlas that was built, and publish it again",
        )
    if format is not None and format not in FORMATS:
        raise InputError("There is no such format.", expected=", ".join(FORMATS), found=format)
    with locked(paths):
        manifest = Manifest.read(paths)
        _clear_leftovers(paths, manifest)
        found, rejects, rows = _read(paths, source, format or format_of(source), rejected)
        if not rows.num_rows:
            raise _nothing(found, rejects)
        return found, rejects, _add(paths, manifest, found, rows)


def _read(paths: AtlasPaths, source: Path, format: str, rejected: Path | None) -> tuple[Annotation, Rejects, pa.Table]:
    known = Known.of(pq.read_table(paths.proteins, columns=list(COLUMNS)))
    with _maybe(rejected) as out:
        rejects = Rejects(out=out)
        rows = gathered(FORMATS[format](source), known, source=source.name, rejects=rejects)
    types = pc.value_counts(rows["type"]).to_pylist()
    counts = sorted(((row["values"], row["counts"]) for row in types), key=lambda pair: (-pair[1], pair[0]))
    found = Annotation(
        source=source.name,
        sha256=file_sha256(source),
        format=format,
        n_records=rows.num_rows + rejects.counts.total(),
        n_features=rows.num_rows,
        n_proteins=pc.count_distinct(rows["accession"]).as_py(),
        by_type=dict(counts),
        n_rejected=rejects.counts.total(),
        rejected=dict(rejects.counts.most_common()),
    )
    return found, rejects, rows


def _nothing(found: Annotation, rejects: Rejects) -> InputError:
    if not found.n_records:
        return InputError(f"{found.source} holds no feature.", expected="at least one", found=f"read as {found.format}")
    reasons = [
        f"{reason}: {n:,} of {found.n_records:,} records, such as {' '.join(rejects.first[reason][0].place)}"
        for reason, n in found.rejected.items()
    ]
    return InputError(
        f"Nothing of {found.source} fits this atlas, which stays as it was.",
        expected="features of proteins of the atlas, on the sequences it was built from",
        found=f"{found.n_records:,} records, read as {found.format}",
        offenders=reasons,
        hint="--rejected FILE writes every record with its reason",
    )


def _add(paths: AtlasPaths, manifest: Manifest, found: Annotation, rows: pa.Table) -> Manifest:
    name = _name(found)
    path = paths.added(FEATURES, name)
    metadata = {**provenance(manifest.run, manifest.atlas_id), _SOURCE_KEY: found.source.encode()}
    with publishing(path) as beside:
        write_table(beside, table=FEATURES, rows=rows, metadata=metadata)
    file = describe_file(paths, path, FEATURES)
    receipt = {"atlas_id": manifest.atlas_id, **asdict(found), "file": asdict(file)}
    publish_bytes(_receipt(paths, name), (json.dumps(receipt, indent=1, ensure_ascii=False) + "\n").encode())
    added = add_files(paths, [file], is_replaced=lambda other: _is_of(paths, other, found.source))
    _clear_leftovers(paths, added)
    return added


def _is_of(paths: AtlasPaths, file: TableFile, source: str) -> bool:
    """Tell whether a file holds features of a source of this name."""
    if file.table != FEATURES.name:
        return False
    metadata = pq.read_schema(paths.root / file.path).metadata or {}
    return bool(metadata.get(_SOURCE_KEY) == source.encode())


def _name(found: Annotation) -> str:
    slug = re.sub(r"[^A-Za-z0-9_]+", "-", found.source).strip("-")[:80] or "source"
    return f"{slug}-{found.sha256[:_N_DIGITS]}"


def _receipt(paths: AtlasPaths, name: str) -> Path:
    return paths.receipts / f"{FEATURES.name}-{name}.json"


def _clear_leftovers(paths: AtlasPaths, manifest: Manifest) -> None:
    """Remove files of features, and receipts of them, that no manifest names: what a killed `annotate` left."""
    named = {Path(file.path).stem for file in manifest.of_table(FEATURES)}
    folder = paths.root / FEATURES.name
    for path in folder.glob(f"{TEMPORARY_PREFIX}*"):
        path.unlink(missing_ok=True)
    for path in folder.glob("*.parquet"):
        if path.stem not in named:
            path.unlink(missing_ok=True)
    for path in paths.receipts.glob(f"{FEATURES.name}-*.json"):
        if path.stem.removeprefix(f"{FEATURES.name}-") not in named:
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
