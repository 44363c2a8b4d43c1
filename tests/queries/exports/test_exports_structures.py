"""Exports onto structures, each read back by a reader of its own: gemmi, molviewspec, jsonschema, or a parser here.

The parsers of ChimeraX's attribute files and of the scripts are written from the formats' documentation. The schema of
FunPDBe is written here from its published description (github.com/PDBe-KB/funpdbe-schema, state of 2019-09-10), not
copied: required fields, patterns, classes, and no field that it does not know.
"""

import ast
import io
import json
import re
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import gemmi
import jsonschema
import pytest
from helpers.golden_structures import GOLDEN, golden_structures
from helpers.handmade import write_handmade
from helpers.model_structures import Atoms, chain_of, random_letters, write_mmcif, write_pdb
from helpers.structure_case import (
    ACCESSION,
    HOSTILE,
    HOSTILE_TEXT,
    PROTEINS,
    SEQUENCE,
    exported,
    shift_sites,
    write_case,
)

from attlas.queries import Atlas
from attlas.queries.exports import EXPORTS
from attlas.queries.exports.funpdbe import four_letter_id
from attlas.schema import BrokenAtlasError, EnvironmentFault, InputError, QuestionError
from attlas.structures.chains import require

pytestmark = pytest.mark.slow

ONTO_STRUCTURES = ["chimerax", "chimerax-script", "pymol", "pdb", "mmcif", "molviewspec", "funpdbe"]
FLOAT16 = 1e-3
"""How far two readings of a share may lie apart: profiles are stored in float16, half a unit in its last place each."""

DATE = {"type": "string", "pattern": r"^[0-3][0-9]/[0-1][0-9]/[1-2][0-9]{3}$"}
TEXT, ANY = {"type": "string"}, {"type": "object"}


def strict(required: str, **properties: object) -> dict[str, object]:
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


def several(items: object) -> dict[str, object]:
    return {"type": "array", "items": items, "minItems": 1, "uniqueItems": True}


FUNPDBE = strict(
    "data_resource pdb_id chains evidence_code_ontology sites",
    data_resource=TEXT,
    resource_version=TEXT,
    software_version=TEXT,
    resource_entry_url=TEXT,
    release_date=DATE,
    pdb_id={"type": "string", "pattern": "^[1-9][a-z0-9]{3}$"},
    additional_entry_annotations=ANY,
    chains=several(
        strict(
            "chain_label residues",
            chain_label=TEXT,
            additional_chain_annotations=ANY,
            residues=several(
                strict(
                    "pdb_res_label aa_type site_data",
                    pdb_res_label={"type": "string", "pattern": "^-?[0-9]+[A-Z]?$"},
                    aa_type={"type": "string", "pattern": "^[A-Z0-9]{3}$"},
                    additional_residue_annotations=ANY,
                    site_data=several(
                        strict(
                            "site_id_ref confidence_classification",
                            site_id_ref={"type": "integer"},
                            raw_score={"type": "number"},
                            confidence_score={"type": "number", "minimum": 0},
                            confidence_classification={"enum": ["high", "medium", "low", "null", "curated"]},
                            aa_variant=TEXT,
                        )
                    ),
                )
            ),
        )
    ),
    sites=several(
        strict(
            "site_id label",
            site_id={"type": "integer"},
            label=TEXT,
            site_url=TEXT,
            source_database=TEXT,
            source_accession=TEXT,
            source_release_date=DATE,
            additional_site_annotations=ANY,
        )
    ),
    evidence_code_ontology=several(strict("eco_code", eco_term=TEXT, eco_code={"pattern": "^ECO_[0-9]{7}$"})),
)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_case(tmp_path_factory.mktemp("case"))


@pytest.fixture(scope="module")
def shares(case: tuple[Path, Path]) -> list[float]:
    """The share of each position, from SQL: received in the layer of convergence over the largest."""
    with Atlas.open(case[0]) as atlas:
        rows = atlas.sql(
            "SELECT r.received[p.layer + 1] AS x FROM residues AS r JOIN proteins AS p USING (accession) "
            "WHERE accession = $a ORDER BY position",
            {"a": ACCESSION},
        ).to_pylist()
    values = [row["x"] for row in rows]
    return [value / max(values) for value in values]


@pytest.fixture(scope="module")
def sites(case: tuple[Path, Path]) -> list[dict]:
    with Atlas.open(case[0]) as atlas:
        return atlas.sites(ACCESSION).to_pylist()


@pytest.fixture(scope="module")
def truth(sites: list[dict]) -> dict[tuple[str, str], int]:
    """Chain and number of each residue that carries a value, to its position, as the case was made."""
    mutated, unresolved = sites[3]["position"], sites[2]["position"]
    a = {("A", "132B" if i == 37 else str(96 + i)): i for i in range(1, 61) if i not in (mutated, unresolved)}
    return {**a, **{("B", str(i - 6)): i for i in range(1, 61)}}


def options(format: str, structure: Path) -> dict[str, object]:
    return {"structure": structure, **({"pdb_id": "1abc"} if format == "funpdbe" else {})}


