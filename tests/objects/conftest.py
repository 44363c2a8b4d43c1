"""An S3 server of its own process (moto), a proxy before it that can fail, and a bucket for each test."""

import os
from collections.abc import Iterator

import pytest
from helpers.faulty_proxy import FaultyProxy, open_proxy
from helpers.object_server import create_bucket, environment_of, find_server, open_server

from attlas.pipeline.object_store import ObjectStore


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    """Return the port of a moto server; these tests run where moto and s3fs are (`make test-objects`)."""
    pytest.importorskip("s3fs")
    program = find_server()
    if program is None:
        pytest.skip("moto_server is not beside this Python: make test-objects")
    with open_server(program) as port:
        yield port


@pytest.fixture
def proxy(s3_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    """Return the proxy by which the tests, and the commands they start, reach the store."""
    with open_proxy(s3_port) as opened:
        for name, value in environment_of(opened.url).items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        import s3fs

        s3fs.S3FileSystem.clear_instance_cache()  # each test has a proxy at another port
        yield opened
        s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def store(proxy: FaultyProxy, s3_port: int, request: pytest.FixtureRequest) -> ObjectStore:
    """Return a store in a new bucket, which waits less than usual before it repeats."""
    bucket = f"bucket-{os.getpid()}-{abs(hash(request.node.name)) % 10**8}"
    create_bucket(s3_port, bucket)
    return ObjectStore(f"s3://{bucket}/atlases/one", first_wait_s=0.01, read_s=1)
