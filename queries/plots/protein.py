"""The protein of a picture: its row, sites and features, and what the picture says of its origin."""

from attlas.queries.answers.one_id import Answer, NoAnswer, answer_match
from attlas.queries.store import Store
from attlas.schema import QuestionError
from attlas.schema.published_weights import describe_weights

_ID_DIGITS = 12
"""Digits of the id of an atlas that a picture shows."""


def find_computed_protein(atlas: Store, id: str, *, layer: int | None = None) -> Answer:
    """Return the answer to an id whose protein was computed, with the profile of a layer.

    Raises:
        QuestionError: the id is not in the atlas, names several different proteins, or one that was not computed.
    """
    answer = answer_match(atlas, atlas.match(id), layers=() if layer is None else (layer,))[0]
    if isinstance(answer, NoAnswer):
        raise answer.fault()

    protein = answer.protein
    if not protein.is_computed:
        raise QuestionError(
            f"There is nothing to draw of {protein.accession}.",
            expected="a protein that was computed",
            found=f"{protein.status}: {protein.reason}",
        )
    return answer


def check_layer(atlas: Store, layer: int) -> None:
    """Refuse a layer that the model does not have. Raises QuestionError."""
    _check_number("layer", layer, atlas.n_layers)


def check_head(atlas: Store, head: int) -> None:
    """Refuse a head that the model does not have. Raises QuestionError."""
    _check_number("head", head, atlas.manifest.run.n_heads)


def origin_text(atlas: Store) -> str:
    """Return the origin of a picture as text: weights, rule, atlas and version."""
    run = atlas.manifest.run
    parts = (
        f"weights: {describe_weights(run)}",
        f"rule {run.rule}",
        f"atlas {atlas.manifest.atlas_id[:_ID_DIGITS]}",
        f"attlas {run.attlas_version}",
    )
    return " · ".join(parts)


def _check_number(noun: str, number: int, n: int) -> None:
    if not 0 <= number < n:
        raise QuestionError(
            f"The model of this atlas has no {noun} {number}.", expected=f"{noun}s from 0 to {n - 1}", found=str(number)
        )
