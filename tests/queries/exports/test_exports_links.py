"""Exports of links, each read back by a reader of its own, written from the format's documentation, or molviewspec."""

import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from helpers.default_cases import each_nth_by_default
from helpers.golden_links import GOLDEN, LINKS, golden_links, write_link_case
from helpers.structure_case import ACCESSION, HOSTILE, PROTEINS, exported, write_case

from attlas.queries import Atlas
from attlas.queries.exports import EVERY_PROTEIN, EXPORTS, link_rows
from attlas.schema import QuestionError
from attlas.structures.chains import require

pytestmark = pytest.mark.slow

SEQUENCES = {protein.accession: protein.sequence for protein in PROTEINS}
DRAWING = ["chimerax-links", "pymol-links", "molviewspec"]
FAR = {at: weight for at, weight in LINKS[ACCESSION].items() if abs(at[2] - at[3]) >= 6}

Ends = tuple[str, str, str]
"""Chain, and the numbers of the residue that attends and of that attended to."""


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_link_case(tmp_path_factory.mktemp("case"))


@pytest.fixture(scope="module")
def numbers(case: tuple[Path, Path]) -> dict[tuple[str, int], str]:
    """The number of each residue that carries something, by chain and position, as the case was made."""
    with Atlas.open(case[0]) as atlas:
        sites = [site["position"] for site in atlas.sites(ACCESSION).to_pylist()]
    lacking = {sites[2], sites[3]}  # without coordinates, and mutated
    a = {("A", i): "132B" if i == 37 else str(96 + i) for i in range(1, 61) if i not in lacking}
    return a | {("B", i): str(i - 6) for i in range(1, 61)}


def expected(numbers: dict[tuple[str, int], str], links: dict) -> dict[Ends, float]:
    return {
        (chain, numbers[chain, i], numbers[chain, j]): weight
        for chain in "AB"
        for (_, _, i, j), weight in links.items()
        if {(chain, i), (chain, j)} <= set(numbers)
    }


def read_pb(text: str) -> dict[Ends, float]:
    """Return the radius of each pseudobond: two atoms and a colour in a line, settings in comments before them."""
    settings, bonds = {}, {}
    for line in text.splitlines():
        if line.startswith(";"):
            if match := re.fullmatch(r"; (\w+) = (\S+)", line):
                settings[match[1]] = match[2]
            continue
        query, key, colour = line.split(" ")
        (chain, i), (same_chain, j) = (re.fullmatch(r"/(\w):(-?\d+[A-Z]?)@CA", atom).groups() for atom in (query, key))
        assert (chain, colour) == (same_chain, "#6a3d9a")
        bonds[chain, i, j] = float(settings["radius"])
    assert (settings["halfbond"], settings["dashes"]) == ("false", "0")
    return bonds


def read_pml(text: str) -> dict[Ends, float]:
    """Return the dash radius of each distance, split as PyMOL splits a script: lines, then `;`."""
    residue = r"\(attlas_on and chain (\w) and resi (\S+) and resn [\w+]+ and name CA\)"
    objects, radii = {}, {}
    for line in text.splitlines():
        assert not line.endswith("\\")
        for command in (part.strip() for part in line.split(";")):
            if match := re.fullmatch(rf"distance (\w+), {residue}, {residue}", command):
                name, chain, i, same_chain, j = match.groups()
                assert chain == same_chain
                objects[chain, i.replace("\\", ""), j.replace("\\", "")] = name
            elif match := re.fullmatch(r"set dash_radius, ([\d.]+), (\w+)", command):
                radii[match[2]] = float(match[1])
            else:
                assert command.startswith(("#", "select", "set", "hide labels", "group", "delete"))
    return {ends: radii[name] for ends, name in objects.items()}