def parse_defattr(text: str) -> dict[str, dict[str, str]]:
    """Return residue to value by attribute, as ChimeraX's documentation of the format describes it."""
    attributes: dict[str, dict[str, str]] = {}
    control: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if line.startswith("\t"):
            assert (control["recipient"], control["match mode"]) == ("residues", "non-zero")
            spec, value = line[1:].split("\t")
            assert re.fullmatch(r"(/[A-Za-z0-9]+)?:-?\d+[A-Z]?", spec)
            assert spec not in attributes[control["attribute"]]
            attributes[control["attribute"]][spec] = value
        else:
            name, value = line.split(": ")
            assert name in ("attribute", "match mode", "recipient")
            control[name] = value
            if name == "attribute":
                assert re.fullmatch(r"[A-Za-z]\w*", value)
                attributes[value] = {}
    return attributes


def parse_pymol(text: str) -> tuple[dict[tuple[str, str, str], float], list[str]]:
    """Return the table of shares and the commands, split as PyMOL splits a script: lines, then `;`."""
    table, commands, is_python, code = {}, [], False, []
    for line in text.splitlines():
        if line == "python":
            is_python, code = True, []
        elif line == "python end":
            is_python = False
            for statement in ast.parse("\n".join(code)).body:
                if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Dict):
                    table = ast.literal_eval(statement.value)
        elif is_python:
            code.append(line)
        else:
            assert not line.endswith("\\")
            commands += [part.strip() for part in line.split(";") if not part.strip().startswith("#")]
    return table, commands


def atoms_of(structure: gemmi.Structure) -> Iterator[tuple[str, gemmi.Residue, gemmi.Atom]]:
    for model in structure:
        for place in model.all():
            yield place.chain.name, place.residue, place.atom


def b_column(structure: gemmi.Structure) -> dict[tuple[str, str], float]:
    """Return the B of each residue of the polymer chains that has one value, above 0."""
    values: dict[tuple[str, str], set[float]] = {}
    for chain, residue, atom in atoms_of(structure):
        values.setdefault((chain, str(residue.seqid)), set()).add(atom.b_iso)
    assert all(len(residue_values) == 1 for residue_values in values.values())
    return {key: residue_values.pop() for key, residue_values in values.items()}


def test_chimerax_attributes_are_read_back(case: tuple[Path, Path], shares: list, sites: list, truth: dict) -> None:
    data, _ = exported(case[0], "chimerax", structure=case[1])
    attributes = parse_defattr(data.decode())
    expected = {f"/{chain}:{number}": shares[at - 1] for (chain, number), at in truth.items()}
    values = {spec: float(value) for spec, value in attributes["attlas_share"].items()}
    assert values == pytest.approx(expected, abs=FLOAT16)
    rank = {site["position"]: str(site["rank"]) for site in sites}
    assert attributes["attlas_rank"] == {f"/{c}:{n}": rank[at] for (c, n), at in truth.items() if at in rank}
    assert {"/A:132B", "/B:-5", "/B:0"} <= set(expected)


def test_the_chimerax_script_opens_colours_and_labels(case: tuple[Path, Path], sites: list, truth: dict) -> None:
    data, _ = exported(case[0], "chimerax-script", structure=case[1], file_names={"chimerax": "my sites.defattr"})
    commands = [line for line in data.decode().splitlines() if not line.startswith("#")]
    assert commands[0] == 'open "my sites.defattr" format defattr'
    assert commands[1].startswith("color byattribute r:attlas_share /A,B target acs palette ")
    labels = dict(re.fullmatch(r'label (\S+) residues text "(\w+)"', c).groups() for c in commands if "label" in c)
    letters = {site["position"]: f"{site['residue']}{site['position']}" for site in sites}
    assert labels == {f"/{c}:{n}": letters[at] for (c, n), at in truth.items() if at in letters}
    assert {c.split()[0] for c in commands} == {"open", "color", "show", "style", "label"}


@pytest.mark.parametrize(
    ("format", "mark"),
    [
        ("chimerax", "# site M1, rank 3: initiator methionine\n"),
        ("chimerax-script", 'label /A:1 residues text "M1 (initiator)"\n'),
        ("pymol", 'chain A and resi 1 and resn MET and name CA, "M1 (initiator)"\n'),
    ],
)
def test_a_site_at_the_initiator_methionine_is_marked_for_viewers(tmp_path: Path, format: str, mark: str) -> None:
    write_handmade(tmp_path / "atlas")
    data, _ = exported(tmp_path / "atlas", format, ["A1"])
    assert mark in data.decode()
    assert data.decode().count("initiator") == 1 + (format != "chimerax")


def test_a_chimerax_script_alone_says_which_file_to_open(case: tuple[Path, Path]) -> None:
    lines = exported(case[0], "chimerax-script")[0].decode().splitlines()
    assert not any(line.startswith("open") for line in lines)
    assert "# Then open the file of attributes (attlas export ... chimerax) before the next command." in lines


@pytest.mark.parametrize(
    ("format", "name"), [("chimerax-script", "a.cxc"), ("chimerax-script", "b.txt"), ("chimerax", "c.attr")]
)
def test_the_file_that_a_chimerax_script_opens_is_written_with_it(
    tmp_path: Path, case: tuple[Path, Path], attlas: Callable[..., Any], format: str, name: str
) -> None:
    run = attlas("export", case[0], format, ACCESSION, "-o", tmp_path / name)
    assert run.code == 0, run.err
    (script,) = [path for path in tmp_path.iterdir() if "color byattribute" in path.read_text()]
    (opened,) = re.findall(r'^open "(.+)" format defattr$', script.read_text(), re.MULTILINE)
    assert "attlas_share" in parse_defattr((tmp_path / opened).read_text())


