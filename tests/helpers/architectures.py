"""Tiny models of random weights, one for each architecture whose verdict is known, saved as `save_pretrained` does."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers

from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.model.architectures import TEXT_ENCODERS
from attlas.pipeline.model.files import find_model
from helpers.sentence_pieces import saver
from helpers.tiny_esm import VOCABULARY, save_vocabulary

LETTERS = "ACDEFGHIKLMNPQRSTVWY"
SIZES = {
    "vocab_size": 40,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 512,
}

WIDENED = (
    *("query", "key", "q_proj", "k_proj", "embeddings"),
    *("Wqkv", "q_lin", "k_lin"),  # ModernBERT, DistilBERT
    *(".q.", ".k.", "relative_attention_bias", "shared", "embed_tokens"),  # T5
    *("rel_attn.q", "rel_attn.k", "rel_attn.r", "word_embedding"),  # XLNet
)
"""Parts of the names of weights on which attention depends most."""

_ENDS = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}

SaveTokenizer = Callable[[Path], None]


@dataclass(frozen=True)
class Architecture:
    """A way of attending, by an architecture and its settings."""

    name: str
    config: Callable[[], Any]
    refusal: str | None = None
    """What the message of its refusal says, a regular expression; None: it is accepted."""
    save_tokenizer: SaveTokenizer = save_vocabulary
    models: str = ""
    """Published protein models of this architecture."""
    is_made_up: bool = False
    """Whether no model is known to be so: made up to break the computation."""

    def save(self, directory: Path) -> Path:
        """Save a model of random weights with its tokenizer, and return the directory."""
        save_random_model(self.config(), directory)
        self.save_tokenizer(directory)
        return directory


def save_random_model(config: Any, directory: Path) -> None:
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    with torch.random.fork_rng():
        torch.manual_seed(1)
        is_text_encoder = config.model_type in TEXT_ENCODERS
        model = (transformers.AutoModelForTextEncoding if is_text_encoder else transformers.AutoModel).from_config(
            config
        )
        # Wider than the initialisation, so that attention is not flat and a fault in it shows.
        for name, weight in model.named_parameters():
            if weight.ndim >= 2 and any(part in name for part in WIDENED):
                torch.nn.init.normal_(weight, std=0.15 if is_text_encoder else 0.3)  # T5 divides scores by nothing
    model.save_pretrained(directory)


def save_bert_vocabulary(directory: Path, *, letters: str = LETTERS + "XUBZO", is_lower: bool = False) -> None:
    """Save the tokenizer of ProtBert, which wants blanks between the letters."""
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters]
    (directory / "vocab.txt").write_text("\n".join(tokens) + "\n")
    settings = {"tokenizer_class": "BertTokenizer", "do_lower_case": is_lower}
    (directory / "tokenizer_config.json").write_text(json.dumps(settings))


def save_byte_level_vocabulary(directory: Path, *, merges: Sequence[str] = ()) -> None:
    """Save the tokenizer of RoBERTa: single letters, and the pairs that it merges."""
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *(LETTERS + "XBUZO"), *(pair.replace(" ", "") for pair in merges)]
    (directory / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate([*tokens, "<mask>"])}))
    (directory / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]))
    (directory / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "RobertaTokenizer"}))


def save_merging_vocabulary(directory: Path) -> None:
    save_byte_level_vocabulary(directory, merges=["A C", "D E", "M K", "L L", "S T"])


def save_single_letters(
    directory: Path, *, lacking: str = "", has_unknown: bool = True, has_begin: bool = True
) -> None:
    """Save a tokenizer of the library tokenizers, which cuts between all letters."""
    ids = {token: i for i, token in enumerate(VOCABULARY) if token not in lacking}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(ids, unk_token="<unk>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="<cls> $A <eos>" if has_begin else "$A <eos>",
        special_tokens=[("<cls>", ids["<cls>"]), ("<eos>", ids["<eos>"])],
    )
    special = {"cls_token": "<cls>", "eos_token": "<eos>", "pad_token": "<pad>"}
    special |= {"unk_token": "<unk>"} if has_unknown else {}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(directory)


def save_vocabulary_without(*lacking: str) -> SaveTokenizer:
    """Return a function that saves ESM-2's tokenizer without some of its tokens."""

    def save(directory: Path) -> None:
        save_vocabulary(directory)
        tokens = [f"<{token}>" if token in lacking else token for token in VOCABULARY]
        (directory / "vocab.txt").write_text("\n".join(tokens))

    return save


