"""Tiny models of random weights, one for each architecture whose verdict is known, saved as `save_pretrained` does."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers

from attlas.pipeline.encoder import Encoder
from attlas.pipeline.model import find_model
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
        model = transformers.AutoModel.from_config(config)
        # Wider than the initialisation, so that attention is not flat and a fault in it shows.
        for name, weight in model.named_parameters():
            if weight.ndim == 2 and any(part in name for part in ("query", "key", "q_proj", "k_proj", "embeddings")):
                torch.nn.init.normal_(weight, std=0.3)
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


def save_single_letters(directory: Path, *, lacking: str = "", has_unknown: bool = True) -> None:
    """Save a tokenizer of the library tokenizers, which cuts between all letters."""
    ids = {token: i for i, token in enumerate(VOCABULARY) if token not in lacking}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(ids, unk_token="<unk>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="<cls> $A <eos>", special_tokens=[("<cls>", ids["<cls>"]), ("<eos>", ids["<eos>"])]
    )
    special = {"cls_token": "<cls>", "eos_token": "<eos>", "pad_token": "<pad>"}
    special |= {"unk_token": "<unk>"} if has_unknown else {}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(directory)


def save_sentence_pieces(directory: Path) -> None:
    """Save a SentencePiece tokenizer, whose letters begin with a mark for the blank before them."""
    pieces = [
        ("<pad>", 0.0),
        ("</s>", 0.0),
        ("<unk>", 0.0),
        ("<s>", 0.0),
        *((f"▁{letter}", -1.0) for letter in LETTERS),
    ]
    tokenizer = tokenizers.Tokenizer(tokenizers.models.Unigram(pieces, unk_id=2))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    special = {"cls_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(directory)


def save_vocabulary_without(*lacking: str) -> SaveTokenizer:
    """Return what saves ESM-2's tokenizer without some of its tokens."""

    def save(directory: Path) -> None:
        save_vocabulary(directory)
        tokens = [f"<{token}>" if token in lacking else token for token in VOCABULARY]
        (directory / "vocab.txt").write_text("\n".join(tokens))

    return save


def _esm(**settings: Any) -> transformers.PretrainedConfig:
    return transformers.EsmConfig(**SIZES, pad_token_id=1, mask_token_id=32, **settings)


