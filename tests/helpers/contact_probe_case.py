"""What probes of contacts are fitted to, of an atlas with structures."""

from pathlib import Path

from attlas.pipeline.directory import read_plan
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.fitting.contact_probes import ContactProbes, prepare_contact_probes
from attlas.pipeline.fitting.inputs import Shape
from attlas.pipeline.fitting.pair_features import Directions, draw_sequences, find_directions
from attlas.pipeline.fitting.settings import FitSettings
from attlas.schema import AtlasPaths
from helpers.sealed_atlas import read_manifest


def prepare_contacts(root: Path, **settings: object) -> ContactProbes:
    """Return the probes of contacts of an atlas."""
    paths = AtlasPaths(root)
    return prepare_contact_probes(paths, read_manifest(root), read_plan(paths), FitSettings(**settings))


def choose_directions(encoder: Encoder, probes: ContactProbes, shape: Shape, *, seed: int) -> Directions:
    """Return the directions of each layer, on sequences that are drawn of the task."""
    return find_directions(encoder, draw_sequences(probes.task.sequences, seed=seed), shape)
