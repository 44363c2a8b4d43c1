"""Exports of pairs: across two chains of a structure, and as a network that networkx and pandas read."""

import io
import re
from pathlib import Path

import duckdb
import networkx as nx
import pandas as pd
import pytest
from helpers.annotated import sequence_ids
from helpers.structure_case import ACCESSION, PROTEINS, exported, write_case
from helpers.table_files import add_rows

from attlas.queries import Atlas
from attlas.queries.exports import EVERY_PROTEIN, EXPORTS, Request, pair_rows
from attlas.schema import PAIR_CONTACTS, PAIR_HEADS, PAIR_LINKS, PAIRS, QuestionError

pytestmark = pytest.mark.slow

PARTNER = "Q99999"
SEQUENCES = {protein.accession: protein.sequence for protein in PROTEINS}

LINKS = {
    # place, layer, head, i, j, order: weight
    (1, 0, 0, 5, 40, "forward"): 0.9,
    (1, 0, 0, 5, 40, "reverse"): 0.5,
    (2, 1, 1, 7, 37, "reverse"): 0.4,
    (1, 1, 1, 60, 45, "forward"): 0.2,
}
"""Pair 0, of the accession and the partner, in the form `gap`."""
CONTACTS = {(5, 40): (0.8, 0.3), (6, 41): (0.25, -0.1)}
"""Probability and score of residues of the accession and of the partner."""


def pair_case(folder: Path) -> tuple[Path, Path]:
    """Write an atlas with pairs 0 (two proteins), 1 (a protein with itself) and 2 (not computed), and a structure."""
    atlas, structure = write_case(folder)
    ids = sequence_ids(atlas)
    rows = [(0, ACCESSION, PARTNER, "ok", "gap"), (1, ACCESSION, ACCESSION, "ok", "gap linker")]
    pairs = [
        {
            "pair_id": pair_id,
            "sequence_id": ids[accession],
            "accession": accession,
            "partner": partner,
            "label": "=binder",
            "score": 0.5,
            "n_residues": 105,
            "forms": forms,
            "status": status,
            "reason": None if status == "ok" else "too long",
            "source": "pairs.tsv",
            "line": pair_id + 1,
        }
        for pair_id, accession, partner, status, forms in [*rows, (2, ACCESSION, "Q00001", "skipped", "")]
    ]
    add_rows(atlas, PAIRS, pairs, "pairs")

    heads = [
        {
            "pair_id": 0,
            **ends(ids, place),
            "form": "gap",
            "chain_order": order,
            "layer": layer,
            "head": head,
            **dict.fromkeys(("within_share", "across_share", "special_share", "linker_share"), 0.25),
            **dict.fromkeys(("entropy_within", "entropy_across", "max_across"), 0.5),
            "n_edges_across": {"forward": 2.0, "reverse": 4.0, "mean": 3.0}[order] * (layer == 0),
            "mirror": None,
        }
        for place in (1, 2)
        for order in ("forward", "reverse", "mean")
        for layer in range(4)
        for head in range(2)
    ]
    add_rows(atlas, PAIR_HEADS, heads, "pairs")
    links = [
        {"pair_id": 0, **ends(ids, place), "form": "gap", "chain_order": order}
        | {"layer": layer, "head": head, "i": i, "j": j, "weight": weight}
        for (place, layer, head, i, j, order), weight in LINKS.items()
    ]
    link = {"pair_id": 1, **ends(ids, 1), "partner": ACCESSION, "chain_order": "forward", "layer": 0, "head": 1}
    links += [{**link, "form": form, "i": 1, "j": 60, "weight": 0.3} for form in ("gap", "linker")]
    add_rows(atlas, PAIR_LINKS, links, "pairs")
    contacts = [
        {"pair_id": 0, **ends(ids, 1), "form": "gap", "i": i, "j": j, "probability": probability, "score": score}
        for (i, j), (probability, score) in CONTACTS.items()
    ]
    add_rows(atlas, PAIR_CONTACTS, contacts, "pairs")
    return atlas, structure


def ends(ids: dict[str, int], place: int) -> dict[str, object]:
    accession, partner = (ACCESSION, PARTNER) if place == 1 else (PARTNER, ACCESSION)
    return {"sequence_id": ids[accession], "accession": accession, "partner": partner, "place": place}


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return pair_case(tmp_path_factory.mktemp("pairs"))


Ends = tuple[str, str]
"""Chain and number of the residue where a line begins, and of that where it ends, such as `A101` and `C40`."""


