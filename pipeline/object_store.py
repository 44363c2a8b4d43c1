"""Objects below a URL such as `s3://bucket/prefix`: an object is complete or not there, and says its own SHA-256.

Any answer of an object store may be lost after the request was carried out. So every request is repeated after a
failure, and before a put is repeated, the store is asked whether it holds the object already.
"""

import errno
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from attlas.schema import BrokenAtlasError, EnvironmentFault
from attlas.schema.errors import first_line
from attlas.schema.publish import file_sha256, publishing

N_ATTEMPTS = 6
FIRST_WAIT_S = 0.5
"""Seconds after the first failure; after each further one twice as long, so 15 s in all."""

CONNECT_S, READ_S = 10, 60
"""Seconds within which a store must accept a connection, and go on with its answer."""

DIGEST_KEY = "sha256"
"""Name of the SHA-256 among the metadata of an object."""

NOT_FOUND = ("404", "NoSuchKey", "NotFound")
REFUSED = ("PreconditionFailed", "412")
"""Error codes of a store for an object that is not there, and for one that must not be replaced."""

Result = TypeVar("Result")


class _AnswerError(Exception):
    """A store failed while a file was written from its answer."""


@dataclass(frozen=True)
class StoredObject:
    """The properties of an object in a store."""

    n_bytes: int
    sha256: str | None
    """None for an object that another program has put there."""


