"""What a build prints: its estimate before, what became of the proteins, and which added tables are kept."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING

from attlas.cli.progress import format_duration, say
from attlas.cli.workshop import EXIT_FAILURES

if TYPE_CHECKING:
    from attlas.pipeline.estimate import CostEstimate, ProcessCost
    from attlas.pipeline.proteins.arranging import SkippedProtein
    from attlas.schema import Manifest, TableFile

N_SKIPPED_SHOWN = 10
"""Proteins that a dry run names with the reason for skipping them."""


def report_build(out: str, manifest: "Manifest") -> None:
    """Print what became of the proteins, and how to read why; exit with EXIT_FAILURES if some failed."""
    from attlas.queries.text import counted

    counts = manifest.counts
    print(
        f"{out}: {counted(counts.n_requested, 'protein')}: {counts.n_ok:,} ok, {counts.n_skipped:,} skipped, "
        f"{counts.n_failed:,} failed; {counted(counts.n_sites, 'site')} in "
        f"{counted(counts.n_sequences, 'distinct sequence')}"
    )

    reasons = f'attlas sql {quote(out)} "SELECT accession, reason FROM proteins WHERE status ='
    if counts.n_skipped:
        say(f"reasons for skipping: {reasons} 'skipped'\"")
    if counts.n_failed:
        say(f"reasons for failing: {reasons} 'failed'\"")
        say("the same command with --retry-failed computes these again")
        sys.exit(EXIT_FAILURES)


@dataclass(frozen=True)
class EarlierAtlas:
    """The atlas that was in a directory before a build."""

    manifest: "Manifest"
    added_files: "Sequence[TableFile]"
    """Files of its added tables, without those of a table whose list of files is damaged."""


def report_kept_tables(earlier: EarlierAtlas, sealed: "Manifest") -> None:
    """Print which added tables are kept, and which are not, after shards were computed again."""
    kept = {file.path for file in sealed.added}
    lost = [file for file in earlier.added_files if file.path not in kept]

    without_list = set(earlier.manifest.added.tables) - set(sealed.added.tables) - {file.table for file in lost}
    for name in sorted(without_list):
        say(f"removed all of {name}, because the list of its files is damaged; the same command adds it again")

    for table in sorted({file.table for file in lost}):
        paths = [file.path for file in lost if file.table == table]
        say(f"removed from {table}, because damaged: {', '.join(paths[:5])}; the same command adds them again")

    if names := sorted(sealed.added.tables):
        say(f"kept unchanged: {', '.join(names)}; for proteins that were computed now, add them again")


def print_estimate(model: str, cost: "CostEstimate", skipped: "tuple[SkippedProtein, ...]") -> None:
    """Print what a build would do, need and cost, and which proteins it would skip."""
    from attlas.queries.text import counted

    print(f"{counted(cost.n_proteins, 'protein')}, {cost.n_skipped:,} of them skipped")
    sizes = f"{counted(cost.n_sequences, 'distinct sequence')}, {counted(cost.n_residues, 'residue')}"
    print(f"{sizes}, in {counted(cost.n_shards, 'shard')}\n")

    print("length (residues)   sequences")
    largest = max((n for _, _, n in cost.histogram), default=1) or 1
    for low, high, n in cost.histogram:
        if n:
            span = f"{low:,} to {high:,}" if high else f"{low:,} and more"
            print(f"{span:>17}   {n:>9,} {'█' * max(1, round(30 * n / largest))}")

    print(f"\nmodel    {model} ({cost.shape.n_layers} layers x {cost.shape.n_heads} heads), {cost.dtype}")
    print("\n".join(describe_needs(cost)))

    for protein in skipped[:N_SKIPPED_SHOWN]:
        print(f"skipped  {protein.accession} ({protein.place}): {protein.reason}")
    if cost.n_skipped > N_SKIPPED_SHOWN:
        print(f"skipped  ... and {cost.n_skipped - N_SKIPPED_SHOWN:,} more")


def describe_needs(cost: "ProcessCost") -> list[str]:
    """Return the memory, the disk and the time of an estimate, a line each."""
    place = f"{cost.device} in this process" if cost.is_in_process else cost.device
    return [
        f"memory   at most {cost.peak_bytes / 2**30:.1f} GiB {_describe_processes(cost)}",
        f"disk     about {cost.disk_bytes / 1e6:,.0f} MB",
        f"time     about {format_duration(cost.wall_s)} on {place} (rough: from the speed of matrix products)",
    ]


def _describe_processes(cost: "ProcessCost") -> str:
    """Return where the memory of an estimate is needed."""
    if not cost.is_in_process:
        return f"per worker (workers: {cost.n_workers})"
    return "in this process" + (f", {cost.n_at_once} shards side by side" if cost.n_at_once > 1 else "")