def read_pb(text: str) -> dict[Ends, float]:
    """Return the radius of each pseudobond."""
    radius, bonds = 0.0, {}
    for line in text.splitlines():
        if match := re.fullmatch(r"; radius = ([\d.]+)", line):
            radius = float(match[1])
        elif not line.startswith(";"):
            atoms = re.fullmatch(r"/(\w):(-?\d+)@CA /(\w):(-?\d+)@CA #6a3d9a", line)
            assert atoms
            bonds[atoms[1] + atoms[2], atoms[3] + atoms[4]] = radius
    return bonds


def read_pml(text: str) -> dict[Ends, float]:
    """Return the dash radius of each distance, by the object that it is of."""
    residue = r"\(attlas_on and chain (\w) and resi (\S+) and resn [\w+]+ and name CA\)"
    objects, radii = {}, {}
    for line in text.splitlines():
        if match := re.fullmatch(rf"distance (\w+), {residue}, {residue}", line):
            objects[match[2] + match[3].replace("\\", ""), match[4] + match[5].replace("\\", "")] = match[1]
        elif match := re.fullmatch(r"set dash_radius, ([\d.]+), (\w+)", line):
            radii[match[2]] = float(match[1])
    return {atoms: radii[name] for atoms, name in objects.items()}


READERS = {"chimerax": read_pb, "pymol": read_pml}
OF_CHAINS = {"chain": "B", "partner_chain": "C", "form": "gap"}
"""Chain B has position i as number i - 6."""


@pytest.mark.parametrize("viewer", READERS)
def test_links_across_go_from_the_residue_that_attends_to_the_other_chain(case, viewer: str) -> None:
    data, notes = exported(case[0], f"{viewer}-across", [ACCESSION, PARTNER], structure=case[1], **OF_CHAINS)
    radii = READERS[viewer](data.decode())
    assert radii == pytest.approx({("B-1", "C40"): 0.45, ("C7", "B31"): 0.2, ("B54", "C45"): 0.1}, abs=0.0051)
    # Two directions of two heads of layer 0 have 3 edges each, as a mean over the orders.
    expected = "links across: 3 of 3 kept (the strongest of all heads, in the form gap), beside 12 edges across"
    assert any(note.startswith(expected) for note in notes)
    assert any("onto 1-60 of P12345" in note for note in notes)
    assert any("onto 1-45 of Q99999" in note for note in notes)


@pytest.mark.parametrize("viewer", READERS)
def test_contacts_across_are_as_thick_as_probable(case, viewer: str) -> None:
    data, notes = exported(case[0], f"{viewer}-contacts", [ACCESSION, PARTNER], structure=case[1], **OF_CHAINS)
    radii = READERS[viewer](data.decode())
    assert radii == pytest.approx({("B-1", "C40"): 0.4, ("B0", "C41"): 0.125}, abs=0.026)
    assert any("contacts across: 2 of 2 kept (the best by probability, in the form gap)" in note for note in notes)


def test_ids_in_the_other_order_name_the_same_pair_and_their_chains(case) -> None:
    options = {"structure": case[1], "chain": "C", "partner_chain": "B"}
    turned, _ = exported(case[0], "chimerax-across", [PARTNER, ACCESSION], **options)
    straight, _ = exported(case[0], "chimerax-across", [ACCESSION, PARTNER], structure=case[1], **OF_CHAINS)
    assert turned == straight


def test_links_of_a_head_and_lines_that_lack_a_residue_are_counted(case, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"structure": case[1], **OF_CHAINS, "layer": 1, "head": 1}
    data, notes = exported(case[0], "chimerax-across", [ACCESSION, PARTNER], **options)
    assert set(read_pb(data.decode())) == {("C7", "B31"), ("B54", "C45")}
    assert any("links across: 2 of 2 kept (layer 1 (from 0), head 1 (from 0)" in note for note in notes)

    monkeypatch.setattr(pair_rows, "N_DRAWN", 1)
    _, notes = exported(case[0], "chimerax-across", [ACCESSION, PARTNER], structure=case[1], **OF_CHAINS)
    assert any(note.startswith("links across: 1 of 3 kept") for note in notes)


def test_a_protein_with_itself_is_drawn_between_two_of_its_chains(case) -> None:
    options = {"structure": case[1], "chain": "A", "partner_chain": "B", "form": "linker"}
    data, _ = exported(case[0], "chimerax-across", [ACCESSION], **options)
    assert read_pb(data.decode()) == {("A97", "B54"): 0.15}


