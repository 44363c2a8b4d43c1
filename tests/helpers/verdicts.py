"""The verdict on an architecture: how far our statistics are from its own eager attention in float64, or its refusal.

The maps of the reference are put in order by loops of their own, and reduced by `oracles`.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
import transformers

from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.model.architectures import TEXT_ENCODERS, choose_attention
from attlas.pipeline.model.files import find_model
from attlas.pipeline.model.vocabulary import read_vocabulary
from attlas.schema import EnvironmentFault
from helpers.architectures import ARCHITECTURES, LETTERS, Architecture, load
from helpers.oracles import NAMES, received, statistics

SEQUENCES = (LETTERS[::-1] * 3, "MK", LETTERS * 2 + "MKWVTFISLLFLFSSAYS")
THETA = 0.3
NEAR_THETA = 1e-5
"""How near the threshold of edges float32 may count otherwise than float64."""


@dataclass(frozen=True)
class Verdict:
    """The result of an architecture with random weights."""

    attention: str
    """How it is reduced on a CPU."""
    difference: float | None
    """Largest difference from float64 of any statistic, None where it is refused."""
    refusal: EnvironmentFault | None


@cache
def judge(name: str) -> Verdict:
    """Return the verdict on an architecture of `ARCHITECTURES`."""
    architecture = next(architecture for architecture in ARCHITECTURES if architecture.name == name)
    with tempfile.TemporaryDirectory() as directory:
        return _judge(architecture, Path(directory))


def _judge(architecture: Architecture, directory: Path) -> Verdict:
    architecture.save(directory)
    try:
        files = find_model(str(directory))
        is_of_pieces = read_vocabulary(files).is_of_pieces
        attention = choose_attention(files.shape.architecture, "cpu", is_of_pieces=is_of_pieces)
        encoder = load(directory, attention=attention)
    except EnvironmentFault as fault:
        return Verdict("", None, fault)

    return Verdict(attention, measure_difference(directory, encoder, SEQUENCES), None)


def measure_difference(directory: Path, encoder: Encoder, sequences: Sequence[str]) -> float:
    """Return the largest difference of any statistic of a loaded model from its own eager attention in float64."""
    is_of_pieces = encoder.vocabulary.is_of_pieces
    reference = load_reference(directory)
    differences = []
    for sequence, answer in zip(sequences, encoder.encode(sequences), strict=True):
        tokens = tokenize(directory, sequence, is_of_pieces=is_of_pieces)
        lengths = piece_lengths(directory, tokens) if is_of_pieces else None
        maps = reference_maps(reference, tokens, len(sequence), lengths)
        profiles = np.stack([received(layer) for layer in maps])
        heads = np.stack([statistics(layer, THETA) for layer in maps])

        differences.append(np.abs(answer.received - profiles).max() / profiles.max())
        relative = np.abs(answer.heads - heads) / np.maximum(1, np.abs(heads))
        is_edges = np.array(NAMES) == "n_edges"
        differences.append(relative[..., ~is_edges].max())

        # Edges are counted: they may differ by the pairs at the threshold, and not by one more.
        near = np.stack([(np.abs(layer[:, 1:-1, 1:-1] - THETA) < NEAR_THETA).sum((1, 2)) for layer in maps])
        assert (np.abs(answer.heads - heads)[..., is_edges][..., 0] <= near).all()
    return float(max(differences))


def load_reference(directory: Path) -> torch.nn.Module:
    """Return the model with its own eager attention in float64."""
    config = transformers.AutoConfig.from_pretrained(directory)
    is_text_encoder = config.model_type in TEXT_ENCODERS
    reader = transformers.AutoModelForTextEncoding if is_text_encoder else transformers.AutoModel
    if (config.architectures or [""])[0].endswith("ForSequenceClassification"):  # which tells Longformer global tokens
        reader = getattr(transformers, config.architectures[0])
    model = reader.from_pretrained(directory, attn_implementation="eager", dtype=torch.float64).eval()

    if config.model_type == "xlnet":  # reads weights and makes sines in float32, whatever dtype is asked for
        model = model.double()
        encode = model.relative_positional_encoding
        model.relative_positional_encoding = lambda *places, **options: encode(*places, **options).double()
    return model


def tokenize(directory: Path, sequence: str, *, is_of_pieces: bool = False) -> list[int]:
    """Return the tokens of a sequence by the model's own tokenizer, with blanks where it wants them."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    plain, spaced = tokenizer(sequence)["input_ids"], tokenizer(" ".join(sequence))["input_ids"]
    takes_blanks = tokenizer.unk_token_id not in spaced and len(spaced) <= len(sequence) + 2
    return spaced if takes_blanks and not is_of_pieces else plain


def piece_lengths(directory: Path, tokens: list[int]) -> list[int]:
    """Return the residues of each token, from the letters of which it is made; 1 for those that stand for none."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    texts = tokenizer.convert_ids_to_tokens(tokens)
    return [1 if text in tokenizer.all_special_tokens else len(text) for text in texts]


def reference_maps(
    model: torch.nn.Module, tokens: list[int], n: int, lengths: list[int] | None = None
) -> list[np.ndarray]:
    """Return the maps of a sequence of `n` residues, (H, T, T) of each layer, with <cls> first and <eos> last.

    Where `lengths` tells the residues of each token, each of them has the token's row and an even share of its column.
    """
    with torch.inference_mode():
        layers = model(input_ids=torch.tensor([tokens]), output_attentions=True).attentions
    architecture = model.config.model_type
    maps = [layer[0].numpy() for layer in layers]
    if architecture == "longformer":
        maps = [_fill_band(band) for band in maps]

    if lengths is not None:
        maps = [np.repeat(np.repeat(layer / lengths, lengths, axis=1), lengths, axis=2) for layer in maps]
    elif len(tokens) == n + 1:  # no begin token: nobody attends to it
        maps = [np.pad(layer, ((0, 0), (1, 0), (1, 0))) for layer in maps]
    elif architecture == "xlnet":  # residues, <sep>, <cls>
        order = [n + 1, *range(n), n]
        maps = [layer[:, order][:, :, order] for layer in maps]
    return maps


def _fill_band(band: np.ndarray) -> np.ndarray:
    """Return the map of a band (H, K, 2w + 1) around the diagonal; of (H, K, 2w + 2), column 0 is a global token's."""
    n_heads, n_tokens, width = band.shape
    attention = np.zeros((n_heads, n_tokens, n_tokens))
    if width % 2 == 0:
        attention[:, :, 0] = band[:, :, 0]
        band, width = band[:, :, 1:], width - 1
    for i in range(n_tokens):
        for c in range(width):
            j = i + c - width // 2
            if 0 <= j < n_tokens:
                attention[:, i, j] += band[:, i, c]
            else:
                assert (band[:, i, c] == 0).all()
    return attention
