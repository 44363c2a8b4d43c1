"""The columns of a table of sites, by the many names they have, and its rows as `PublishedRow`."""

from collections.abc import Mapping, Sequence

from attlas.intake.claims import SequenceClaim
from attlas.intake.rejects import Problem, Reason
from attlas.intake.rows import find_columns
from attlas.queries.comparing.positions import is_nothing, read_sites, whole_number
from attlas.queries.comparing.published import PublishedRow, PublishedSite

SYNONYMS = {
    "accession": (
        "accession", "acc", "uniprot", "uniprot_id", "uniprot_ac", "uniprot_acc", "uniprot_accession", "uniprotkb",
        "protein", "protein_id", "protein_accession", "entry", "id", "protein_name", "entry_name", "name", "gene",
    ),
    "position": (
        "position", "positions", "pos", "site", "sites", "ha_site", "ha_sites", "ha_position", "ha_positions",
        "attention_sites", "high_attention_site", "high_attention_sites", "residue_index", "residue_indices",
        "residue_number", "residue_id", "resi", "resid", "resnum", "index", "indices",
    ),
    "residue": ("residue", "residues", "aa", "amino_acid", "letter", "letters", "residue_letter", "resname", "wt"),
    "rank": ("rank", "order"),
    "layer": ("layer", "layers", "layer_of_convergence", "convergence_layer", "loc"),
    "md5": ("md5", "sequence_md5"),
    "crc64": ("crc64", "sequence_crc64"),
    "length": ("length", "sequence_length"),
    "status": ("status",),
    "reason": ("reason",),
}  # fmt: skip
"""Columns read, each by its names in order of preference; letter case, blanks and hyphens do not count."""

_N_SHOWN = 40
"""Characters of a cell that a message repeats."""


def site_columns(header: Sequence[str]) -> dict[str, int]:
    """Return the place of each column that a header names; `residue` alone is the position in some tables."""
    places = find_columns(header, SYNONYMS)
    if "position" not in places and "residue" in places:
        places["position"] = places.pop("residue")
    return places


def expected_columns(*columns: str) -> str:
    """Return the columns that a header must have, in words, for messages."""
    return " and ".join(f"{column} (or {', '.join(SYNONYMS[column][1:6])})" for column in columns)


def read_row(cells: Mapping[str, str | None], line: int | None) -> PublishedRow:
    """Return the row that the cells of a line state, by column."""
    problem = _not_computed(cells)

    sites: tuple[PublishedSite, ...] = ()
    try:
        sites = read_sites(cells.get("position") or "", letters=cells.get("residue"), rank=cells.get("rank"))
    except ValueError as error:
        problem = problem or Problem(Reason.UNREADABLE_LINE, str(error))

    # The first problem of a row is reported, and a row that cannot be read keeps its id for the account.
    layer_cell = cells.get("layer")
    layer = whole_number(layer_cell)
    if layer is None and not is_nothing(layer_cell):
        detail = f"layer `{(layer_cell or '')[:_N_SHOWN]}` is no number from 0"
        problem = problem or Problem(Reason.UNREADABLE_LINE, detail)

    md5, crc64 = _text(cells.get("md5")), _text(cells.get("crc64"))
    claim = SequenceClaim(
        md5=md5 and md5.lower(), crc64=crc64 and crc64.upper(), length=whole_number(cells.get("length"))
    )
    return PublishedRow((cells.get("accession") or "").strip(), sites, line, layer, claim, problem)


def _not_computed(cells: Mapping[str, str | None]) -> Problem | None:
    status = cells.get("status")
    if status not in ("skipped", "failed"):
        return None
    return Problem(Reason.NOT_COMPUTED_IN_SOURCE, f"{status}: {cells.get('reason') or 'no reason given'}")


def _text(cell: str | None) -> str | None:
    return None if cell is None or is_nothing(cell) else cell.strip()