@pytest.mark.parametrize(
    ("format", "accessions", "options", "message"),
    [
        ("chimerax-across", [ACCESSION, PARTNER], {"chain": "B"}, "written onto a structure"),
        ("chimerax-across", [ACCESSION, PARTNER, "Q00001"], {"structure": True}, "(?s)one pair.*3 ids"),
        ("chimerax-across", [ACCESSION, PARTNER], {"structure": True}, "(?s)P12345: A, B; Q99999: C.*--partner-ch"),
        (
            "chimerax-across",
            [ACCESSION],
            {"structure": True, "chain": "A", "form": "gap"},
            "one chain for each",
        ),
        ("chimerax-across", [ACCESSION], {"structure": True}, "(?s)several forms.*one of gap, linker"),
        (
            "chimerax-across",
            [ACCESSION, PARTNER],
            {"structure": True, "form": "ends"},
            "not joined in",
        ),
        ("chimerax-across", [ACCESSION, "Q00001"], {"structure": True}, "(?s)no attention.*skipped: too long"),
        ("chimerax-across", [PARTNER, "Q00001"], {"structure": True}, "(?s)no attention.*no row of pairs"),
        ("pymol-contacts", [ACCESSION, PARTNER], {"structure": True, "layer": 1}, "has no links"),
        ("chimerax-links", [ACCESSION], {"partner_chain": "B"}, "(?s)not of a pair.*pymol-contacts"),
        ("gff3", [ACCESSION], {"form": "gap"}, "(?s)has no pairs.*cytoscape"),
        ("cytoscape", [ACCESSION], {"layer": 9}, "no layer 9"),
    ],
)
def test_what_cannot_be_drawn_is_refused(case, format: str, accessions: list[str], options: dict, message: str) -> None:
    if "structure" in options:
        options = {**options, "structure": case[1]}
    with pytest.raises(QuestionError, match=message):
        exported(case[0], format, accessions, **options)


@pytest.mark.parametrize("format", ["chimerax-across", "pymol-contacts", "cytoscape"])
def test_an_atlas_without_pairs_says_which_command_adds_them(tmp_path: Path, format: str) -> None:
    atlas, structure = write_case(tmp_path)
    options = {} if format == "cytoscape" else {"structure": structure}
    with pytest.raises(QuestionError, match=r"(?s)no table pair_\w+.*attlas pairs DIR PAIRS"):
        exported(atlas, format, [ACCESSION, PARTNER], **options)


# --- Cytoscape ---


def tables_of(case: tuple[Path, Path], accessions: list[str] | None, **options: object) -> list[pd.DataFrame]:
    """Return edges and nodes as pandas reads them."""
    tables = []
    with Atlas.open(case[0]) as atlas:
        for format in ("cytoscape", "cytoscape-nodes"):
            sink = io.BytesIO()
            EXPORTS[format].write(atlas, Request(None if accessions is None else tuple(accessions), **options), sink)
            tables.append(pd.read_csv(io.BytesIO(sink.getvalue()), keep_default_na=False))
    return tables


def test_a_network_of_residues_has_every_link_and_contact_once(case) -> None:
    edges, nodes = tables_of(case, [ACCESSION, PARTNER], form="gap")
    graph = nx.from_pandas_edgelist(edges, edge_attr=True, create_using=nx.MultiDiGraph)
    a, b = SEQUENCES[ACCESSION], SEQUENCES[PARTNER]

    def name(accession: str, position: int) -> str:
        return f"{accession}:{(a if accession == ACCESSION else b)[position - 1]}{position}"

    links = {
        (source, target, float(data["weight"]))
        for source, target, data in graph.edges(data=True)
        if data["interaction"] == "link" and data["pair_id"] == 0
    }
    assert links == {
        (name(ACCESSION, 5), name(PARTNER, 40), 0.9),
        (name(PARTNER, 7), name(ACCESSION, 37), 0.4),
        (name(ACCESSION, 60), name(PARTNER, 45), 0.2),
    }
    contacts = {
        (data["source_position"], data["target_position"]): (float(data["probability"]), float(data["score"]))
        for _, _, data in graph.edges(data=True)
        if data["interaction"] == "contact"
    }
    assert contacts == CONTACTS
    assert set(nodes["id"]) == set(graph.nodes)
    assert nodes["id"].is_unique
    node = nodes.set_index("id").loc[name(ACCESSION, 5)]
    assert (node["accession"], node["position"], node["residue"]) == (ACCESSION, 5, a[4])
    assert (node["n_links"], node["n_contacts"]) == (1, 1)


@pytest.mark.thorough
def test_ids_choose_pairs_and_heads_choose_links(case) -> None:
    assert set(tables_of(case, None)[0]["pair_id"]) == {0, 1}
    assert set(tables_of(case, [PARTNER])[0]["pair_id"]) == {0}
    assert set(tables_of(case, [PARTNER, "Q00001"])[0]["pair_id"]) == set()
    edges, nodes = tables_of(case, None, layer=1)
    assert (list(edges["interaction"]), len(nodes)) == (["link", "link"], 4)
    assert list(tables_of(case, [ACCESSION], form="linker")[0]["pair_id"]) == [1]


