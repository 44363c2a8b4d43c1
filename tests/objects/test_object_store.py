"""The object store against a real server: what fails is repeated, what was stored counts, nothing is half there."""

import pickle
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.faulty_proxy import Failure, FaultyProxy

from attlas.pipeline.object_store import N_ATTEMPTS, ObjectStore
from attlas.schema import BrokenAtlasError, EnvironmentFault
from attlas.schema.publish import file_sha256

LARGE_BYTES = 101 << 20
"""More than is put in one request."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"attention" * 1000)
    return path


def fail_times(n: int, failure: Failure, *, method: str, name: str = ""):
    """Return a function that lets the first `n` requests of a kind fail."""
    left = [n]

    def choose(request_method: str, path: str) -> Failure | None:
        if request_method == method and name in path and left[0]:
            left[0] -= 1
            return failure
        return None

    return choose


def test_what_is_put_is_listed_described_and_read_back(store: ObjectStore, file: Path, tmp_path: Path) -> None:
    assert store.list_sizes("") == {}
    assert store.describe("a/b") is None
    assert store.get("a/b") is None
    store.put("a/b", file)
    store.put("c", file)
    assert store.list_sizes("") == {"a/b": 9000, "c": 9000}
    assert store.list_sizes("a/") == {"a/b": 9000}
    stored = store.describe("a/b")
    assert stored is not None
    assert (stored.n_bytes, stored.sha256) == (9000, file_sha256(file))
    store.download("a/b", tmp_path / "deep" / "copy")
    assert (tmp_path / "deep" / "copy").read_bytes() == store.get("c") == file.read_bytes()
    store.remove("c")
    store.remove("c")
    assert store.list_sizes("") == {"a/b": 9000}


@pytest.mark.parametrize("failure", [Failure("busy"), Failure("lost"), Failure("slow", 2)])
@pytest.mark.parametrize("method", ["PUT", "HEAD", "GET", "DELETE"])
def test_a_request_that_fails_twice_is_repeated(
    store: ObjectStore, proxy: FaultyProxy, file: Path, tmp_path: Path, method: str, failure: Failure
) -> None:
    proxy.choose = fail_times(2, failure, method=method)
    store.put("object", file)
    assert store.get("object") == file.read_bytes()
    assert store.list_sizes("") == {"object": 9000}
    store.download("object", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == file.read_bytes()
    store.remove("object")
    assert store.get("object") is None
    assert sum(request[2] is not None for request in proxy.requests) >= 1


@pytest.mark.parametrize("failure", [Failure("lost"), Failure("slow", 2)])
def test_an_answer_that_is_lost_after_the_put_is_not_taken_for_a_failure(
    store: ObjectStore, proxy: FaultyProxy, file: Path, failure: Failure
) -> None:
    proxy.choose = fail_times(1, failure, method="PUT")
    assert store.put_if_absent("plan.json", file)
    # The library itself may ask again once; then the store refuses to replace what it has, and is asked what that is.
    methods = [request[0] for request in proxy.requests]
    assert methods == [*["PUT"] * (len(methods) - 1), "HEAD"]


def test_what_is_there_is_not_replaced(store: ObjectStore, file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"something else")
    assert store.put_if_absent("plan.json", file)
    assert not store.put_if_absent("plan.json", other)
    assert store.get("plan.json") == file.read_bytes()
    assert store.put_if_absent("plan.json", file)


def test_of_many_that_store_at_once_one_wins(store: ObjectStore, tmp_path: Path) -> None:
    wins: list[bytes] = []

    def begin(i: int) -> None:
        path = tmp_path / str(i)
        path.write_bytes(b"%d" % i)
        if store.put_if_absent("plan.json", path):
            wins.append(path.read_bytes())

    threads = [threading.Thread(target=begin, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wins == [store.get("plan.json")]


@pytest.mark.parametrize("failure", [None, Failure("lost"), Failure("busy")])
def test_a_large_file_is_stored_in_parts_and_whole_or_not_at_all(
    store: ObjectStore, proxy: FaultyProxy, tmp_path: Path, failure: Failure | None
) -> None:
    path = tmp_path / "large"
    path.write_bytes(bytes(range(256)) * (LARGE_BYTES // 256))
    if failure:
        proxy.choose = fail_times(1, failure, method="POST", name="uploadId")
    patient = replace(store, read_s=30)
    patient.put("large", path)
    stored = patient.describe("large")
    assert stored is not None
    assert (stored.n_bytes, stored.sha256) == (LARGE_BYTES, file_sha256(path))


def test_a_store_that_never_answers_is_named_after_some_attempts(
    store: ObjectStore, proxy: FaultyProxy, file: Path
) -> None:
    proxy.choose = lambda method, path: Failure("busy") if method == "PUT" else None
    with pytest.raises(EnvironmentFault, match=rf"does not answer for {store.url}/object(.|\n)*{N_ATTEMPTS} attempts"):
        store.put("object", file)
    assert store.list_sizes("") == {}


def test_a_bucket_that_is_not_there_is_an_error_at_once(store: ObjectStore, file: Path) -> None:
    with pytest.raises(EnvironmentFault, match="no-such-bucket/object"):
        ObjectStore("s3://no-such-bucket", first_wait_s=60).put("object", file)


def test_bytes_that_are_not_those_of_the_digest_are_refused(
    store: ObjectStore, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attlas.pipeline.object_store.file_sha256", lambda path: "0" * 64)
    store.put("object", file)
    monkeypatch.undo()
    with pytest.raises(BrokenAtlasError, match="is not what was stored"):
        store.download("object", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    with pytest.raises(BrokenAtlasError, match="There is no"):
        store.download("another", tmp_path / "copy")


def test_a_store_is_sent_to_another_process_without_its_connections(store: ObjectStore, file: Path) -> None:
    store.put("object", file)
    assert pickle.loads(pickle.dumps(store)).get("object") == file.read_bytes()