def test_a_chimerax_script_is_not_written_under_the_name_of_its_attributes(
    tmp_path: Path, case: tuple[Path, Path], attlas: Callable[..., Any]
) -> None:
    run = attlas("export", case[0], "chimerax-script", ACCESSION, "-o", tmp_path / "a.defattr")
    assert run.code == 1
    assert "is the name of the file that is written beside it" in run.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.mvsj", "a.JSON", "a.pdb"])
def test_a_scene_is_not_written_under_the_name_of_a_text(
    tmp_path: Path, case: tuple[Path, Path], attlas: Callable[..., Any], name: str
) -> None:
    run = attlas("export", case[0], "molviewspec", ACCESSION, "--structure", case[1], "-o", tmp_path / name)
    assert run.code == 1
    assert "molviewspec is no text" in run.err
    assert "a name that ends with .mvsx" in run.err
    assert list(tmp_path.iterdir()) == []


def test_a_file_name_that_chimerax_cannot_be_told_is_refused(case: tuple[Path, Path]) -> None:
    for name in ('a"b.defattr', "a\\b.defattr", "a\nb.defattr"):
        with pytest.raises(QuestionError, match="cannot name the file"):
            exported(case[0], "chimerax-script", file_names={"chimerax": name})


def test_pymol_finds_residues_by_chain_number_and_name(
    case: tuple[Path, Path], shares: list, sites: list, truth: dict
) -> None:
    data, _ = exported(case[0], "pymol", structure=case[1])
    table, commands = parse_pymol(data.decode())
    expected = {key: 100 * shares[at - 1] for key, at in truth.items()}
    assert {(c, n): v for (c, n, _), v in table.items()} == pytest.approx(expected, abs=100 * FLOAT16)
    names = dict(zip("ARNDCQEGHILKMFPSTWYV", gemmi.expand_one_letter_sequence("ARNDCQEGHILKMFPSTWYV", gemmi.ResidueKind.AA), strict=True))  # fmt: skip # noqa: E501
    assert all(names[SEQUENCE[truth[c, n] - 1]] == name for c, n, name in table)
    labels = [c for c in commands if c.startswith("label")]
    positions = {site["position"] for site in sites}
    assert len(labels) == sum(at in positions for at in truth.values()) == 8
    for command in commands:
        if command.split()[0] in ("alter", "spectrum", "show", "label"):
            assert re.search(r"\bchain [AB]\b", command), command


def test_pymol_takes_a_negative_number_for_a_number_and_no_range(tmp_path: Path, case: tuple[Path, Path]) -> None:
    path = write_pdb(tmp_path / "s.pdb", chain_of(SEQUENCE, begin=-70))
    commands = parse_pymol(exported(case[0], "pymol", structure=path)[0].decode())[1]
    assert all(re.search(r"resi \\-\d+ and resn [A-Z]{3}", c) for c in commands if c.startswith("show"))


@pytest.mark.parametrize("format", ["pdb", "mmcif"])
@pytest.mark.parametrize("source", ["pdb", "mmcif"])
def test_the_b_column_holds_the_share_read_by_gemmi(
    tmp_path: Path, case: tuple[Path, Path], shares: list, truth: dict, format: str, source: str
) -> None:
    structure = case[1]
    if source == "mmcif":
        document = gemmi.read_structure(str(structure))
        document.setup_entities()
        document.assign_label_seq_id()
        structure = tmp_path / "case.cif"
        document.make_mmcif_document().write_file(str(structure))
    data, _ = exported(case[0], format, structure=structure)
    values = b_column(gemmi.read_structure_string(data, format=gemmi.CoorFormat.Detect))
    expected = {key: 100 * shares[at - 1] for key, at in truth.items()}
    assert {key: values[key] for key in expected} == pytest.approx(expected, abs=100 * FLOAT16)
    assert {value for key, value in values.items() if key not in expected} == {0.0}
    assert max(values.values()) == 100.0


def test_a_pdb_file_keeps_everything_but_its_b_column(case: tuple[Path, Path]) -> None:
    data, _ = exported(case[0], "pdb", structure=case[1])
    lines = [line for line in data.decode().splitlines() if not line.startswith("REMARK  99")]
    before = case[1].read_text().splitlines()
    assert [line[:60] + line[66:] for line in lines if line.startswith(("ATOM", "HETATM"))] == [
        line[:60] + line[66:] for line in before if line.startswith(("ATOM", "HETATM"))
    ]
    assert [x for x in lines if not x.startswith(("ATOM", "HET"))] == [
        x for x in before if not x.startswith(("ATOM", "HET"))
    ]


def test_the_remark_stands_in_order_and_says_what_b_is_not(case: tuple[Path, Path]) -> None:
    lines = exported(case[0], "pdb", structure=case[1])[0].decode("ascii").splitlines()
    numbers = [int(line[7:10]) for line in lines if line.startswith("REMARK")]
    assert numbers == sorted(numbers)
    assert {2, 99, 350} == set(numbers)
    remark = " ".join(line[11:].strip() for line in lines if line.startswith("REMARK  99"))
    assert "neither a temperature factor nor pLDDT" in remark
    assert "ECO:0008006" in remark
    assert all(len(line) == 80 for line in lines if line.startswith("REMARK  99"))
    assert lines.index(next(x for x in lines if x.startswith("REMARK"))) < lines.index(
        next(x for x in lines if x.startswith("SEQRES"))
    )


