"""Adds the table `members` to a sealed atlas: the members of its clusters, sorted by their accessions.

The mapping table is sorted by cluster on disk and laid along the accessions of the atlas; what is of a cluster there
is sorted by member. So memory holds a few hundred megabytes, however many members there are.
"""

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from attlas.intake.rejects import Reason
from attlas.pipeline.adding import add_files, remove_unnamed_files
from attlas.pipeline.annotate.members.read import LEVELS, MappingFormat, find_format, read_members
from attlas.pipeline.annotate.source import make_slug
from attlas.pipeline.proteins.external_sort import SortedRun, merge_runs, sort_run
from attlas.pipeline.scratch import open_scratch, writing_to
from attlas.pipeline.sealed import hold_sealed
from attlas.schema import MEMBERS, AtlasPaths, InputError, Manifest, TableFile
from attlas.schema.blocks import add_block_digests
from attlas.schema.errors import N_OFFENDERS_SHOWN
from attlas.schema.leftovers import remove_leftovers
from attlas.schema.parquet_file import describe_file, provenance
from attlas.schema.publish import TEMPORARY_PREFIX, file_sha256, publishing
from attlas.schema.row_groups import fill_row_groups

RUN_ROWS = 1 << 22
"""Rows that are sorted in memory."""
GROUP_ROWS = MEMBERS.row_group_rows
FILE_GROUPS = 64
"""Row groups of a file, about four million members: its footer stays small."""
MEMBER_BYTES = 255
"""A longer text is no accession; Parquet keeps no statistics of very long ones, by which members are found."""
SCRATCH_PREFIX = ".tmp-members-"
NOT_IN_ATLAS = "cluster not in the atlas"
"""Why a line is left out."""
_DIGITS = 12
"""Hexadecimal digits of the source's digest in the name of a file."""
_OPTIONS = {
    "compression": "zstd",
    "use_dictionary": False,
    "column_encoding": {"member": "DELTA_BYTE_ARRAY", "accession": "PLAIN"},
    "write_statistics": ["member"],
    "write_page_index": False,
}


@dataclass
class MembersReport:
    """What became of a mapping table."""

    source: str
    """Name of the file."""
    sha256: str
    """SHA-256 of its bytes."""
    format: str
    n_lines: int = 0
    """Pairs of a member and a cluster that were read; of several kinds of clusters, each counts."""
    n_members: int = 0
    """Members stored."""
    n_clusters: int = 0
    """Clusters of the atlas that have a member."""
    n_without_cluster: int = 0
    """Lines left out: they name no cluster, or no member."""
    n_unknown: int = 0
    """Lines left out: their cluster is not in the atlas."""
    n_same: int = 0
    """Lines left out: member and cluster have one accession."""
    n_repeated: int = 0
    """Lines left out: another one says the same."""
    n_in_several: int = 0
    """Members stored with more than one cluster, of which none is taken."""
    unknown_clusters: list[str] = field(default_factory=list)
    """The first clusters that are not in the atlas."""


def add_members(root: Path, source: Path) -> tuple[MembersReport, Manifest]:
    """Add the members of the clusters of an atlas, in place of those that it had.

    Args:
        root: the directory of a sealed atlas.
        source: `idmapping_selected.tab` of UniProt, or a table of two columns, plain or compressed.

    Raises:
        InputError: the source is of another shape, cannot be read, or has no member of a cluster of the atlas.
        BrokenAtlasError: the atlas is not whole.
        PlanError: another process is writing to it, or it is a release.
        EnvironmentFault: the disk is full or cannot be written.
    """
    with hold_sealed(root) as (paths, manifest, _):
        _clear_leftovers(paths, manifest)
        mapping = find_format(source, _find_levels(paths))
        report = MembersReport(source.name, file_sha256(source), mapping.name)
        with open_scratch(paths.root, prefix=SCRATCH_PREFIX, purpose="sort") as scratch, writing_to(scratch.folder()):
            rows = _sort_members(paths, source, mapping, report, scratch.folder())
            files = list(_write_files(paths, manifest, rows, report))

        if not files:
            raise _nothing_fits(report)
        return report, add_files(paths, files, is_replaced=lambda file: file.table == MEMBERS.name)


