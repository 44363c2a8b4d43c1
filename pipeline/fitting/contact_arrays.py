"""Structures with their sampled pairs, and what the passes over them give, as arrays and back.

Axis letters: `L` layers, `W` width of a hidden state, `R` directions, `I` inputs, `P` proteins.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.contacts.structure_contacts import StructureContacts
from attlas.pipeline.fitting.contact_labels import ContactSequence
from attlas.pipeline.fitting.contact_measures import ProteinPrecision
from attlas.pipeline.fitting.contact_pairs import PairSample
from attlas.pipeline.fitting.contact_passes import ContactScores, Joined
from attlas.pipeline.fitting.contact_probes import ContactTask
from attlas.pipeline.fitting.inputs import ProbeInput
from attlas.pipeline.fitting.pair_features import Directions
from attlas.pipeline.fitting.saved_arrays import Arrays, ReadArray, read_letters, write_letters
from attlas.pipeline.fitting.sums import Moments, add_moments

Named = dict[str, NDArray[np.generic]]


def write_contact_task(task: ContactTask) -> Arrays:
    """Return structures with their sampled pairs as arrays."""
    arrays: Named = {"folds": task.folds, "groups": task.groups, "n_folds": np.array(task.n_folds)}
    arrays["sequence_ids"] = np.array([sequence.sequence_id for sequence in task.sequences])
    for place, (sequence, sample) in enumerate(zip(task.sequences, task.samples, strict=True)):
        arrays[f"{place} letters"] = write_letters([sequence.sequence])
        arrays |= {f"{place} contacts {name}": np.asarray(value) for name, value in vars(sequence.contacts).items()}
        arrays |= {f"{place} sample {name}": value for name, value in vars(sample).items()}
    return arrays


def read_contact_task(read: ReadArray) -> ContactTask:
    """Return the structures that `write_contact_task` wrote; their proteins are not among it."""
    sequences, samples = [], []
    for place, sequence_id in enumerate(read("sequence_ids").tolist()):
        (letters,) = read_letters(read(f"{place} letters"))
        values = {field.name: read(f"{place} contacts {field.name}") for field in fields(StructureContacts)}
        contacts = StructureContacts(**{**values, "n_long_pairs": int(values["n_long_pairs"])})  # type: ignore[arg-type]
        sequences.append(ContactSequence(sequence_id, letters, (), contacts))
        sampled = {field.name: read(f"{place} sample {field.name}") for field in fields(PairSample)}
        samples.append(PairSample(**sampled))  # type: ignore[arg-type]
    folds, groups = (np.asarray(read(name), np.int64) for name in ("folds", "groups"))
    return ContactTask(tuple(sequences), tuple(samples), folds, groups, int(read("n_folds")))


def write_directions(directions: Directions) -> Arrays:
    """Return directions as arrays, (L, W) and (L, W, R)."""
    return {"means": directions.means, "vectors": directions.vectors}


def read_directions(read: ReadArray) -> Directions:
    """Return the directions that `write_directions` wrote."""
    return Directions(np.asarray(read("means"), np.float64), np.asarray(read("vectors"), np.float64))


def write_moments(sums: Mapping[ProbeInput, Moments]) -> Arrays:
    """Return sums as arrays, by the place of the input."""
    places = list(enumerate(sums.values()))
    return {
        f"{place} {name}": np.asarray(value) for place, of_input in places for name, value in vars(of_input).items()
    }


def add_saved_moments(sums: dict[ProbeInput, Moments], read: ReadArray, inputs: Sequence[ProbeInput]) -> None:
    """Add the sums that `write_moments` wrote to those of the same inputs."""
    for place, source in enumerate(inputs):
        values = [np.asarray(read(f"{place} {field.name}"), np.float64) for field in fields(Moments)]
        moments = Moments(float(values[0]), *values[1:])
        sums[source] = moments if source not in sums else add_moments([sums[source], moments])


def write_weights(joined: Joined) -> Named:
    """Return weights as arrays, by the place of the input."""
    arrays: Named = {}
    for place, (weights, intercepts) in enumerate(joined.values()):
        arrays |= {f"{place} weights": weights, f"{place} intercepts": intercepts}
    return arrays


def read_weights(read: ReadArray, inputs: Sequence[ProbeInput]) -> Joined:
    """Return the weights that `write_weights` wrote."""

    def read_floats(name: str) -> NDArray[np.float64]:
        return np.asarray(read(name), np.float64)

    return {
        source: (read_floats(f"{place} weights"), read_floats(f"{place} intercepts"))
        for place, source in enumerate(inputs)
    }


def write_scores(scores: ContactScores) -> Arrays:
    """Return scores as arrays: of the samples, and of the ranking of each protein, (I, P, 2)."""
    proteins = [[(protein.average, protein.top) for protein in of_input] for of_input in scores.proteins]
    return {"samples": scores.samples, "proteins": np.array(proteins)}


def read_scores(read: ReadArray) -> ContactScores:
    """Return the scores that `write_scores` wrote."""
    proteins = tuple(tuple(ProteinPrecision(*values) for values in of_input) for of_input in read("proteins").tolist())
    return ContactScores(np.asarray(read("samples"), np.float32), proteins)


def join_scores(parts: Sequence[ContactScores]) -> ContactScores:
    """Return the scores of the sequences of all parts, in their order."""
    proteins = zip(*(part.proteins for part in parts), strict=True)
    return ContactScores(
        np.concatenate([part.samples for part in parts], axis=2),
        tuple(tuple(protein for of_part in of_input for protein in of_part) for of_input in proteins),
    )
