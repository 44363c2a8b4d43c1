"""Arrays of texts that are made without pyarrow's own loop, against pyarrow."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attlas.queries.lookup.text_arrays import text_array


@pytest.mark.thorough
@given(st.lists(st.none() | st.text()))
def test_an_array_of_texts_is_that_of_pyarrow(texts: list[str | None]) -> None:
    made = text_array(texts)
    made.validate(full=True)
    assert made.equals(pa.array(texts, pa.string()))
