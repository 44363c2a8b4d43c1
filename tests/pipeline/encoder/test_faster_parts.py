"""Parts of ESM-2 that are replaced give the numbers of transformers' own, and only where they do."""

from pathlib import Path

import pytest
import torch
import transformers
from helpers.architectures import load

from attlas.pipeline.encoder.faster_parts import replace_parts, rotate

ESM = transformers.models.esm.modeling_esm


@pytest.mark.parametrize("dim", [4, 6, 16, 24, 64])
def test_a_rotation_is_that_of_transformers(dim: int) -> None:
    torch.manual_seed(dim)
    n_heads, n_tokens = 3, 37
    # As the model has them: heads are a view of (1, T, H, D).
    q, k = (torch.randn(1, n_tokens, n_heads, dim).transpose(1, 2) for _ in range(2))
    angles = torch.rand(1, n_tokens, dim // 2).repeat(1, 1, 2) * 100
    copies = q.clone(), k.clone()

    rotated, expected = (function(q, k, angles.cos(), angles.sin()) for function in (rotate, ESM.apply_rotary_pos_emb))
    for part, reference in zip(rotated, expected, strict=True):
        torch.testing.assert_close(part, reference, rtol=0, atol=1e-6)
    assert torch.equal(q, copies[0])
    assert torch.equal(k, copies[1])


@pytest.mark.slow
def test_esm_2_gives_the_hidden_states_that_it_had(tiny_esm: Path) -> None:
    model = transformers.EsmModel.from_pretrained(tiny_esm, add_pooling_layer=False).eval()
    tokens = torch.arange(4, 24)[None]
    with torch.inference_mode():
        before = model(tokens)[0]
        replace_parts(model, is_rotated=True)
        after = model(tokens)[0]
    torch.testing.assert_close(after, before, rtol=0, atol=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "is_replaced"), [("float32", True), ("mixed", False), ("bfloat16", False)])
def test_the_rotation_is_replaced_in_float32_alone(tiny_esm: Path, dtype: str, is_replaced: bool) -> None:
    attention = load(tiny_esm, dtype=dtype).model.encoder.layer[0].attention.self
    assert ("forward" in vars(attention)) == is_replaced
    if is_replaced:
        assert attention.forward.__func__.__globals__["apply_rotary_pos_emb"] is rotate
    assert ESM.EsmSelfAttention.forward.__globals__["apply_rotary_pos_emb"] is ESM.apply_rotary_pos_emb