def save_vocabulary_of_head(head: str) -> SaveTokenizer:
    """Return a function that saves ESM-2's tokenizer, and a configuration of a class with a head on the encoder."""

    def save(directory: Path) -> None:
        save_vocabulary(directory)
        path = directory / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"architectures": [head]}))

    return save


def _esm(**settings: Any) -> transformers.PretrainedConfig:
    return transformers.EsmConfig(**{**SIZES, "pad_token_id": 1, "mask_token_id": 32, **settings})


def _roberta(**settings: Any) -> transformers.PretrainedConfig:
    return transformers.RobertaConfig(**SIZES, **settings)


def _t5(**settings: Any) -> dict[str, Any]:
    sizes = {"vocab_size": 64, "d_model": 32, "num_layers": 3, "num_heads": 4, "d_kv": 16, "d_ff": 64}
    return {**sizes, "relative_attention_num_buckets": 8, "relative_attention_max_distance": 20, **settings}


def _xlnet(**settings: Any) -> transformers.PretrainedConfig:
    sizes = {"vocab_size": 64, "d_model": 32, "n_layer": 3, "n_head": 4, "d_inner": 64}
    return transformers.XLNetConfig(**{**sizes, **settings})


def _deberta(**settings: Any) -> transformers.PretrainedConfig:
    return transformers.DebertaV2Config(**SIZES, relative_attention=True, **settings)


def _modernbert(**settings: Any) -> transformers.PretrainedConfig:
    ends = {**_ENDS, "cls_token_id": 0, "sep_token_id": 2}
    return transformers.ModernBertConfig(**SIZES, **ends, **settings)


def _eurobert(**settings: Any) -> transformers.PretrainedConfig:
    return transformers.EuroBertConfig(**SIZES, **_ENDS, mask_token_id=32, **settings)


def _distilbert(**settings: Any) -> transformers.PretrainedConfig:
    return transformers.DistilBertConfig(vocab_size=40, dim=32, n_layers=3, n_heads=4, hidden_dim=64, **settings)


NO_DECODER = "is_causal=True"

