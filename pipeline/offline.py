"""transformers, imported so that it never reaches for the network, and silenced: others import it from here."""

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

__all__ = ["first_line", "quiet", "read_configuration", "read_files", "transformers"]


@contextmanager
def quiet() -> Iterator[None]:
    """Silence transformers' loading report and bars: what matters in them is raised as an error by the caller."""
    logger = logging.getLogger("transformers")
    level = logger.level
    transformers.utils.logging.disable_progress_bar()
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def read_files(reader: Any, directory: Path, *, what: str, expected: str, **options: Any) -> Any:
    """Return what a class of transformers reads from a model's directory, running none of its code.

    Args:
        reader: a class with `from_pretrained`.
        directory: the model's.
        what: what is read, for the message, such as `vocabulary`.
        expected: what the directory should hold, for the message.
        options: more arguments of `from_pretrained`.

    Raises:
        EnvironmentFault: it cannot be read.
    """
    try:
        with quiet():
            return reader.from_pretrained(directory, local_files_only=True, trust_remote_code=False, **options)
    except MemoryError:
        raise
    except Exception as error:  # whatever damaged or foreign files raise on their way through three libraries
        raise EnvironmentFault(
            f"The {what} in {directory} cannot be loaded.",
            expected=expected,
            found=first_line(error),
            hint="copy the whole model again, or use another",
        ) from error


def read_configuration(directory: Path) -> Any:
    """Return the configuration of a model, checked by transformers.

    Raises:
        EnvironmentFault: it is none of transformers' architectures, or has values of wrong types.
    """
    expected = "a config.json of an architecture of the transformers library"
    return read_files(transformers.AutoConfig, directory, what="configuration", expected=expected)
