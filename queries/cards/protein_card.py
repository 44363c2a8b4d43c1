"""`ProteinCard`: an answer about one protein as text, and as HTML for a notebook."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

from attlas.queries.answers.one_id import Answer
from attlas.queries.cards.card import card, format_title
from attlas.queries.colours import read_light_colours
from attlas.schema import Run

TEXT_WIDTH = 100
"""Characters of a line of the text."""
LINE_RESIDUES = 60
"""Residues of a line of the sequence in HTML."""
BAR_HEIGHT_PX, BAR_WIDTH_PX = 40, 600
PAINT = read_light_colours()["site"]
"""Colour of sites; told apart from grey in every kind of colour vision."""


@dataclass(frozen=True)
class ProteinCard:
    """The answer about one protein, to be printed or shown; `str` is the card of `attlas show`."""

    answer: Answer
    run: Run

    def __str__(self) -> str:
        return card(self.answer, self.run, width=TEXT_WIDTH)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        """Return the card for a notebook: names, profile, sites, sequence."""
        parts = [*_heading(self.answer), *_profile(self.answer), *_sites(self.answer), *_sequence(self.answer)]
        return f"<div>{''.join(parts)}</div>"


def _heading(answer: Answer) -> Iterator[str]:
    protein = answer.protein
    yield f"<b>{escape(format_title(protein))}</b>"
    facts = [protein.organism, f"{protein.length:,} residues", answer.outcome]
    if protein.layer is not None:
        facts.append(f"layer of convergence {protein.layer}")
    if answer.reason:
        facts.append(answer.reason)

    yield f"<div>{escape(' · '.join(str(fact) for fact in facts if fact))}</div>"


def _profile(answer: Answer) -> Iterator[str]:
    """Yield the profile as an SVG of one bar a residue, the sites in colour."""
    if not answer.profile:
        return

    highest = max(answer.profile) or 1.0
    positions = {site.position for site in answer.sites}
    step = BAR_WIDTH_PX / len(answer.profile)

    bars = []
    for index, received in enumerate(answer.profile):
        height = BAR_HEIGHT_PX * received / highest
        colour = PAINT if index + 1 in positions else "#999999"
        bars.append(
            f'<rect x="{index * step:.2f}" y="{BAR_HEIGHT_PX - height:.2f}" width="{max(step, 1):.2f}" '
            f'height="{height:.2f}" fill="{colour}"/>'
        )

    yield (
        f'<svg width="{BAR_WIDTH_PX}" height="{BAR_HEIGHT_PX}" role="img" '
        f'aria-label="attention received along the sequence">{"".join(bars)}</svg>'
    )


def _sites(answer: Answer) -> Iterator[str]:
    if not answer.sites:
        return
    names = ("rank", "position", "residue", "received", "share")
    head = "".join(f"<th>{name}</th>" for name in names)
    rows = "".join(
        f"<tr>{''.join(f'<td>{_cell(getattr(site, name))}</td>' for name in names)}</tr>" for site in answer.sites
    )
    yield f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _sequence(answer: Answer) -> Iterator[str]:
    sequence = answer.protein.sequence or ""
    positions = {site.position for site in answer.sites}

    lines = []
    for begin in range(0, len(sequence), LINE_RESIDUES):
        letters = [
            f'<b style="color:{PAINT}">{escape(letter)}</b>' if position in positions else escape(letter)
            for position, letter in enumerate(sequence[begin : begin + LINE_RESIDUES], start=begin + 1)
        ]
        lines.append(f"{begin + 1:>6} {''.join(letters)}")

    yield f"<pre>{chr(10).join(lines)}</pre>"


def _cell(value: Any) -> str:
    return escape(f"{value:.3f}" if isinstance(value, float) else str(value))
