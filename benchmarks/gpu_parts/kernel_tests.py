"""Part 1: the kernels' tests, compiled, on the device: a short selection first, then all."""

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gpu_parts.settings import ROOT, Row, Settings

TESTS = ROOT / "tests" / "pipeline"
OF_KERNELS = TESTS / "attention" / "test_triton_pass.py"
OF_ADDED = TESTS / "attention" / "test_triton_added.py"
OF_PRODUCTS = TESTS / "encoder" / "test_products.py"


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
    Selection("products", (OF_PRODUCTS,), "add_up or split_layer or compiled_code or broke_off", 60),
    Selection("all kernels", (OF_KERNELS, OF_ADDED), "not compile_for", 120),
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
    command = [sys.executable, "-m", "pytest", "-q", "--noconftest", "-p", "no:cacheprovider", f"--junitxml={report}"]
    command += ["-c", str(ROOT / "pyproject.toml"), *map(str, selection.files), "-k", selection.expression]

    started = time.perf_counter()
    try:
        result = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=selection.limit_s, check=False
        )
    except subprocess.TimeoutExpired:
        yield {"tests": selection.name, "outcome": f"not finished after {selection.limit_s:.0f} s"}
        return

    if not report.is_file():
        yield {"tests": selection.name, "outcome": (result.stderr or result.stdout).strip()[-300:]}
        return
    yield from read_report(report, selection.name, seconds=time.perf_counter() - started)


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