def _clear_leftovers(paths: AtlasPaths, manifest: Manifest) -> None:
    """Remove what a killed process left: its working folder, and files that no manifest names."""
    remove_leftovers(paths.root, SCRATCH_PREFIX)
    remove_leftovers(paths.root / MEMBERS.name, TEMPORARY_PREFIX)
    remove_unnamed_files(paths, manifest, [MEMBERS])


def _find_levels(paths: AtlasPaths) -> list[str]:
    """Return the kinds of UniRef clusters that an atlas has."""
    levels = {level for accessions in _read_accessions(paths) for level in LEVELS
              if pc.any(pc.starts_with(accessions, f"{level}_")).as_py()}  # fmt: skip
    return [level for level in LEVELS if level in levels]


def _read_accessions(paths: AtlasPaths) -> Iterator[pa.Array]:
    """Yield the accessions of an atlas in order, those of a row group at a time."""
    with pq.ParquetFile(paths.proteins) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, columns=["accession"]).column(0).combine_chunks()


def _sort_members(
    paths: AtlasPaths, source: Path, mapping: MappingFormat, report: MembersReport, folder: Path
) -> Iterator[pa.Table]:
    """Yield the members of clusters of the atlas in order, each pair of member and accession once."""
    named = _leave_out_empty(read_members(source, mapping), report)
    runs = _sort_runs(named, key="cluster", folder=folder)
    in_atlas = _match_clusters(merge_runs(runs, key="cluster"), _read_accessions(paths), report)
    member_runs = _sort_runs(in_atlas, key="member", folder=folder)

    # The rows of the first sort are read to their end: the disk need not hold both.
    for path in folder.glob("cluster-*.arrow"):
        path.unlink()
    for rows in merge_runs(member_runs, key="member"):
        yield _leave_out_repeated(rows, report)


def _leave_out_empty(tables: Iterable[pa.Table], report: MembersReport) -> Iterator[pa.Table]:
    for rows in tables:
        report.n_lines += rows.num_rows
        n_bytes = pc.binary_length(rows["member"])
        is_member = pc.and_(pc.greater(n_bytes, 0), pc.less_equal(n_bytes, MEMBER_BYTES))
        is_named = pc.and_(is_member, pc.not_equal(rows["cluster"], ""))
        named = rows.filter(is_named)
        report.n_without_cluster += rows.num_rows - named.num_rows
        yield named


def _sort_runs(tables: Iterable[pa.Table], *, key: str, folder: Path) -> list[SortedRun]:
    """Write rows to files of a folder, RUN_ROWS or more at a time, each file sorted by `key`; return the files."""
    runs: list[SortedRun] = []
    waiting: list[pa.Table] = []

    def close_run() -> None:
        rows = pa.concat_tables(waiting)
        waiting.clear()
        if rows.num_rows:
            runs.append(sort_run(rows, key=key, path=folder / f"{key}-{len(runs):05d}.arrow"))

    for rows in tables:
        waiting.append(rows)
        if sum(table.num_rows for table in waiting) >= RUN_ROWS:
            close_run()
    if waiting:
        close_run()
    return runs


def _match_clusters(
    tables: Iterable[pa.Table], accessions: Iterator[pa.Array], report: MembersReport
) -> Iterator[pa.Table]:
    """Yield the rows whose cluster is in the atlas; the rows come in order of cluster, the accessions in theirs."""
    group = next(accessions, None)
    for rows in tables:
        clusters = rows["cluster"].combine_chunks()
        start = 0
        while start < len(clusters):
            end = len(clusters)
            if group is not None:
                end = bisect_right(range(end), group[-1].as_py(), lo=start, key=lambda i: clusters[i].as_py())
            if end > start:
                yield _keep_known(rows.slice(start, end - start), group, report)
            start = end
            if start < len(clusters):
                group = next(accessions, None)


