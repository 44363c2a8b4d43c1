"""Part 1: the kernels' tests, compiled, on the device: a short selection first, then all."""

import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from gpu_parts.settings import ROOT, Row, Settings

TESTS = ROOT / "tests" / "pipeline"
OF_KERNELS = TESTS / "attention" / "test_triton_pass.py"
OF_ADDED = TESTS / "attention" / "test_triton_added.py"
OF_RECEIVED = TESTS / "attention" / "test_triton_receive.py"
OF_PRODUCTS = TESTS / "encoder" / "test_products.py"

N_PROCESSES = 8
"""Processes of pytest on a GPU, which share it: most of the time is compiling, on the host's cores."""
OUTCOME = re.compile(r"\b(PASSED|FAILED|ERROR|SKIPPED)\b")
"""What pytest prints of each test as it ends."""


@dataclass(frozen=True)
class Selection:
    """Tests to run: files, and an expression of pytest that selects among them."""

    name: str
    files: tuple[Path, ...]
    expression: str
    limit_s: float


SELECTIONS = (
    Selection("short", (OF_KERNELS,), "every_head or halves or ten_thousand", 40),
    Selection("added", (OF_ADDED,), "what_is_added or tiles_outside or shared_key or whole_model", 60),
    Selection("received", (OF_RECEIVED,), "sums or half or added or tiles", 60),
    Selection("products", (OF_PRODUCTS,), "add_up or split_layer or compiled_code or broke_off", 60),
    Selection("all kernels", (OF_KERNELS, OF_ADDED, OF_RECEIVED), "not any_", 120),
)

TINY_SELECTIONS = (Selection("tiny", (OF_KERNELS, OF_ADDED), "threshold_counts or refused_by_name", 60),)
"""What a dry run tries, in Triton's interpreter."""


def measure(settings: Settings, selections: Sequence[Selection] | None = None) -> Iterator[Row]:
    """Yield a row for each selection of tests, and one for each test that failed."""
    for selection in selections or (TINY_SELECTIONS if settings.is_tiny else SELECTIONS):
        yield from run_tests(settings, selection)


def run_tests(settings: Settings, selection: Selection) -> Iterator[Row]:
    """Run tests in a process of their own, without the suite's conftest, which needs duckdb."""
    report = settings.scratch / f"tests-{selection.name.replace(' ', '-')}.xml"
    report.unlink(missing_ok=True)
    paths = [str(ROOT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])]
    is_interpreted = "1" if settings.device == "cpu" else "0"
    environment = os.environ | {"TRITON_INTERPRET": is_interpreted, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-m", "pytest", "-v", "--noconftest", "-p", "no:cacheprovider", f"--junitxml={report}"]
    command += ["-c", str(ROOT / "pyproject.toml"), *map(str, selection.files), "-k", selection.expression]
    if settings.device == "cuda" and find_spec("xdist") is not None:
        command += ["-n", str(N_PROCESSES)]

    started = time.perf_counter()
    try:
        result = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=selection.limit_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        yield count_outcomes(selection, (error.stdout or b"").decode(errors="replace"))
        return

    if not report.is_file():
        yield {"tests": selection.name, "outcome": (result.stderr or result.stdout).strip()[-300:]}
        return
    yield from read_report(report, selection.name, seconds=time.perf_counter() - started)


def count_outcomes(selection: Selection, output: str) -> Row:
    """Return the counts of the tests that ended before the limit, of what pytest printed until then."""
    outcomes = [match[1] for line in output.splitlines() if "::" in line and (match := OUTCOME.search(line))]
    return {
        "tests": selection.name,
        "passed": outcomes.count("PASSED"),
        "failed": outcomes.count("FAILED") + outcomes.count("ERROR"),
        "skipped": outcomes.count("SKIPPED"),
        "s": selection.limit_s,
        "outcome": f"not finished after {selection.limit_s:.0f} s",
    }


def read_report(report: Path, name: str, *, seconds: float) -> Iterator[Row]:
    """Yield the counts in a report of pytest in JUnit's XML, then each test that failed with its message."""
    suite = ElementTree.parse(report).getroot().find("testsuite")
    assert suite is not None
    n_tests, n_skipped = int(suite.attrib["tests"]), int(suite.attrib["skipped"])
    n_failed = int(suite.attrib["failures"]) + int(suite.attrib["errors"])
    n_passed = n_tests - n_failed - n_skipped
    yield {"tests": name, "passed": n_passed, "failed": n_failed, "skipped": n_skipped, "s": round(seconds, 1)}

    for case in suite.iter("testcase"):
        fault = case.find("failure")
        fault = case.find("error") if fault is None else fault
        if fault is not None:
            message = fault.attrib.get("message", "").splitlines() or [""]
            yield {"tests": case.attrib["name"], "outcome": message[0][:200]}