def test_pdb_lines_that_are_short_or_end_as_windows_ends_them_are_kept(tmp_path: Path, case: tuple[Path, Path]) -> None:
    path = tmp_path / "s.pdb"
    text = write_pdb(path, chain_of(SEQUENCE)).read_text()
    path.write_bytes(b"".join((line[:54].rstrip() + "\r\n").encode() for line in text.splitlines()))
    lines = exported(case[0], "pdb", structure=path)[0].decode().splitlines(keepends=True)
    atoms = [line for line in lines if line.startswith("ATOM")]
    assert all(len(line) == 68 and line.endswith("\r\n") and float(line[60:66]) >= 0 for line in atoms)
    assert max(float(line[60:66]) for line in atoms) == 100.0


def test_a_byte_that_unicode_takes_for_the_end_of_a_line_is_none(tmp_path: Path, case: tuple[Path, Path]) -> None:
    path = tmp_path / "s.pdb"
    title = b"TITLE     BEFORE\x85ATOM      1  AFTER\n"
    path.write_bytes(title + write_pdb(path, chain_of(SEQUENCE)).read_bytes())
    assert title in exported(case[0], "pdb", structure=path)[0]


@pytest.mark.parametrize("format", ["pdb", "mmcif"])
def test_every_model_of_an_ensemble_gets_its_values(tmp_path: Path, case: tuple[Path, Path], format: str) -> None:
    path = write_pdb(tmp_path / "s.pdb", chain_of(SEQUENCE), n_models=3)
    structure = gemmi.read_structure_string(
        exported(case[0], format, structure=path)[0], format=gemmi.CoorFormat.Detect
    )
    columns = [[place.atom.b_iso for place in model.all()] for model in structure]
    assert len(columns) == 3
    assert columns[0] == columns[1] == columns[2]
    assert max(columns[0]) == 100.0


@pytest.mark.parametrize(
    ("residues", "message"),
    [
        ([*chain_of(SEQUENCE), Atoms("A", 999, "A1B2C", is_hetero=True)], "component A1B2C"),
        (chain_of(SEQUENCE, chain="AA"), "chain AA"),
        (chain_of(SEQUENCE, begin=9_950), "residue number 10000"),
    ],
)
def test_what_is_too_large_for_pdb_is_refused_naming_mmcif(
    tmp_path: Path, case: tuple[Path, Path], residues: list, message: str
) -> None:
    structure = gemmi.Structure()
    structure.add_model(gemmi.Model(1))
    for residue in residues:
        if residue.chain not in [chain.name for chain in structure[0]]:
            structure[0].add_chain(gemmi.Chain(residue.chain))
        made = gemmi.Residue()
        made.name, made.seqid = residue.name, gemmi.SeqId(residue.number, " ")
        made.het_flag = "H" if residue.is_hetero else "A"
        atom = gemmi.Atom()
        atom.name, atom.element, atom.pos = "CA", gemmi.Element("C"), gemmi.Position(3.8 * residue.number, 0, 0)
        made.add_atom(atom)
        structure[0][residue.chain].add_residue(made)
    structure.setup_entities()
    structure.make_mmcif_document().write_file(str(tmp_path / "s.cif"))
    with pytest.raises(InputError, match="does not fit into PDB format") as caught:
        exported(case[0], "pdb", structure=tmp_path / "s.cif")
    assert message in str(caught.value)
    assert "mmcif" in str(caught.value)
    cif = gemmi.read_structure_string(exported(case[0], "mmcif", structure=tmp_path / "s.cif")[0], format=gemmi.CoorFormat.Mmcif)  # fmt: skip # noqa: E501
    assert max(b_column(cif).values()) == 100.0


def test_mmcif_keeps_its_categories_and_says_what_was_added(
    tmp_path: Path, case: tuple[Path, Path], sites: list
) -> None:
    path = write_mmcif(tmp_path / "s.cif", chain_of(SEQUENCE, begin=11))
    block = gemmi.cif.read(str(path)).sole_block()
    block.set_pair("_exptl.details", "'kept; as it is'")
    path.write_text(gemmi.cif.read_string(block.as_string()).as_string())
    made = gemmi.cif.read_string(exported(case[0], "mmcif", structure=path)[0]).sole_block()
    before = gemmi.cif.read(str(path)).sole_block()
    for name in before.get_mmcif_category_names():
        old, new = before.get_mmcif_category(name), made.get_mmcif_category(name)
        old.pop("B_iso_or_equiv", None), new.pop("B_iso_or_equiv", None)
        assert old == new
    added = set(made.get_mmcif_category_names()) - set(before.get_mmcif_category_names())
    assert added == {"_attlas.", "_attlas_site.", "_attlas_note."}
    items = {tag: gemmi.cif.as_string(made.find_value(f"_attlas.{tag}")) for tag in ("accession", "evidence", "rule")}
    assert items == {"accession": ACCESSION, "evidence": "ECO:0008006", "rule": "nayar-2025-05"}
    assert "neither a temperature factor nor pLDDT" in made.find_value("_attlas.b_iso_or_equiv")
    rows = made.find("_attlas_site.", ["rank", "position", "auth_seq_id"])
    assert [tuple(map(int, row)) for row in rows] == [(s["rank"], s["position"], s["position"] + 10) for s in sites]


def test_mmcif_without_a_b_column_gets_one(tmp_path: Path, case: tuple[Path, Path]) -> None:
    path = write_mmcif(tmp_path / "s.cif", chain_of(SEQUENCE))
    block = gemmi.cif.read(str(path)).sole_block()
    category = block.get_mmcif_category("_atom_site.")
    del category["B_iso_or_equiv"]
    block.set_mmcif_category("_atom_site.", category)
    path.write_text(block.as_string())
    made = gemmi.read_structure_string(exported(case[0], "mmcif", structure=path)[0], format=gemmi.CoorFormat.Mmcif)
    assert max(b_column(made).values()) == 100.0


