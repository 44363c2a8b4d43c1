"""The settings of the pass over pairs, with what each may be."""

from dataclasses import dataclass

from attlas.pipeline.pairs.joining import DEFAULT_GAP
from attlas.schema import InputError

DEFAULT_FLOOR = 0.05
"""Attention from which on a weight across may become a link: half of that of `links`, since it is spread wider."""

DEFAULT_PER_RESIDUE = 1
"""Links across for each residue of both proteins."""


@dataclass(frozen=True)
class PairSettings:
    """The settings of the pass over pairs."""

    forms: str | None = None
    """Forms in which two proteins are joined, separated by commas; None: the model's default."""
    order: str = "both"
    """`both` orders, or `forward` alone."""
    gap: int = DEFAULT_GAP
    """Positions without letters, in the form `gap`."""
    floor: float = DEFAULT_FLOOR
    """Attention from which on a weight across may become a link."""
    per_residue: int = DEFAULT_PER_RESIDUE
    """Links across for each residue of both proteins."""
    heads: str | None = None
    """File of a choice of heads, or heads such as `5-3,4-17`, that are fused to a score of contacts."""
    max_length: int | None = None
    """Most residues of both proteins; None: no limit."""
    has_segments: bool = False
    """Whether the attention between the segments of both proteins is kept."""


def check_settings(settings: PairSettings) -> None:
    """Refuse settings that make no sense. Raises InputError."""
    if settings.order not in ("both", "forward"):
        raise InputError(
            "The order says how the two proteins follow each other.", expected="both or forward", found=settings.order
        )

    if not 0 < settings.floor <= 1:
        raise InputError(
            "The floor is the attention from which on a weight may become a link.",
            expected="above 0, to 1",
            found=f"{settings.floor}",
        )

    if settings.per_residue < 1 or settings.gap < 0:
        raise InputError(
            "There is a number of links for each residue, and a gap of so many positions.",
            expected="1 link or more, 0 positions or more",
            found=f"{settings.per_residue} links, {settings.gap} positions",
        )
