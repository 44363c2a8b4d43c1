"""What the page of a protein shows, as one JSON object: made from the answers of the atlas, with no logic of its own.

The object, of format 1. N residues, L layers, H heads; `null` where the atlas has no such table, or the protein was not
computed. Lists that stand beside each other are columns of one table, to save bytes.

- `provenance`: as every answer of the atlas states it.
- `model`: `n_layers`, `n_heads`, `theta`, the attention from which on a pair is an edge, and `statistics`, what each
  statistic of a head is, by its name.
- `protein`, `sites`, `features`, `families`: as `attlas show --json` gives them.
- `received`: attention received, float16 little endian as base64, L x N: layer 0 at the start, position 1 at the start
  of each layer. A layer that was left out for its size (see `thinned`) is NaN throughout.
- `heads`: `statistics`, for every statistic of the table `heads` a list of L x H numbers, layer by layer.
- `links`: the settings `floor` and `per_residue`, and the lists `layer`, `head`, `i`, `j`, `weight`.
- `contacts`: the lists `i`, `j`, `probability`.
- `tracks`: numbers of one's own, each with `name`, `unit`, `source` and the lists `positions`, `values`.
- `variants`: the same of substitutions, each with `source`, `name`, `position`, `from`, `to` and `value`.
- `structure`: `kind` (`file`, or `trace` of C-alpha atoms), `format` (`pdb` or `mmcif`) and `text` of what is drawn,
  its `name` and `source`, `chains`, each with the `positions` of the sequence and the `residues` (number and insertion
  code, as text) that they are in `text`, `n_mapped` positions, and `notes` on what does not fit.
- `thinned`: what is not shown, as sentences: what was left out to keep the page small, and from a server a structure
  that cannot be drawn.
"""

import base64
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from attlas.queries.answers.one_id import (
    list_added_rows,
    read_families,
    read_features,
    read_proteins,
    read_received,
    read_sites,
)
from attlas.queries.answers.shortest_decimals import shortest_floats, shortest_floats_of
from attlas.queries.answers.stored_rows import FamilyRow, FeatureRow, ProteinRow
from attlas.queries.lookup.settings import settings_where_computed
from attlas.queries.page.drawn_structure import draw_file, draw_trace
from attlas.queries.page.thinning import DATA_BYTES, thin
from attlas.queries.provenance import provenance_values
from attlas.queries.store import Store
from attlas.schema import CONTACTS, HEADS, LINKS, TRACKS, VARIANTS, QuestionError, Run, Table
from attlas.structures.folder import find_structure

FORMAT = 1
LINK_COLUMNS = ("layer", "head", "i", "j", "weight")
CONTACT_COLUMNS = ("i", "j", "probability")
TRACK_COLUMNS = ("name", "unit", "source", "position", "value")
TRACK_ORDER = ("name", "source", "unit", "position")
VARIANT_COLUMNS = ("source", "name", "position", "residue", "substitute", "value")
VARIANT_ORDER = ("name", "source", "position", "substitute")
STATISTICS = tuple(column.name for column in HEADS.stored() if column.name not in ("sequence_id", "layer", "head"))


@dataclass(frozen=True)
class Heading:
    """What the page of a protein says at the start."""

    protein: ProteinRow
    values: Mapping[str, Any]
    """`provenance`, `model`, `protein`, `sites` and `families` of the data."""


@dataclass(frozen=True)
class Drawing:
    """A structure that was drawn before."""

    structure: dict[str, Any] | None = None
    """`structure` of the data; None where it could not be drawn."""
    notes: tuple[str, ...] = ()
    """Why it could not, as sentences."""


