"""How a model's numbers are multiplied on a device, and devices that are too old for it."""

import pytest

from attlas.pipeline.model.precision import SPLIT, choose_dtype, choose_products, refuse_old_gpu
from attlas.schema import EnvironmentFault
from attlas.schema.run import PLAIN

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("dtype", "device", "is_exact", "products"),
    [
        ("auto", "cuda", False, SPLIT),
        ("float32", "cuda", False, SPLIT),
        ("auto", "cuda", True, PLAIN),
        ("auto", "cpu", False, PLAIN),
        ("auto", "cpu", True, PLAIN),
        ("bfloat16", "cuda", False, PLAIN),
        ("mixed", "cuda", False, PLAIN),
    ],
)
def test_float32_on_a_gpu_multiplies_halves_unless_it_has_to_be_exact(dtype, device, is_exact, products):
    assert choose_products(choose_dtype(dtype), device=device, is_exact=is_exact) == products


def test_a_gpu_without_products_of_bfloat16_is_refused_with_a_way_out():
    refuse_old_gpu((8, 0), dtype="float32", products=SPLIT)
    refuse_old_gpu((7, 5), dtype="float32", products=PLAIN)
    refuse_old_gpu((7, 0), dtype="mixed", products=PLAIN)
    with pytest.raises(EnvironmentFault, match=r"bfloat16 halves(.|\n)*found:    7\.5(.|\n)*--exact"):
        refuse_old_gpu((7, 5), dtype="float32", products=SPLIT)
    with pytest.raises(EnvironmentFault, match=r"old for bfloat16\.(.|\n)*--dtype mixed"):
        refuse_old_gpu((7, 5), dtype="bfloat16", products=PLAIN)
