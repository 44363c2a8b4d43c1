"""A file that a user names for an answer: there whole or not at all, and never among the files of an atlas."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from attlas.schema import QuestionError
from attlas.schema.leftovers import remove_leftovers
from attlas.schema.publish import TEMPORARY_PREFIX, publishing

STANDARD_OUTPUT = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
"""Paths that name standard output."""


@contextmanager
def open_output(output: Path) -> Iterator[BinaryIO]:
    """Open an output for writing: a file that is there whole or not at all, or a device or pipe as it is.

    Raises:
        QuestionError: the path is a directory, its folder does not exist, or it lies in the directory of an atlas.
        EnvironmentFault: the disk is full, or cannot be written to.
    """
    if output.is_dir():
        raise QuestionError(f"{output} is a directory.", hint="name a file in it")

    refuse_inside_atlas(output)
    refuse_missing_folder(output)

    if str(output) in STANDARD_OUTPUT:
        # Opened anew, it would be cut off, or replaced, where the shell writes it to a file.
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return

    if output.exists() and not output.is_file():
        # A rename would replace a device or a pipe by a file.
        with output.open("wb") as file:
            yield file
        return

    # Resolved, so that a link stays a link.
    path = output.resolve()
    remove_leftovers(path.parent, TEMPORARY_PREFIX, name=path.name)
    with publishing(path) as beside, beside.open("wb") as file:
        yield file


def refuse_missing_folder(output: Path) -> None:
    """Refuse to write into a folder that does not exist: it may be a slip of the pen.

    Raises:
        QuestionError: names the folder.
    """
    folder = output.resolve().parent
    if not folder.is_dir():
        raise QuestionError(
            f"There is no folder {folder} for {output.name}.", hint="make it first, or correct the path"
        )


def refuse_inside_atlas(output: Path) -> None:
    """Refuse to write among the files of an atlas, or over them.

    Raises:
        QuestionError: the path lies in the directory of an atlas.
    """
    inside = [folder for folder in output.resolve().parents if (folder / "manifest.json").is_file()]
    if atlas := next((folder for folder in inside if (folder / "proteins").is_dir()), None):
        raise QuestionError(f"{output} lies in the atlas {atlas}.", hint="write to a place outside of it")