def _keep_known(rows: pa.Table, group: pa.Array | None, report: MembersReport) -> pa.Table:
    """Return the rows whose cluster is among some accessions, and count the others."""
    is_known = pc.is_in(rows["cluster"], value_set=group if group is not None else pa.array([], pa.string()))
    of_atlas, unknown = rows.filter(is_known), rows.filter(pc.invert(is_known))
    report.n_unknown += unknown.num_rows
    n_more = N_OFFENDERS_SHOWN - len(report.unknown_clusters)
    report.unknown_clusters += list(islice(pc.unique(unknown["cluster"]).to_pylist(), n_more))

    # A cluster has the accession of its representative, which needs no row of its own.
    members = of_atlas.filter(pc.not_equal(of_atlas["member"], of_atlas["cluster"]))
    report.n_same += of_atlas.num_rows - members.num_rows

    # All rows of a cluster are in one table, and within one group of accessions.
    report.n_clusters += pc.count_distinct(members["cluster"]).as_py()
    return members


def _leave_out_repeated(rows: pa.Table, report: MembersReport) -> pa.Table:
    """Return the pairs of some members, each once, in order; all rows of a member are among them."""
    distinct = rows.group_by(["member", "cluster"], use_threads=False).aggregate([])
    distinct = distinct.sort_by([("member", "ascending"), ("cluster", "ascending")])
    report.n_repeated += rows.num_rows - distinct.num_rows
    counts = pc.value_counts(distinct["member"]).field("counts")
    report.n_members += len(counts)
    report.n_in_several += pc.sum(pc.greater(counts, 1)).as_py() or 0
    return distinct.select(["member", "cluster"]).rename_columns(["member", "accession"])


def _write_files(
    paths: AtlasPaths, manifest: Manifest, tables: Iterable[pa.Table], report: MembersReport
) -> Iterator[TableFile]:
    """Publish the members in files of a limited number of row groups; yield their entries for the manifest."""
    schema = MEMBERS.schema(0)
    schema = schema.with_metadata({**(schema.metadata or {}), **provenance(manifest.run, manifest.atlas_id)})
    batches = (batch for rows in tables for batch in rows.cast(MEMBERS.schema(0)).to_batches())
    groups = fill_row_groups(batches, GROUP_ROWS)

    # The bytes of a name are those of the source and of the library that writes them.
    slug = make_slug(report.source, default="members")
    digest = hashlib.sha256(f"{pa.__version__} {report.sha256}".encode()).hexdigest()[:_DIGITS]

    # A file at a time: its groups are taken when the groups before them are written.
    number = 0
    while (first_group := next(groups, None)) is not None:
        number += 1
        path = paths.added(MEMBERS, f"{slug}-{digest}-{number:05d}")
        with publishing(path) as beside:
            with pq.ParquetWriter(beside, schema, **_OPTIONS) as writer:
                for rows in (first_group, *islice(groups, FILE_GROUPS - 1)):
                    writer.write_table(rows.replace_schema_metadata(schema.metadata), GROUP_ROWS)
            add_block_digests(beside)
        yield describe_file(paths, path, MEMBERS)


def _nothing_fits(report: MembersReport) -> InputError:
    return InputError(
        f"{report.source} has no member of a cluster of this atlas, which stays as it was.",
        expected="the accession of a member, then the id of its cluster as the atlas has it",
        found=f"{report.n_lines:,} lines: {report.n_unknown:,} of clusters that are not in the atlas, "
        f"{report.n_same:,} whose member is the cluster, {report.n_without_cluster:,} without one",
        offenders=report.unknown_clusters,
        hint="if the cluster stands first, turn the columns: `awk -F'\\t' -v OFS='\\t' '{print $2, $1}'`",
    )


def count_left_out(report: MembersReport) -> Counter[str]:
    """Return the lines that were not stored, by reason."""
    return Counter(
        {
            NOT_IN_ATLAS: report.n_unknown,
            Reason.REPEATED.value: report.n_repeated,
            "no cluster or no member": report.n_without_cluster,
            "member and cluster are one": report.n_same,
        }
    )