ARCHITECTURES = (
    # Every residue attends to every residue, and nothing is added.
    Architecture("ESM-2", lambda: _esm(position_embedding_type="rotary", token_dropout=True)),
    Architecture("ESM-1b", lambda: _esm(position_embedding_type="absolute", emb_layer_norm_before=True)),
    Architecture("ESM-C", lambda: transformers.EsmcConfig(**SIZES)),
    Architecture("BERT", lambda: transformers.BertConfig(**SIZES), save_tokenizer=save_bert_vocabulary),
    Architecture("ELECTRA", lambda: transformers.ElectraConfig(**SIZES, embedding_size=16)),
    Architecture("RoBERTa", lambda: transformers.RobertaConfig(**SIZES), save_tokenizer=save_byte_level_vocabulary),
    Architecture("ALBERT", lambda: transformers.AlbertConfig(**SIZES, embedding_size=16)),
    Architecture("EuroBERT", lambda: transformers.EuroBertConfig(**SIZES, pad_token_id=1)),
    Architecture("NomicBERT", lambda: transformers.NomicBertConfig(**SIZES)),
    Architecture(
        "ModernBERT, all of its layers global",
        lambda: transformers.ModernBertConfig(**SIZES, **_ENDS, global_attn_every_n_layers=1),
        save_tokenizer=save_single_letters,
    ),
    # Attention that is not computed here.
    Architecture(
        "ModernBERT with local layers",
        lambda: transformers.ModernBertConfig(**SIZES, **_ENDS, global_attn_every_n_layers=3, local_attention=16),
        refusal="this modernbert model(.|\n)*sliding_window=",
        save_tokenizer=save_single_letters,
    ),
    Architecture("BERT as a decoder", lambda: transformers.BertConfig(**SIZES, is_decoder=True), "is_causal=True"),
    Architecture(
        "ESM-2 as a decoder with cross attention",
        lambda: _esm(position_embedding_type="rotary", is_decoder=True, add_cross_attention=True),
        refusal="this esm model(.|\n)*is_causal",
    ),
    Architecture("LLaMA", lambda: transformers.LlamaConfig(**SIZES, **_ENDS), "this llama model(.|\n)*is_causal"),
    Architecture(
        "Gemma 2", lambda: transformers.Gemma2Config(**SIZES, **_ENDS, head_dim=8), "this gemma2 model(.|\n)*is_causal"
    ),
    Architecture(
        "Gemma 2 both ways",
        lambda: transformers.Gemma2Config(
            **SIZES, **_ENDS, head_dim=8, num_key_value_heads=4, use_bidirectional_attention=True
        ),
        refusal="this gemma2 model(.|\n)*sliding_window=4096",
    ),
    Architecture(
        "EuroBERT with key heads shared",
        lambda: transformers.EuroBertConfig(**SIZES, pad_token_id=1, num_key_value_heads=2),
        refusal="this eurobert model(.|\n)*2 key heads for 4 query heads",
    ),
    Architecture(
        "EuroBERT whose positions depend on the length",
        lambda: transformers.EuroBertConfig(
            **SIZES, pad_token_id=1, rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}
        ),
        refusal="this eurobert model(.|\n)*'dynamic'",
    ),
    Architecture(
        "ALBERT with two layers in a group",
        lambda: transformers.AlbertConfig(**SIZES, embedding_size=16, inner_group_num=2),
        refusal="this albert model(.|\n)*expected: 3 layers(.|\n)*found:    6 layers",
    ),
    # Attention that transformers' interface does not reach.
    Architecture(
        "T5", lambda: transformers.T5Config(vocab_size=40, d_model=32, num_layers=3, num_heads=4, d_kv=8, d_ff=64),
        refusal="not one attlas can read attention from|does not support transformers' attention interface",
    ),
    Architecture(
        "XLNet", lambda: transformers.XLNetConfig(vocab_size=40, d_model=32, n_layer=3, n_head=4, d_inner=64),
        refusal="not one attlas can read attention from|does not support transformers' attention interface",
    ),
    Architecture(
        "Longformer", lambda: transformers.LongformerConfig(**SIZES, attention_window=[16] * 3),
        refusal="longformer model does not support transformers' attention interface",
    ),
    Architecture(
        "DeBERTa", lambda: transformers.DebertaV2Config(**SIZES, relative_attention=True, pos_att_type=["p2c"]),
        refusal="deberta-v2 model does not support transformers' attention interface",
    ),
    Architecture("ConvBERT", lambda: transformers.ConvBertConfig(**SIZES), "convbert model does not support"),
    # Vocabularies.
    Architecture(
        "RoBERTa that merges letters", lambda: transformers.RobertaConfig(**SIZES),
        refusal="one token a residue(.|\n)*tokens from its tokenizer", save_tokenizer=save_merging_vocabulary,
    ),
    Architecture(
        "BERT of SentencePiece", lambda: transformers.BertConfig(**SIZES),
        refusal="none for A, C, D(.|\n)*▁A", save_tokenizer=save_sentence_pieces,
    ),
    Architecture(
        "BERT that reads small letters", lambda: transformers.BertConfig(**SIZES),
        refusal="one token a residue(.|\n)*do_lower_case",
        save_tokenizer=lambda directory: save_bert_vocabulary(directory, is_lower=True),
    ),
    Architecture(
        "ESM-2 without tryptophan", lambda: _esm(position_embedding_type="rotary"),
        refusal="none for W", save_tokenizer=save_vocabulary_without("W"),
    ),
)  # fmt: skip
"""Every architecture tried, with its verdict."""


def load(directory: Path, **settings: Any) -> Encoder:
    """Return a model loaded for the CPU in float32, if no setting says otherwise."""
    return Encoder(find_model(str(directory)), **({"device": "cpu", "dtype": "float32", "theta": 0.3} | settings))