def protein_data(
    atlas: Store,
    id: str,
    *,
    structure: Path | None = None,
    chain: str | None = None,
    max_bytes: int | None = DATA_BYTES,
) -> dict[str, Any]:
    """Return the data of the page of a protein, in the form that this file begins with.

    Args:
        structure: PDB or mmCIF file to draw, or a folder with one that is named after the protein; without it, the
            C-alpha atoms of an annotated structure are drawn.
        chain: chain of the structure; None takes every chain of a file that fits, or the longest one annotated.
        max_bytes: bytes of the data, gzipped, from which on they are thinned; None never thins.

    Raises:
        QuestionError: the id is not in the atlas, or names several proteins; there is no such chain; the protein has no
            sequence for a structure to be mapped onto.
        InputError: the structure cannot be read, or is not of this protein.
        EnvironmentFault: a structure is given, and gemmi is not installed.
    """
    return complete_data(atlas, read_heading(atlas, id), structure=structure, chain=chain, max_bytes=max_bytes)


def read_heading(atlas: Store, id: str) -> Heading:
    """Return the heading of a page, which is read at once.

    Raises:
        QuestionError: the id is not in the atlas, or names several proteins.
    """
    match = atlas.match(id)
    if not match.rows:
        raise match.fault()

    protein = read_proteins(atlas, match)[0]
    values = {
        "provenance": provenance_values(atlas.manifest),
        "model": model_facts(atlas.manifest.run),
        "protein": asdict(protein),
        "sites": _sites(atlas, protein),
        "families": _annotation(atlas, protein, read_families),
    }
    return Heading(protein, values)


def complete_data(
    atlas: Store,
    heading: Heading,
    *,
    structure: Path | None = None,
    chain: str | None = None,
    drawing: Drawing | None = None,
    max_bytes: int | None = DATA_BYTES,
) -> dict[str, Any]:
    """Return the data of the page of a protein whose heading was read already; arguments as `protein_data` has them.

    With `drawing` its structure is shown, and no file is read; where it has none, what the atlas is annotated with.

    Raises:
        QuestionError, InputError, EnvironmentFault: the structure is not there, or cannot be drawn, as `protein_data`.
    """
    protein, values = heading.protein, heading.values
    drawn = drawing.structure if drawing is not None else None

    data: dict[str, Any] = {
        "format": FORMAT,
        "provenance": values["provenance"],
        "model": values["model"],
        "protein": values["protein"],
        "sites": values["sites"],
        "received": _encode_received(atlas, protein),
        "heads": _heads(atlas, protein),
        "links": _links(atlas, protein),
        "features": _annotation(atlas, protein, read_features),
        "families": values["families"],
        "contacts": _contacts(atlas, protein),
        "tracks": _tracks(atlas, protein),
        "variants": _variants(atlas, protein),
        "structure": _structure(atlas, protein, structure, chain) if drawn is None else drawn,
        "thinned": [] if drawing is None else list(drawing.notes),
    }

    return data if max_bytes is None else thin(data, max_bytes=max_bytes)


def model_facts(run: Run) -> dict[str, Any]:
    """Return the facts of the model for a page."""
    descriptions = {column.name: column.doc for column in HEADS.columns if column.name in STATISTICS}
    return {
        "n_layers": run.n_layers,
        "n_heads": run.n_heads,
        "theta": run.edge_theta,
        "statistics": descriptions,
    }


def _sites(atlas: Store, protein: ProteinRow) -> list[dict[str, Any]] | None:
    if not protein.is_computed or protein.sequence_id is None:
        return [] if protein.is_computed else None
    return list(map(asdict, read_sites(atlas, protein.sequence_id)))


def _annotation(
    atlas: Store,
    protein: ProteinRow,
    read: Callable[[Store, ProteinRow], tuple[FeatureRow, ...] | tuple[FamilyRow, ...] | None],
) -> list[dict[str, Any]] | None:
    rows = read(atlas, protein) if protein.is_computed else None
    return None if rows is None else list(map(asdict, rows))


def _encode_received(atlas: Store, protein: ProteinRow) -> dict[str, str] | None:
    if not protein.is_computed or protein.sequence_id is None:
        return None

    return encode_layers(read_received(atlas, protein.sequence_id).cast("f"), atlas.n_layers)


