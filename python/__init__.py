"""The Python door: `import attlas`, then `attlas.open("demo-atlas")`.

    import attlas

    with attlas.open("demo-atlas") as atlas:
        atlas.sites("P07550")

An atlas is read with attlas alone. To build one, from the command line or from Python, `attlas[build]` is needed.
Nothing heavy is imported here: pyarrow comes with the first atlas, DuckDB with its first query.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from attlas.queries import Atlas

    __version__: str

__all__ = ["__version__", "open"]


def open(place: "str | Path", *, memory_limit: str | None = None) -> "Atlas":
    """Open an atlas for reading: a directory, or a URL (`https://`, `s3://`, `hf://`).

    Args:
        place: the directory or URL that holds `manifest.json`.
        memory_limit: memory that SQL may take before it spills to disk, such as `4GB` or `50%`; by default half of
            the machine's.

    Raises:
        BrokenAtlasError: there is no such atlas, it is not finished, or it is of another format.
        EnvironmentFault: the URL cannot be reached, or a package that reads such URLs is missing.
    """
    from attlas.queries import Atlas

    return Atlas.open(place, memory_limit=memory_limit)


def __getattr__(name: str) -> object:
    # Looking the version up reads the metadata of the installed package, which nobody who opens an atlas needs.
    if name == "__version__":
        from importlib.metadata import version

        return version("attlas")
    raise AttributeError(f"module 'attlas' has no attribute {name!r}")
