"""What the page of a pair shows, as one JSON object: two proteins that ran through the model as one input.

The object, of format 1; words are those of the tables of pairs. Lists beside each other are columns of one table.

- `provenance`, `model`: as for a protein (`protein_data.py`); `statistics` are those of the table `pair_heads`.
- `pair`: `accession`, `partner`, `label`, `score`, the `form` shown, and the `forms` that the atlas has.
- `proteins`: two, as the file of pairs names them (place 1 and 2): `protein`, `sites`, `features` as for a protein, and
  `received_across` and `received_within`, float16 as base64, L x N, means over heads and orders.
- `heads`: for each `place` (1: residues of `accession` attend to those of `partner`) and `chain_order` the
  `statistics`, lists of L x H numbers.
- `links`: `floor`, `per_residue`, and the lists `place`, `chain_order`, `layer`, `head`, `i`, `j`, `weight`.
- `contacts`: the lists `i` (of `accession`), `j` (of `partner`), `probability`, `score`.
- `known_contacts`: the lists `i`, `j`, `distance` (angstrom, or null), and `sources`; null where the atlas is not
  annotated with any.
- `structure`: as for a protein; each of its two `chains` has a `place`.
- `thinned`: what was left out to keep the page small, as sentences.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from attlas.queries.answers.one_id import read_features, read_proteins, read_sites
from attlas.queries.answers.shortest_decimals import shortest_float, shortest_floats
from attlas.queries.answers.stored_rows import ProteinRow
from attlas.queries.lookup.settings import settings_of
from attlas.queries.page.drawn_complex import draw_complex
from attlas.queries.page.pair_thinning import CONTACT_LISTS, LINK_LISTS, thin_pair
from attlas.queries.page.protein_data import encode_layers, model_facts
from attlas.queries.page.thinning import DATA_BYTES
from attlas.queries.provenance import provenance_values
from attlas.queries.store import Store, lacks_table
from attlas.schema import PAIR_HEADS, PAIR_LINKS, PAIRS, PARTNER_CONTACTS, QuestionError

FORMAT = 1
_NAMES = {"pair_id", "sequence_id", "accession", "partner", "place", "form", "chain_order", "layer", "head"}
_STATISTIC_COLUMNS = [column for column in PAIR_HEADS.columns if column.name not in _NAMES]
STATISTICS = ("across_share", *(column.name for column in _STATISTIC_COLUMNS if column.name != "across_share"))
"""Statistics of a head; the page opens with the first."""
_DESCRIPTIONS = {column.name: column.doc.replace("`", "") for column in _STATISTIC_COLUMNS}

_FIND_PAIRS = """
    SELECT pair_id, accession, partner, label, score, forms, status, reason
    FROM pairs
    WHERE (accession = $accession AND partner = $partner) OR (accession = $partner AND partner = $accession)
    -- A pair may stand in several lines; the one that was computed, in the direction asked for, comes at the top.
    ORDER BY status <> 'ok', accession <> $accession, line
