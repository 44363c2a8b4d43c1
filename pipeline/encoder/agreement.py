"""Whether the parts of a loaded model agree: its vocabulary, its tables of tokens and positions, and its positions.

Such a model runs, and on most proteins it may even be right: what is refused here shows on single letters, or in the
longest proteins only.
"""

from typing import Any

from torch import nn

from attlas.pipeline.model.attention_support import wrong_attention
from attlas.pipeline.model.letters import Vocabulary
from attlas.pipeline.model.positions import OFFSET_POSITIONS
from attlas.schema import EnvironmentFault

POSITION_TABLES = ("position_embeddings", "embed_positions", "wpe")
"""Names of the modules that hold a vector for each position."""


def refuse_disagreement(
    model: Any, vocabulary: Vocabulary, *, max_residues: int | None, first_position: int, is_hooked: bool
) -> None:
    """Refuse a model whose parts do not agree.

    Args:
        model: the model.
        vocabulary: its vocabulary.
        max_residues: the longest sequence that the configuration allows, residues; None: of any length.
        first_position: the position of the first token.
        is_hooked: whether the model counts its positions itself.

    Raises:
        EnvironmentFault: it lacks a vector for a letter's token or for a position; or a token that its code treats
            otherwise than the others, for padding or as a mask, is that of a letter or of an end.
    """
    _refuse_missing_tokens(model, vocabulary)
    _refuse_missing_positions(model, max_residues, first_position)
    if not is_hooked:
        _refuse_shared_tokens(model.config, vocabulary)


def refuse_ends(vocabulary: Vocabulary, attention: str) -> None:
    """Refuse tokens around a sequence that a reduction cannot take. Raises EnvironmentFault."""
    if vocabulary.is_of_pieces:
        raise EnvironmentFault(
            f"This model cannot be reduced by the {attention} kernels: its tokens stand for several residues.",
            hint="plan the build again: it reads the model's own maps",
        )

    n_before, n_after = len(vocabulary.before), len(vocabulary.after)
    if n_after > 1:
        raise EnvironmentFault(
            f"This model cannot be reduced by the {attention} kernels.",
            expected="at most one token before a sequence, and one after it",
            found=f"{n_before} before and {n_after} after",
            hint="use ESM-2 or another encoder of the transformers library (docs/models.md)",
        )


def _refuse_missing_tokens(model: Any, vocabulary: Vocabulary) -> None:
    """Refuse a model that has no vector for a token of its vocabulary. Raises EnvironmentFault."""
    table = model.get_input_embeddings()
    n_tokens = getattr(table, "num_embeddings", None)
    if n_tokens is None:
        return

    lacking = [f"{name} (token {token})" for name, token in _name_tokens(vocabulary) if token >= n_tokens]
    if lacking:
        raise wrong_attention(
            model.config.model_type,
            expected="a vector for the token of every letter",
            found=f"vectors for the tokens 0 to {n_tokens - 1:,}, and none for {', '.join(lacking)}",
            hint="take the tokenizer that belongs to these weights",
        )


def _refuse_missing_positions(model: Any, max_residues: int | None, first_position: int) -> None:
    """Refuse a model with fewer vectors of positions than its configuration says. Raises EnvironmentFault."""
    for name, part in model.named_modules():
        if not isinstance(part, nn.Embedding) or name.rsplit(".", 1)[-1] not in POSITION_TABLES:
            continue

        n_residues = part.num_embeddings - first_position - 2
        if max_residues is None or n_residues < max_residues:
            reach = "any length" if max_residues is None else f"{max_residues:,} residues"
            raise wrong_attention(
                model.config.model_type,
                expected=f"positions for {reach}, as config.json says",
                found=f"a vector for each of {part.num_embeddings:,} positions, {n_residues:,} residues",
                hint="take out of config.json what the class does not read, such as rope_theta or "
                "position_embedding_type; or take the configuration that belongs to these weights",
            )


def _refuse_shared_tokens(config: Any, vocabulary: Vocabulary) -> None:
    """Refuse a token of a letter or an end for which the model's code has another use. Raises EnvironmentFault."""
    uses = {"pad_token_id": "gives no position to"} if config.model_type in OFFSET_POSITIONS else {}
    if getattr(config, "token_dropout", False):
        uses["mask_token_id"] = "hides"

    for setting, use in uses.items():
        shared = [name for name, token in _name_tokens(vocabulary) if token == getattr(config, setting, None)]
        if shared:
            raise wrong_attention(
                config.model_type,
                expected=f"a {setting} that is the token of no letter and of no end of a sequence",
                found=f"{getattr(config, setting)}, the token of {', '.join(shared)}, which this architecture {use}",
                hint=f"correct {setting} in config.json, or take the tokenizer that belongs to these weights",
            )


def _name_tokens(vocabulary: Vocabulary) -> list[tuple[str, int]]:
    """Return the letters and the ends of a vocabulary with their tokens."""
    ends = [("the beginning", token) for token in vocabulary.before] + [
        ("the end", token) for token in vocabulary.after
    ]
    return [*sorted(vocabulary.tokens.items()), *ends]
