"""What `attlas build` adds to an atlas once it is sealed, as the verbs of these names do: links, vectors, pairs."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from attlas.cli.workshop import workshop

if TYPE_CHECKING:
    from attlas.pipeline.build import MakeVectors
    from attlas.pipeline.dry_run import BuildDraft
    from attlas.pipeline.pairs.files.rows import PairFileOptions
    from attlas.pipeline.pairs.pair_list import PairList
    from attlas.pipeline.pairs.settings import PairSettings


@dataclass(frozen=True)
class Additions:
    """What is added, as the options of the command line say; nothing by default."""

    links: bool
    vectors: str | None
    """Kinds of vectors."""
    pairs: Path | None
    """File of pairs."""
    aliases: Path | None
    """File with the names of proteins in STRING, for the file of pairs."""
    min_score: float | None
    """Lowest score of pairs in the file of pairs; pairs of a lower score are left out."""
    all_against: Path | None
    """List of the proteins with which each protein of `pairs` is paired."""
    join: str | None
    """Forms of pairs."""
    order: str | None
    """Orders of the two; None: both."""
    gap: int | None
    """Positions without letters, in the form `gap`; None: as many as `attlas pairs` puts there."""


def refuse_contradictions(additions: Additions) -> None:
    """Refuse options that say something of a file of pairs where there is none. Raises typer.BadParameter."""
    of_pairs = {
        "--aliases": additions.aliases,
        "--min-score": additions.min_score,
        "--all-against": additions.all_against,
        "--join": additions.join,
        "--order": additions.order,
        "--gap": additions.gap,
    }
    for option, value in of_pairs.items():
        if value is not None and additions.pairs is None:
            raise typer.BadParameter("it belongs to --pairs FILE", param_hint=option)


def refuse_any(additions: Additions) -> None:
    """Refuse to add anything to an atlas in an object store. Raises typer.BadParameter."""
    if additions.links or additions.pairs or additions.vectors:
        option = "links" if additions.links else "pairs" if additions.pairs else "vectors"
        raise typer.BadParameter(f"{option} are computed of an atlas in a directory", param_hint=f"--{option}")


def read_early_pairs(additions: Additions) -> "PairList | None":
    """Return the pairs before the build, so that a file that cannot be read costs none.

    None: there is no file, or its ids are those of a database and need the atlas.
    """
    if additions.pairs is None:
        return None
    from attlas.pipeline.pairs.pair_list import needs_names, read_pairs

    options = _make_pair_options(additions)
    return None if needs_names(additions.pairs, options) else read_pairs(additions.pairs, options)


def make_vector_maker(additions: Additions) -> "MakeVectors | None":
    """Return the function that makes the pooling of hidden states during a build; None: no vectors are asked for."""
    if additions.vectors is None:
        return None
    from attlas.pipeline.vectors.adding import make_build_vectors
    from attlas.pipeline.vectors.choice import VectorSettings

    return partial(make_build_vectors, VectorSettings(additions.vectors))


def print_costs(additions: Additions, draft: "BuildDraft", *, workers: int | None, scheduler: str | None) -> None:
    """Print what the additions cost beside the build."""
    if additions.links:
        print("links    one more pass over every protein, about as long as the build")
    if additions.vectors is not None:
        from attlas.pipeline.vectors.cost import predict_build_vectors

        n_bytes = predict_build_vectors(draft, additions.vectors)
        print(f"vectors  pooled while the build runs; disk about {n_bytes / 1e6:,.0f} MB more")
    if additions.pairs is not None:
        from attlas.cli.pairing import describe_cost
        from attlas.pipeline.pairs.cost import predict_build_pairs_cost

        options, settings = _make_pair_options(additions), _make_pair_settings(additions)
        cost = predict_build_pairs_cost(
            draft, additions.pairs, options, settings, n_workers=workers, scheduler=scheduler
        )
        print("\nbehind the build:\n" + "\n".join(describe_cost(cost)))


def add_to_atlas(
    additions: Additions, out: Path, early_pairs: "PairList | None", *, workers: int | None, scheduler: str | None
) -> bool:
    """Run the passes, print what they added, and return whether a protein or a pair failed."""
    has_failed = False
    if additions.links:
        from attlas.cli.linking import add_and_report_links

        has_failed = add_and_report_links(out, workers=workers, scheduler=scheduler)
    if additions.vectors is not None:
        from attlas.cli.embedding import add_and_report_vectors
        from attlas.pipeline.vectors.choice import VectorSettings

        has_failed |= add_and_report_vectors(
            out, VectorSettings(additions.vectors), workers=workers, scheduler=scheduler
        )
    if additions.pairs is not None:
        from attlas.cli.pairing import add_and_report_pairs, read_listed_pairs

        settings = _make_pair_settings(additions)
        listed = early_pairs
        if listed is None:
            with workshop():
                listed = read_listed_pairs(out, additions.pairs, _make_pair_options(additions))
        is_cost_announced = additions.all_against is not None
        has_failed |= add_and_report_pairs(
            out, listed, settings, workers=workers, scheduler=scheduler, is_cost_announced=is_cost_announced
        )
    return has_failed


def _make_pair_settings(additions: Additions) -> "PairSettings":
    from attlas.pipeline.pairs.joining import DEFAULT_GAP
    from attlas.pipeline.pairs.settings import PairSettings

    gap = DEFAULT_GAP if additions.gap is None else additions.gap
    return PairSettings(forms=additions.join, order=additions.order or "both", gap=gap)


def _make_pair_options(additions: Additions) -> "PairFileOptions":
    from attlas.pipeline.pairs.files.rows import PairFileOptions

    return PairFileOptions(additions.aliases, additions.min_score, additions.all_against)
