"""The model: packed against alone, against transformers, and refused where it cannot be right."""

import sys

import numpy as np
import pytest
import torch
from helpers.tiny_esm import save_vocabulary
from helpers.triton_interpreter import emulated_products
from torch._dynamo.testing import CompileCounterWithBackend
from transformers import BertConfig, BertModel, EsmcConfig, EsmcModel, EsmModel, EsmTokenizer

from attlas.pipeline.encoder import guard
from attlas.pipeline.encoder.compiled_layers import compile_layers
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.encoder.reductions import find_kernels
from attlas.pipeline.model.files import find_model
from attlas.pipeline.model.precision import SPLIT
from attlas.schema import EnvironmentFault
from attlas.schema.run import PLAIN

pytestmark = pytest.mark.slow

CALMODULIN = (
    "MADQLTEEQIAEFKEAFSLFDKDGDGTITTKELGTVMRSLGQNPTEAELQDMINEVDADGNGTIDFPEFLTMMARKMKDTDSEEEIREAFRVFDKDGNGYISAAELRHVMTNL"
    "GEKLTDEEVDEMIREADIDGDGQVNYEEFVQMMTAK"
)
UBIQUITIN = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"


@pytest.fixture(scope="module")
def encoder(weights):
    return Encoder(find_model(str(weights)), device="cpu", dtype="float32", theta=0.3)


def test_packed_sequences_give_the_same_answers_as_one_at_a_time(encoder):
    sequences = ["M", "MK", UBIQUITIN, CALMODULIN, "ACDEFGHIKLMNPQRSTVWYXBUZO", UBIQUITIN]
    packed = encoder.encode(sequences)
    for sequence, together in zip(sequences, packed, strict=True):
        alone = encoder.encode([sequence])[0]
        scale = alone.received.max(1, keepdims=True)
        assert np.abs(together.received - alone.received).max() <= 1e-5 * scale.max()
        np.testing.assert_allclose(together.heads, alone.heads, rtol=1e-4, atol=1e-4)


def test_a_sequence_answers_alike_wherever_it_stands_in_a_pack(encoder):
    at_begin, _, at_end = encoder.encode([UBIQUITIN, CALMODULIN, UBIQUITIN])
    np.testing.assert_allclose(at_begin.received, at_end.received, rtol=1e-5, atol=1e-6)


def test_the_same_pack_gives_the_same_bits(encoder):
    earlier, again = (encoder.encode([CALMODULIN, UBIQUITIN]) for _ in range(2))
    for a, b in zip(earlier, again, strict=True):
        assert a.received.tobytes() == b.received.tobytes()
        assert a.heads.tobytes() == b.heads.tobytes()