def read_mvsx(data: bytes) -> dict[Ends, float]:
    """Return the radius of each tube of a scene that molviewspec reads."""
    values = json.loads(zipfile.ZipFile(io.BytesIO(data)).read("index.mvsj"))
    require("molviewspec").nodes.State.model_validate(values)
    tubes = {}

    def walk(node: dict[str, Any]) -> None:
        parameters = node.get("params") or {}
        if parameters.get("kind") == "tube":
            ends = parameters["start"], parameters["end"]
            assert {end["label_atom_id"] for end in ends} == {"CA"}
            i, j = (f"{end['auth_seq_id']}{end.get('pdbx_PDB_ins_code') or ''}" for end in ends)
            tubes[ends[0]["auth_asym_id"], i, j] = parameters["radius"]
        for child in node.get("children") or ():
            walk(child)

    walk(values["root"])
    return tubes


READERS: dict[str, Callable[[bytes], dict[Ends, float]]] = {
    "chimerax-links": lambda data: read_pb(data.decode()),
    "pymol-links": lambda data: read_pml(data.decode()),
    "molviewspec": read_mvsx,
}
TOLERANCE = {"chimerax-links": 0.0051, "molviewspec": 0.0051, "pymol-links": 0.026}
"""Of a radius: two digits, or a twentieth of the attention where links of about the same are one object."""


@pytest.mark.parametrize("format", DRAWING)
def test_the_strongest_long_range_links_are_drawn_on_every_chain(case, numbers, format: str) -> None:
    data, notes = exported(case[0], format, structure=case[1])
    radii = READERS[format](data)
    assert radii == pytest.approx({ends: w / 2 for ends, w in expected(numbers, FAR).items()}, abs=TOLERANCE[format])
    assert any(
        note.startswith("links: 4 of 6 kept (the strongest of all heads with |i - j| of 6 or more)") for note in notes
    )
    assert ("A", "101", "136") in radii
    assert ("B", "31", "1") in radii


@pytest.mark.parametrize("format", each_nth_by_default(DRAWING, 3))
@pytest.mark.parametrize(
    ("options", "drawn"),
    [({"layer": 0}, [(0, 0, 1, 2), (0, 0, 2, 1)]), ({"layer": 3, "head": 0}, [(3, 0, 10, 50)]), ({"layer": 2}, [])],
)
def test_the_links_of_a_layer_or_head_are_drawn_near_ones_too(case, numbers, format: str, options, drawn) -> None:
    data, notes = exported(case[0], format, structure=case[1], **options)
    links = {at: LINKS[ACCESSION][at] for at in drawn}
    radii = READERS[format](data)
    assert radii == pytest.approx({ends: w / 2 for ends, w in expected(numbers, links).items()}, abs=TOLERANCE[format])
    with Atlas.open(case[0]) as atlas:
        heads = atlas.heads(ACCESSION).to_pylist()
    n_edges = sum(row["n_edges"] for row in heads if all(row[name] == value for name, value in options.items()))
    assert any(f"links: {len(drawn)} of {len(drawn)} kept of layer" in note for note in notes)
    assert any(f"beside {n_edges:,} edges" in note for note in notes)


def test_no_more_links_are_drawn_than_can_be_told_apart(case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_rows, "N_DRAWN", 2)
    data, notes = exported(case[0], "chimerax-links")
    assert read_pb(data.decode()) == {("A", "5", "40"): 0.5, ("A", "37", "7"): 0.25}
    assert any("links: 2 of 6" in note for note in notes)


@pytest.mark.parametrize("format", ["chimerax-links", "pymol-links"])
def test_a_hostile_header_stays_a_comment(case, format: str) -> None:
    data, _ = exported(case[0], format, [HOSTILE])
    assert READERS[format](data) == {("A", "61", "3"): pytest.approx(0.375, abs=TOLERANCE[format])}
    assert b"\x1b" not in data


