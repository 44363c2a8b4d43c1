"""SentencePiece vocabularies as the models of ProtTrans have them: a letter is a word, `▁A`."""

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import sentencepiece

RESIDUES = "ACDEFGHIKLMNPQRSTVWYXUBZO"

SPECIAL_TOKENS = {
    "T5Tokenizer": (),
    "AlbertTokenizer": ("[CLS]", "[SEP]", "[MASK]"),
    "XLNetTokenizer": ("<cls>", "<sep>", "<mask>"),
}


def save_sentence_piece_model(directory: Path, tokenizer: str) -> None:
    """Save a tokenizer of a class of transformers, with a vocabulary that the library sentencepiece has learned."""
    special = SPECIAL_TOKENS[tokenizer]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_make_sentences()),
        model_prefix=str(directory / "spiece"),
        vocab_size=3 + len(special) + 2 * len(RESIDUES) + 2,
        hard_vocab_limit=False,
        max_sentencepiece_length=2,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        control_symbols=list(special),
        num_threads=1,
        minloglevel=2,
    )
    (directory / "spiece.vocab").unlink()
    settings = {"tokenizer_class": tokenizer, "do_lower_case": False}
    (directory / "tokenizer_config.json").write_text(json.dumps(settings))


def saver(tokenizer: str) -> Callable[[Path], None]:
    return lambda directory: save_sentence_piece_model(directory, tokenizer)


def _make_sentences() -> Sequence[str]:
    choose = random.Random(1)
    return [" ".join(choose.choices(RESIDUES, k=60)) for _ in range(300)]
