"""The last guard: a known protein through a model's own eager attention and ours, and later through ours again."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers
from helpers.architectures import (
    ARCHITECTURES,
    SIZES,
    load,
    save_bert_vocabulary,
    save_byte_level_vocabulary,
    save_random_model,
)
from helpers.tiny_esm import save_vocabulary

from attlas.pipeline.attention.definitions import STATISTICS
from attlas.pipeline.encoder import guard
from attlas.pipeline.encoder.forward import Forward
from attlas.pipeline.encoder.guard import check_known_protein, make_known_protein
from attlas.pipeline.encoder.interface import INTERFACE
from attlas.pipeline.model.attention_support import refuse_unsupported
from attlas.pipeline.proteins.records import STANDARD_LETTERS
from attlas.schema import EnvironmentFault

pytestmark = pytest.mark.slow

TWO_NUMBERS = r"within 1e-03 of(.|\n)*in layer \d, a difference of \S+ of the maximum \(maximum here \S+, of the model"


def save(directory, config, save_tokenizer=save_vocabulary):
    save_random_model(config, directory)
    save_tokenizer(directory)
    return directory


@pytest.fixture
def encoder(tiny_esm):
    return load(tiny_esm)


def test_the_known_protein_holds_all_amino_acids_and_is_the_same_every_time():
    assert set(make_known_protein(300)) == set(STANDARD_LETTERS)
    assert make_known_protein(300).startswith(make_known_protein(40))
    assert make_known_protein(300)[20:40] == "SIPWSYNCFGRYIEQMVLWK"


@pytest.mark.parametrize("name", ["LLaMA", "Gemma 2"])
def test_the_guard_alone_refuses_what_is_also_refused_by_name(name, tmp_path, monkeypatch):
    monkeypatch.setattr("attlas.pipeline.encoder.interface.refuse_unsupported", lambda *arguments: None)
    monkeypatch.setattr(guard, "_choose_length", lambda encoder: guard.N_KNOWN_RESIDUES)
    architecture = next(architecture for architecture in ARCHITECTURES if architecture.name == name)
    with pytest.raises(EnvironmentFault, match=TWO_NUMBERS):
        load(architecture.save(tmp_path))


def test_positions_that_are_not_the_models_own_are_refused(tmp_path, monkeypatch):
    save(tmp_path, transformers.RobertaConfig(**SIZES), save_byte_level_vocabulary)
    monkeypatch.setattr("attlas.pipeline.encoder.encoder.OFFSET_POSITIONS", ())
    with pytest.raises(EnvironmentFault, match=TWO_NUMBERS):
        load(tmp_path)


def test_a_model_that_counts_positions_through_the_whole_pack_is_refused(tmp_path, monkeypatch):
    save(tmp_path, transformers.BertConfig(**SIZES), save_bert_vocabulary)
    embeddings = transformers.models.bert.modeling_bert.BertEmbeddings
    forward = embeddings.forward
    monkeypatch.setattr(embeddings, "forward", lambda self, position_ids=None, **arguments: forward(self, **arguments))
    with pytest.raises(EnvironmentFault, match=TWO_NUMBERS):
        load(tmp_path)


def test_heads_in_another_order_are_refused_though_their_mean_is_the_same(encoder):
    attention = guard._run_eager(encoder, make_known_protein(300))
    swapped = guard.KnownAttention(attention.received, attention.heads[:, ::-1])
    with pytest.raises(EnvironmentFault, match=r"head \d-\d: \w+ \S+ here, \S+ by its own"):
        guard.check_attention(encoder, [(make_known_protein(300), swapped)])


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    from helpers.tiny_esm import save_tiny_esm

    with pytest.raises(EnvironmentFault, match="is not finite"):
        load(save_tiny_esm(tmp_path, nan_letter="W"))


def test_the_known_protein_is_no_longer_than_the_model_reaches(tmp_path):
    save(tmp_path, transformers.BertConfig(**(SIZES | {"max_position_embeddings": 14})), save_bert_vocabulary)
    assert load(tmp_path).known_attention.received.shape == (3, 12)


def test_the_known_protein_is_longer_than_a_window_of_the_configuration(tmp_path):
    save(tmp_path, transformers.EsmcConfig(**SIZES, sliding_window=350))
    assert load(tmp_path).known_attention.received.shape == (3, 450)


def test_a_window_too_long_to_be_checked_is_refused(tmp_path):
    save(tmp_path, transformers.EsmcConfig(**SIZES, sliding_window=100_000))
    with pytest.raises(EnvironmentFault, match="a window of 100,000 tokens, too long to be checked"):
        load(tmp_path)


def test_the_guard_leaves_no_hooks_and_our_attention_in_place(encoder):
    assert encoder.model.config._attn_implementation == INTERFACE
    assert not any(module._forward_hooks for module in encoder.model.modules())
    assert len(encoder.encode(["MKWV"])) == 1


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "mixed"])
def test_a_healthy_device_passes_the_known_protein_again(tiny_esm, dtype):
    encoder = load(tiny_esm, dtype=dtype)
    check_known_protein(encoder)
    encoder.encode(["MKWV"])
    check_known_protein(encoder)


def test_a_device_that_raises_does_not_pass_the_known_protein(encoder, monkeypatch):
    def fail(*arguments, **keywords):
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nmore of it")

    monkeypatch.setattr(encoder.model, "forward", fail)
    with pytest.raises(EnvironmentFault, match=r"device cpu no longer(.|\n)*RuntimeError: CUDA error"):
        check_known_protein(encoder)


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_a_device_that_computes_something_else_does_not_pass_the_known_protein(encoder, value):
    with torch.no_grad():
        encoder.model.encoder.layer[1].attention.self.query.weight.fill_(value)
    with pytest.raises(EnvironmentFault, match=r"device cpu no longer(.|\n)*a difference of"):
        check_known_protein(encoder)


def swap_heads(heads):
    heads[:] = heads[:, ::-1].copy()


def spoil_one_head(heads):
    heads[1, 2, STATISTICS.index("cls_share")] = np.nan


def fill_one_head(heads):
    heads[1, 2] = 7


def lose_edges(heads):
    heads[..., STATISTICS.index("n_edges")] += 50


@pytest.mark.parametrize("spoil", [swap_heads, spoil_one_head, fill_one_head, lose_edges])
def test_a_device_that_computes_other_head_statistics_does_not_pass_the_known_protein(encoder, spoil, monkeypatch):
    """Not even where the profiles, which are means over heads, are the same."""
    results = Forward.results

    def results_of_sick_device(forward):
        attentions = results(forward)
        for attention in attentions:
            spoil(attention.heads)
        return attentions

    monkeypatch.setattr(Forward, "results", results_of_sick_device)
    with pytest.raises(EnvironmentFault, match=r"device cpu no longer(.|\n)*head \d-\d: \w+ \S+, \S+ before"):
        check_known_protein(encoder)


def test_an_edge_that_tips_at_the_threshold_is_no_fault_of_the_device(encoder):
    heads = encoder.known_attention.heads.copy()
    heads[1, 0, STATISTICS.index("n_edges")] += 1
    encoder.known_attention = replace(encoder.known_attention, heads=heads)
    check_known_protein(encoder)


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_once_hidden_states_are_taken_a_device_that_computes_others_does_not_pass(encoder, value):
    """No attention depends on what comes after the last of it, such as the output of the last layer."""
    check_known_protein(encoder)
    encoder.start(["MKWV"], add_hidden=lambda layer, hidden: None)
    check_known_protein(encoder)
    with torch.no_grad():
        encoder.model.encoder.layer[-1].output.dense.weight.fill_(value)
    with pytest.raises(EnvironmentFault, match=r"in the hidden states of the last layer a difference of"):
        check_known_protein(encoder)


PART = torch.zeros(1, 4, 10, 8)


class Module(torch.nn.Module):
    config = transformers.BertConfig()


@pytest.mark.parametrize(
    ("keywords", "wish"),
    [
        ({"sliding_window": 8}, "sliding_window=8"),
        ({"position_bias": torch.zeros(1, 4, 10, 10)}, r"position_bias=a tensor of shape \(1, 4, 10, 10\)"),
        ({"softcap": 50.0}, "softcap=50.0"),
        ({"s_aux": torch.zeros(4)}, r"s_aux=a tensor of shape \(4,\)"),
        ({"is_causal": True}, "is_causal=True"),
        ({"dropout": 0.1}, "dropout=0.1"),
        ({"something_new": "wide"}, "something_new='wide'"),
    ],
)
def test_a_keyword_that_is_not_honoured_is_refused_by_name(keywords, wish):
    with pytest.raises(EnvironmentFault, match=f"this bert model(.|\n)*its Module asks for {wish}"):
        refuse_unsupported(Module(), PART, PART, PART, None, 1.0, keywords)


@pytest.mark.parametrize(
    "keywords",
    [
        {"position_ids": torch.arange(10)[None], "use_cache": True},
        {"sliding_window": None, "is_causal": False, "dropout": 0.0, "softcap": None, "cu_seq_lens_q": None},
    ],
)
def test_keywords_without_effect_are_let_through(keywords):
    refuse_unsupported(Module(), PART, PART, PART, None, None, keywords)


@pytest.mark.parametrize(
    ("key", "mask", "scaling", "wish"),
    [
        (PART[:, :3], None, 1.0, "3 key heads for 4 query heads"),
        (PART[:, :, :5], None, 1.0, "of different shapes"),
        (PART, torch.zeros(1, 1, 10, 10), 1.0, "a mask"),
        (PART, None, torch.ones(4), r"scaling=a tensor of shape \(4,\)"),
    ],
)
def test_attention_of_another_form_is_refused_by_name(key, mask, scaling, wish):
    with pytest.raises(EnvironmentFault, match=wish):
        refuse_unsupported(Module(), PART, key, key, mask, scaling, {})


def test_a_causal_module_is_refused_by_name():
    module = Module()
    module.is_causal = True
    with pytest.raises(EnvironmentFault, match="is_causal=True: a residue attends only to those before it"):
        refuse_unsupported(module, PART, PART, PART, None, 1.0, {})


def test_the_guard_compares_what_transformers_returns(encoder):
    """The reference of the guard is transformers' own, computed here once more from a model loaded beside."""
    sequence = make_known_protein(60)
    model = transformers.AutoModel.from_pretrained(encoder.model.config._name_or_path, attn_implementation="eager")
    ids = torch.from_numpy(encoder.vocabulary.token_ids(sequence))[None]
    with torch.inference_mode():
        layers = model.eval()(input_ids=ids, output_attentions=True).attentions
    expected = np.stack([layer[0].mean(0)[1:-1, 1:-1].sum(0) for layer in layers])
    np.testing.assert_allclose(guard._run_eager(encoder, sequence).received, expected, rtol=1e-4)
