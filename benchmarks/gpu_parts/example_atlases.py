"""Part 2: the examples with real 8M weights by the command, in every dtype against the atlas of a CPU, all passes."""

import argparse
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import precision
from numpy.typing import NDArray

from attlas.pipeline.build import build
from attlas.pipeline.drafting import Options
from attlas.pipeline.model.files import find_model
from attlas.pipeline.model.precision import SPLIT
from attlas.pipeline.sites.calling import DEFAULT_RULE
from attlas.schema import HEADS, RESIDUES, SITES, PlanError, Table
from gpu_parts.atlas_passes import list_example_pairs, list_judging_passes, list_passes, quietly, write_pairs
from gpu_parts.commands import run_command
from gpu_parts.packages import describe_missing
from gpu_parts.settings import GOALS, Row, Settings
from gpu_parts.table_rows import read_table
from gpu_parts.workload import describe_error

VARIANTS = {
    "float32 of halves": {"dtype": "float32"},
    "float32 --exact": {"dtype": "float32", "is_exact": True},
    "mixed": {"dtype": "mixed"},
    "bfloat16": {"dtype": "bfloat16"},
}
"""Builds, by name, with their options."""

CPU = "cpu"
"""Name of the atlas with which all are compared."""

COMMAND_LIMIT_S = 60
"""Seconds after which the whole command is ended: six times the goal."""

SAMPLED_VARIANTS = (SPLIT, "mixed", "bfloat16")
N_SAMPLED = 600
"""Proteins of the proteome on which dtypes are compared."""


def measure(settings: Settings) -> Iterator[Row]:
    """Yield the seconds of the whole command, then the agreement with the CPU of a build, all passes, other dtypes.

    The passes run over the first atlas that could be built, before the other dtypes.
    """
    yield time_command(settings)
    reference = settings.cpu_atlas or build_reference(settings)
    has_passes = False
    for name, options in VARIANTS.items():
        started = time.perf_counter()
        atlas = None
        try:
            atlas = build_atlas(settings, name.replace(" ", "-"), device=settings.device, **options)
            row = compare_builds(name, reference, atlas)
        except Exception as error:  # the next variant may work
            row = {"compared": name, "outcome": describe_error(error)}
        yield row | {"s": round(time.perf_counter() - started, 1)}

        if atlas is not None and not has_passes:
            has_passes = True
            yield from compare_passes(settings, reference, atlas)
    if settings.proteome is not None:
        yield from compare_precisions(settings, settings.proteome)


def compare_precisions(settings: Settings, proteome: Path) -> Iterator[Row]:
    """Yield how many proteins of a sample keep their sites in other products than plain float32, on this device."""
    assert settings.weights is not None
    shortest, longest = (10, 1022) if settings.is_tiny else (30, 1022)
    sequences = precision.sample(str(proteome), n=N_SAMPLED, seed=0, shortest=shortest, longest=longest)
    options = argparse.Namespace(device=settings.device, variant=list(SAMPLED_VARIANTS), rule=DEFAULT_RULE)
    compared = precision.compare_all(options, find_model(str(settings.weights)), sequences)

    for variant, lines in compared.items():
        figures = precision.summary(lines)
        yield {
            "compared": f"{variant} with plain float32",
            "sequences with sites": len(sequences),
            "same layer": f"{figures['same_layer']:.1%}",
            "same sites": f"{figures['same_sites']:.1%}",
            "same order": f"{figures['same_order']:.1%}",
            "profiles differ by": f"{figures['profile']['largest']:.1e}",
        }


def build_reference(settings: Settings) -> Path:
    """Return the atlas of the examples from this machine's CPU: one that is there, unless its input was another."""
    try:
        return build_atlas(settings, CPU, device="cpu", is_kept=True)
    except PlanError:
        return build_atlas(settings, CPU, device="cpu")


def build_atlas(settings: Settings, name: str, *, device: str, is_kept: bool = False, **options: object) -> Path:
    """Return an atlas of the examples, built in this process; with `is_kept`, going on with an earlier build."""
    out = settings.scratch / f"examples-{name}"
    if not is_kept:
        shutil.rmtree(out, ignore_errors=True)
    build(
        str(settings.examples),
        out,
        Options(str(settings.weights), device=device, **options),  # type: ignore[arg-type]
        progress=quietly,
        n_workers=0,
    )
    return out


def compare_builds(name: str, reference: Path, other: Path) -> Row:
    """Return how far the sites, layers, profiles and head statistics of two atlases agree."""
    layers, other_layers = (find_layers(root) for root in (reference, other))
    sites, other_sites = (find_sites(root) for root in (reference, other))

    return {
        "compared": name,
        "sequences with sites": len(sites),
        "same layer": sum(layers[sequence_id] == other_layers.get(sequence_id) for sequence_id in sites),
        "same sites": sum(
            sorted(sites[sequence_id]) == sorted(other_sites.get(sequence_id, [])) for sequence_id in sites
        ),
        "same order": sum(sites[sequence_id] == other_sites.get(sequence_id) for sequence_id in sites),
        "profiles differ by": f"{largest_profile_difference(reference, other):.1e}",
        "statistics differ by": f"{largest_difference(reference, other, HEADS):.1e}",
    }


