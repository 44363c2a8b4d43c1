"""The memory of pairs: more for longer ones, their maps across included; no part holds more rows than it may."""

from attlas.pipeline.model.files import ModelShape
from attlas.pipeline.pairs.memory import MAP_BYTES, PART_ROWS, count_head_rows, limit_parts, predict_pair_bytes

SHAPE = ModelShape("esm", 33, 20, 1280, 5120, None, 4 * 650_000_000)


def predict(*lengths: int, **settings: object) -> int:
    defaults = {"shape": SHAPE, "forms": ("gap",), "n_orders": 2, "pack_tokens": 1024, "per_residue": 1}
    return predict_pair_bytes(list(lengths), **(defaults | settings))


def test_a_pair_of_sixty_thousand_residues_is_foretold_with_its_maps_across() -> None:
    assert predict(60_000) > predict(30_000) > predict(500)
    assert predict(60_000) > MAP_BYTES * 30_000**2
    assert predict(500) < 8 << 30


def test_more_forms_and_pairs_take_more_until_a_part_is_full() -> None:
    assert predict(500, forms=("gap", "linker")) > predict(500)
    assert predict(*[500] * 30) > predict(*[500] * 3)
    assert predict(*[500] * 5_000) == predict(*[500] * 10_000)


def test_a_part_holds_so_many_rows_of_heads() -> None:
    n_rows = count_head_rows(33, 20, n_forms=4, n_orders=2)
    assert n_rows == 2 * 4 * 3 * 660
    assert limit_parts(n_rows, 8).n_sequences == PART_ROWS // n_rows
    assert limit_parts(10 * PART_ROWS, 8).n_sequences == 1