def encode_layers(values: Sequence[float], n_layers: int) -> dict[str, str]:
    """Return N x L values, residue by residue, as float16 layer by layer: a page draws one layer at a time."""
    half_floats = struct.Struct(f"<{len(values) // n_layers}e")
    by_layer = b"".join(half_floats.pack(*values[layer::n_layers]) for layer in range(n_layers))  # L x N
    return {"encoding": "float16-base64", "data": base64.b64encode(by_layer).decode()}


def _heads(atlas: Store, protein: ProteinRow) -> dict[str, Any] | None:
    if not protein.is_computed or protein.sequence_id is None:
        return None
    columns = atlas.sequence_rows(HEADS, protein.sequence_id, STATISTICS)
    return {"statistics": {name: shortest_floats(columns[name]) for name in STATISTICS}}


def _links(atlas: Store, protein: ProteinRow) -> dict[str, Any] | None:
    settings = _settings(atlas, LINKS, protein)
    if settings is None or protein.sequence_id is None:
        return None
    columns = atlas.sequence_rows(LINKS, protein.sequence_id, LINK_COLUMNS)
    lists = {name: shortest_floats(columns[name]) for name in LINK_COLUMNS}
    return {"floor": settings.get("floor"), "per_residue": settings.get("per_residue"), **lists}


def _contacts(atlas: Store, protein: ProteinRow) -> dict[str, Any] | None:
    if _settings(atlas, CONTACTS, protein) is None or protein.sequence_id is None:
        return None
    columns = atlas.sequence_rows(CONTACTS, protein.sequence_id, CONTACT_COLUMNS)
    return {name: shortest_floats(columns[name]) for name in CONTACT_COLUMNS}


def _tracks(atlas: Store, protein: ProteinRow) -> list[dict[str, Any]] | None:
    """Return the tracks of a protein by name and source; values of two sources, or in two units, are two tracks."""
    rows = list_added_rows(atlas, TRACKS, protein, TRACK_COLUMNS, by=TRACK_ORDER)
    if rows is None or not protein.is_computed:
        return None

    values = shortest_floats_of([row["value"] for row in rows])
    tracks: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row, value in zip(rows, values, strict=True):
        name, unit, source = row["name"], row["unit"], row["source"]
        empty = {"name": name, "unit": unit, "source": source, "positions": [], "values": []}
        track = tracks.setdefault((name, unit, source), empty)
        track["positions"].append(row["position"])
        track["values"].append(value)
    return list(tracks.values())


def _variants(atlas: Store, protein: ProteinRow) -> list[dict[str, Any]] | None:
    rows = list_added_rows(atlas, VARIANTS, protein, VARIANT_COLUMNS, by=VARIANT_ORDER)
    if rows is None or not protein.is_computed:
        return None

    values = shortest_floats_of([row["value"] for row in rows])
    return [
        {
            "source": row["source"],
            "name": row["name"],
            "position": row["position"],
            "from": row["residue"],
            "to": row["substitute"],
            "value": value,
        }
        for row, value in zip(rows, values, strict=True)
    ]


def _settings(atlas: Store, table: Table, protein: ProteinRow) -> dict[str, Any] | None:
    """Return the settings a pass computed a protein with; None where it has not been run, or left the protein out."""
    if not protein.is_computed or protein.sequence_id is None:
        return None
    return settings_where_computed(atlas.root, atlas.manifest, table, protein.sequence_id, length=protein.length)


def _structure(atlas: Store, protein: ProteinRow, structure: Path | None, chain: str | None) -> dict[str, Any] | None:
    if structure is None:
        return draw_trace(atlas, protein, chain=chain) if protein.is_computed else None
    if protein.sequence is None:
        what = f"{protein.accession} has no sequence for a structure to be mapped onto."
        raise QuestionError(what, found=f"{protein.status}: {protein.reason}")
    path = find_structure(structure, protein.accession)
    return draw_file(path, protein.accession, protein.sequence, chain=chain)
