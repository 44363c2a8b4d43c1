"""Functions compiled by numba, and kept on disk where a folder for them can be written."""
# mypy: disable-error-code="no-untyped-def, untyped-decorator"

from collections.abc import Callable
from typing import Any

from numba import njit


def compile_cached(**options: Any) -> Callable[[Any], Any]:
    """Compile a function and cache it on disk; where nothing can be written, compile it in every process anew.

    Divisions by zero give infinities, as in NumPy. The cache knows only of changes in the function's own file: whatever
    it calls should be there, too.
    """

    def decorate(function: Any) -> Any:
        try:
            return njit(cache=True, error_model="numpy", **options)(function)
        except RuntimeError:  # neither the folder of the source nor the user's cache can be written
            return njit(error_model="numpy", **options)(function)

    return decorate
