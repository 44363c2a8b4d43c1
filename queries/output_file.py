"""A file that a user names for an answer: there whole or not at all, and never among the files of an atlas."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from attlas.schema import QuestionError
from attlas.schema.publish import publishing


@contextmanager
def open_output(output: Path) -> Iterator[BinaryIO]:
    """Open an output for writing: a file that is there whole or not at all, or a device or pipe as it is.

    Raises:
        QuestionError: the path is a directory, or lies in the directory of an atlas.
        EnvironmentFault: the disk is full, or cannot be written to.
    """
    if output.is_dir():
        raise QuestionError(f"{output} is a directory.", hint="name a file in it")

    refuse_inside_atlas(output)

    if output.exists() and not output.is_file():
        # A rename would replace a device, a pipe or /dev/stdout by a file.
        with output.open("wb") as file:
            yield file
        return

    # Resolved, so that a link stays a link.
    with publishing(output.resolve()) as beside, beside.open("wb") as file:
        yield file


def refuse_inside_atlas(output: Path) -> None:
    """Refuse to write among the files of an atlas, or over them.

    Raises:
        QuestionError: the path lies in the directory of an atlas.
    """
    inside = [folder for folder in output.resolve().parents if (folder / "manifest.json").is_file()]
    if atlas := next((folder for folder in inside if (folder / "proteins").is_dir()), None):
        raise QuestionError(f"{output} lies in the atlas {atlas}.", hint="write to a place outside of it")
