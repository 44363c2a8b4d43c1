"""The tasks of two passes over an atlas: its links, and a probe with periods."""

from pathlib import Path

from attlas.pipeline.links.linking import LinkResidues
from attlas.pipeline.pass_task import PassTask, digest_inputs
from attlas.pipeline.probe.probing import TABLES, Probe
from attlas.schema import LINKS
from helpers.sealed_atlas import read_manifest


def make_pass_task(name: str, root: Path) -> PassTask:
    """Return the task named `links` or `probe`."""
    manifest = read_manifest(root)
    if name == "links":
        inputs = digest_inputs(manifest, LINKS)
        return LinkResidues(manifest.atlas_id, inputs, floor=0.01, per_residue=1, max_length=None)
    inputs = digest_inputs(manifest, *TABLES)
    return Probe(manifest.atlas_id, inputs, theta=0.3, types=None, is_by_letter=True, periods=(3,))
