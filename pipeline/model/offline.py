"""The library transformers, without network and without messages; other modules import it from here."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # set before the import, which reads it
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import transformers
from transformers.utils import import_utils

from attlas.schema import EnvironmentFault
from attlas.schema.errors import first_line

__all__ = ["prepare_renaming", "quiet", "read_configuration", "read_files", "transformers"]


def _leave_out_scipy() -> None:
    """Tell transformers that scipy is not installed: it would import it for losses of object detection.

    The answer is kept by transformers itself, for this process; scipy is as usable as before.
    """
    is_package_available = import_utils._is_package_available
    import_utils._is_package_available = lambda *_, **__: (False, "N/A")
    try:
        import_utils.is_scipy_available.cache_clear()
        import_utils.is_scipy_available()
    finally:
        import_utils._is_package_available = is_package_available


if "transformers.modeling_utils" not in sys.modules:
    with suppress(AttributeError):  # another version of transformers: scipy is imported, nothing else changes
        _leave_out_scipy()


def prepare_renaming() -> None:
    """Let transformers compile the patterns by which it renames weights, for every architecture: half a second."""
    from transformers import conversion_mapping

    conversion_mapping.get_checkpoint_conversion_mapping("esm")


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
