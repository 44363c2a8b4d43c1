"""The command line imports the module of the verb that is asked for, and no other."""

import subprocess
import sys

import pytest
import typer

from attlas.cli.main import VERBS, app, make_app


def _names(command_line: typer.Typer) -> list[str]:
    return list(typer.main.get_command(command_line).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("module", VERBS)
def test_a_verb_is_in_the_module_in_which_the_command_line_looks_for_it(module: str) -> None:
    for verb in VERBS[module]:
        assert _names(make_app(verb)) == list(VERBS[module])


def test_without_a_verb_that_is_known_all_are_there() -> None:
    verbs = [verb for names in VERBS.values() for verb in names]
    assert len(verbs) == len(set(verbs))
    for command_line in (app, make_app(None), make_app("fnid"), make_app("--help")):
        assert sorted(_names(command_line)) == sorted(verbs)


def test_a_command_imports_no_module_of_another_verb() -> None:
    code = (
        "import sys; from attlas.cli.main import main; sys.argv = ['attlas', 'find', '--help']\n"
        "try: main()\n"
        "except SystemExit: print(*sorted(name for name in sys.modules if name.startswith('attlas.cli.')))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.splitlines()[-1].split() == [
        f"attlas.cli.{name}" for name in ("asking", "finding", "main", "output", "terminal")
    ]  # fmt: skip
