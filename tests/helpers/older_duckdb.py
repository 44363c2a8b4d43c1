"""DuckDB 1.4 in a folder of its own, to read what a newer one wrote: fetched once, by pin and digest."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

VERSION = "1.4.4"
SHA256 = """
4c25d5b0febda02b7944e94fdae95aecf952797afc8cb920f677b46a7c251955
6cb357cfa3403910e79e2eb46c8e445bb1ee2fd62e9e9588c6b999df4256abc1
47dd4162da6a2be59a0aef640eb08d6360df1cf83c317dcc127836daaf3b7f7c
5536eb952a8aa6ae56469362e344d4e6403cc945a80bc8c5c2ebdd85d85eb64b
b297eff642503fd435a9de5a9cb7db4eccb6f61d61a55b30d2636023f149855f
c65d15c440c31e06baaebfd2c06d71ce877e132779d309f1edf0a85d23c07e92
1f8d55843cc940e36261689054f7dfb6ce35b1f5b0953b0d355b6adb654b0d52
6792ca647216bd5c4ff16396e4591cfa9b4a72e5ad7cdd312cec6d67e8431a7c
7df7351328ffb812a4a289732f500d621e7de9942a3a2c9b6d4afcf4c0e72526
0d636ceda422e7babd5e2f7275f6a0d1a3405e6a01873f00d38b72118d30c10b
fb94de6d023de9d79b7edc1ae07ee1d0b4f5fa8a9dcec799650b5befdf7aafec
0509b39ea7af8cff0198a99d206dca753c62844adab54e545984c2e2c1381616
d0440f59e0cd9936a9ebfcf7a13312eda480c79214ffed3878d75947fc3b7d6d
1af6e76fe8bd24875dc56dd8e38300d64dc708cd2e772f67b9fbc635cc3066a3
8e5c2d8a0452df55e092959c0bfc8ab8897ac3ea0f754cb3b0ab3e165cd79aff
452c5b5d6c349dc5d1154eb2062ee547296fcbd0c20e9df1ed00b5e1809089da
"""
"""Of the wheels of Python 3.11 to 3.14 for Linux and macOS, x86-64 and ARM."""
CACHE = Path(__file__).resolve().parents[2] / ".cache" / f"duckdb-{VERSION}-{sys.implementation.cache_tag}"

QUERIES = """
import json, sys, duckdb
path, queries = json.load(sys.stdin)
with duckdb.connect(path, read_only=True) as connection:
    print(json.dumps([duckdb.__version__, *(connection.sql(query).fetchall() for query in queries)], default=str))
"""


def ask_older(path: Path, *queries: str) -> list[list[list[Any]]]:
    """Return the rows with which DuckDB 1.4 answers queries on a database file."""
    environment = {**os.environ, "PYTHONPATH": str(older_duckdb())}
    command = [sys.executable, "-c", QUERIES]
    request = json.dumps([str(path), queries])
    done = subprocess.run(command, env=environment, input=request, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    version, *answers = json.loads(done.stdout)
    assert version == VERSION
    return list(answers)


def older_duckdb() -> Path:
    """Return the folder that DuckDB 1.4 is imported from, fetched from PyPI where it is not here yet."""
    if not CACHE.is_dir():
        CACHE.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE.parent, prefix=".tmp-") as temporary:
            _install(Path(temporary))
            try:
                (Path(temporary) / "site").rename(CACHE)  # there whole or not at all
            except OSError:
                assert CACHE.is_dir()  # another process was first
    return CACHE


def _install(folder: Path) -> None:
    hashes = " ".join(f"--hash=sha256:{digest}" for digest in SHA256.split())
    (folder / "requirements.txt").write_text(f"duckdb=={VERSION} {hashes}\n")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
    ]
    command += ["--target", str(folder / "site"), "--requirement", str(folder / "requirements.txt")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.fail(f"The test needs duckdb=={VERSION} from PyPI, which could not be had:\n{done.stderr.strip()}")
