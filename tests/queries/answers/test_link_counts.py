"""How many links a protein has, beside how many edges: on its card and in JSON, where the atlas has links."""

from pathlib import Path

from helpers.annotated import link, sequence_ids
from helpers.handmade import write_handmade
from helpers.table_files import add_rows

from attlas.queries import Atlas
from attlas.queries.answers.one_id import answer_id
from attlas.schema import LINKS, Computation


def counts_of(atlas: Atlas, id: str) -> dict[str, object]:
    values = answer_id(atlas, id)[0].to_json(atlas.manifest)
    return {name: values[name] for name in ("n_links", "n_edges")}


def test_links_are_counted_beside_edges(tmp_path: Path) -> None:
    root = tmp_path / "atlas"
    write_handmade(root)
    with Atlas.open(root) as atlas:
        n_edges = sum(atlas.heads("A2")["n_edges"].to_pylist())
        assert counts_of(atlas, "A2") == {"n_links": None, "n_edges": None}
        assert "edges" not in str(atlas.show("A2"))

    link(root, {"A1": {(0, 1, 3, 6): 0.5, (2, 0, 6, 3): 0.2}, "B1": {(0, 0, 1, 2): 0.4}})
    with Atlas.open(root) as atlas:
        assert counts_of(atlas, "A2") == {"n_links": 2, "n_edges": n_edges}
        assert f"2 links kept, beside {n_edges} edges" in str(atlas.show("A2"))
        assert "1 link kept" in str(atlas.show("B1"))
        assert counts_of(atlas, "C1")["n_links"] == 0
        assert counts_of(atlas, "F1") == counts_of(atlas, "nobody") == {"n_links": None, "n_edges": None}


def test_a_protein_too_long_for_the_links_has_no_count_of_them(tmp_path: Path) -> None:
    root = tmp_path / "atlas"
    write_handmade(root)
    settings = {"floor": 0.1, "per_residue": 5, "max_length": 10}
    computation = Computation(settings=settings, computed_from={"sequences": "0" * 64})
    row = {"sequence_id": sequence_ids(root)["A1"], "layer": 0, "head": 1, "i": 3, "j": 6, "weight": 0.5}
    add_rows(root, LINKS, [row], "links", computation.metadata(LINKS))

    with Atlas.open(root) as atlas:
        assert counts_of(atlas, "A1")["n_links"] == 1, "10 residues are not too many"
        assert counts_of(atlas, "C1-2")["n_links"] == 0
        assert counts_of(atlas, "C1") == {"n_links": None, "n_edges": None}, "20 residues are"
        assert "kept, beside" not in str(atlas.show("C1"))
