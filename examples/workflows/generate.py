"""Write the wrappers for workflow systems from the command line itself: `python examples/workflows/generate.py`.

What a wrapper says of attlas (flags, types, choices, defaults, help, version, packages) comes from the Typer app and
from pyproject.toml; the templates hold the rest. A template names a flag as `%%{VERB_PARAMETER}`, such as
`%%{plan_model}`: one that the command line no longer has is an error. `--check` writes nothing, and fails where a
wrapper is not up to date.
"""

import json
import string
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

import typer.main
from packaging.requirements import Requirement

from attlas.cli.main import app

HERE = Path(__file__).parent
TEMPLATES = HERE / "templates"
PROJECT = tomllib.loads((HERE.parents[1] / "pyproject.toml").read_text())["project"]

OF_THE_PLACE = frozenset(
    (
        *("out", "workers", "scheduler", "device", "retry_failed", "dry_run", "vectors"),
        *("pairs", "join", "order", "gap", "aliases", "min_score", "all_against"),  # a pass of its own
    )
)
"""Parameters that a workflow system decides, or that make no sense in it."""

CONDA_NAMES = {"duckdb": "python-duckdb", "torch": "pytorch", "dask": "dask-core"}
"""Packages that conda-forge names otherwise than PyPI."""

GALAXY_TYPES = {"int": "integer", "int range": "integer", "float": "float", "choice": "select", "boolean": "boolean"}
"""Types of parameters by those of the command line; every other is text."""


@dataclass(frozen=True)
class Option:
    """An option of a verb."""

    name: str
    flag: str
    type: str
    default: object
    choices: tuple[str, ...]
    low: float | None
    """Lowest value."""
    help: str


class Template(string.Template):
    """A text with `%%{name}` where something of the command line is to stand."""

    delimiter = "%%"


def read_options(verb: str) -> list[Option]:
    """Return the options of a verb, in the order of its help."""
    command = typer.main.get_command(app).commands[verb]  # type: ignore[attr-defined]
    return [
        Option(
            name=parameter.name,
            flag=max(parameter.opts, key=lambda flag: (flag == "--out", len(flag))),
            type=parameter.type.name,
            default=parameter.default,
            choices=tuple(getattr(parameter.type, "choices", ())),
            low=getattr(parameter.type, "min", None),
            help=parameter.help,
        )
        for parameter in command.params
        if parameter.param_type_name == "option"
    ]


def read_help(verb: str) -> str:
    """Return the first paragraph of a verb's help."""
    help_text: str = typer.main.get_command(app).commands[verb].help  # type: ignore[attr-defined]
    return help_text.partition("\n\n")[0]


def scientific_options(verb: str) -> list[Option]:
    """Return the options that a user of a workflow system chooses."""
    return [option for option in read_options(verb) if option.name not in OF_THE_PLACE]


def snakemake_options(verb: str, *, are_switches: bool) -> str:
    """Return the entries of a Python dictionary: flags of a verb by name, with their help.

    Args:
        verb: the verb.
        are_switches: whether these are the options without a value, or those with one.
    """
    return "\n".join(
        f"    # {option.help}\n    {json.dumps(option.name)}: {json.dumps(option.flag)},"
        for option in scientific_options(verb)
        if (option.type == "boolean") == are_switches
    )


def galaxy_command(verb: str) -> str:
    """Return the lines of Galaxy's command by which options are passed on."""
    return "\n".join(_galaxy_words(option) for option in scientific_options(verb))


def _galaxy_words(option: Option) -> str:
    if option.type == "boolean":
        return f"    ${option.name}"
    if option.default is not None:
        return f"    {option.flag} '${option.name}'"
    return f"    #if str(${option.name}) not in ('', 'None'):\n        {option.flag} '${option.name}'\n    #end if"


def galaxy_inputs(verb: str) -> str:
    """Return the parameters of Galaxy's form; Galaxy names them after their flags."""
    return "\n".join(_galaxy_parameter(option) for option in scientific_options(verb))