def test_the_plain_path_gives_the_same_as_the_tiled_path(weights, encoder):
    plain = Encoder(find_model(str(weights)), device="cpu", dtype="float32", theta=0.3, attention="plain")
    for a, b in zip(encoder.encode([CALMODULIN, "MK"]), plain.encode([CALMODULIN, "MK"]), strict=True):
        np.testing.assert_allclose(a.received, b.received, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(a.heads, b.heads, rtol=1e-4, atol=1e-4)


def test_tokens_are_those_of_the_models_own_tokenizer(weights, encoder):
    letters = "ACDEFGHIKLMNPQRSTVWYXBUZO"
    assert encoder.vocabulary.token_ids(letters).tolist() == EsmTokenizer.from_pretrained(weights)(letters)["input_ids"]


def test_j_is_given_to_the_model_as_x(encoder):
    assert encoder.vocabulary.token_ids("MJK").tolist() == encoder.vocabulary.token_ids("MXK").tolist()


def test_a_padded_batch_of_transformers_gives_the_same_profile(weights, encoder):
    """Padding must not matter either way: ours packed, theirs padded."""
    model = EsmModel.from_pretrained(weights, add_pooling_layer=False, attn_implementation="eager").eval()
    batch = EsmTokenizer.from_pretrained(weights)([UBIQUITIN, CALMODULIN], return_tensors="pt", padding=True)
    with torch.inference_mode():
        layers = model(**batch, output_attentions=True).attentions
    n = len(UBIQUITIN)
    for profile, layer in zip(encoder.encode([UBIQUITIN, CALMODULIN])[0].received, layers, strict=True):
        eager_profile = layer[0].mean(0)[1 : n + 1, 1 : n + 1].sum(0).numpy()
        np.testing.assert_allclose(profile, eager_profile, atol=1e-4 * eager_profile.max())


@pytest.mark.thorough
@pytest.mark.parametrize(("dtype", "most"), [("bfloat16", 0.1), ("mixed", 0.01)])
def test_half_precision_stays_near_float32(weights, encoder, dtype, most):
    narrow = Encoder(find_model(str(weights)), device="cpu", dtype=dtype, theta=0.3)
    wide_answer, narrow_answer = encoder.encode([CALMODULIN])[0], narrow.encode([CALMODULIN])[0]
    difference = np.abs(wide_answer.received - narrow_answer.received).max(1) / wide_answer.received.max(1)
    assert 0 < difference.max() < most
    assert narrow_answer.is_finite


def test_a_bert_model_with_learned_positions_works_and_tells_its_limit(tmp_path):
    """ProtBert is a BERT: its own scaling, learned positions, [CLS] and [SEP]."""
    letters = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"LAGVESIKRDTPNQFYMHCWXUBZO"]
    (tmp_path / "vocab.txt").write_text("\n".join(letters) + "\n")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=30, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=40, attn_implementation="eager",
    )  # fmt: skip
    model = BertModel(config, add_pooling_layer=False).eval()
    model.save_pretrained(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": false}')
    files = find_model(str(tmp_path))
    assert files.shape.max_residues == 38
    answer = Encoder(files, device="cpu", dtype="float32", theta=0.3).encode(["MKVL", "ACDEFGH"])[1]
    ids = torch.tensor([[2, *(letters.index(letter) for letter in "ACDEFGH"), 3]])
    with torch.inference_mode():
        layers = model(input_ids=ids, output_attentions=True).attentions
    eager_profile = torch.stack([layer[0].mean(0)[1:-1, 1:-1].sum(0) for layer in layers])
    np.testing.assert_allclose(answer.received, eager_profile.numpy(), atol=1e-5)


@pytest.mark.thorough
def test_compiled_layers_answer_alike_and_are_compiled_once_for_all_layers_and_packs(weights, encoder):
    """What a GPU runs, but for its code generator: every layer traced by torch.compile around our operator."""
    compiled = Encoder(find_model(str(weights)), device="cpu", dtype="float32", theta=0.3)
    torch._dynamo.reset()
    compiles = CompileCounterWithBackend("aot_eager")
    compile_layers(compiled.model, compiled.n_layers, backend=compiles)
    counts = []
    for pack in ([CALMODULIN], [UBIQUITIN, CALMODULIN], ["MK", "ACDEF", UBIQUITIN], [UBIQUITIN * 3]):
        for profile, plain in zip(compiled.encode(pack), encoder.encode(pack), strict=True):
            np.testing.assert_allclose(profile.received, plain.received, rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(profile.heads, plain.heads, rtol=1e-4, atol=1e-4)
        counts.append(compiles.frame_count)
    assert 1 <= counts[0] <= 2  # dynamo may start its one trace again, to take a float as a constant
    assert counts[-1] == counts[0]


def test_a_way_of_reducing_that_is_not_installed_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "attlas.pipeline.attention.tiled", None)
    with pytest.raises(EnvironmentFault, match=r"tiled kernels") as raised:
        find_kernels("tiled")
    assert "attlas[build]" in str(raised.value)


def test_an_esmc_model_works_packed_and_at_any_length(tmp_path):
    """ESM-C: norms on q and k, a gated feed-forward layer, rotary positions, scaling in the attention."""
    save_vocabulary(tmp_path)
    torch.manual_seed(0)
    config = EsmcConfig(
        vocab_size=64, hidden_size=48, intermediate_size=96, num_hidden_layers=3, num_attention_heads=3,
        attn_implementation="eager",
    )  # fmt: skip
    model = EsmcModel(config).eval()
    model.save_pretrained(tmp_path)
    files = find_model(str(tmp_path))
    assert files.shape.max_residues is None
    encoder = Encoder(files, device="cpu", dtype="float32", theta=0.3)
    for sequence, answer in zip([UBIQUITIN, CALMODULIN], encoder.encode([UBIQUITIN, CALMODULIN]), strict=True):
        with torch.inference_mode():
            layers = model(
                input_ids=torch.from_numpy(encoder.vocabulary.token_ids(sequence))[None], output_attentions=True
            ).attentions
        eager_profile = torch.stack([layer[0].mean(0)[1:-1, 1:-1].sum(0) for layer in layers])
        np.testing.assert_allclose(answer.received, eager_profile.numpy(), atol=1e-4)


@pytest.mark.thorough
@pytest.mark.parametrize("products", [PLAIN, SPLIT])
def test_a_whole_model_answers_alike_through_the_gpus_kernels(tiny_esm, monkeypatch, products):
    """Under Triton's interpreter: the packed forward as a GPU runs it, but for who attends."""
    monkeypatch.setattr(guard, "N_KNOWN_RESIDUES", 20)  # the interpreter takes seconds for a hundred residues
    pack = ["MK", UBIQUITIN, CALMODULIN]
    options = {"device": "cpu", "dtype": "float32", "theta": 0.3, "products": products}
    with emulated_products():
        by_cpu, by_gpu = (
            Encoder(find_model(str(tiny_esm)), attention=attention, **options).encode(pack)
            for attention in ("tiled", "triton")
        )
    for profile, eager_profile in zip(by_gpu, by_cpu, strict=True):
        np.testing.assert_allclose(profile.received, eager_profile.received, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(profile.heads, eager_profile.heads, rtol=1e-4, atol=1e-4)