def find_sites(root: Path) -> dict[int, list[int]]:
    """Return the positions of the sites of each sequence that has any, in order of rank."""
    rows = read_table(root, SITES)
    sites: dict[int, list[int]] = {}
    for sequence_id, position in zip(rows["sequence_id"], rows["position"], strict=True):
        sites.setdefault(sequence_id, []).append(position)
    return sites


def find_layers(root: Path) -> dict[int, int]:
    """Return the layer of convergence of each sequence that has sites."""
    rows = read_table(root, SITES)
    return dict(zip(rows["sequence_id"], rows["layer"], strict=True))


def largest_profile_difference(reference: Path, other: Path) -> float:
    """Return the largest difference of attention received, over the largest of its protein and layer."""
    rows = read_table(reference, RESIDUES)
    values, others = (
        np.array(columns["received"], dtype=np.float64) for columns in (rows, read_table(other, RESIDUES))
    )
    _, proteins = np.unique(np.array(rows["sequence_id"]), return_inverse=True)
    scale = np.zeros((proteins.max() + 1, values.shape[1]))
    np.maximum.at(scale, proteins, values)
    return float((np.abs(values - others) / scale[proteins]).max())


def largest_difference(reference: Path, other: Path, table: Table) -> float:
    """Return the largest difference of the floating-point columns of a table, over 1 or the number, the larger.

    Of the rows that both atlases have.
    """
    return match_rows(reference, other, table)[1]


def match_rows(reference: Path, other: Path, table: Table) -> tuple[int, float]:
    """Return the number of rows that both atlases have, by what the table is sorted by, and their largest difference.

    Links and contacts are chosen, so that a last digit may leave one out.
    """
    rows, other_rows = (read_table(root, table) for root in (reference, other))
    keys, other_keys = (list(zip(*(part[name] for name in table.sort), strict=True)) for part in (rows, other_rows))
    places = {key: place for place, key in enumerate(other_keys)}
    common = [(place, places[key]) for place, key in enumerate(keys) if key in places]

    names = [column.name for column in table.columns if str(column.type) in ("float", "halffloat", "double")]
    differences = [
        _scaled_difference([rows[name][place] for place, _ in common], [other_rows[name][place] for _, place in common])
        for name in names
    ]
    return len(common), max(differences)


def _scaled_difference(values: list[Any], others: list[Any]) -> float:
    """Return the largest difference of a column of numbers or of lists of as many numbers each."""
    array, other_array = (np.array(part, dtype=np.float64) for part in (values, others))
    difference: NDArray[np.float64] = np.abs(array - other_array) / np.maximum(1, np.abs(array))
    return float(np.nanmax(difference, initial=0))


def compare_passes(settings: Settings, reference: Path, atlas: Path) -> Iterator[Row]:
    """Yield for every pass its seconds on the CPU and on the device, and the largest difference of its table."""
    pairs = write_pairs(settings.scratch / "pairs-examples.tsv", list_example_pairs(settings))
    for atlas_pass in (*list_passes(settings, pairs), *list_judging_passes(settings)):
        row: Row = {"compared": atlas_pass.name}
        if reason := describe_missing(atlas_pass.packages):
            yield row | {"outcome": f"left out, {reason}"}
            continue
        try:
            if settings.cpu_atlas is None:
                atlas_pass.run(reference)  # at once where the atlas has the pass from an earlier run
            started = time.perf_counter()
            atlas_pass.run(atlas)
            row["s"] = round(time.perf_counter() - started, 1)
            if atlas_pass.table is not None:
                n_common, difference = match_rows(reference, atlas, atlas_pass.table)
                n_rows = len(read_table(reference, atlas_pass.table)[atlas_pass.table.sort[0]])
                row["rows"] = f"{n_common:,} of {n_rows:,}"
                row["statistics differ by"] = f"{difference:.1e}"
        except Exception as error:  # the next pass may work
            row["outcome"] = describe_error(error)

        yield row


def time_command(settings: Settings) -> Row:
    """Return the seconds of `attlas build` on the examples, from the command to the prompt."""
    out = settings.scratch / "examples-by-command"
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "attlas.cli.main", "build", str(settings.examples), "--out", str(out)]
    command += ["--model", str(settings.weights), "--device", settings.device]
    started = time.perf_counter()
    code, errors = run_command(command, limit_s=COMMAND_LIMIT_S)
    seconds = time.perf_counter() - started
    row: Row = {"compared": "whole command", "s": round(seconds, 1)}
    if code is None:
        return row | {"outcome": f"not finished after {COMMAND_LIMIT_S} s"}
    if code:
        return row | {"outcome": errors[-300:]}
    return row | {GOALS: {} if settings.is_tiny else {"examples": seconds}}
