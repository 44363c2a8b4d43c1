"""The day: parts run one after the other, each in a process of its own with its own time limit.

A part that crashes, hangs or is out of time does not end the day, and the rows that it had are kept. The day goes on
where it stopped: a part that is done is not run again, and one that was cut off comes after those without any row.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gpu_parts.parts import Part
from gpu_parts.report import format_table, write_markdown
from gpu_parts.settings import Row, Settings

SCRIPT = Path(__file__).resolve().parents[1] / "gpu_day.py"

NAME = "gpu-day.json"
"""File of all figures, among those that are to be kept."""

FEWEST_S = 15
"""Seconds without which no part is begun."""

DONE, FAILED, CUT_OFF, LEFT_OUT = "done", "failed", "cut off", "left out"
"""States of a part."""

N_LOG_LINES = 5
"""Last lines of what a failed part printed, which are shown."""


class DamagedFiguresError(Exception):
    """The figures of an earlier run of the day cannot be read."""


Figures = dict[str, Any]
"""The JSON of a day: the machine, and for every part by its number title, state, reason, seconds and rows."""


def run_day(
    settings: Settings, parts: Sequence[Part], *, minutes: float, is_again: bool, describe: Callable[[], dict[str, str]]
) -> Figures:
    """Run parts until the time is over; print, and write, the table of each as it ends."""
    end = time.monotonic() + 60 * minutes
    settings.out.mkdir(parents=True, exist_ok=True)
    settings.scratch.mkdir(parents=True, exist_ok=True)
    figures = read_figures(settings.out) or {"machine": describe(), "parts": {}}

    outcomes = figures["parts"]
    finished_parts = [
        part for part in parts if outcomes.get(str(part.number), {}).get("state") == DONE and not is_again
    ]
    for part in finished_parts:
        print(f"{part.number}. {part.title}: done before", flush=True)

    parts_to_run = [part for part in parts if part not in finished_parts]
    reasons = {part.number: part.reason_to_leave_out(settings) for part in parts_to_run}
    tell_what_is_left_out(parts_to_run, reasons)
    for part in sorted(parts_to_run, key=lambda part: bool(outcomes.get(str(part.number), {}).get("rows"))):
        earlier = outcomes.get(str(part.number), {})
        outcome = run_or_leave_out(part, settings, end - time.monotonic(), reason=reasons[part.number])
        print(f"\n{describe_outcome(part, outcome)}", flush=True)
        if outcome["state"] == DONE or len(outcome["rows"]) >= len(earlier.get("rows", [])):
            outcomes[str(part.number)] = outcome
            write_figures(settings.out, figures)
    return figures


def tell_what_is_left_out(parts: Sequence[Part], reasons: Mapping[int, str | None]) -> None:
    """Print which parts, and passes of parts, are left out and why, before the time of the others is spent."""
    for part in parts:
        if reason := reasons[part.number]:
            print(f"Part {part.number} will be left out, {reason}", flush=True)
        elif passes := part.describe_passes_left_out():
            print(f"Of part {part.number} will be left out: {passes}", flush=True)


def describe_outcome(part: Part, outcome: Row) -> str:
    """Return the table of a part as text, with its state where it is not simply done."""
    state = "" if outcome["state"] == DONE else f": {outcome['state']}, {outcome['reason']}"
    lines = [f"{part.number}. {part.title}{state} ({outcome['seconds']:.0f} s)"]
    return "\n".join([*lines, *format_table(outcome["rows"])])


def run_or_leave_out(part: Part, settings: Settings, left_s: float, *, reason: str | None) -> Row:
    """Return the outcome of a part: state, reason, seconds and rows; with a `reason` it is left out."""
    if reason is None and left_s < FEWEST_S:
        reason = f"{max(left_s, 0):.0f} s are left"
    if reason is not None:
        return {"title": part.title, "state": LEFT_OUT, "reason": reason, "seconds": 0.0, "rows": []}
    # The limits of parts are those of a GPU: a dry run, which makes a CPU's atlas for it, has that of the day alone.
    return run_part(part, settings, limit_s=left_s if settings.is_tiny else min(part.limit_s, left_s))


def run_part(part: Part, settings: Settings, *, limit_s: float) -> Row:
    """Run a part in a process of its own, and return its outcome."""
    rows_path, log_path, settings_path = (settings.scratch / f"part-{part.number}.{suffix}" for suffix in
                                          ("rows", "log", "settings.json"))  # fmt: skip
    rows_path.unlink(missing_ok=True)
    settings.write(settings_path)
    command = [sys.executable, str(SCRIPT), "--inside", str(part.number), "--settings", str(settings_path)]
    command += ["--rows", str(rows_path)]
    # Without a GPU the kernels run in Triton's interpreter, which has to be told before Triton is imported.
    environment = os.environ | {"TRITON_INTERPRET": "1" if settings.device == "cpu" else "0"}

    started = time.monotonic()
    with log_path.open("w") as log:
        # A session of its own, because a part starts processes too, and all of them have to end with it.
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
        try:
            code = process.wait(timeout=limit_s)
            state = DONE if code == 0 else FAILED
            reason = "" if code == 0 else f"exit code {code}: {last_lines(log_path)}"
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            state, reason = CUT_OFF, f"after its {limit_s:.0f} s"
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    seconds = round(time.monotonic() - started, 1)
    return {"title": part.title, "state": state, "reason": reason, "seconds": seconds, "rows": read_rows(rows_path)}


def run_inside(part: Part, settings: Settings, rows_path: Path) -> None:
    """Run a part in this process, and append each of its rows to a file as soon as it is there."""
    settings.scratch.mkdir(parents=True, exist_ok=True)
    with rows_path.open("a") as file:
        for row in part.measure(settings):
            file.write(json.dumps(row) + "\n")
            file.flush()


def read_rows(path: Path) -> list[Row]:
    """Return the rows that a part wrote; a last line that was cut off is left out."""
    rows: list[Row] = []
    for line in path.read_text().splitlines() if path.is_file() else ():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def last_lines(path: Path) -> str:
    """Return the last lines of a part's output, as one."""
    return " | ".join(path.read_text(errors="replace").strip().splitlines()[-N_LOG_LINES:])[:600]


def read_figures(out: Path) -> Figures | None:
    """Return the figures of an earlier run of the day; None where there are none.

    Raises:
        DamagedFiguresError: the file is not what `write_figures` wrote.
    """
    path = out / NAME
    if not path.is_file():
        return None
    try:
        figures: Figures = json.loads(path.read_text())
        write_markdown(figures)  # reads all that there has to be
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise DamagedFiguresError(
            f"{path} is damaged ({type(error).__name__}: {error}): move it away, or give another folder by --out"
        ) from error
    return figures


def write_figures(out: Path, figures: Figures) -> None:
    """Write all figures as JSON and as Markdown, each beside its place and then renamed."""
    for name, text in ((NAME, json.dumps(figures, indent=1) + "\n"), ("gpu-day.md", write_markdown(figures))):
        beside = out / f"{name}.new"
        beside.write_text(text)
        beside.replace(out / name)
