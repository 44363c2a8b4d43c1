"""Another atlas → rows: every protein with its sites by rank, or with the reason why it was not computed."""

from pathlib import Path

from attlas.intake.claims import SequenceClaim
from attlas.intake.rejects import Problem, Reason
from attlas.queries.comparing.published import PublishedRow, PublishedSite, PublishedTable
from attlas.queries.store import Store
from attlas.schema import SITES

PROTEIN_COLUMNS = ("accession", "sequence_id", "status", "reason", "md5", "length", "layer")
SITE_COLUMNS = ("position", "residue", "rank")


def read_atlas(place: str | Path) -> PublishedTable:
    """Return the sites of the atlas at a directory or URL.

    Raises:
        BrokenAtlasError: it cannot be read.
    """
    with Store.open(place) as atlas:
        run = atlas.manifest.run
        return PublishedTable(
            name=Path(str(place)).name,
            kind=f"atlas of {run.model}, {run.n_layers} layers, rule {run.rule}",
            sha256=atlas.manifest.atlas_id,
            rows=_rows(atlas),
            first_position=1,
            has_lists=True,
            n_layers=run.n_layers,
        )


def _rows(atlas: Store) -> tuple[PublishedRow, ...]:
    proteins = atlas.protein_rows(range(atlas.manifest.counts.n_requested), PROTEIN_COLUMNS).to_pylist()
    # The sites of all proteins in one read, by rank as they are stored.
    computed = [protein["sequence_id"] for protein in proteins if protein["status"] == "ok"]
    table, rows_of = atlas.rows_of_sequences(SITES, computed, SITE_COLUMNS)
    columns = (table.column(name).to_pylist() for name in SITE_COLUMNS)
    sites = [
        PublishedSite(str(position), position, *letter_and_rank)
        for position, *letter_and_rank in zip(*columns, strict=True)
    ]

    rows = []
    for protein in proteins:
        is_computed = protein["status"] == "ok"
        problem = Problem(Reason.NOT_COMPUTED_IN_SOURCE, f"{protein['status']}: {protein['reason']}")
        rows.append(
            PublishedRow(
                id=protein["accession"],
                sites=tuple(sites[row] for row in rows_of[protein["sequence_id"]]) if is_computed else (),
                layer=protein["layer"],
                claim=SequenceClaim(md5=protein["md5"], length=protein["length"]),
                problem=None if is_computed else problem,
            )
        )

    return tuple(rows)
