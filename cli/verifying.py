"""The verb that compares an atlas with its manifest: verify."""

import json
from pathlib import Path

import typer

from attlas.cli.output import AsJson, AtlasDir
from attlas.cli.progress import say


def add_verbs(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(verify)


def verify(directory: AtlasDir, as_json: AsJson = False) -> None:
    """Check every file of an atlas against its manifest.

    Compares digests, schemas and counts, and looks for missing files.

    Behind a URL every file is read, from end to end.
    """
    from attlas.queries.lookup.storage import find_root, read_manifest
    from attlas.schema import AtlasPaths, BrokenAtlasError
    from attlas.schema.verify import find_problems, find_unfinished_files

    root = find_root(directory)
    manifest = read_manifest(root)
    if isinstance(root, Path):
        texts = find_problems(AtlasPaths(root), manifest)
        if unfinished := find_unfinished_files(AtlasPaths(root), manifest):
            say(f"{len(unfinished):,} files, such as {unfinished[0]}, are of commands that add tables: not finished")
            say("they are not part of the atlas: the same command continues with them, another one removes them")
    else:
        from attlas.queries.lookup.verify_remote import remote_problems

        texts = remote_problems(root, manifest)
    if as_json:
        print(json.dumps({"is_whole": not texts, "n_files": len(manifest.files), "problems": texts}, indent=1))
    if texts:
        raise BrokenAtlasError(
            f"{directory} differs from its manifest.",
            offenders=texts,
            hint="--json lists all of them; copy the atlas again; where it was built, `attlas build` repairs it",
        )
    if not as_json:
        n_bytes = manifest.files.n_bytes
        summary = f"whole; {len(manifest.files):,} files, {n_bytes / 1e6:,.1f} MB, every digest as in the manifest"
        print(f"{directory}: {summary}")