def read_bedpe(data: bytes) -> dict[str, dict[tuple[int, int, int, int], float]]:
    links: dict[str, dict[tuple[int, int, int, int], float]] = {}
    for line in data.decode("ascii").splitlines():
        if line.startswith("#"):
            continue
        chrom, start, end, same, other_start, other_end, name, score, *strands, layer, head, weight, n, edges = (
            line.split("\t")
        )
        accession, i, j = unquote(chrom), int(end), int(other_end)
        sequence = SEQUENCES[accession]
        assert (chrom, int(start), int(other_start), strands) == (same, i - 1, j - 1, [".", "."])
        assert name == f"{layer}-{head}:{sequence[i - 1]}{i}-{sequence[j - 1]}{j}"
        assert int(score) == round(1000 * float(weight))
        assert int(n) == sum(at[:2] == (int(layer), int(head)) for at in LINKS[accession])
        assert int(edges) >= 0
        links.setdefault(accession, {})[int(layer), int(head), i, j] = float(weight)
    return links


def test_bedpe_has_every_link_0_based_with_how_many_of_how_many(case) -> None:
    everything = io.BytesIO()
    with Atlas.open(case[0]) as atlas:
        EXPORTS["bedpe"].write(atlas, EVERY_PROTEIN, everything)
    assert read_bedpe(everything.getvalue()) == LINKS
    assert read_bedpe(exported(case[0], "bedpe", list(SEQUENCES))[0]) == LINKS
    of_layer = read_bedpe(exported(case[0], "bedpe", layer=1, head=1)[0])
    assert of_layer == {ACCESSION: {at: w for at, w in LINKS[ACCESSION].items() if at[0] == 1}}


def test_the_command_names_proteins_without_links(case, tmp_path: Path, attlas) -> None:
    run = attlas("export", case[0], "bedpe", "-o", tmp_path / "links.bedpe")
    assert run.code == 0, run.err
    assert "4 proteins have no row in this format: Q00001, Q00002, Q00003, Q99999" in run.err
    run = attlas("export", case[0], "chimerax-links", ACCESSION, "--layer", 1, "--head", 1, "-o", tmp_path / "a.pb")
    assert run.code == 0, run.err
    assert len(read_pb((tmp_path / "a.pb").read_text())) == 3


@pytest.mark.parametrize("format", ["bedpe", "chimerax-links", "pymol-links"])
def test_an_atlas_without_links_says_which_command_adds_them(tmp_path: Path, format: str) -> None:
    atlas, _ = write_case(tmp_path)
    with pytest.raises(QuestionError, match=r"(?s)no table links.*attlas links DIR"):
        exported(atlas, format)


@pytest.mark.parametrize(
    ("format", "options", "message"),
    [
        ("gff3", {"layer": 1}, "gff3 has no links"),
        ("bedpe", {"head": 1}, "A head is one of a layer"),
        ("bedpe", {"layer": 4}, r"(?s)no layer 4.*0 to 3"),
        ("chimerax-links", {"layer": 1, "head": 2}, r"(?s)no head 2.*0 to 1"),
    ],
)
def test_what_cannot_be_written_is_refused(case, format: str, options: dict, message: str) -> None:
    with pytest.raises(QuestionError, match=message):
        exported(case[0], format, **options)


def test_a_golden_file_is_what_someone_has_read_through(tmp_path: Path) -> None:
    files = golden_links(tmp_path)
    assert {name: data.decode() for name, data in files.items()} == {
        path.name: path.read_text() for path in GOLDEN.iterdir()
    }


def test_links_in_python_come_strongest_first(case) -> None:
    with Atlas.open(case[0]) as atlas:
        rows = atlas.links(ACCESSION).to_pylist()
        files = atlas.export("bedpe", case[0].parent / "a.bedpe", ACCESSION, layer=1)
    assert [round(row["weight"], 3) for row in rows] == sorted(LINKS[ACCESSION].values(), reverse=True)
    assert read_bedpe(files[0].read_bytes()).keys() == {ACCESSION}
