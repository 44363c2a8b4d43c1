"""The workers of a build: they fork from one process that has imported, and each sees one GPU."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from helpers.building import wait_for

from attlas.pipeline.workers import cluster, libraries

pytestmark = pytest.mark.slow


# --- processes ---


@dataclass(frozen=True)
class WorkerState:
    """What a worker is before its first task."""

    pid: int
    parent: int
    n_compiled_loops: int
    modules: frozenset[str]
    n_torch_threads: int
    blocks_ctrl_c: bool
    is_gpu_used: bool


def describe_worker() -> WorkerState:
    modules = frozenset(sys.modules)
    return WorkerState(
        os.getpid(),
        os.getppid(),
        len(sys.modules["attlas.pipeline.attention.row_groups"].reduce_heads.signatures),
        modules,
        sys.modules["torch"].get_num_threads(),
        signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []),
        sys.modules["torch"].cuda.is_initialized(),
    )


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Return a client of two workers for a CPU, as a build starts them."""
    with cluster.open_cluster(2, scheduler=None, device="cpu") as (client, _):
        yield client


@pytest.mark.thorough
@pytest.mark.slow
def test_workers_fork_from_one_process_that_has_imported_what_they_need_and_used_no_gpu(client: Any) -> None:
    workers: list[WorkerState] = list(client.run(describe_worker).values())
    assert len(workers) == 2
    assert len({worker.parent for worker in workers}) == 1
    parent = psutil.Process(workers[0].parent)
    assert parent.ppid() == os.getpid()
    assert "multiprocessing.forkserver" in " ".join(parent.cmdline())
    assert parent.num_threads() == len([name for name in thread_names(parent.pid) if name.startswith("jemalloc")]) + 1

    for worker in workers:
        for module in ("torch", "transformers.models.esm.modeling_esm", "attlas.pipeline.shard", "numba"):
            assert module in worker.modules
        assert worker.n_compiled_loops == 1  # loaded once, before the fork
        assert worker.n_torch_threads == 1
        assert worker.blocks_ctrl_c
        assert not worker.is_gpu_used


def thread_names(pid: int) -> list[str]:
    return [path.read_text().strip() for path in Path(f"/proc/{pid}/task").glob("*/comm")]


@pytest.mark.thorough
@pytest.mark.slow
def test_a_file_of_the_current_folder_does_not_stand_for_a_library(tmp_path: Path) -> None:
    (tmp_path / "dask.py").write_text("raise SystemExit('the file of the folder')")
    script = (
        "import multiprocessing\n"
        "from attlas.pipeline.workers.libraries import start_fork_server\n"
        "if __name__ == '__main__':\n"
        "    assert start_fork_server()\n"
        "    process = multiprocessing.get_context('forkserver').Process(target=print, args=('forked',))\n"
        "    process.start(), process.join()\n"
        "    raise SystemExit(process.exitcode)\n"
    )
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "script.py").write_text(script)
    command = [sys.executable, str(tmp_path / "elsewhere" / "script.py")]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "forked\n", "")


def test_where_the_fork_server_finds_no_place_for_its_socket_workers_are_spawned(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    script = "from attlas.pipeline.workers.libraries import start_fork_server; print(start_fork_server())"
    environment = {**os.environ, "TMPDIR": str(folder)}
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert result.stdout == "False\n"


@pytest.mark.thorough
def test_workers_share_the_memory_of_what_is_imported(client: Any) -> None:
    for worker in client.run(describe_worker).values():
        memory = psutil.Process(worker.pid).memory_full_info()
        assert memory.rss > 200 << 20
        assert memory.uss < memory.rss / 2


@pytest.mark.thorough
def test_the_libraries_are_imported_without_scipy_which_stays_usable_and_python_collects_again() -> None:
    script = (
        "import gc, sys\n"
        "from attlas.pipeline.workers.libraries import import_libraries\n"
        "import_libraries()\n"
        "print(gc.isenabled(), 'torch' in sys.modules, 'scipy.optimize' in sys.modules)\n"
        "from scipy.optimize import linear_sum_assignment\n"
        "print(linear_sum_assignment([[1, 0], [0, 1]])[1].tolist())\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == ["True True False", "[1, 0]"]


@pytest.mark.parametrize(
    ("environment", "spin_count"),
    [({}, "10000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)],
)
def test_threads_that_wait_sleep_soon_unless_the_user_decides_how_they_wait(
    environment: dict[str, str], spin_count: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libraries, "IMPORTED", ())
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "")  # to be put back as it was afterwards
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    libraries.import_libraries()
    assert os.environ.get("GOMP_SPINCOUNT") == spin_count


# --- GPUs ---


@pytest.fixture
def three_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,GPU-7f,6,not-seen")
    monkeypatch.setattr(cluster, "count_gpus", lambda: 3)


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.usefixtures("three_gpus")
def test_without_dask_cuda_every_worker_sees_a_gpu_of_its_own_and_keeps_it_when_it_is_restarted() -> None:
    from distributed import Client

    cluster.prepare_workers()
    with cluster._local_cluster(3, "cuda") as local, Client(local) as client:
        client.wait_for_workers(3)
        assert sorted(visible_gpus(client).values()) == ["4", "6", "GPU-7f"]
        assert set(client.ncores().values()) == {3}

        victim = next(iter(client.run(os.getpid).values()))
        os.kill(victim, signal.SIGKILL)

        def is_replaced() -> bool:
            pids = client.run(os.getpid, on_error="ignore").values()
            return victim not in pids and len(pids) == 3

        wait_for(is_replaced, what="the restart")
        assert sorted(visible_gpus(client).values()) == ["4", "6", "GPU-7f"]


def visible_gpus(client: Any) -> dict[str, str | None]:
    return dict(client.run(os.getenv, "CUDA_VISIBLE_DEVICES"))
