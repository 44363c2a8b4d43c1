"""Counts that show how readable the code is: names, paragraphs, comments, sizes, arrows between folders.

    python benchmarks/house_numbers.py [ROOT]

Prints a line for each room and the lists of places to look at. Nothing here is a verdict; docs/log.md keeps the
numbers of each date, so that a change of the house can be seen in them.
"""

import argparse
import ast
import gc
import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOMS = ("schema", "intake", "structures", "pipeline", "queries", "serve", "assistant", "cli", "python")
NO_NOUNS = frozenset(
    (
        "found",
        "one",
        "some",
        "said",
        "asked",
        "here",
        "there",
        "known",
        "laid",
        "theirs",
        "ours",
        "own",
        "rest",
        "wanted",
        "chosen",
        "each",
        "least",
        "first",
    )
)
"""Pronouns and participles that say nothing of what a variable holds."""
LONG_LINE = 100
LONG_FUNCTION = 35
LONG_FILE = 350
SAYING_LETTERS = 20
"""A line of so many letters or fewer does not say what a file is for."""
PARAGRAPH_LINES = 15
"""A function body of this many lines should have a blank line in it."""
MOST_INTERNALS, MOST_INTERNALS_OF_HELPERS = 10, 14
"""Names of the package that a file of tests may import, and one of helpers or fixtures."""


@dataclass(frozen=True)
class Body:
    """The body of a function, without its docstring."""

    place: str
    lines: tuple[str, ...]
    has_steps: bool
    """False if all of it is a single return, match or try: nothing to put a blank line between."""

    @property
    def n_blank(self) -> int:
        return sum(not line.strip() for line in self.lines)

    @property
    def n_commented(self) -> int:
        return sum("# " in line for line in self.lines)


@dataclass(frozen=True)
class Source:
    """A Python file, read and parsed."""

    path: str
    lines: tuple[str, ...]
    tree: ast.Module

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node of the tree: walking through it takes longer than all that is counted of it."""
        return tuple(ast.walk(self.tree))

    @cached_property
    def bodies(self) -> tuple[Body, ...]:
        return tuple(self._find_bodies())

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every name that is bound: variables, arguments.

        The argument `found` is left out: it is a line of the message of an error, "expected / found / to do".
        """
        variables = (node.id for node in self.nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
        arguments = (node.arg for node in self.nodes if isinstance(node, ast.arg) and node.arg != "found")
        return (*variables, *arguments)

    @cached_property
    def internals(self) -> frozenset[str]:
        """The names of the package that are imported, each with its module."""
        names = set()
        for node in self.nodes:
            if isinstance(node, ast.ImportFrom):
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
        return frozenset(name for name in names if name.split(".")[0] == "attlas")

    def _find_bodies(self) -> Iterator[Body]:
        for node in self.nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                statements = node.body[1:] if ast.get_docstring(node) else node.body
                if statements:
                    begin, end = statements[0].lineno - 1, statements[-1].end_lineno
                    yield Body(f"{self.path}:{node.lineno} {node.name}", self.lines[begin:end], _has_steps(statements))

    def names_by_case(self) -> Iterator[str]:
        """Yield pairs of names of the module that differ only by case or a leading underscore."""
        spellings: dict[str, set[str]] = {}
        for node in self.tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else [node]
            for target in targets:
                name = getattr(target, "id", None) or getattr(target, "name", None)
                if name:
                    spellings.setdefault(name.strip("_").lower(), set()).add(name)
        for names in spellings.values():
            if len(names) > 1:
                yield f"{self.path}: {' / '.join(sorted(names))}"

    def arrows(self) -> Iterator[tuple[str, str]]:
        """Yield (room of this file, room it imports) for each import of another room."""
        room = self.path.split("/")[0]
        for node in self.nodes:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("attlas."):
                imported_room = (node.module or "").split(".")[1]
                if imported_room != room:
                    yield room, imported_room


def _has_steps(statements: list[ast.stmt]) -> bool:
    return len(statements) > 1 or not isinstance(statements[0], ast.Return | ast.Match | ast.Try)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, nargs="?", default=Path(__file__).resolve().parents[1])
    root = parser.parse_args().root
    gc.disable()  # a million nodes that stay: they were looked through again and again

    sources = {room: [*read_sources(root, room)] for room in ROOMS if (root / room).is_dir()}
    all_sources = [source for files in sources.values() for source in files]
    tests = [*read_sources(root, "tests")]
    scripts = [source for folder in ("examples", "benchmarks") for source in read_sources(root, folder)]
    print(
        "room        files  lines  longest | functions  median  longest  >35 | blank %  comment %  lines >100 | "
        "names  no nouns"
    )
    for room, files in {**sources, "all": all_sources, "tests": tests}.items():
        print(room_line(room, files))
    print(sql_line(root))
    print_places(all_sources)
    print_names_of_tests(tests)
    print_imports_of_tests(tests)
    print_silent_files([*all_sources, *scripts, *tests])


def read_sources(root: Path, room: str) -> Iterator[Source]:
    for path in sorted((root / room).rglob("*.py")):
        text = path.read_text()
        yield Source(path.relative_to(root).as_posix(), tuple(text.splitlines()), ast.parse(text))