def test_molviewspec_reads_the_scene_and_it_needs_no_network(case: tuple[Path, Path], sites: list, truth: dict) -> None:
    archive = zipfile.ZipFile(io.BytesIO(exported(case[0], "molviewspec", structure=case[1])[0]))
    assert archive.testzip() is None
    assert archive.namelist() == ["index.mvsj", "structure.pdb"]
    assert archive.read("structure.pdb") == case[1].read_bytes()
    text = archive.read("index.mvsj").decode()
    assert "://" not in text
    values = json.loads(text)
    state = require("molviewspec").nodes.State.model_validate(values)
    download = state.root.children[0]
    assert (download.kind, download.params["url"]) == ("download", "structure.pdb")
    nodes = list(_nodes(values["root"]))
    structure = next(node for node in nodes if node["kind"] == "structure")
    marked = {}
    for component in structure["children"]:
        labels = [child["params"]["text"] for child in component["children"] if child["kind"] == "label"]
        if labels:
            at = component["params"]["selector"]
            marked[at["auth_asym_id"], f"{at['auth_seq_id']}{at.get('pdbx_PDB_ins_code', '')}"] = labels[0]
    letters = {site["position"]: f"{site['residue']}{site['position']}" for site in sites}
    assert marked == {key: letters[at] for key, at in truth.items() if at in letters}
    coloured = [
        e for n in nodes if n["kind"] == "color" for e in n["params"].get("selector", []) if isinstance(e, dict)
    ]
    assert len(coloured) == len(truth)
    assert {"auth_asym_id": "A", "auth_seq_id": 132, "pdbx_PDB_ins_code": "B"} in coloured
    assert values["metadata"]["timestamp"] == "2026-11-21T00:00:00+00:00"


def _nodes(node: dict) -> Iterator[dict]:
    yield node
    for child in node.get("children", []):
        yield from _nodes(child)


def test_funpdbe_holds_against_its_schema(case: tuple[Path, Path], sites: list, truth: dict) -> None:
    entry = json.loads(exported(case[0], "funpdbe", structure=case[1], pdb_id="1ABC")[0])
    jsonschema.Draft6Validator.check_schema(FUNPDBE)
    jsonschema.Draft6Validator(FUNPDBE).validate(entry)
    assert (entry["pdb_id"], entry["release_date"]) == ("1abc", "21/11/2026")
    assert entry["evidence_code_ontology"] == [{"eco_code": "ECO_0008006"}]
    ids = {site["site_id"] for site in entry["sites"]}
    values = {}
    for chain in entry["chains"]:
        for residue in chain["residues"]:
            assert {data["site_id_ref"] for data in residue["site_data"]} == ids
            values[chain["chain_label"], residue["pdb_res_label"]] = residue["aa_type"]
    # Each label is looked up in the structure, as PDBe does.
    names = {(chain, str(r.seqid)): r.name for chain, r, _ in atoms_of(gemmi.read_structure(str(case[1])))}
    assert values == {key: names[key] for key in values}
    assert set(values) == {key for key, at in truth.items() if at in {site["position"] for site in sites}}


def _as_mmcif(structure: Path, out: Path, entry: str) -> Path:
    document = gemmi.read_structure(str(structure)).make_mmcif_document()
    document.sole_block().set_pair("_entry.id", gemmi.cif.quote(entry))
    document.write_file(str(out))
    return out


@pytest.mark.parametrize("entry", ["1ABC", "pdb_00001abc"])
def test_funpdbe_takes_the_entry_from_the_structure(tmp_path: Path, case: tuple[Path, Path], entry: str) -> None:
    path = _as_mmcif(case[1], tmp_path / "s.cif", entry)
    assert json.loads(exported(case[0], "funpdbe", structure=path)[0])["pdb_id"] == "1abc"
    assert json.loads(exported(case[0], "funpdbe", structure=case[1])[0])["pdb_id"] == "1abc"  # of HEADER


@pytest.mark.parametrize("entry", ["AF-P12345-F1", "model", "XXXX"])
def test_funpdbe_of_a_structure_that_is_no_entry_wants_it_named(
    tmp_path: Path, case: tuple[Path, Path], entry: str
) -> None:
    path = _as_mmcif(case[1], tmp_path / "s.cif", entry)
    with pytest.raises(QuestionError, match=r"s\.cif does not say which entry of the PDB it is") as caught:
        exported(case[0], "funpdbe", structure=path)
    assert "--pdb-id" in str(caught.value)


def test_funpdbe_wants_the_structure_to_be_the_entry_named(case: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match="another entry than --pdb-id says") as refused:
        exported(case[0], "funpdbe", structure=case[1], pdb_id="2xyz")
    assert "1ABC" in str(refused.value)


@pytest.mark.parametrize(("given", "short"), [("1ABC", "1abc"), ("pdb_00001abc", "1abc"), ("PDB_00009XYZ", "9xyz")])
def test_pdb_ids_are_written_as_four_characters(given: str, short: str) -> None:
    assert four_letter_id(given) == short


@pytest.mark.parametrize("given", ["", "abc", "0abc", "1abcd", "pdb_10001abc", "AF-P04637-F1", "1ab_", "1abc\n2def"])
def test_what_is_no_pdb_id_of_four_characters_is_refused(given: str) -> None:
    with pytest.raises(QuestionError, match="no way to write the PDB id"):
        four_letter_id(given)