@dataclass(frozen=True)
class ObjectStore:
    """The objects below a URL; opened where it is used first, also in a process to which it was sent."""

    url: str
    """Such as `s3://bucket/prefix`, without a slash at its end."""
    first_wait_s: float = FIRST_WAIT_S
    read_s: float = READ_S

    def list_sizes(self, folder: str) -> dict[str, int]:
        """Return the bytes of every object below a folder of the store, by its name below the URL.

        Raises:
            EnvironmentFault: the store does not answer, or refuses.
        """
        base = f"{self._place}/"
        entries = self._repeat(f"{self.url}/{folder}", lambda: self._files.find(base + folder, detail=True))
        return {path.removeprefix(base): entry["size"] for path, entry in entries.items()}

    def describe(self, name: str) -> StoredObject | None:
        """Return the size and the digest of an object; None if it is not there. Raises as `list_sizes`."""
        return self._repeat(self._address(name), lambda: self._describe(name))

    def get(self, name: str) -> bytes | None:
        """Return the bytes of an object, None if it is not there. Raises as `list_sizes`."""

        def read() -> bytes | None:
            try:
                data: bytes = self._files.cat_file(f"{self._place}/{name}")
            except FileNotFoundError:
                return None
            return data

        return self._repeat(self._address(name), read)

    def download(self, name: str, path: Path) -> None:
        """Copy an object to a file, which is whole or not there.

        Raises:
            BrokenAtlasError: it is not there, or its bytes are not those of its digest.
            EnvironmentFault: as `list_sizes`, or the file cannot be written.
        """

        def copy() -> None:
            with publishing(path) as beside:
                try:
                    self._files.get_file(f"{self._place}/{name}", str(beside))
                except FileNotFoundError as error:
                    raise self._missing_error(name) from error
                except OSError as error:
                    if error.errno in (errno.ENOSPC, errno.EDQUOT):
                        raise
                    raise _AnswerError(first_line(error)) from error  # the file is not to blame

        self._repeat(self._address(name), copy)
        stored = self.describe(name)
        if stored is None:
            raise self._missing_error(name)
        if stored.sha256 is not None and (sha256 := file_sha256(path)) != stored.sha256:
            path.unlink()
            raise BrokenAtlasError(
                f"{self._address(name)} is not what was stored.",
                expected=f"sha256 {stored.sha256}",
                found=f"sha256 {sha256}",
                hint="run the same command again; if it stays so, remove the object",
            )

    def put(self, name: str, path: Path) -> None:
        """Store a file; afterwards the object is that file. Raises as `list_sizes`."""
        self._put(name, path, is_new=False)

    def put_if_absent(self, name: str, path: Path) -> bool:
        """Store a file unless there is an object of that name; return whether the store holds these bytes now.

        Of several processes that do so at the same time exactly one stores its file.
        Raises as `list_sizes`.
        """
        return self._put(name, path, is_new=True)

    def remove(self, name: str) -> None:
        """Remove an object, if it is there. Raises as `list_sizes`."""
        bucket, key = self._split(name)
        self._repeat(self._address(name), lambda: self._files.call_s3("delete_object", Bucket=bucket, Key=key))

    def _put(self, name: str, path: Path, *, is_new: bool) -> bool:
        file = StoredObject(path.stat().st_size, file_sha256(path))
        mode = "create" if is_new else "overwrite"

        def store() -> bool:
            try:
                self._files.put_file(str(path), f"{self._place}/{name}", mode=mode, Metadata={DIGEST_KEY: file.sha256})
            except FileExistsError:
                return self._describe(name) == file
            except Exception:
                # The object may be there although the answer was lost.
                if self._describe(name) == file:
                    return True
                raise
            return True

        return self._repeat(self._address(name), store)

    def _describe(self, name: str) -> StoredObject | None:
        with _naming_package(self.url):
            from botocore.exceptions import ClientError

        bucket, key = self._split(name)
        try:
            answer = self._files.call_s3("head_object", Bucket=bucket, Key=key)
        except FileNotFoundError:
            return None
        except ClientError as error:
            if error.response["Error"]["Code"] in NOT_FOUND:
                return None
            raise
        return StoredObject(answer["ContentLength"], answer["Metadata"].get(DIGEST_KEY))

    def _repeat(self, address: str, request: Callable[[], Result]) -> Result:
        """Return the answer to a request, which is repeated where the store fails.

        Raises:
            EnvironmentFault: it fails again and again, or it refuses.
        """
        wait_s = self.first_wait_s
        for attempt in range(1, N_ATTEMPTS + 1):
            try:
                return request()
            except (BrokenAtlasError, EnvironmentFault):
                raise
            except PermissionError as error:
                raise _describe_refusal(address, error) from error
            except Exception as error:  # of botocore, aiohttp and asyncio, which share no base
                if attempt == N_ATTEMPTS or isinstance(error, FileNotFoundError):
                    raise _store_error(address, error, attempt) from error
            time.sleep(wait_s)
            wait_s *= 2

        raise AssertionError("the last attempt returns or raises")

    def _address(self, name: str) -> str:
        return f"{self.url}/{name}"

    def _split(self, name: str) -> tuple[str, str]:
        bucket, _, key = f"{self._place}/{name}".partition("/")
        return bucket, key

    def _missing_error(self, name: str) -> BrokenAtlasError:
        return BrokenAtlasError(f"There is no {self._address(name)}.", hint="run the same command again")

    @cached_property
    def _place(self) -> str:
        """Bucket and prefix, as the library wants them."""
        return self.url.partition("://")[2].rstrip("/")

    @cached_property
    def _files(self) -> Any:
        with _naming_package(self.url):
            import fsspec

            files = fsspec.filesystem(
                "s3",
                use_listings_cache=False,
                # Repeating is done here alone: the library does not know which answers were lost.
                config_kwargs={
                    "connect_timeout": CONNECT_S,
                    "read_timeout": self.read_s,
                    "retries": {"total_max_attempts": 1},
                },
            )
        files.retries = 1
        return files

    def __getstate__(self) -> dict[str, Any]:
        # Connections stay in the process that opened them.
        return {name: value for name, value in self.__dict__.items() if name != "_files"}


@contextmanager
def _naming_package(url: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise EnvironmentFault(
            f"A package that writes {url} is missing.", found=str(error), hint="pip install 'attlas[s3]'"
        ) from error


def _describe_refusal(address: str, error: Exception) -> EnvironmentFault:
    return EnvironmentFault(
        f"The object store refuses {address}.",
        found=first_line(error),
        hint="check the credentials (AWS_ACCESS_KEY_ID, AWS_PROFILE) and what they may do with the bucket",
    )


def _store_error(address: str, error: Exception, n_attempts: int) -> EnvironmentFault:
    return EnvironmentFault(
        f"The object store does not answer for {address}.",
        found=f"{first_line(error)}; {n_attempts} attempts",
        hint="check the bucket and the endpoint (AWS_ENDPOINT_URL), then run the same command again: what is stored "
        "is kept",
    )
