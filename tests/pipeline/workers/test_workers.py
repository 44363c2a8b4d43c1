"""The workers of a build: they fork from one process that has imported, and each sees one GPU."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from helpers.building import wait_for
from helpers.default_cases import each_nth_by_default

from attlas.pipeline import estimate
from attlas.pipeline.model.files import ModelShape
from attlas.pipeline.plan import PACK_TOKENS, Plan, Shard, cut_shards, sum_shards
from attlas.pipeline.workers import cluster, gpus, libraries, resources, runners
from attlas.pipeline.workers.runners import ShardFinished, run_in_process
from attlas.schema import EnvironmentFault, Receipt

pytestmark = pytest.mark.slow

ESM2_650M = ModelShape("esm", 33, 20, 1280, 5120, None, 2_600_000_000)


def shards_of(costs: list[float]) -> list[Shard]:
    return [Shard(i + 1, i, i + 1, 100, cost, 1 << 20) for i, cost in enumerate(costs)]


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


# --- one process ---


@pytest.mark.parametrize(
    ("seconds", "n_workers", "is_here"),
    [(29, None, True), (31, None, False), (29, 2, False), (29, 1, False), (10_000, 0, True)],
)
def test_less_than_half_a_minute_of_work_is_done_by_one_process_unless_workers_are_asked_for(
    seconds: float, n_workers: int | None, is_here: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "measure_rate", lambda device: 1e9)
    shards = shards_of([seconds * 1e9 / 4] * 4)
    assert estimate.runs_in_process(shards, device="cpu", n_workers=n_workers) == is_here


def test_one_process_computes_shards_side_by_side_the_smallest_alone_before_the_others(tmp_path: Path) -> None:
    together = threading.Barrier(2)
    order: list[int] = []

    def task(root: str, index: int, n_threads: int) -> Receipt:
        order.append(index)
        if index != 1:
            together.wait(timeout=20)  # another shard is computed at the same time
        return None  # type: ignore[return-value]

    events = list(run_in_process(tmp_path, shards_of([1, 2, 3, 4, 5]), n_at_once=2, task=task))  # type: ignore[arg-type]
    assert sorted(event.shard.index for event in events if isinstance(event, ShardFinished)) == [1, 2, 3, 4, 5]
    assert order[0] == 1
    assert set(order[1:3]) == {4, 5}


def test_a_shard_that_fails_in_this_process_stops_those_that_have_not_begun(tmp_path: Path) -> None:
    begun: list[int] = []

    def task(root: str, index: int, n_threads: int) -> Receipt:
        begun.append(index)
        if index == 9:
            raise EnvironmentFault("The disk is full.")
        return None  # type: ignore[return-value]

    with pytest.raises(EnvironmentFault, match="disk is full"):
        list(run_in_process(tmp_path, shards_of([*range(1, 10)]), n_at_once=1, task=task))  # type: ignore[arg-type]
    assert len(begun) < 9


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


CLAIM = """
import os, sys
from attlas.pipeline.workers import gpus
gpus.count_gpus = lambda: {n_gpus}
gpus.claim_gpu()
print(os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
sys.stdin.read()
"""


def claims(n_gpus: int, n_processes: int, folder: Path, visible: str | None = None) -> list[str]:
    """Return the GPUs that processes side by side have claimed, as `dask worker --nworkers N` starts them."""
    environment = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    environment |= {"TMPDIR": str(folder), "XDG_CACHE_HOME": str(folder / "cache")} | (
        {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM.format(n_gpus=n_gpus)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )
        for _ in range(n_processes)
    ]  # fmt: skip
    try:
        return [process.stdout.readline().strip() for process in processes if process.stdout]
    finally:
        for process in processes:
            process.communicate("")


@pytest.mark.thorough
def test_workers_that_somebody_started_side_by_side_claim_different_gpus_and_free_them(tmp_path: Path) -> None:
    assert sorted(claims(3, 3, tmp_path)) == ["0", "1", "2"]
    assert sorted(claims(2, 2, tmp_path, visible="5,7")) == ["5", "7"]
    assert sorted(claims(2, 4, tmp_path)) == ["0", "0", "1", "1"]


@pytest.mark.thorough
@pytest.mark.parametrize("trap", ["a link", "a folder that others may write", "a file"])
def test_claims_are_not_made_where_others_could_tamper_with_them(tmp_path: Path, trap: str) -> None:
    folder = tmp_path / f"attlas-gpus-{os.getuid()}"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if trap == "a link":
        folder.symlink_to(elsewhere)
    elif trap == "a file":
        folder.write_text("mine")
    else:
        folder.mkdir()
        folder.chmod(0o777)

    assert sorted(claims(2, 2, tmp_path)) == ["0", "1"]
    assert list(elsewhere.iterdir()) == []
    assert trap != "a folder that others may write" or list(folder.iterdir()) == []
    assert len(list((tmp_path / "cache" / "attlas").rglob("*.0"))) == 2


def test_without_a_folder_for_claims_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "occupied").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "occupied"))
    monkeypatch.setattr(gpus.tempfile, "gettempdir", lambda: str(tmp_path / "occupied"))
    with pytest.raises(EnvironmentFault, match=r"(?s)claim a GPU each.*TMPDIR"):
        gpus._make_claims_folder()


@pytest.mark.thorough
def test_a_process_with_one_gpu_or_none_leaves_its_environment_alone(tmp_path: Path) -> None:
    assert claims(1, 1, tmp_path) == ["None"]
    assert claims(0, 1, tmp_path, visible="") == [""]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "is_for_gpus"),
    each_nth_by_default(
        [
            ("cuda: Optional[str] = None\nhip: Optional[str] = None\n", False),
            ("cuda: Optional[str] = '13.0'\nhip: Optional[str] = None\n", True),
            ("cuda = None\nhip = '6.4'\n", True),
            ("__version__ = '2.99'\n", True),  # not said: torch is asked
        ],
        4,
    ),
)
def test_a_torch_built_for_cpus_is_not_imported_to_count_gpus(
    text: str, is_for_gpus: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").touch()
    (tmp_path / "torch" / "version.py").write_text(text)
    script = "from attlas.pipeline.workers import gpus; print(gpus._is_built_for_gpus())"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert result.stdout.strip() == str(is_for_gpus)


def test_on_a_gpu_with_too_little_free_memory_a_plan_is_refused_with_both_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resources, "count_gpus", lambda: 1)
    monkeypatch.setattr(resources, "claim_gpu", lambda: None)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (1 << 19, 1 << 30))
    with pytest.raises(EnvironmentFault, match="Shard 1 does not fit the memory of 1 of the"):
        resources.choose_threads(shards_of([1]), device="cuda")


@pytest.mark.parametrize(("n_proteins", "is_compiled"), [(52, False), (20_000, True)])
def test_a_short_build_on_a_gpu_does_not_compile(n_proteins: int, is_compiled: bool) -> None:
    shards = cut_shards([400] * n_proteins, shape=ESM2_650M, device="cuda")
    plan = object.__new__(Plan)
    object.__setattr__(plan, "totals", sum_shards(shards))
    object.__setattr__(plan, "run", type("Run", (), {"device": "cuda"}))
    assert runners.is_worth_compiling(plan) == is_compiled


def test_compiled_layers_are_kept_in_the_users_cache_or_where_the_user_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "mine")
    runners.keep_compiled_layers()
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == "mine"
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")
    runners.keep_compiled_layers()
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path / "attlas" / "compiled")
    assert (tmp_path / "attlas" / "compiled").is_dir()


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_shards_of_a_short_build_fill_their_packs(device: str) -> None:
    shards = cut_shards([400] * 500, shape=ESM2_650M, device=device)
    assert len(shards) > 1
    for shard in shards[:-1]:
        assert shard.n_residues > 1.5 * PACK_TOKENS[device]
