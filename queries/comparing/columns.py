"""The columns of a table of sites, by the many names they have, and a row of such a table made a `Row`."""

from collections.abc import Mapping, Sequence

from attlas.queries.comparing.claims import NOT_COMPUTED_THERE, UNREADABLE, Row, Spot
from attlas.queries.comparing.positions import is_nothing, spots_of, whole_number

NAMES = {
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


def roles(names: Sequence[str]) -> dict[str, int]:
    """Return which column of a header is what, by its place; empty unless protein and position are there."""
    plain = ["_".join(name.strip().strip("\ufeff").lower().replace("-", " ").split()) for name in names]
    found = {}
    for role, synonyms in NAMES.items():
        name = next((name for name in synonyms if name in plain), None)
        if name is not None:
            found[role] = plain.index(name)
    if "position" not in found and "residue" in found:  # `residue` is the number in some tables
        found["position"] = found.pop("residue")
    return found


def expected(*needed: str) -> str:
    """Return what a header is to have, for messages."""
    return " and ".join(f"{role} (or {', '.join(NAMES[role][1:6])})" for role in needed)


def row_of(values: Mapping[str, str | None], line: int) -> Row:
    """Return the row that the cells of a line say."""
    id = (values.get("accession") or "").strip()
    problem = _not_computed(values)
    spots: tuple[Spot, ...] = ()
    try:
        spots = spots_of(values.get("position") or "", letters=values.get("residue"), rank=values.get("rank"))
    except ValueError as error:
        problem = problem or (UNREADABLE, str(error))
    layer = values.get("layer")
    number = whole_number(layer)
    if number is None and not is_nothing(layer):
        problem = problem or (UNREADABLE, f"layer `{(layer or '')[:40]}` is no number from 0")
    return Row(
        id,
        spots,
        line,
        number,
        md5=_or_none(values.get("md5"), lower=True),
        crc64=_or_none(values.get("crc64"), lower=False),
        length=whole_number(values.get("length")),
        problem=problem,
    )


def _not_computed(values: Mapping[str, str | None]) -> tuple[str, str] | None:
    status = values.get("status")
    if status is None or status not in ("skipped", "failed"):
        return None
    return NOT_COMPUTED_THERE, f"{status}: {values.get('reason') or 'no reason given'}"


def _or_none(text: str | None, *, lower: bool) -> str | None:
    if text is None or is_nothing(text):
        return None
    return text.strip().lower() if lower else text.strip().upper()
