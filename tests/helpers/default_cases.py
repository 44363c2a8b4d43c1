"""Cases of which the default suite runs a share, and `--thorough` all."""

from collections.abc import Iterable
from typing import Any

import pytest


def each_nth_by_default(cases: Iterable[Any], n: int) -> list[Any]:
    """Return the cases for `parametrize`: each n-th, from the first on, as it is, the others for `--thorough` alone.

    A case that is a tuple has a value for each argument.
    """
    values = [case if type(case) is tuple else (case,) for case in cases]
    marks = [() if i % n == 0 else (pytest.mark.thorough,) for i in range(len(values))]
    return [pytest.param(*value, marks=mark) for value, mark in zip(values, marks, strict=True)]
