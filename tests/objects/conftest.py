"""An S3 server of its own process (moto), a proxy before it that can fail, and a bucket for each test."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.faulty_proxy import FaultyProxy, open_proxy

from attlas.pipeline.object_store import ObjectStore


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    """Return the port of a moto server; these tests run where moto and s3fs are (`make test-objects`)."""
    pytest.importorskip("s3fs")
    server = shutil.which("moto_server", path=str(Path(sys.executable).parent))
    if server is None:
        pytest.skip("moto_server is not beside this Python: make test-objects")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]

    process = subprocess.Popen([server, "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/", timeout=5).close()
                break
            except OSError:
                assert time.monotonic() < end, "moto does not start"
                time.sleep(0.1)
        yield port
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def proxy(s3_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    """Return the proxy by which the tests, and the commands they start, reach the store."""
    with open_proxy(s3_port) as opened:
        monkeypatch.setenv("AWS_ENDPOINT_URL", opened.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        import s3fs

        s3fs.S3FileSystem.clear_instance_cache()  # each test has a proxy at another port
        yield opened
        s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def store(proxy: FaultyProxy, s3_port: int, request: pytest.FixtureRequest) -> ObjectStore:
    """Return a store in a new bucket, which waits less than usual before it repeats."""
    bucket = f"bucket-{os.getpid()}-{abs(hash(request.node.name)) % 10**8}"
    creating = urllib.request.Request(
        f"http://127.0.0.1:{s3_port}/{bucket}",
        method="PUT",
        headers={"Authorization": "AWS4-HMAC-SHA256 Credential=test/20200101/us-east-1/s3/aws4_request"},
    )
    urllib.request.urlopen(creating, timeout=30).close()
    return ObjectStore(f"s3://{bucket}/atlases/one", first_wait_s=0.01, read_s=1)
