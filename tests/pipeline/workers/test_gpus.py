"""Workers that somebody started side by side claim a GPU each, and GPUs are counted without torch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.default_cases import each_nth_by_default

from attlas.pipeline.workers import gpus
from attlas.schema import EnvironmentFault

pytestmark = pytest.mark.slow

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
