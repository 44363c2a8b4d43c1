"""A tiny ESM of random weights, the same every time: the protocol needs a model, not a good one."""

import json
from pathlib import Path

VOCABULARY = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-", "<null_1>", "<mask>"]
"""That of ESM-2."""

SPECIAL_TOKENS = {
    "cls_token": "<cls>",
    "eos_token": "<eos>",
    "mask_token": "<mask>",
    "pad_token": "<pad>",
    "unk_token": "<unk>",
}
N_LAYERS, N_HEADS, WIDTH = 2, 4, 32


def save_tiny_esm(directory: Path, *, seed: int = 0, width: int = WIDTH, nan_letter: str | None = None) -> Path:
    """Save the model as `save_pretrained` does; where `nan_letter` is given, its embedding is not a number."""
    import torch
    from transformers import EsmConfig, EsmModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    config = EsmConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=width,
        num_hidden_layers=N_LAYERS,
        num_attention_heads=N_HEADS,
        intermediate_size=2 * width,
        position_embedding_type="rotary",
        max_position_embeddings=1026,
        pad_token_id=1,
        mask_token_id=32,
        token_dropout=True,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = EsmModel(config, add_pooling_layer=False)
        # Wider than the initialisation, so that attention is not flat and every protein has its own sites.
        for name, weight in model.named_parameters():
            if "query" in name or "key" in name or "word_embeddings" in name:
                torch.nn.init.normal_(weight, std=0.5)
    if nan_letter is not None:
        model.embeddings.word_embeddings.weight.data[VOCABULARY.index(nan_letter)] = float("nan")
    model.save_pretrained(directory)
    save_vocabulary(directory)
    return directory


def save_vocabulary(directory: Path) -> None:
    (directory / "vocab.txt").write_text("\n".join(VOCABULARY))
    (directory / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "EsmTokenizer"}))
    (directory / "special_tokens_map.json").write_text(json.dumps(SPECIAL_TOKENS))