def test_funpdbe_of_a_structure_without_any_site_is_refused(tmp_path: Path, case: tuple[Path, Path]) -> None:
    path = write_pdb(tmp_path / "s.pdb", chain_of(PROTEINS[3 - 1].sequence))
    with pytest.raises(InputError, match=r"No site of Q00001 is on s\.pdb") as refused:
        exported(case[0], "funpdbe", ["Q00001"], structure=path, pdb_id="1abc")
    assert "FunPDBe has no entry without" in str(refused.value)
    assert "Q00001 has no high-attention sites: none above the elbow" in str(refused.value)


@pytest.mark.parametrize("format", ONTO_STRUCTURES)
def test_what_is_left_out_is_reported_beside_the_file_and_in_it(
    case: tuple[Path, Path], sites: list, format: str
) -> None:
    data, notes = exported(case[0], format, **options(format, case[1]))
    text = "\n".join(notes)
    unresolved, mutated = sites[2], sites[3]
    assert "case.pdb chain A: 59 residues onto 1-60 of P12345 (98% of 60), 1 without coordinates" in text
    assert f"1 mismatch (without values): {mutated['residue']}{mutated['position']} is ALA" in text
    assert "case.pdb chain C: not of P12345, without values" in text
    assert f"site {unresolved['residue']}{unresolved['position']}, rank 3: no coordinates on chain A" in text
    assert f"site {mutated['residue']}{mutated['position']}, rank 4: ALA A" in text
    text = zipfile.ZipFile(io.BytesIO(data)).read("index.mvsj") if format == "molviewspec" else data
    flat = re.sub(r"\s*\nREMARK  99 |\\n", " ", text.decode())
    for note in notes:
        assert note in flat
    assert atlas_facts(case[0]) <= set(re.findall(r"[\w:./-]+", flat)) | (
        {"ECO:0008006"} if format == "funpdbe" else set()
    )


def atlas_facts(atlas_dir: Path) -> set[str]:
    with Atlas.open(atlas_dir) as atlas:
        run = atlas.manifest.run
        return {run.model, run.revision, run.rule, atlas.manifest.atlas_id, run.attlas_version, "ECO:0008006"}


@pytest.mark.parametrize("format", ONTO_STRUCTURES)
def test_a_hostile_header_survives_and_ends_no_comment(tmp_path: Path, case: tuple[Path, Path], format: str) -> None:
    name = tmp_path / ";evil; name\n;\x1b[31m.pdb"
    write_pdb(name, chain_of(PROTEINS[-1].sequence))
    data, notes = exported(case[0], format, [HOSTILE], **options(format, name))
    assert all(note.isprintable() for note in notes)
    assert b"\x1b" not in data or format == "molviewspec"
    if format == "molviewspec":
        values = json.loads(zipfile.ZipFile(io.BytesIO(data)).read("index.mvsj"))
        assert "evil; python print(1)" in values["metadata"]["description"]
        assert "\x1b" not in values["metadata"]["description"]
        assert values["metadata"]["description_format"] == "plaintext"
    elif format == "funpdbe":
        entry = json.loads(data)
        assert entry["additional_entry_annotations"]["description"] == HOSTILE_TEXT
        assert entry["sites"][0]["source_accession"] == HOSTILE
        jsonschema.Draft6Validator(FUNPDBE).validate(entry)
    elif format == "pdb":
        text = data.decode("ascii")
        assert all(len(line) <= 80 for line in text.splitlines())
        assert {line[:6] for line in text.splitlines()} == {"REMARK", "ATOM  ", "END"}
        assert len(gemmi.read_pdb_string(data)[0]["A"]) == 61
    elif format == "mmcif":
        block = gemmi.cif.read_string(data.decode("ascii")).sole_block()
        description = gemmi.cif.as_string(block.find_value("_attlas.description"))
        escaped = (
            HOSTILE_TEXT.replace("\x1b", r"\x1b").replace("\t", r"\t").replace("\r\n", r"\r\n").replace("Ω", r"\u03a9")
        )
        assert description == escaped
        assert [gemmi.cif.as_string(row[0]) for row in block.find("_attlas_note.", ["text"])] == [
            note.encode("ascii", "backslashreplace").decode() for note in notes
        ]
        assert gemmi.cif.as_string(block.find_value("_attlas.accession")) == "H;=&%,\"\\xe9'|"
    else:
        lines = data.decode().splitlines()
        heading = unquote(lines[0]) if format != "chimerax" else lines[0]
        assert HOSTILE in heading
        assert r"evil; python print(1)\ %3B 'q'" in heading
        if format == "pymol":
            _, commands = parse_pymol(data.decode())
            assert {c.split()[0] for c in commands} == {"select", "alter", "spectrum", "show", "label", "delete"}
        elif format == "chimerax-script":
            assert all(";" not in line for line in lines)
        else:
            assert len(parse_defattr(data.decode())["attlas_share"]) == 61


@pytest.mark.parametrize("format", ["chimerax", "chimerax-script", "pymol"])
def test_a_chain_with_a_name_that_means_something_else_is_refused(
    tmp_path: Path, case: tuple[Path, Path], format: str
) -> None:
    with pytest.raises(InputError, match="cannot be told of a chain"):
        exported(case[0], format, chain="A-2")
    with pytest.raises(InputError, match="cannot be told of a chain"):
        exported(case[0], format, chain="A or all")


