"""A picture of one protein by its kind: the numbers from the atlas, drawn."""

from collections.abc import Sequence
from typing import Any, Literal, get_args

from attlas.queries.answers.one_id import Answer, list_added_rows
from attlas.queries.answers.stored_rows import ProteinRow
from attlas.queries.plots.heads import DEFAULT_STATISTIC, STATISTICS, draw_heads
from attlas.queries.plots.links import HeadLinks, choose_head, draw_links, links_of_rows
from attlas.queries.plots.profile import draw_profile
from attlas.queries.plots.protein import check_head, check_layer, find_computed_protein, origin_text
from attlas.queries.plots.saving import show_in_notebooks
from attlas.queries.plots.track_lines import DrawnTrack, tracks_of_rows
from attlas.queries.report.pictures import style
from attlas.queries.store import Store, lacks_table
from attlas.queries.text import printable
from attlas.schema import HEADS, LINKS, TRACKS, QuestionError

Kind = Literal["profile", "heads", "links"]
KINDS: tuple[str, ...] = get_args(Kind)
"""The kinds of pictures."""
_OPTIONS = {"profile": ("layer", "tracks"), "heads": ("statistic",), "links": ("layer", "head")}
"""The options that go with each kind."""


def draw_plot(
    atlas: Store,
    id: str,
    kind: str,
    *,
    layer: int | None = None,
    head: int | None = None,
    statistic: str | None = None,
    tracks: Sequence[str] = (),
) -> Any:
    """Return a picture of a protein as a figure of matplotlib.

    Args:
        atlas: the atlas.
        id: an id of the protein.
        kind: one of KINDS.
        layer: of a profile, by default the layer of convergence; of links, the layer of the head.
        head: the head whose links are drawn, by default that whose links touch the sites most.
        statistic: the statistic of heads, a name of STATISTICS; by default the number of edges.
        tracks: names of the tracks that are drawn below a profile.

    Raises:
        QuestionError: there is no such kind, the protein has no such picture, or an option does not go with the kind.
        EnvironmentFault: matplotlib is not installed.
    """
    _check_options(kind, layer=layer, head=head, statistic=statistic, tracks=tracks or None)
    if layer is not None:
        check_layer(atlas, layer)
    if head is not None:
        check_head(atlas, head)

    with style():
        if kind == "profile":
            figure = _profile(atlas, id, layer, tracks)
        elif kind == "heads":
            figure = _heads(atlas, id, statistic or DEFAULT_STATISTIC)
        else:
            figure = _links(atlas, id, layer, head)
    return show_in_notebooks(figure)


def _check_options(kind: str, **options: object) -> None:
    """Refuse an option that does not go with the kind. Raises QuestionError."""
    if kind not in KINDS:
        raise QuestionError(f"There is no picture of the kind {kind}.", expected=" or ".join(KINDS))
    for name, value in options.items():
        if value is not None and name not in _OPTIONS[kind]:
            kinds = " and ".join(other for other, names in _OPTIONS.items() if name in names)
            raise QuestionError(f"A picture of the kind {kind} has no {name}.", hint=f"{name} goes with {kinds}")
    if options["head"] is not None and options["layer"] is None:
        raise QuestionError("A head is named by its layer as well.", expected="layer and head")


def _profile(atlas: Store, id: str, layer: int | None, names: Sequence[str]) -> Any:
    answer = find_computed_protein(atlas, id, layer=layer)
    protein = answer.protein
    if layer is None and (protein.layer is None or answer.profile is None):
        raise QuestionError(
            f"{protein.accession} has no layer of convergence, so no profile by default.",
            found=protein.sites_note,
            hint="name a layer, counted from 0",
        )

    if layer is None:
        layer, values = protein.layer, answer.profile
    else:
        values = answer.profiles[0][1]
    tracks = _tracks(atlas, protein, names)
    words = {"origin": origin_text(atlas), "model": _model(atlas)}
    return draw_profile(answer, layer or 0, values or (), tracks=tracks, **words)


def _tracks(atlas: Store, protein: ProteinRow, names: Sequence[str]) -> tuple[DrawnTrack, ...]:
    """Return tracks of a protein. Raises QuestionError for a name that it has no values of."""
    if not names:
        return ()
    columns = ("name", "position", "value", "unit", "source")
    rows = list_added_rows(atlas, TRACKS, protein, columns, by=("name", "source", "position"))
    if rows is None:
        raise lacks_table(TRACKS)

    present = sorted({row["name"] for row in rows})
    if missing := [name for name in names if name not in present]:
        raise QuestionError(
            f"{protein.accession} has no track {printable(missing[0])}.",
            expected=f"one of {', '.join(map(printable, present))}" if present else None,
            found=None if present else "no track of this protein",
        )
    return tracks_of_rows(rows, names)


def _heads(atlas: Store, id: str, statistic: str) -> Any:
    if statistic not in STATISTICS:
        raise QuestionError("Heads have no such statistic.", expected=", ".join(STATISTICS), found=statistic[:80])
    answer = find_computed_protein(atlas, id)
    rows = _head_rows(atlas, answer, statistic)
    shape = {"n_layers": atlas.n_layers, "n_heads": atlas.manifest.run.n_heads}
    return draw_heads(answer.protein, statistic, rows, **shape, origin=origin_text(atlas))


def _links(atlas: Store, id: str, layer: int | None, head: int | None) -> Any:
    if not atlas.manifest.of_table(LINKS):
        raise lacks_table(LINKS)

    answer = find_computed_protein(atlas, id)
    protein = answer.protein
    names = ("layer", "head", "i", "j", "weight")
    links = links_of_rows(atlas.sequence_rows(LINKS, protein.sequence_id or 0, names).to_pylist())
    if not links:
        hint = "it may be too short, or longer than `attlas links` was told to go"
        raise QuestionError(f"{protein.accession} has no links.", hint=hint)

    of_layer = [link for link in links if layer in (None, link.layer) and head in (None, link.head)]
    place = choose_head(of_layer, {site.position for site in answer.sites})
    if place is None:
        words = f"layer {layer}" if head is None else f"head {layer}-{head}"
        raise QuestionError(
            f"{protein.accession} has no links in {words}.", hint="`attlas ask DIR links_of protein=ID` lists its links"
        )

    edges = {(row["layer"], row["head"]): row["n_edges"] for row in _head_rows(atlas, answer, "n_edges")}
    of_head = tuple(link for link in of_layer if (link.layer, link.head) == place)
    head_links = HeadLinks(*place, of_head, edges[place], atlas.manifest.run.edge_theta)
    return draw_links(answer, head_links, origin=origin_text(atlas), model=_model(atlas))


def _head_rows(atlas: Store, answer: Answer, statistic: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = atlas.sequence_rows(
        HEADS, answer.protein.sequence_id or 0, ("layer", "head", statistic)
    ).to_pylist()
    return rows


def _model(atlas: Store) -> str:
    return atlas.manifest.run.model.rpartition("/")[2]