def _galaxy_parameter(option: Option) -> str:
    kind = GALAXY_TYPES.get(option.type, "text")
    label = option.name.replace("_", " ").capitalize()
    attributes = {"argument": option.flag, "type": kind, "label": label, "help": option.help}
    if kind == "boolean":
        attributes |= {"truevalue": option.flag, "falsevalue": "", "checked": str(bool(option.default)).lower()}
    elif kind != "select":
        attributes |= {"value": str(option.default)} if option.default is not None else {"optional": "true"}
    if option.low is not None:
        attributes["min"] = str(option.low)

    text = "        <param " + " ".join(f"{name}={quoteattr(value)}" for name, value in attributes.items())
    if kind != "select":
        return f"{text}/>"
    selected = {option.default: ' selected="true"'}
    choices = [
        f"            <option value={quoteattr(choice)}{selected.get(choice, '')}>{choice}</option>"
        for choice in option.choices
    ]
    return "\n".join([f"{text}>", *choices, "        </param>"])


def nextflow_options(verb: str) -> str:
    """Return comment lines: the options that may be given as `ext.args`."""
    return "\n".join(f"    // {option.flag}: {option.help}" for option in scientific_options(verb))


def conda_requirements() -> str:
    """Return the packages that a build needs, as conda-forge names them."""
    texts = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["build"]]
    requirements = [Requirement(text) for text in texts]
    names = {CONDA_NAMES.get(requirement.name, requirement.name): requirement for requirement in requirements}
    return "\n".join(f"    - {name} {_sorted_specifier(names[name])}" for name in sorted(names))


def _sorted_specifier(requirement: Requirement) -> str:
    """Return the bounds of a requirement, the lower before the upper."""
    return ",".join(sorted(map(str, requirement.specifier), reverse=True))


def conda_commands() -> str:
    """Return the commands by which an installed package is tried: the help of every verb."""
    verbs = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    return "\n".join(f"    - attlas {verb} --help" for verb in ("", *verbs)).replace("attlas  --", "attlas --")


def values() -> dict[str, str]:
    """Return everything that a template may name."""
    flags = {
        f"{verb}_{option.name}": option.flag
        for verb in ("build", "plan", "encode", "seal", "export")
        for option in read_options(verb)
    }

    return flags | {
        "version": PROJECT["version"],
        "summary": PROJECT["description"],
        "licence": PROJECT["license"],
        "python": PROJECT["requires-python"],
        "build_help": read_help("build"),
        "plan_help": read_help("plan"),
        "encode_help": read_help("encode"),
        "seal_help": read_help("seal"),
        "snakemake_plan_options": snakemake_options("plan", are_switches=False),
        "snakemake_plan_switches": snakemake_options("plan", are_switches=True),
        "galaxy_build_command": galaxy_command("build"),
        "galaxy_build_inputs": galaxy_inputs("build"),
        "nextflow_build_options": nextflow_options("build"),
        "conda_requirements": conda_requirements(),
        "conda_commands": conda_commands(),
    }


def generate(texts: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """Yield the path of every wrapper and what it is to hold.

    Raises:
        KeyError: a template names something that the command line does not have.
    """
    for template in sorted(path for path in TEMPLATES.rglob("*") if path.is_file()):
        yield HERE / template.relative_to(TEMPLATES), Template(template.read_text()).substitute(texts)


def main() -> int:
    """Write the wrappers, or check them; return the exit code."""
    is_check = "--check" in sys.argv[1:]
    outdated = [(path, text) for path, text in generate(values()) if not path.is_file() or path.read_text() != text]
    for path, text in outdated:
        print(f"{path.relative_to(HERE)}: {'not up to date' if is_check else 'written'}")
        if not is_check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return 1 if is_check and outdated else 0


if __name__ == "__main__":
    sys.exit(main())