def test_without_a_structure_chain_a_is_numbered_as_uniprot_does(case: tuple[Path, Path], shares: list) -> None:
    data, notes = exported(case[0], "chimerax")
    values = {spec: float(value) for spec, value in parse_defattr(data.decode())["attlas_share"].items()}
    assert values == pytest.approx({f"/A:{i}": share for i, share in enumerate(shares, start=1)}, abs=FLOAT16)
    assert notes == ("numbered as UniProt does, on chain A, as AlphaFold models are (--structure FILE for another)",)
    assert f"# {notes[0]}" in data.decode()
    table, _ = parse_pymol(exported(case[0], "pymol", chain="B")[0].decode())
    assert list(table)[:2] == [("B", "1", "PHE"), ("B", "2", "ASP")]
    assert len(table) == 60


@pytest.mark.parametrize("format", ONTO_STRUCTURES)
def test_a_model_of_the_whole_protein_maps_one_to_one(tmp_path: Path, case: tuple[Path, Path], format: str) -> None:
    path = write_mmcif(tmp_path / "AF-P12345-F1-model_v6.cif", chain_of(SEQUENCE))
    if format == "funpdbe":
        # A model is no entry of the PDB, and its file says what it is.
        block = gemmi.cif.read(str(path)).sole_block()
        block.set_pair("_entry.id", "AF-P12345-F1")
        path.write_text(block.as_string())
        with pytest.raises(InputError, match="another entry"):
            exported(case[0], format, **options(format, path))
        return
    data, notes = exported(case[0], format, structure=path)
    assert notes == (
        f"{path.name} chain A: 60 residues onto 1-60 of P12345 (100% of 60)",
        f"5 of 5 high-attention sites of P12345 are on {path.name}",
    )
    if format == "chimerax":
        assert parse_defattr(data.decode()) == parse_defattr(exported(case[0], format)[0].decode())
    if format == "pymol":
        assert parse_pymol(data.decode()) == parse_pymol(exported(case[0], format)[0].decode())


@pytest.mark.parametrize("format", ONTO_STRUCTURES)
@pytest.mark.parametrize("by", [-1, 1])
def test_an_atlas_whose_sites_are_off_by_one_fails_loudly(
    tmp_path: Path, case: tuple[Path, Path], format: str, by: int
) -> None:
    shutil.copytree(case[0], tmp_path / "atlas")
    shift_sites(tmp_path / "atlas", by)
    with pytest.raises(BrokenAtlasError, match="A site of P12345 is not on its residue") as caught:
        exported(tmp_path / "atlas", format, **options(format, case[1]))
    assert re.search(r"expected: ([A-Z]\d+, as its sequence has it|a position of 1 to 60)", str(caught.value))
    assert re.search(r"found: +[A-Z]\d+ in the table of sites", str(caught.value))


@pytest.mark.parametrize("by", [-1, 1, 12])
def test_a_structure_numbered_otherwise_comes_out_right(
    tmp_path: Path, case: tuple[Path, Path], sites: list, by: int
) -> None:
    path = write_pdb(tmp_path / "s.pdb", chain_of(SEQUENCE, begin=1 + by))
    ranks = parse_defattr(exported(case[0], "chimerax", structure=path)[0].decode())["attlas_rank"]
    assert ranks == {f"/A:{site['position'] + by}": str(site["rank"]) for site in sites}


@pytest.mark.parametrize("format", ONTO_STRUCTURES)
def test_another_proteins_structure_is_refused(tmp_path: Path, case: tuple[Path, Path], format: str) -> None:
    path = write_pdb(tmp_path / "s.pdb", chain_of(random_letters(60, 1234)))
    with pytest.raises(InputError, match="not of P12345"):
        exported(case[0], format, **options(format, path))


@pytest.mark.parametrize("format", ONTO_STRUCTURES)
def test_a_protein_without_a_profile_is_refused_with_the_reason(case: tuple[Path, Path], format: str) -> None:
    with pytest.raises(QuestionError, match="nothing to put onto a structure for Q00003") as skipped:
        exported(case[0], format, ["Q00003"], **options(format, case[1]))
    assert "skipped: inner `*`" in str(skipped.value)
    with pytest.raises(QuestionError, match="Q00002") as short:
        exported(case[0], format, ["Q00002"], **options(format, case[1]))
    assert "too short" in str(short.value)


def test_a_protein_without_sites_has_its_profile(tmp_path: Path, case: tuple[Path, Path]) -> None:
    path = write_pdb(tmp_path / "s.pdb", chain_of(PROTEINS[2].sequence))
    data, notes = exported(case[0], "chimerax", ["Q00001"], structure=path)
    attributes = parse_defattr(data.decode())
    assert "Q00001 has no high-attention sites: none above the elbow" in notes
    assert list(attributes) == ["attlas_share"]
    assert len(attributes["attlas_share"]) == 50


def test_a_chain_without_a_name_is_written_as_each_format_can(tmp_path: Path, case: tuple[Path, Path]) -> None:
    path = write_pdb(tmp_path / "s.pdb", chain_of(SEQUENCE, chain=" "))
    assert next(iter(parse_defattr(exported(case[0], "chimerax", structure=path)[0].decode())["attlas_share"])) == ":1"
    table, commands = parse_pymol(exported(case[0], "pymol", structure=path)[0].decode())
    assert next(iter(table)) == ("", "1", "PHE")
    assert all("chain ''" in c for c in commands if c.split()[0] in ("alter", "spectrum", "show", "label"))
    for format in ("pdb", "mmcif"):
        data, notes = exported(case[0], format, structure=path)
        assert notes[0].startswith("s.pdb chain '': 60 residues")
        made = gemmi.read_structure_string(data, format=gemmi.CoorFormat.Detect)
        assert max(place.atom.b_iso for place in made[0].all()) == 100.0