def room_line(room: str, files: list[Source]) -> str:
    bodies = [body for source in files for body in source.bodies]
    lengths = sorted(len(body.lines) for body in bodies) or [0]
    n_body = sum(lengths) or 1
    n_lines = [len(source.lines) for source in files]
    n_long_lines = sum(len(line) > LONG_LINE for source in files for line in source.lines)
    names = [name for source in files for name in source.names]

    return (
        f"{room:<11} {len(files):>5}  {sum(n_lines):>5}  {max(n_lines):>7} | {len(bodies):>9}  "
        f"{statistics.median(lengths):>6}  {lengths[-1]:>7}  {sum(n > LONG_FUNCTION for n in lengths):>3} | "
        f"{100 * sum(body.n_blank for body in bodies) / n_body:>7.1f}  "
        f"{100 * sum(body.n_commented for body in bodies) / n_body:>9.1f}  "
        f"{100 * n_long_lines / max(1, sum(n_lines)):>10.1f}% | {len(names):>5}  {sum(n in NO_NOUNS for n in names):>8}"
    )


def sql_line(root: Path) -> str:
    """Return the numbers of the SQL files: lines of bodies, comments, blank lines, and the files with most CTEs."""
    bodies, n_ctes = [], Counter[str]()
    for path in sorted((root / "queries").rglob("*.sql")):
        lines = path.read_text().splitlines()
        is_header = True
        for line in lines:
            is_header = is_header and line.startswith("--")
            if not is_header:
                bodies.append(line)
            if line.rstrip().endswith("AS (") or " AS MATERIALIZED (" in line:
                n_ctes[path.name] += 1

    n_comments = sum(line.lstrip().startswith("--") for line in bodies)
    n_blank = sum(not line.strip() for line in bodies)
    largest = ", ".join(f"{name} {n}" for name, n in n_ctes.most_common(3))
    return f"SQL: {len(bodies)} lines of bodies, {n_comments} comments, {n_blank} blank; most CTEs: {largest}"


def find_classes(sources: list[Source]) -> dict[str, set[str]]:
    """Return the files of the classes of each name."""
    places: dict[str, set[str]] = {}
    for source in sources:
        for node in source.nodes:
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name.strip("_"), set()).add(source.path)
    return places


def list_shared_classes(sources: list[Source]) -> list[str]:
    """Return the names of classes that stand in several files, with these files."""
    places = find_classes(sources)
    return [f"{name}: {', '.join(sorted(paths))}" for name, paths in sorted(places.items()) if len(paths) > 1]


def print_places(sources: list[Source]) -> None:
    arrows = Counter(arrow for source in sources for arrow in source.arrows())
    print(f"\nnames of classes: {len(find_classes(sources))}")
    print("arrows:", ", ".join(f"{room} -> {imported} {n}" for (room, imported), n in sorted(arrows.items())))

    lists = {
        f"files over {LONG_FILE} lines": [
            f"{source.path} {len(source.lines)}" for source in sources if len(source.lines) > LONG_FILE
        ],
        f"functions over {LONG_FUNCTION} lines": [
            f"{body.place} {len(body.lines)}"
            for source in sources
            for body in source.bodies
            if len(body.lines) > LONG_FUNCTION
        ],
        f"functions of {PARAGRAPH_LINES} lines and more without a blank line": [
            body.place
            for source in sources
            for body in source.bodies
            if len(body.lines) >= PARAGRAPH_LINES and body.has_steps and not body.n_blank
        ],
        "classes that share a name with another": list_shared_classes(sources),
        "names that differ by case only": [pair for source in sources for pair in source.names_by_case()],
        "names that are no nouns": [
            f"{name} {n}"
            for name, n in Counter(name for source in sources for name in source.names).most_common()
            if name in NO_NOUNS
        ],
    }

    for title, places in lists.items():
        print(f"\n{title}: {len(places)}")
        for place in places[:20]:
            print(f"  {place}")


def print_names_of_tests(tests: list[Source]) -> None:
    """Print which names of tests are no nouns, and in which files most of them stand."""
    names = Counter(name for source in tests for name in source.names if name in NO_NOUNS)
    files = Counter({source.path: sum(name in NO_NOUNS for name in source.names) for source in tests})

    print(f"\ntests: names that are no nouns: {names.total()}")
    for name, n in names.most_common(20):
        print(f"  {name} {n}")
    for path, n in files.most_common(20):
        if n:
            print(f"  {path} {n}")


def print_imports_of_tests(tests: list[Source]) -> None:
    """Print which files of tests, and which of helpers and fixtures, import more of the package than they may."""
    is_test = {source.path: Path(source.path).name.startswith("test_") for source in tests}
    for title, most, is_of_tests in (
        ("tests", MOST_INTERNALS, True),
        ("helpers", MOST_INTERNALS_OF_HELPERS, False),
    ):
        counts = Counter({s.path: len(s.internals) for s in tests if is_test[s.path] is is_of_tests})
        places = [(path, n) for path, n in counts.most_common() if n > most]
        print(f"\n{title}: files that import more than {most} internals: {len(places)}")
        for path, n in places[:20]:
            print(f"  {path} {n}")


def print_silent_files(sources: list[Source]) -> None:
    """Print which files do not say their job in the first line of their docstring."""
    first_lines = {source.path: (ast.get_docstring(source.tree) or "").partition("\n")[0] for source in sources}
    silent_paths = [path for path, line in first_lines.items() if len(line) <= SAYING_LETTERS]

    print(f"\nfiles: {len(sources)}\nfiles that do not say their job: {len(silent_paths)}")
    for path in silent_paths[:20]:
        print(f"  {path}")


if __name__ == "__main__":
    main()
