"""Programs of other people, each in an environment of its own below `.cache/tools`, made by `make workflow-tools`."""

from pathlib import Path

TOOLS = Path(__file__).resolve().parents[2] / ".cache" / "tools"


def tool(environment: str, name: str) -> Path:
    """Return the path of a program. Raises AssertionError if its environment was not made."""
    path = TOOLS / environment / "bin" / name
    assert path.is_file(), f"{path} is missing: `make test-workflows` makes it first"
    return path
