"""Cases of which the default suite runs a share, and `--thorough` all."""

from collections.abc import Iterable
from typing import Any

import pytest


def each_nth_by_default(cases: Iterable[Any], n: int) -> list[Any]:
    """Return the cases for `parametrize`: each n-th, from the first on, as it is, the others for `--thorough` alone."""
    thorough = pytest.mark.thorough
    return [case if i % n == 0 else pytest.param(case, marks=thorough) for i, case in enumerate(cases)]
