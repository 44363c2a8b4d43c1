"""An S3 server of its own process (moto), which keeps its objects in memory, and buckets in it."""

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_S = 60
"""Seconds within which the server must answer."""


def find_server() -> Path | None:
    """Return the program of the server, which is beside this Python where `make test-objects` has put it."""
    program = Path(sys.executable).with_name("moto_server")
    return program if program.is_file() else None


@contextmanager
def open_server(program: Path) -> Iterator[int]:
    """Start a server and yield its port; it is killed in the end."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]

    process = subprocess.Popen(
        [program, "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        _await_answer(port)
        yield port
    finally:
        process.kill()
        process.wait()


def create_bucket(port: int, bucket: str) -> None:
    """Create a bucket in a server."""
    creating = urllib.request.Request(
        f"http://127.0.0.1:{port}/{bucket}",
        method="PUT",
        headers={"Authorization": "AWS4-HMAC-SHA256 Credential=test/20200101/us-east-1/s3/aws4_request"},
    )
    urllib.request.urlopen(creating, timeout=30).close()


def environment_of(url: str) -> dict[str, str]:
    """Return the variables by which programs reach a server, or a proxy before it."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def _await_answer(port: int) -> None:
    end = time.monotonic() + START_S
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/", timeout=5).close()
            return
        except OSError:
            assert time.monotonic() < end, "moto does not start"
            time.sleep(0.1)
