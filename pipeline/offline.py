"""transformers, imported so that it never reaches for the network, and silenced: others import it from here."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # set before the import, which reads it
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import transformers

__all__ = ["first_line", "quiet", "transformers"]


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


def first_line(error: BaseException) -> str:
    """Return the kind of an error of another library and the first line of its message, of 300 characters at most."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
