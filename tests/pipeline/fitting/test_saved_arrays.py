"""Arrays that a fit saves: those of another fit are removed, and a full disk is told."""

from pathlib import Path

import numpy as np
import pytest

from attlas.pipeline.fitting.saved_arrays import open_saved_arrays
from attlas.schema import AtlasPaths, EnvironmentFault

pytestmark = pytest.mark.slow


def test_another_fit_removes_what_an_earlier_one_has_saved_and_a_full_disk_is_told(tmp_path: Path) -> None:
    paths = AtlasPaths(tmp_path)
    open_saved_arrays(paths, "a", n_bytes=0).write("x", {"n": np.array(1)})
    with open_saved_arrays(paths, "a", n_bytes=0).open("x") as read:
        assert read("n") == 1
    assert not open_saved_arrays(paths, "b", n_bytes=0).has("x")
    assert not open_saved_arrays(paths, "a", n_bytes=0).has("x")
    with pytest.raises(EnvironmentFault, match="do not fit the disk"):
        open_saved_arrays(paths, "a", n_bytes=1 << 62)