ARCHITECTURES = (
    # Every residue attends to every residue, and nothing is added.
    Architecture(
        "ESM-2", lambda: _esm(position_embedding_type="rotary", token_dropout=True), models="ESM-2 (8M to 15B)"
    ),
    Architecture(
        "ESM-1b", lambda: _esm(position_embedding_type="absolute", emb_layer_norm_before=True), models="ESM-1b, ESM-1v"
    ),
    Architecture("ESM-C", lambda: transformers.EsmcConfig(**SIZES), models="ESM-C (300M, 600M, 6B)"),
    Architecture(
        "BERT", lambda: transformers.BertConfig(**SIZES),
        save_tokenizer=save_bert_vocabulary, models="ProtBert, ProtBert-BFD",
    ),
    Architecture("ELECTRA", lambda: transformers.ElectraConfig(**SIZES, embedding_size=16), models="ProtElectra"),
    Architecture("RoBERTa", lambda: transformers.RobertaConfig(**SIZES), save_tokenizer=save_byte_level_vocabulary),
    Architecture(
        "ALBERT", lambda: transformers.AlbertConfig(**{**SIZES, "vocab_size": 64}, embedding_size=16),
        save_tokenizer=saver("AlbertTokenizer"), models="ProtAlbert",
    ),
    Architecture("EuroBERT", _eurobert),
    Architecture("NomicBERT", lambda: transformers.NomicBertConfig(**SIZES)),
    Architecture("DistilBERT", _distilbert, save_tokenizer=save_bert_vocabulary),
    Architecture(
        "BERT that reads small letters", lambda: transformers.BertConfig(**SIZES),
        save_tokenizer=lambda directory: save_bert_vocabulary(directory, letters=LETTERS.lower() + "x", is_lower=True),
    ),
    # Key heads shared, windows of attention, a bias that depends on j - i.
    Architecture("EuroBERT with key heads shared", lambda: _eurobert(num_key_value_heads=2)),
    Architecture(
        "ModernBERT", lambda: _modernbert(global_attn_every_n_layers=3, local_attention=16),
        save_tokenizer=save_single_letters,
    ),
    Architecture(
        "T5", lambda: transformers.T5Config(**_t5()),
        save_tokenizer=saver("T5Tokenizer"), models="ProtT5, Ankh: the encoder",
    ),
    Architecture("mT5", lambda: transformers.MT5Config(**_t5()), save_tokenizer=saver("T5Tokenizer")),
    Architecture("UMT5", lambda: transformers.UMT5Config(**_t5()), save_tokenizer=save_single_letters),
    # Attention of their own, read as whole maps.
    Architecture("XLNet", _xlnet, save_tokenizer=saver("XLNetTokenizer"), models="ProtXLNet"),
    Architecture("Longformer", lambda: transformers.LongformerConfig(**SIZES, attention_window=[16] * 3)),
    Architecture(
        "Longformer that classifies, its first token global",
        lambda: transformers.LongformerConfig(**SIZES, attention_window=[16, 8, 16]),
        save_tokenizer=save_vocabulary_of_head("LongformerForSequenceClassification"),
    ),
    Architecture("DeBERTa-v2", lambda: _deberta(pos_att_type=["p2c", "c2p"], position_buckets=16)),
    Architecture("DeBERTa", lambda: transformers.DebertaConfig(**SIZES, relative_attention=True, pos_att_type=["c2p"])),
    Architecture("MegatronBERT", lambda: transformers.MegatronBertConfig(**SIZES)),
    Architecture("MPNet", lambda: transformers.MPNetConfig(**SIZES)),
    Architecture("RoFormer", lambda: transformers.RoFormerConfig(**SIZES)),
    Architecture("RemBERT", lambda: transformers.RemBertConfig(**SIZES, **_ENDS, input_embedding_size=16)),
    Architecture(
        "MobileBERT",
        lambda: transformers.MobileBertConfig(
            **SIZES, embedding_size=16, intra_bottleneck_size=16, true_hidden_size=16
        ),
    ),
    # Made up to break it.
    Architecture("EuroBERT with one key head", lambda: _eurobert(num_key_value_heads=1), is_made_up=True),
    Architecture(
        "ModernBERT, all of its layers global", lambda: _modernbert(global_attn_every_n_layers=1),
        save_tokenizer=save_single_letters, is_made_up=True,
    ),
    Architecture(
        "ModernBERT with a window of one residue to each side",
        lambda: _modernbert(global_attn_every_n_layers=2, local_attention=2),
        save_tokenizer=save_single_letters, is_made_up=True,
    ),
    Architecture(
        "T5 with heads wider than the model",
        lambda: transformers.T5Config(**_t5(d_kv=24, feed_forward_proj="gated-gelu")),
        save_tokenizer=saver("T5Tokenizer"), is_made_up=True,
    ),
    Architecture(
        "T5 with a begin token", lambda: transformers.T5Config(**_t5(relative_attention_max_distance=5)),
        is_made_up=True,
    ),
    Architecture(
        "BERT without a begin token", lambda: transformers.BertConfig(**SIZES),
        save_tokenizer=partial(save_single_letters, has_begin=False), is_made_up=True,
    ),
    Architecture(
        "XLNet that attends only backwards", lambda: _xlnet(attn_type="uni"), NO_DECODER,
        save_tokenizer=saver("XLNetTokenizer"), is_made_up=True,
    ),
    Architecture(
        "XLNet with a memory and distances clamped", lambda: _xlnet(mem_len=16, clamp_len=8, same_length=True),
        save_tokenizer=saver("XLNetTokenizer"), is_made_up=True,
    ),
    Architecture(
        "XLNet that reads half of a batch from its end", lambda: _xlnet(bi_data=True), "bi_data=True",
        save_tokenizer=saver("XLNetTokenizer"), is_made_up=True,
    ),
    Architecture(
        "Longformer with another window in each layer",
        lambda: transformers.LongformerConfig(**SIZES, attention_window=[8, 32, 512]), is_made_up=True,
    ),
    Architecture(
        "Longformer with a global token and windows of two residues to each side",
        lambda: transformers.LongformerConfig(**SIZES, attention_window=[4, 4, 4]),
        save_tokenizer=save_vocabulary_of_head("LongformerForSequenceClassification"), is_made_up=True,
    ),
    Architecture(
        "Longformer that answers questions", lambda: transformers.LongformerConfig(**SIZES, attention_window=[16] * 3),
        "the tokens of a question attend to all tokens",
        save_tokenizer=save_vocabulary_of_head("LongformerForQuestionAnswering"),
    ),
    Architecture(
        "DeBERTa-v2 without absolute positions, with a convolution",
        lambda: _deberta(
            pos_att_type=["c2p"], position_biased_input=False, conv_kernel_size=3, conv_act="gelu", share_att_key=True
        ),
        is_made_up=True,
    ),
    Architecture(
        "DistilBERT with sines for positions", lambda: _distilbert(sinusoidal_pos_embds=True),
        save_tokenizer=save_bert_vocabulary, is_made_up=True,
    ),
    Architecture(
        "RoBERTa whose padding is the token of a letter", lambda: transformers.RobertaConfig(**SIZES, pad_token_id=5),
        "the token of C", save_tokenizer=save_byte_level_vocabulary, is_made_up=True,
    ),
    Architecture(
        "RoBERTa whose padding is the token of X", lambda: _roberta(pad_token_id=VOCABULARY.index("X")),
        "the token of J, X, which", is_made_up=True,
    ),
    Architecture(
        "RoBERTa whose padding is the end of a sequence", lambda: _roberta(pad_token_id=2),
        "2, the token of the end", is_made_up=True,
    ),
    Architecture(
        "ESM-2 whose mask is the token of X",
        lambda: _esm(position_embedding_type="rotary", token_dropout=True, mask_token_id=VOCABULARY.index("X")),
        "the token of J, X, which", is_made_up=True,
    ),
    Architecture(
        "ESM-2 with fewer tokens than its tokenizer", lambda: _esm(position_embedding_type="rotary", vocab_size=24),
        "0 to 23, and none for", is_made_up=True,
    ),
    Architecture(
        "ESM-2 with heads of five dimensions",
        lambda: _esm(position_embedding_type="rotary", hidden_size=20), "positions turn pairs", is_made_up=True,
    ),
    Architecture(
        "BERT that is said to rotate, with 512 learned positions",
        lambda: transformers.BertConfig(**SIZES, rope_theta=1e4), "a vector for each of 512 positions",
        save_tokenizer=save_bert_vocabulary, is_made_up=True,
    ),
    Architecture(
        "EuroBERT with three key heads for four heads", lambda: _eurobert(num_key_value_heads=3),
        "key heads for 4 heads", is_made_up=True,
    ),
    Architecture(
        "EuroBERT with positions stretched by YaRN",
        lambda: _eurobert(
            rope_parameters={
                "rope_type": "yarn", "factor": 4.0, "rope_theta": 1e4, "original_max_position_embeddings": 128
            }
        ),
        is_made_up=True,
    ),
    Architecture(
        "DeBERTa-v2 whose relative embeddings are normalised",
        lambda: _deberta(pos_att_type=["p2c"], norm_rel_ebd="layer_norm", max_relative_positions=12), is_made_up=True,
    ),
    Architecture(
        "BERT whose feed-forward layers run in chunks of 16",
        lambda: transformers.BertConfig(**SIZES, chunk_size_feed_forward=16),
        "cannot be run(.|\n)*chunk", save_tokenizer=save_bert_vocabulary, is_made_up=True,
    ),
    Architecture(
        "EuroBERT whose positions depend on the length",
        lambda: _eurobert(rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}),
        "this eurobert model(.|\n)*'dynamic'", is_made_up=True,
    ),
    Architecture(
        "ALBERT with two layers in a group",
        lambda: transformers.AlbertConfig(**SIZES, embedding_size=16, inner_group_num=2),
        "this albert model(.|\n)*expected: 3 layers(.|\n)*found:    6 layers", is_made_up=True,
    ),
    Architecture(
        "BERT as a decoder", lambda: transformers.BertConfig(**SIZES, is_decoder=True), NO_DECODER, is_made_up=True
    ),
    Architecture(
        "ESM-2 as a decoder with cross attention",
        lambda: _esm(position_embedding_type="rotary", is_decoder=True, add_cross_attention=True),
        "this esm model(.|\n)*is_causal", is_made_up=True,
    ),
    Architecture(
        "BERT with relative positions",
        lambda: transformers.BertConfig(**SIZES, position_embedding_type="relative_key_query"),
        "transformers no longer computes", save_tokenizer=save_bert_vocabulary, is_made_up=True,
    ),
    Architecture(
        "Falcon, which makes no causal mask beside its fast attention",
        lambda: transformers.FalconConfig(**SIZES, **_ENDS), NO_DECODER, is_made_up=True,
    ),
    Architecture(
        "Qwen 3 without key heads", lambda: transformers.Qwen3Config(**SIZES, **_ENDS, head_dim=8),
        "key heads for 4 heads", is_made_up=True,
    ),
    Architecture(
        "Gemma 3 that attends both ways within a window",
        lambda: transformers.Gemma3TextConfig(
            **SIZES, **_ENDS, head_dim=8, num_key_value_heads=2, use_bidirectional_attention=True, sliding_window=16
        ),
        is_made_up=True,
    ),
    Architecture(
        "MegatronBERT as a decoder", lambda: transformers.MegatronBertConfig(**SIZES, is_decoder=True), NO_DECODER,
        is_made_up=True,
    ),
    Architecture("LLaMA", lambda: transformers.LlamaConfig(**SIZES, **_ENDS), "this llama model(.|\n)*is_causal"),
    Architecture(
        "Gemma 2", lambda: transformers.Gemma2Config(**SIZES, **_ENDS, head_dim=8), "this gemma2 model(.|\n)*is_causal"
    ),
    Architecture(
        "GPT-2", lambda: transformers.GPT2Config(vocab_size=40, n_embd=32, n_layer=3, n_head=4), "it is a decoder"
    ),
    Architecture(
        "BART", lambda: transformers.BartConfig(vocab_size=40, d_model=32, encoder_layers=2, decoder_layers=2),
        "not one attlas can read attention from",
    ),
    Architecture("ConvBERT", lambda: transformers.ConvBertConfig(**SIZES), "convolutions stand in for half"),
    Architecture("BigBird", lambda: transformers.BigBirdConfig(**SIZES, sep_token_id=2), "drawn at random"),
    Architecture("Nyströmformer", lambda: transformers.NystromformerConfig(**SIZES), "an approximation"),
    Architecture("YOSO", lambda: transformers.YosoConfig(**SIZES), "drawn by hashing"),
    Architecture("FNet", lambda: transformers.FNetConfig(vocab_size=40, hidden_size=32), "without num_attention_heads"),
    # Vocabularies.
    Architecture(
        "RoBERTa with tokens of several residues", lambda: transformers.RobertaConfig(**SIZES),
        save_tokenizer=save_merging_vocabulary, models="PaccMann",
    ),
    Architecture(
        "BERT that turns capitals it knows into small letters", lambda: transformers.BertConfig(**SIZES),
        "one token a residue(.|\n)*do_lower_case",
        save_tokenizer=lambda directory: save_bert_vocabulary(directory, is_lower=True), is_made_up=True,
    ),
    Architecture(
        "ESM-2 without tryptophan", lambda: _esm(position_embedding_type="rotary"),
        "none for W", save_tokenizer=save_vocabulary_without("W"), is_made_up=True,
    ),
)  # fmt: skip
"""Every architecture tried, with its verdict."""


def load(directory: Path, **settings: Any) -> Encoder:
    """Return a model loaded for the CPU in float32, if no setting says otherwise."""
    return Encoder(find_model(str(directory)), **({"device": "cpu", "dtype": "float32", "theta": 0.3} | settings))
