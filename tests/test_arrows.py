"""The arrows between the rooms, the names they are imported by, and what a wheel holds."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("schema", "intake", "structures", "pipeline", "queries", "serve", "assistant", "cli", "python")
"""The rooms, lowest first. `python/` is installed as `attlas` itself, each other room below it by its own name."""
MAY_SPEAK_TO = {
    "python": {"attlas.queries"},
    "schema": {"attlas.schema"},
    "intake": {"attlas.intake", "attlas.schema"},
    "structures": {"attlas.structures", "attlas.intake", "attlas.schema"},
    "pipeline": {"attlas.pipeline", "attlas.structures", "attlas.intake", "attlas.schema"},
    "queries": {"attlas.queries", "attlas.structures", "attlas.intake", "attlas.schema"},
    "serve": {"attlas.serve", "attlas.queries", "attlas.schema"},
    "assistant": {"attlas.assistant", "attlas.queries", "attlas.schema"},
    "cli": {
        "attlas.cli",
        "attlas.serve",
        "attlas.assistant",
        "attlas.pipeline",
        "attlas.queries",
        "attlas.intake",
        "attlas.schema",
    },
}
FLOORS = {
    "queries": (
        ("text", "output_file", "colours"),
        ("provenance", "formats", "spreadsheets"),
        ("lookup",),
        ("engine", "lookup_tables"),
        ("store", "description"),
        ("answers", "asking"),
        ("cards", "comparing", "exports", "page", "report"),
        ("plots", "release"),
        ("atlas",),
    ),
    "pipeline": (
        ("scratch",),
        (
            "adding",
            "compiling",
            "indexes",
            "object_store",
            "packing",
            "relatives",
            "segments",
            "shard_parts",
        ),
        ("proteins", "upgrade"),
        (
            "model",
            "part_limits",
            "sites",
        ),
        ("attention",),
        ("plan",),
        ("stored_shards",),
        (
            "encoder",
            "estimate",
            "lock",
            "job_parts",
            "planned_sequences",
            "receipts",
        ),
        ("directory",),
        ("mirror", "sealed"),
        (
            "annotate",
            "build_vectors",
            "finishing",
            "joining",
            "shard_rows",
            "status",
        ),
        (
            "seal",
            "shard",
        ),
        ("workers",),
        (
            "drafting",
            "encode",
            "pass_task",
        ),
        (
            "build",
            "dry_run",
            "pass_planning",
            "passes",
        ),
        (
            "contacts",
            "links",
            "probe",
            "remote_build",
            "vectors",
        ),
        ("pairs",),
        ("interfaces",),
        ("fitting",),
        ("evaluating",),
    ),
    "serve": (
        ("limits", "protein_page", "security_headers", "tasks", "traffic"),
        ("current_atlas", "performing", "worker"),
        ("etags", "made_once", "worker_pool", "working"),
        ("long_proteins",),
        ("problems", "service"),
        ("formats", "guards", "server"),
        ("answers",),
        ("api",),
        ("pages",),
        ("app",),
    ),
}
"""The folders and files of a room, floor by floor, lowest first: each imports only itself and what lies below it."""
WORKSHOP_ONLY = {"torch", "transformers", "dask", "distributed", "triton", "Bio", "psutil", "numpy", "sklearn"}
READING_ROOM_ONLY = {"duckdb", "typer", "rich"}

BARE_IMPORT = re.compile(rf"\b(?:from|import)\s+(?:\.|.*(?<![.\w])(?:{'|'.join(ROOMS)})\b)")
"""A line that may import a room by its bare name, or relatively."""

every_room = pytest.mark.parametrize("room", ROOMS)


def _sources(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _imports(node: ast.AST) -> Iterator[str]:
    """Yield the full name of every module imported below `node`, wherever it stands."""
    for child in ast.walk(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            # `from attlas import schema` names the room only in its aliases.
            names = [f"attlas.{alias.name}" for alias in child.names] if child.module == "attlas" else []
            yield from names or ["." * child.level + (child.module or "")]


def _imports_at_start(tree: ast.Module) -> Iterator[str]:
    """Yield the imports that run with the module: none of function bodies, none under `if TYPE_CHECKING`."""
    for statement in tree.body:
        is_lazy = isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
        if not (is_lazy or _is_for_types(statement)):
            yield from _imports(statement)


def _is_for_types(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and ast.unparse(statement.test).endswith("TYPE_CHECKING")


@cache
def _by_file(room: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (path.relative_to(ROOT).as_posix(), name) for path in _sources(room) for name in _imports(_parse(path))
    )


def _places_imported(path: Path, room: str) -> Iterator[str]:
    """Yield the folders and files of its own room that a file imports, also in functions, but not for types only."""
    statements = [statement for statement in _parse(path).body if not _is_for_types(statement)]
    for node in ast.walk(ast.Module(statements, [])):
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"attlas.{room}."):
            # `from attlas.queries import formats` names the file only in its aliases.
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name.split(".")[2] for name in names)


@pytest.mark.parametrize("room", FLOORS)
def test_every_folder_and_file_of_a_room_has_its_floor(room: str) -> None:
    names = {path.relative_to(ROOT / room).parts[0].removesuffix(".py") for path in _sources(room)} - {"__init__"}
    assert sorted(place for floor in FLOORS[room] for place in floor) == sorted(names)


@pytest.mark.parametrize("room", FLOORS)
def test_nothing_in_a_room_imports_from_its_own_floor_or_from_above(room: str) -> None:
    floor_of = {place: number for number, places in enumerate(FLOORS[room]) for place in places}
    wrong = []
    for path in _sources(room):
        place = path.relative_to(ROOT / room).parts[0].removesuffix(".py")
        if place != "__init__":  # the door of the room, which stands for its top
            others = set(_places_imported(path, room)) - {place}
            wrong += [(place, other) for other in others if floor_of.get(other, len(FLOORS[room])) >= floor_of[place]]
    assert wrong == []


@every_room
def test_a_room_speaks_only_along_the_arrows(room: str) -> None:
    allowed = MAY_SPEAK_TO[room]
    wrong = [
        (path, name)
        for path, name in _by_file(room)
        if name.split(".")[0] == "attlas" and ".".join(name.split(".")[:2]) not in allowed
    ]
    assert wrong == []


@pytest.mark.parametrize("room", ["schema", "intake"])
def test_the_rooms_below_all_others_need_only_pyarrow_and_the_standard_library(room: str) -> None:
    allowed = {*sys.stdlib_module_names, "attlas", "pyarrow"}
    assert [pair for pair in _by_file(room) if pair[1].split(".")[0] not in allowed] == []


@pytest.mark.parametrize(
    ("room", "banned"),
    [("queries", WORKSHOP_ONLY), ("serve", WORKSHOP_ONLY), ("cli", WORKSHOP_ONLY), ("pipeline", READING_ROOM_ONLY)],
)
def test_a_room_does_without_the_libraries_of_the_other(room: str, banned: set[str]) -> None:
    assert [pair for pair in _by_file(room) if pair[1].split(".")[0] in banned] == []


def test_the_front_desk_imports_a_room_only_when_a_verb_needs_it() -> None:
    early = [
        (path.name, name)
        for path in _sources("cli")
        for name in _imports_at_start(_parse(path))
        if name.startswith(("attlas.pipeline", "attlas.queries", "attlas.serve", "attlas.assistant"))
    ]
    assert early == []


@pytest.mark.parametrize("folder", [*ROOMS, "tests", "examples", "benchmarks"])
def test_a_room_is_never_imported_by_its_bare_name_nor_relatively(folder: str) -> None:
    # Parsing all files takes seconds: first those that may have such a line, be it in a text.
    files = [path for path in _sources(folder) if BARE_IMPORT.search(path.read_text())]
    names = [(path.relative_to(ROOT).as_posix(), name) for path in files for name in _imports(_parse(path))]
    assert [pair for pair in names if pair[1].startswith(".") or pair[1].split(".")[0] in ROOMS] == []


@pytest.mark.parametrize(
    "line", ["import schema", "from queries.store import Store", "    from . import x", "if True: import os, cli"]
)
def test_a_bare_import_is_noticed(line: str) -> None:
    assert BARE_IMPORT.search(f"x = 1\n{line}\n")


def test_the_python_door_imports_nothing_heavy_until_an_atlas_is_opened() -> None:
    code = "import sys, attlas; print(sorted({'pyarrow', 'duckdb', 'torch', 'numpy', 'pandas'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_front_desk_starts_without_torch() -> None:
    heavy = "{'torch', 'transformers', 'dask', 'duckdb'}"
    code = f"import sys; from attlas.cli.main import app; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, offline, from a copy: a build in place leaves files that end up in the next."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for room in ROOMS:
        shutil.copytree(ROOT / room, source / room, ignore=shutil.ignore_patterns("__pycache__"))
    out = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    result = subprocess.run([*pip, "--wheel-dir", out, source], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    (built,) = out.glob("attlas-*.whl")
    return built


def test_the_packages_that_are_named_are_those_of_the_tree() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {path.parent.relative_to(ROOT).as_posix() for room in ROOMS for path in _sources(room)}
    by_package = {
        "attlas" if folder == "python" else f"attlas.{folder.replace('/', '.')}": folder for folder in folders
    }
    assert setuptools["package-dir"] == by_package
    assert sorted(setuptools["packages"]) == sorted(by_package)


@pytest.mark.thorough
@pytest.mark.slow
def test_a_wheel_holds_only_attlas(wheel: Path) -> None:
    roots = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    information = f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"
    assert roots == {"attlas", information}


@pytest.mark.thorough
@pytest.mark.slow
def test_a_wheel_holds_every_file_a_room_needs(wheel: Path) -> None:
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("attlas/")}
    suffixes = (".py", ".sql", ".html", ".css", ".js")
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*") if path.suffix in suffixes]
    files += [ROOT / room / "py.typed" for room in ROOMS]
    needed = {f"attlas/{path.relative_to(ROOT).as_posix().removeprefix('python/')}" for path in files}
    assert needed - packed == set()


@pytest.mark.thorough
@pytest.mark.slow
def test_the_wheel_works_beside_another_package_named_schema(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema" / "__init__.py").write_text("whose = 'another project'\n")
    code = f"""
import sys
# An editable install of this repository maps the same names; here the unpacked wheel is meant.
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in repr(finder)]
sys.path.insert(0, {str(tmp_path)!r})
import schema, attlas.schema, attlas.queries, attlas.cli.main
print(schema.whose)
for room in (attlas.schema, attlas.queries, attlas.cli.main):
    assert room.__file__.startswith({str(tmp_path)!r}), room.__file__
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (result.returncode, result.stdout) == (0, "another project\n"), result.stderr
