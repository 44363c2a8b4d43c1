"""A fit added to a sealed atlas: its rows are the one file of the table `fits`, in place of those of an earlier fit."""

from pathlib import Path

import pyarrow as pa

from attlas.pipeline.adding import add_files
from attlas.pipeline.fitting.fitting import Fit, fit_atlas
from attlas.pipeline.fitting.settings import FitSettings
from attlas.pipeline.fitting.shard_task import StartPass
from attlas.pipeline.sealed import hold_sealed
from attlas.schema import FITS, AtlasPaths, Manifest
from attlas.schema.json_file import digest
from attlas.schema.parquet_file import describe_file, write_table
from attlas.schema.publish import publishing
from attlas.schema.settings import SETTINGS_KEY


def add_fits(
    root: Path,
    settings: FitSettings,
    *,
    start: StartPass,
    n_workers: int | None = None,
    scheduler: str | None = None,
) -> Fit:
    """Fit probes to the labels of a sealed atlas, and add the table `fits`; the same fit again changes nothing.

    Args:
        root: directory of the atlas.
        settings: the settings.
        start: is told which pass begins, and returns what takes its progress.
        n_workers: as in `encode.encode`.
        scheduler: as in `encode.encode`.

    Raises:
        InputError, PlanError, EnvironmentFault: as `fit_atlas`; or another command is writing to the atlas.
    """
    with hold_sealed(root) as (paths, _, _):
        fitted = fit_atlas(root, settings, start=start, n_workers=n_workers, scheduler=scheduler)
        publish_fits(paths, fitted.table)
    return fitted


def publish_fits(paths: AtlasPaths, rows: pa.Table) -> Manifest:
    """Write the rows of a fit as the one file of its table; the caller holds the lock.

    The file is named by what it holds: another fit is another file, and readers of the old one are not disturbed.
    """
    metadata = rows.schema.metadata
    path = paths.added(FITS, f"fit-{digest([metadata[SETTINGS_KEY].decode(), rows.to_pylist()])}")
    with publishing(path) as beside:
        write_table(beside, table=FITS, rows=rows.replace_schema_metadata(FITS.schema(0).metadata), metadata=metadata)
    return add_files(paths, [describe_file(paths, path, FITS)], is_replaced=lambda file: file.table == FITS.name)