@pytest.mark.thorough
def test_both_copies_of_a_protein_with_itself_have_nodes_of_their_own(tmp_path: Path) -> None:
    case = pair_case(tmp_path)
    ids = sequence_ids(case[0])
    ends_of_pair = {"pair_id": 1, "sequence_id": ids[ACCESSION], "accession": ACCESSION, "partner": ACCESSION}
    link = {**ends_of_pair, "form": "gap", "chain_order": "forward", "layer": 0, "head": 1, "i": 1, "j": 60}
    # The same two positions as the link of place 1, from the other copy.
    add_rows(case[0], PAIR_LINKS, [{**link, "place": 2, "weight": 0.2}], "more")
    edges, nodes = tables_of(case, [ACCESSION], form="gap", layer=0, head=1)

    first_residue, last_residue = (f"{SEQUENCES[ACCESSION][position - 1]}{position}" for position in (1, 60))
    weights = {(edge.source, edge.target): edge.weight for edge in edges.itertuples()}
    assert weights == {
        (f"{ACCESSION}:{first_residue}", f"{ACCESSION}#2:{last_residue}"): 0.3,
        (f"{ACCESSION}#2:{first_residue}", f"{ACCESSION}:{last_residue}"): 0.2,
    }
    assert {(edge.source_copy, edge.target_copy) for edge in edges.itertuples()} == {(1, 2), (2, 1)}
    assert set(nodes["id"]) == {end for ends in weights for end in ends}
    assert dict(zip(nodes["id"], nodes["n_links"], strict=True)) == dict.fromkeys(nodes["id"], 1)


def test_a_network_in_a_form_that_no_pair_has_is_refused(case) -> None:
    with pytest.raises(QuestionError, match="gap, linker"):
        tables_of(case, None, form="ends")


@pytest.mark.thorough
def test_a_duckdb_file_has_the_lines_that_name_no_protein_of_the_atlas(tmp_path: Path) -> None:
    root, _ = write_case(tmp_path)
    names = {"accession": "NOPE", "partner": "", "label": None, "score": None, "n_residues": None, "forms": ""}
    line = {**names, "status": "skipped", "reason": "no protein", "source": "pairs.tsv"}
    ids = {0: sequence_ids(root)[ACCESSION], 1: None}
    rows = [{"pair_id": n, "sequence_id": id, **line, "line": n + 1} for n, id in ids.items()]
    add_rows(root, PAIRS, rows, "pairs")

    sink = io.BytesIO()
    with Atlas.open(root) as atlas:
        EXPORTS["duckdb"].write(atlas, EVERY_PROTEIN, sink)
    (tmp_path / "x.duckdb").write_bytes(sink.getvalue())
    with duckdb.connect(tmp_path / "x.duckdb", read_only=True) as connection:
        query = "SELECT pair_id, sequence_id FROM pairs ORDER BY pair_id"
        assert connection.execute(query).fetchall() == list(ids.items())


@pytest.mark.thorough
def test_the_command_writes_edges_and_nodes_side_by_side(case, tmp_path: Path, attlas) -> None:
    run = attlas("export", case[0], "cytoscape", "-o", tmp_path / "x.edges.csv", "--safe-for-spreadsheets")
    assert run.code == 0, run.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.edges.csv", "x.nodes.csv"]
    assert "links and contacts across: 7, of 2 of the 2 computed pairs, beside 12 edges across of attention" in run.err
    assert set(pd.read_csv(tmp_path / "x.edges.csv")["label"]) == {"'=binder"}

    options = ("--structure", case[1], "--chain", "B", "--partner-chain", "C")
    run = attlas("export", case[0], "chimerax-across", ACCESSION, PARTNER, *options, "-o", tmp_path / "x.across.pb")
    assert run.code == 0, run.err
    assert len(read_pb((tmp_path / "x.across.pb").read_text())) == 3


@pytest.mark.thorough
def test_a_duckdb_file_of_the_partner_alone_holds_its_pairs_whole(tmp_path: Path) -> None:
    root, _ = pair_case(tmp_path)
    tables = ("pairs", "pair_links", "pair_contacts")
    with Atlas.open(root) as atlas:
        sink = io.BytesIO()
        EXPORTS["duckdb"].write(atlas, Request(accessions=(PARTNER,)), sink)
        counts = [f"SELECT count(*) AS n FROM {table} WHERE pair_id = 0" for table in tables]
        of_pair = [atlas.sql(query).to_pylist()[0]["n"] for query in counts]
    assert min(of_pair) > 0

    (tmp_path / "x.duckdb").write_bytes(sink.getvalue())
    with duckdb.connect(tmp_path / "x.duckdb", read_only=True) as connection:
        assert [connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] for table in tables] == of_pair
