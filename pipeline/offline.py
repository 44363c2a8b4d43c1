"""The library transformers, without network and without messages; other modules import it from here."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # set before the import, which reads it
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import transformers

from attlas.schema import EnvironmentFault
from attlas.schema.errors import first_line

__all__ = ["quiet", "read_configuration", "read_files", "transformers"]


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the loading report and the progress bars of transformers; the caller raises errors itself."""
    logger = logging.getLogger("transformers")
    level = logger.level
    transformers.utils.logging.disable_progress_bar()
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def read_files(reader: Any, directory: Path, *, what: str, expected: str, **options: Any) -> Any:
    """Read a model's directory by a class of transformers, without running code of the model.

    Args:
        reader: a class with `from_pretrained`.
        directory: directory of the model.
        what: the object that is read, for the message, such as `vocabulary`.
        expected: what the directory should hold, for the message.
        options: more arguments of `from_pretrained`.

    Raises:
        EnvironmentFault: the directory cannot be read.
    """
    try:
        with quiet():
            return reader.from_pretrained(directory, local_files_only=True, trust_remote_code=False, **options)
    except MemoryError:
        raise
    except Exception as error:  # damaged files raise errors of any kind, in three libraries
        raise EnvironmentFault(
            f"The {what} in {directory} cannot be loaded.",
            expected=expected,
            found=first_line(error),
            hint="copy the whole model again, or use another",
        ) from error


def read_configuration(directory: Path) -> Any:
    """Return the configuration of a model, checked by transformers.

    Raises:
        EnvironmentFault: the architecture is none of transformers, or values have wrong types.
    """
    expected = "a config.json of an architecture of the transformers library"
    return read_files(transformers.AutoConfig, directory, what="configuration", expected=expected)
