"""Another atlas → rows: every protein with its sites by rank, or with the reason why it was not computed."""

from pathlib import Path

from attlas.queries.atlas import Atlas
from attlas.queries.comparing.claims import NOT_COMPUTED_THERE, Row, Source, Spot
from attlas.schema import SITES

COLUMNS = ("accession", "sequence_id", "status", "reason", "md5", "length", "layer")


def read(place: str | Path) -> Source:
    """Return what an atlas says.

    Raises:
        BrokenAtlasError: it cannot be read.
    """
    with Atlas.open(place) as atlas:
        rows = _rows(atlas)
        run, n_layers = atlas.manifest.run, atlas.n_layers
        kind = f"atlas of {run.model}, {n_layers} layers, rule {run.rule}"
        name, digest = Path(str(place)).name, atlas.manifest.atlas_id
        return Source(name, kind, digest, rows, base=1, is_list=True, n_layers=n_layers)


def _rows(atlas: Atlas) -> tuple[Row, ...]:
    proteins = atlas.protein_rows(range(atlas.manifest.counts.n_requested), COLUMNS)
    columns = [proteins.column(name).to_pylist() for name in COLUMNS]
    computed = [id for id, status in zip(columns[1], columns[2], strict=True) if status == "ok"]
    sites, where = atlas.rows_of_sequences(SITES, computed, ("position", "residue", "rank"))
    values = list(zip(*(sites.column(name).to_pylist() for name in ("position", "residue", "rank")), strict=True))
    spots = [Spot(str(position), position, residue, rank) for position, residue, rank in values]
    return tuple(
        Row(
            accession,
            tuple(spots[at] for at in where[sequence_id]) if status == "ok" else (),
            layer=layer,
            md5=md5,
            length=length,
            problem=None if status == "ok" else (NOT_COMPUTED_THERE, f"{status}: {reason}"),
        )
        for accession, sequence_id, status, reason, md5, length, layer in zip(*columns, strict=True)
    )
