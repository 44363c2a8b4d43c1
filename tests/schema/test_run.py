"""A run: every field is part of its identity, and differences name both values."""

import hashlib
import json
from dataclasses import replace

from helpers.written_run import RUN

from attlas.schema import Run


def test_a_run_comes_back_and_every_field_is_part_of_its_identity() -> None:
    assert Run.from_json(RUN.to_json()) == RUN
    changed = {name: 5 if isinstance(value, int | None) else f"{value}x" for name, value in RUN.to_json().items()}
    ids = {replace(RUN, **{name: value}).run_id for name, value in changed.items()}
    assert len(ids | {RUN.run_id}) == len(changed) + 1


def test_a_run_from_before_products_were_recorded_has_plain_ones_and_keeps_its_id() -> None:
    older = RUN.to_json()
    del older["products"]
    canonical = json.dumps(older, sort_keys=True, separators=(",", ":"))
    assert Run.from_json(older) == RUN
    assert RUN.run_id == hashlib.sha256(canonical.encode()).hexdigest()[:16]


def test_a_run_says_its_products_only_where_the_dtype_does_not() -> None:
    assert RUN.arithmetic == "float32 on cpu, attention tiled"
    on_gpu = replace(RUN, device="cuda", attention="triton", products="bfloat16x3")
    assert on_gpu.arithmetic == "float32, products bfloat16x3 on cuda, attention triton"


def test_a_difference_between_runs_names_both_values() -> None:
    assert RUN.describe_changes(RUN) == []
    assert RUN.describe_changes(replace(RUN, dtype="bfloat16")) == ["dtype: float32 -> bfloat16"]
