"""The text of `docs/models.md`: every architecture tried, with its verdict.

`PYTHONPATH=tests python -m helpers.models_page --write` renews the page; without `--write` it is printed.
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from attlas.pipeline.model.architectures import HOOKED, LARGEST_DIM, MAP_COPIES, choose_attention
from helpers.architectures import ARCHITECTURES, Architecture
from helpers.verdicts import judge

MODELS_MD = Path(__file__).resolve().parents[2] / "docs" / "models.md"

HEAD = """\
# Models

This page says which models can be used, and what was tried. The tables below are written by a test that builds each
architecture with random weights, runs three sequences, and compares every number that a build stores with the model's
own attention (`output_attentions` of transformers, eager, float64), on a CPU. The largest difference is the largest of
all these numbers: as a share of the largest value for profiles, relative for head statistics above 1. Whatever the
table says, every model is compared with its own eager attention again whenever it is loaded, on the device of the run,
on a known protein of 300 residues and a short one that has X and the other rare letters; a run of half precision
first in float32, where its weights fit the memory twice. With the 8M model on a CPU that takes half a second.
"""

NOTES = f"""\
## How attention is read

The run records one of four words (`attlas info`, *attention*):

- **tiled** (CPU) and **triton** (GPU): the kernels take queries and keys from transformers' attention interface. No
  map exists beyond a tile. They take key heads that are shared by query heads, a window of attention, and a bias that
  depends on j - i alone, as one table for each head. On a GPU, tiles outside of a window are passed over. With a
  window or a bias the triton kernels have run in Triton's interpreter on a CPU only, and are compiled for a GPU in the
  tests: their speed is not measured.
- **plain**: the same interface; the map of a layer of one sequence exists at a time. For heads of a GPU that are wider
  than {LARGEST_DIM}.
- **hooked**: the model runs its own attention, one sequence at a time. A hook on each module that makes a map takes
  the map of the layer, reduces it and drops it. It takes the models that do not pass the interface. It is slower.

For `plain` and `hooked` the size of the largest map is predicted, and a protein that does not fit the memory is
refused before anything is computed: {MAP_COPIES} copies of heads x tokens x tokens values of float32.

Code that comes with a model is never run; weights are read as safetensors or with `weights_only=True`; of an
encoder-decoder (T5) only the encoder is loaded. Models in which a residue attends only to those before it are refused.
The table is of transformers 5.23. Under 5.17, the oldest that attlas takes, UMT5 returns no maps and is refused.

## Tokens around a sequence

`cls_share` is the attention to the token before a sequence, `eos_share` that to the token after it. T5 has no token
before the sequence: its `cls_share` is 0, as for any model without such a token, and the first residue has the model's
first position. XLNet ends a sequence with `<sep>` and then `<cls>`: these two are taken, and distances are those
between residues. Longformer runs without global tokens, as its base model does by default and the one that predicts
masked tokens; the special tokens are local, too. One saved as `LongformerForSequenceClassification` runs as that class
does by default: its first token attends to all, and all attend to it. Only residues count as queries, so that the row
of that token counts nowhere. Longformers for questions and for multiple choice, whose global tokens depend on the
input, are refused.

## Vocabularies

A residue is one token: a letter, a letter between blanks (ProtBert), a word of SentencePiece (`▁A`: ProtT5,
ProtAlbert, ProtXLNet), or a small letter. In the models of ProtTrans, U, Z, O and B are read as X, as the authors do.
A letter without a token is read as X, else as the unknown token, else the protein is skipped with that reason; the run
records which (`attlas info`, *letters*).

**Tokens of several residues** (byte-pair encoding, PaccMann): everything an atlas stores stays per residue. Every
residue of a token attends as its token does, and what a token receives is divided evenly among its residues. So rows
still sum to 1, no attention is lost, the distance between two tokens is that between their middles, and a profile is
flat within a token. The largest number of residues in a token is given in *letters* as `residues_per_token`. Sites are
called on residues, but the resolution is that of the tokens: all residues of a token tie, ties go by position, and the
elbow may fall within a token, so that its first residues are called and the others are not. A letter without a token
is read as X, else the protein is skipped: an unknown token would stand for any number of residues. Such a model is
always read by hooks (`hooked`). A vocabulary that marks tokens as the beginning or the rest of a word beside tokens of
several residues (WordPiece) is refused: its files do not tell whether it was trained on sequences or on letters
between blanks. So is a byte-pair encoding that leaves out merges at random (`dropout`), as its tokens would differ
from call to call.
"""


def describe_models() -> str:
    """Return the text of the page."""
    accepted = [architecture for architecture in ARCHITECTURES if architecture.refusal is None]
    refused = [architecture for architecture in ARCHITECTURES if architecture.refusal is not None]
    tables = [
        "## Verified",
        _format_accepted(architecture for architecture in accepted if not architecture.is_made_up),
        "## Made up to break it, and right",
        _format_accepted(architecture for architecture in accepted if architecture.is_made_up),
        "## Refused",
        _format_table(("architecture or setting", "reason"), map(_describe_refused, refused)),
    ]
    return "\n".join([HEAD, *(f"{part}\n" for part in tables), NOTES])


def _format_accepted(architectures: Iterable[Architecture]) -> str:
    columns = ("architecture", "protein models", "on a CPU", "on a GPU", "largest difference")
    return _format_table(columns, map(_describe_accepted, architectures))


def _describe_accepted(architecture: Architecture) -> tuple[str, ...]:
    verdict = judge(architecture.name)
    is_hooked = verdict.attention == HOOKED
    on_gpu = HOOKED if is_hooked else choose_attention(architecture.config().model_type, "cuda")
    return architecture.name, architecture.models, verdict.attention, on_gpu, f"{verdict.difference:.0e}"


def _describe_refused(architecture: Architecture) -> tuple[str, ...]:
    refusal = judge(architecture.name).refusal
    assert refusal is not None
    name = f"{architecture.name} ({architecture.models})" if architecture.models else architecture.name
    reason = (refusal.found or refusal.what).split(" (maximum here")[0]  # numbers of this machine
    return name, reason.replace("|", "\\|")


def _format_table(columns: Sequence[str], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        MODELS_MD.write_text(describe_models())
    else:
        print(describe_models())
