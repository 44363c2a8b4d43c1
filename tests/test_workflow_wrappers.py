"""The wrappers for workflow systems are what their generator makes of the command line as it is now."""

import ast
import importlib.util
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = ROOT / "examples" / "workflows"


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_workflows", WORKFLOWS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


generator = _generator()
VALUES = generator.values()


def test_the_wrappers_are_up_to_date() -> None:
    outdated = [path.name for path, text in generator.generate(VALUES) if path.read_text() != text]
    assert outdated == [], "renew them: python examples/workflows/generate.py"


def test_every_wrapper_has_a_template() -> None:
    wrappers = {path for path, _ in generator.generate(VALUES)}
    files = {path for path in WORKFLOWS.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    others = {path for path in files - wrappers if "templates" not in path.relative_to(WORKFLOWS).parts}
    assert {path.name for path in others} == {"generate.py"}


def test_a_template_that_names_an_option_that_is_gone_is_refused() -> None:
    values = {name: text for name, text in VALUES.items() if name != "encode_part"}
    with pytest.raises(KeyError, match="encode_part"):
        list(generator.generate(values))


def test_galaxy_offers_every_option_of_a_build_with_its_choices_and_bounds() -> None:
    tool = ET.parse(WORKFLOWS / "galaxy" / "attlas_build.xml").getroot()
    parameters = {element.attrib["argument"]: element for element in tool.findall("./inputs/param[@argument]")}
    assert list(parameters) == ["--model", "--revision", "--dtype", "--exact", "--rule", "--max-length", "--links"]
    choices = [option.attrib["value"] for option in parameters["--dtype"].findall("option")]
    assert choices == ["auto", "float32", "mixed", "bfloat16"]
    assert (parameters["--max-length"].attrib["type"], parameters["--max-length"].attrib["min"]) == ("integer", "1")
    assert parameters["--exact"].attrib["truevalue"] == "--exact"


def test_the_snakefile_takes_the_options_of_a_plan() -> None:
    text = (WORKFLOWS / "snakemake" / "Snakefile").read_text()
    options, switches = (
        ast.literal_eval(re.search(rf"{name} = (\{{.*?^\}})", text, re.MULTILINE | re.DOTALL)[1])
        for name in ("PLAN_OPTIONS", "PLAN_SWITCHES")
    )
    assert switches == {"exact": "--exact"}
    assert options | switches == {option.name: option.flag for option in generator.scientific_options("plan")}
    assert "--part {wildcards.part}/{params.n_parts} --workers 0" in text


def test_the_recipe_asks_for_what_pyproject_asks_for() -> None:
    text = re.sub(r"\{%.*?%\}", "", (WORKFLOWS / "bioconda" / "meta.yaml").read_text())
    recipe = yaml.safe_load(re.sub(r"\{\{.*?\}\}", "x", text))
    run = dict(requirement.split(" ", 1) for requirement in recipe["requirements"]["run"])
    assert run["python-duckdb"] == ">=2.0"
    assert run["typer"] == ">=0.20,<0.29"
    assert "attlas encode --help" in recipe["test"]["commands"]


def test_the_module_of_nextflow_says_its_inputs_and_outputs() -> None:
    module = WORKFLOWS / "nextflow" / "attlas" / "build"
    meta = yaml.safe_load((module / "meta.yml").read_text())
    text = (module / "main.nf").read_text()
    assert set(meta["output"]) == set(re.findall(r"emit: (\w+)", text))
    assert f"process {meta['name'].upper()} {{" in text


def test_the_apptainer_definition_copies_every_room_of_the_package() -> None:
    definition = (ROOT / "examples" / "containers" / "attlas.def").read_text()
    copied = set(re.findall(r"^    (\S+) /source/$", definition, re.MULTILINE))
    rooms = {path.parent.name for path in ROOT.glob("*/py.typed")}
    assert copied == rooms | {"pyproject.toml", "constraints.txt", "README.md", "LICENSE"}
