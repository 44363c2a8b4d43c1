"""Models at the edges of what can be read: without a begin token, with few positions, in half precision."""

from pathlib import Path

import pytest
import torch
import transformers
from helpers.architectures import (
    ARCHITECTURES,
    LETTERS,
    SIZES,
    load,
    save_bert_vocabulary,
    save_random_model,
    save_single_letters,
)

from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.model.architectures import HOOKED
from attlas.schema import EnvironmentFault, InputError

pytestmark = pytest.mark.slow


def save_megatron(directory: Path, **settings: int) -> Path:
    save_random_model(transformers.MegatronBertConfig(**{**SIZES, **settings}), directory)
    save_bert_vocabulary(directory)
    return directory


@pytest.mark.parametrize("config_class", [transformers.BertConfig, transformers.RobertaConfig])
def test_without_a_begin_token_the_first_residue_has_the_first_position(
    config_class: type[transformers.PretrainedConfig], tmp_path: Path
) -> None:
    """Where positions change smoothly, the guard of half precision would let a shift by one pass."""
    save_random_model(config_class(**SIZES), tmp_path)
    save_single_letters(tmp_path, has_begin=False)
    encoder: Encoder = load(tmp_path)
    sequences = [LETTERS, LETTERS[::-1] * 2]
    answers = encoder.encode(sequences)

    model = transformers.AutoModel.from_pretrained(tmp_path, attn_implementation="eager").eval()
    for sequence, answer in zip(sequences, answers, strict=True):
        ids = torch.from_numpy(encoder.vocabulary.token_ids(sequence))[None]
        with torch.inference_mode():
            maps = torch.stack(model(input_ids=ids, output_attentions=True).attentions)[:, 0]  # (L, H, K, K)
        expected = maps.mean(1)[:, :-1, :-1].sum(1)
        torch.testing.assert_close(torch.from_numpy(answer.received), expected, rtol=1e-4, atol=1e-5)


def test_a_model_of_fewer_residues_than_the_short_sequence_of_the_hooks_is_read(tmp_path: Path) -> None:
    encoder = load(save_megatron(tmp_path, max_position_embeddings=22), attention=HOOKED)
    assert encoder.max_residues == 20
    (answer,) = encoder.encode([LETTERS])
    assert answer.is_finite


def test_several_sequences_at_once_are_refused_where_each_runs_alone(tmp_path: Path) -> None:
    encoder = load(save_megatron(tmp_path), attention=HOOKED)
    with pytest.raises(InputError, match=r"one sequence at a time(.|\n)*2 sequences"):
        encoder.start(["MK", LETTERS])


def test_a_model_that_fails_in_half_precision_is_told_to_be_read_in_float32(tmp_path: Path) -> None:
    xlnet = next(architecture for architecture in ARCHITECTURES if architecture.name == "XLNet")
    xlnet.save(tmp_path)
    with pytest.raises(EnvironmentFault, match=r"with its own attention(.|\n)*--dtype float32"):
        load(tmp_path, attention=HOOKED, dtype="bfloat16")


@pytest.mark.thorough
def test_an_overflow_in_half_precision_is_named_as_one(tmp_path: Path) -> None:
    save_megatron(tmp_path)
    model = transformers.AutoModel.from_pretrained(tmp_path)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "query.weight" in name or "key.weight" in name:
                weight.mul_(1e3)
    model.save_pretrained(tmp_path)
    load(tmp_path, attention=HOOKED)
    with pytest.raises(EnvironmentFault, match=r"not finite(.|\n)*in layer 0(.|\n)*--dtype float32"):
        load(tmp_path, attention=HOOKED, dtype="mixed")