"""


def pair_data(
    atlas: Store,
    id: str,
    partner: str,
    *,
    form: str | None = None,
    structure: Path | None = None,
    chains: Sequence[str | None] = (None, None),
    max_bytes: int | None = DATA_BYTES,
) -> dict[str, Any]:
    """Return the data of the page of a pair, in the form that this file begins with.

    Args:
        id: one protein of the pair.
        partner: the other.
        form: how the two were joined; None takes the first that was computed.
        structure: PDB or mmCIF file to draw, with a chain of either protein.
        chains: chain of `id` and of `partner` in it; None finds it by its letters.
        max_bytes: bytes of the data, gzipped, from which on they are thinned; None never thins.

    Raises:
        QuestionError: the atlas has no pairs, not this one, or not in this form; the pair was not computed.
        InputError: the structure cannot be read, or is not of these proteins.
    """
    accession, other = _find_accession(atlas, id), _find_accession(atlas, partner)
    pair = _find_pair(atlas, accession, other)
    shown_form = _choose_form(pair, form)
    query = {"pair_id": pair["pair_id"], "form": shown_form}
    proteins = [read_proteins(atlas, atlas.match(pair[name]))[0] for name in ("accession", "partner")]

    # The page has the two as the file of pairs has them; the chains were named as the caller has them.
    drawn_chains = chains if pair["accession"] == accession else chains[::-1]

    data: dict[str, Any] = {
        "format": FORMAT,
        "provenance": provenance_values(atlas.manifest),
        "model": {**model_facts(atlas.manifest.run), "statistics": _DESCRIPTIONS},
        "pair": {
            **{name: pair[name] for name in ("accession", "partner", "label")},
            "score": shortest_float(pair["score"]),
            "form": shown_form,
            "forms": pair["forms"].split(),
        },
        "proteins": [_read_protein(atlas, protein, place, query) for place, protein in enumerate(proteins, start=1)],
        "heads": _read_heads(atlas, query),
        "links": _read_links(atlas, query),
        "contacts": _read_lists(atlas, f"SELECT {', '.join(CONTACT_LISTS)} FROM pair_contacts", query),
        "known_contacts": _read_known_contacts(atlas, pair["accession"], pair["partner"]),
        "structure": None if structure is None else _draw(structure, proteins, drawn_chains),
        "thinned": [],
    }
    return data if max_bytes is None else thin_pair(data, max_bytes=max_bytes)


def _find_accession(atlas: Store, id: str) -> str:
    match = atlas.match(id)
    if not match.rows:
        raise match.fault()
    return read_proteins(atlas, match)[0].accession


def _find_pair(atlas: Store, accession: str, partner: str) -> dict[str, Any]:
    """Return the row of `pairs` of two proteins that was computed.

    Raises:
        QuestionError: the atlas has no pairs, or not this one, or it was not computed.
    """
    if not atlas.manifest.of_table(PAIRS):
        raise lacks_table(PAIRS)

    rows = atlas.sql(_FIND_PAIRS, {"accession": accession, "partner": partner}).to_pylist()
    if not rows:
        hint = "`attlas pairs DIR PAIRS` adds pairs; `FROM pairs` lists those there are"
        raise QuestionError(f"{accession} and {partner} are no pair of this atlas.", hint=hint)
    if rows[0]["status"] != "ok":
        what = f"The pair of {accession} and {partner} was not computed."
        raise QuestionError(what, found=f"{rows[0]['status']}: {rows[0]['reason']}")
    return dict(rows[0])


def _choose_form(pair: dict[str, Any], form: str | None) -> str:
    forms: list[str] = pair["forms"].split()
    if form is not None and form not in forms:
        what = f"The pair of {pair['accession']} and {pair['partner']} was not joined in the form {form}."
        raise QuestionError(what, expected=f"one of {', '.join(forms)}", found=form)
    return form or forms[0]


def _read_protein(atlas: Store, protein: ProteinRow, place: int, query: dict[str, Any]) -> dict[str, Any]:
    """Return one of the two proteins with what its residues receive, by layer."""
    rows = atlas.sql(
        "SELECT received_across, received_within FROM pair_residues "
        "WHERE pair_id = $pair_id AND form = $form AND place = $place ORDER BY position",
        {**query, "place": place},
    )
    sites = read_sites(atlas, protein.sequence_id) if protein.is_computed and protein.sequence_id is not None else ()
    features = read_features(atlas, protein) if protein.is_computed else None
    return {
        "protein": asdict(protein),
        "sites": list(map(asdict, sites)),
        "features": None if features is None else list(map(asdict, features)),
        "received_across": encode_layers(_list_values(rows["received_across"]), atlas.n_layers),
        "received_within": encode_layers(_list_values(rows["received_within"]), atlas.n_layers),
    }


def _list_values(rows: pa.ChunkedArray) -> list[float]:
    """Return the values of a column that has a list of L in each row, row by row."""
    return list(rows.combine_chunks().flatten().to_pylist())


def _read_heads(atlas: Store, query: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the statistics of all heads for each direction and order."""
    rows = atlas.sql(
        f"SELECT place, chain_order, {', '.join(STATISTICS)} FROM pair_heads "
        "WHERE pair_id = $pair_id AND form = $form ORDER BY place, chain_order, layer, head",
        query,
    )
    n_heads = atlas.manifest.run.n_layers * atlas.manifest.run.n_heads
    blocks = []
    for begin in range(0, rows.num_rows, n_heads):
        block = rows.slice(begin, n_heads)
        statistics = {name: shortest_floats(block[name]) for name in STATISTICS if block[name].null_count < n_heads}
        names = {name: block[name][0].as_py() for name in ("place", "chain_order")}
        blocks.append({**names, "statistics": statistics})
    return blocks


def _read_links(atlas: Store, query: dict[str, Any]) -> dict[str, Any]:
    settings = settings_of(atlas.root, atlas.manifest, PAIR_LINKS)
    lists = _read_lists(atlas, f"SELECT {', '.join(LINK_LISTS)} FROM pair_links", query)
    return {"floor": settings.get("floor"), "per_residue": settings.get("per_residue"), **lists}


def _read_lists(atlas: Store, select: str, query: dict[str, Any]) -> dict[str, list[Any]]:
    """Return the columns of the rows of a pair as lists."""
    rows = atlas.sql(f"{select} WHERE pair_id = $pair_id AND form = $form ORDER BY ALL", query)
    return {name: shortest_floats(rows[name]) for name in rows.column_names}


def _read_known_contacts(atlas: Store, accession: str, partner: str) -> dict[str, Any] | None:
    """Return the contacts that structures show, in either direction of the source; of several the nearest."""
    if not atlas.manifest.of_table(PARTNER_CONTACTS):
        return None

    query = """
        -- Each contact stands once, in the direction of its source: both are turned to that of the pair.
        WITH turned AS (
            SELECT i, j, distance, source FROM partner_contacts WHERE accession = $accession AND partner = $partner
            UNION ALL
            SELECT j, i, distance, source FROM partner_contacts WHERE accession = $partner AND partner = $accession
        )
        SELECT i, j, min(distance) AS distance, list(DISTINCT source) AS sources FROM turned GROUP BY i, j ORDER BY i, j
    """
    rows = atlas.sql(query, {"accession": accession, "partner": partner})
    sources = sorted({source for sources in rows["sources"].to_pylist() for source in sources})
    return {**{name: shortest_floats(rows[name]) for name in ("i", "j", "distance")}, "sources": sources}


def _draw(path: Path, proteins: Sequence[ProteinRow], chains: Sequence[str | None]) -> dict[str, Any]:
    sequences = [(protein.accession, protein.sequence or "") for protein in proteins]
    return draw_complex(path, sequences, chains=chains)
