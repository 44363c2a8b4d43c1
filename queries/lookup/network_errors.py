"""Errors of the network or its libraries, as errors of attlas that name the address."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from attlas.schema import BrokenAtlasError, EnvironmentFault, Fault

_FAULT = re.compile(r"\b(EnvironmentFault|BrokenAtlasError): (.*?)(?:\n\n|\Z)", re.DOTALL)

MOST_SHOWN = 300
"""Characters that are shown of an error of the network."""


@contextmanager
def translate_errors(address: str) -> Iterator[None]:
    """Turn every error of a network or its libraries into one that names the address."""
    try:
        yield
    except Fault:
        raise
    except ImportError as error:
        hint = "pip install 'attlas[remote]' for http(s); other kinds of URL need the package named above as well"
        raise EnvironmentFault(f"A package that reads {address} is missing.", found=str(error), hint=hint) from error
    except FileNotFoundError as error:
        raise not_there(address) from error
    except Exception as error:  # every kind of URL has a library with exceptions of its own
        error_words = f"{type(error).__name__}: {error}".rstrip(": ")  # perhaps with a header of any length
        raise unreachable(address, error_words[:MOST_SHOWN]) from error


def not_there(address: str) -> BrokenAtlasError:
    """Return the error for a file that its server does not have."""
    hint = "check the URL: of the folder with manifest.json, and with every file that it names"
    return BrokenAtlasError(f"There is no {address}.", hint=hint)


def unreachable(address: str, observed: str) -> EnvironmentFault:
    """Return the error for a file that could not be read from its server."""
    return EnvironmentFault(
        f"{address} could not be read.", found=observed, hint="check the URL and the network, then ask again"
    )


def not_as_noted(address: str, *, expected: str, observed: str) -> BrokenAtlasError:
    """Return the error for a file whose bytes are not those that the manifest notes."""
    return BrokenAtlasError(
        f"{address} is not as the manifest says.",
        expected=expected,
        found=observed,
        hint="ask again; if it stays so, `attlas verify URL` names every such file, for whoever published them: "
        "a release that was renewed is opened again",
    )


def fault_in(message: str) -> Fault | None:
    """Return the error of attlas inside a message of DuckDB, which passes on exceptions of Python as text."""
    fault_text = _FAULT.search(message)
    if fault_text is None:
        return None
    return (EnvironmentFault if fault_text[1] == "EnvironmentFault" else BrokenAtlasError)(fault_text[2])