def test_requests_that_a_format_cannot_answer_are_refused(case: tuple[Path, Path]) -> None:
    with pytest.raises(QuestionError, match="written onto a structure"):
        exported(case[0], "pdb")
    with pytest.raises(QuestionError, match="takes one protein at a time"):
        exported(case[0], "pymol", [ACCESSION, "Q99999"])
    with pytest.raises(QuestionError, match="gff3 has no chains"):
        exported(case[0], "gff3", chain="A")
    with pytest.raises(QuestionError, match="pymol takes no PDB id"):
        exported(case[0], "pymol", pdb_id="1abc")
    with pytest.raises(QuestionError, match="gff3 takes no structure"):
        exported(case[0], "gff3", structure=case[1])


@pytest.mark.parametrize("format", ONTO_STRUCTURES)
def test_the_same_request_gives_the_same_bytes(case: tuple[Path, Path], format: str) -> None:
    bytes_before, bytes_again = (exported(case[0], format, **options(format, case[1])) for _ in range(2))
    assert bytes_before == bytes_again


def test_a_named_chain_is_written_alone(case: tuple[Path, Path]) -> None:
    specs = parse_defattr(exported(case[0], "chimerax", structure=case[1], chain="B")[0].decode())["attlas_share"]
    assert {spec.split(":")[0] for spec in specs} == {"/B"}
    with pytest.raises(InputError, match="chain C: not of P12345"):
        exported(case[0], "chimerax", structure=case[1], chain="C")


@pytest.mark.parametrize(("library", "format"), [("gemmi", "pdb"), ("gemmi", "mmcif"), ("molviewspec", "molviewspec")])
def test_a_missing_library_is_named_with_what_installs_it(
    case: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, library: str, format: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(EnvironmentFault, match=f"Structures need {library}") as caught:
        exported(case[0], format, structure=case[1])
    assert "pip install 'attlas[structures]'" in str(caught.value)


def test_viewers_without_a_structure_need_no_library(case: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("gemmi", "molviewspec"):
        monkeypatch.setitem(sys.modules, library, None)
    assert exported(case[0], "chimerax")[0]
    assert exported(case[0], "pymol")[0]


def test_exports_are_as_the_golden_files_have_them(tmp_path: Path) -> None:
    made = golden_structures(tmp_path)
    kept = {path.name for path in GOLDEN.iterdir() if path.is_file()}
    assert set(made) == kept
    differing = [name for name, data in made.items() if data.splitlines() != (GOLDEN / name).read_bytes().splitlines()]
    assert differing == []


def test_every_format_onto_structures_is_tested_here() -> None:
    of_links = {"chimerax-links", "pymol-links"}  # of which test_exports_links.py is
    of_pairs = {name for name, export in EXPORTS.items() if export.is_of_pair}  # of which test_exports_pairs.py is
    onto_structures = {name for name, export in EXPORTS.items() if export.structure != "no"}
    assert onto_structures == {*ONTO_STRUCTURES, *of_links, *of_pairs}


def test_the_command_line_says_what_matched_and_writes_the_companion(
    tmp_path: Path, case: tuple[Path, Path], attlas: Callable[..., Any]
) -> None:
    out = tmp_path / "case.defattr"
    run = attlas("export", case[0], "chimerax", ACCESSION, "--structure", case[1], "-o", out)
    assert run.code == 0, run.err
    lines = run.err.splitlines()
    assert lines[0].startswith("attlas: case.pdb chain A: 59 residues onto 1-60 of P12345")
    assert lines.count("attlas: case.pdb chain C: not of P12345, without values") == 1
    assert 'open "case.defattr" format defattr' in (tmp_path / "case.cxc").read_text()
    assert parse_defattr(out.read_text())


def test_of_a_folder_the_structure_named_after_the_protein_is_taken(
    tmp_path: Path, case: tuple[Path, Path], attlas: Callable[..., Any]
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    model = Path(shutil.copy(case[1], folder / f"AF-{ACCESSION}-F1-model_v6.pdb"))
    (folder / "AF-P99999-F1-model_v6.pdb").write_text("END\n")
    out = tmp_path / "x.pml"
    for place in (folder, model):
        assert attlas("export", case[0], "pymol", ACCESSION, "--structure", place, "-o", out).code == 0, place
        out = out.rename(tmp_path / f"{place.name}.pml").with_name("x.pml")
    assert (tmp_path / "models.pml").read_bytes() == (tmp_path / f"{model.name}.pml").read_bytes()

    model.unlink()
    run = attlas("export", case[0], "pdb", ACCESSION, "--structure", folder, "-o", tmp_path / "x.pdb")
    assert run.code == 1
    assert f"The folder models holds no structure named after {ACCESSION}." in run.err


def test_the_command_line_never_writes_over_the_structure(
    tmp_path: Path, case: tuple[Path, Path], attlas: Callable[..., Any]
) -> None:
    path = Path(shutil.copy(case[1], tmp_path / "mine.pdb"))
    run = attlas("export", case[0], "pdb", ACCESSION, "--structure", path, "-o", path)
    assert run.code == 1
    assert "is the structure itself" in run.err
    assert path.read_bytes() == case[1].read_bytes()
