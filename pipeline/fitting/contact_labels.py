"""The contacts that probes are fitted to: of each sequence those of the chain of a structure with the most residues."""

from dataclasses import dataclass

from attlas.pipeline.contacts.chains import Atom, choose_chain, read_chain_contacts
from attlas.pipeline.contacts.structure_contacts import StructureContacts
from attlas.pipeline.fitting.label_sets import AtlasSequence, read_sequences_with_accessions
from attlas.pipeline.plan import Plan
from attlas.schema import AtlasPaths, InputError, Manifest

CONTACTS = "contacts"
"""The label of pairs of residues in contact."""
ATOM: Atom = "ca"
"""The atom that stands for a residue, as by default in `attlas contacts`."""


@dataclass(frozen=True)
class ContactSequence(AtlasSequence):
    """A distinct sequence of the atlas with the contacts of a structure."""

    contacts: StructureContacts


def read_contact_sequences(paths: AtlasPaths, manifest: Manifest, plan: Plan) -> list[ContactSequence]:
    """Return the sequences that have a structure with a contact of long range, in order of `sequence_id`.

    Raises:
        InputError: there is none.
    """
    proteins = read_sequences_with_accessions(paths)
    sequences = []
    for shard in plan.shards:
        ids = [i for i in proteins if shard.first_sequence_id <= i < shard.end_sequence_id]
        letters = {i: proteins[i][0] for i in sorted(ids)}
        for sequence_id, chains in read_chain_contacts(paths, manifest, shard, atom=ATOM, sequences=letters).items():
            contacts = chains[choose_chain(chains)]
            if len(contacts.long_contacts):
                sequences.append(ContactSequence(sequence_id, *proteins[sequence_id], contacts))

    if not sequences:
        raise InputError(
            "The atlas holds no structure with contacts.",
            expected="coordinates of proteins, with contacts 24 or more residues apart",
            hint="`attlas annotate DIR STRUCTURE` adds structures",
        )
    return sorted(sequences, key=lambda sequence: sequence.sequence_id)
