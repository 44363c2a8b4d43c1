"""Errors: their fields survive pickling, and many offenders are ten and a count."""

import errno
import os
import pickle
from pathlib import Path

import pytest

from attlas.schema import BrokenAtlasError, EnvironmentFault, Fault, InputError, PlanError, QuestionError
from attlas.schema.errors import system_fault

KINDS = (InputError, PlanError, EnvironmentFault, BrokenAtlasError, QuestionError)

every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
def test_pickling_keeps_every_field(kind: type[Fault]) -> None:
    fault = kind("What.", expected="this", found="that", hint="do so", offenders=["P0DP23", "P0DP24"])
    back = pickle.loads(pickle.dumps(fault))
    assert type(back) is kind
    assert vars(back) == vars(fault)
    assert str(back) == str(fault)


@every_kind
def test_an_error_is_also_a_builtin_one(kind: type[Fault]) -> None:
    assert issubclass(kind, ValueError | RuntimeError)
    with pytest.raises(kind, match=r"^What\.$"):
        raise kind("What.")


def test_a_message_says_what_was_expected_what_was_found_and_what_to_do() -> None:
    fault = InputError("A record has no sequence.", expected="residues", found="nothing", hint="remove it")
    assert str(fault).splitlines() == [
        "A record has no sequence.",
        "  expected: residues",
        "  found:    nothing",
        "  to do:    remove it",
    ]


@pytest.mark.parametrize("n_offenders", [0, 1, 10])
def test_up_to_ten_offenders_are_all_named(n_offenders: int) -> None:
    offenders = [f"P{i:05d}" for i in range(n_offenders)]
    lines = str(InputError("Bad.", offenders=offenders)).splitlines()
    assert lines == ["Bad.", *(f"  - {offender}" for offender in offenders)]


def test_of_more_offenders_ten_are_named_then_the_count() -> None:
    fault = InputError("Bad.", offenders=[f"P{i:05d}" for i in range(1_234)])
    lines = str(fault).splitlines()
    assert len(lines) == 12
    assert lines[10] == "  - P00009"
    assert lines[11] == "  ... and 1,224 more (1,234 in all)"
    assert len(fault.offenders) == fault.n_offenders == 1_234


def test_the_number_of_offenders_is_that_given_where_not_all_are_listed() -> None:
    fault = InputError("Bad.", offenders=[f"P{i:05d}" for i in range(100)], n_offenders=1_234)
    back = pickle.loads(pickle.dumps(fault))
    assert str(back).splitlines()[-1] == "  ... and 1,224 more (1,234 in all)"


@pytest.mark.parametrize(
    ("code", "path", "what", "hint"),
    [
        (errno.EACCES, "/a/b", "/a/b cannot be read or written.", "by `chmod`"),
        (errno.EROFS, "/a/b", "/a/b cannot be read or written.", "mounted read-only"),
        (errno.EIO, None, "A file cannot be read or written.", "whether its disk is there and whole"),
    ],
)
def test_an_error_of_the_system_says_which_file_and_what_to_do(
    code: int, path: str | None, what: str, hint: str
) -> None:
    fault = system_fault(OSError(code, os.strerror(code), path))
    assert (fault.what, fault.found) == (what, os.strerror(code))
    assert hint in str(fault.hint)


def test_an_error_of_writing_names_the_file_that_was_to_be_and_that_of_the_system() -> None:
    error = OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), "/a/b/.tmp-c")
    fault = system_fault(error, Path("/a/b/c"))
    assert (fault.what, fault.found) == ("/a/b/c cannot be written.", "Not a directory: /a/b/.tmp-c")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize(
    ("path", "written", "place"), [("/a", Path("/b"), "/b"), ("/a", None, "/a"), (None, None, "a file")]
)
def test_a_used_up_quota_counts_as_a_full_disk(code: int, path: str | None, written: Path | None, place: str) -> None:
    fault = system_fault(OSError(code, os.strerror(code), path), written)
    assert (fault.what, fault.found) == ("The disk is full.", f"no space left while writing {place}")
    assert "goes on with the shards that are missing" in str(fault.hint)


def test_an_error_of_a_library_without_a_number_keeps_its_words() -> None:
    assert system_fault(OSError("the pipe is full")).found == "the pipe is full"
