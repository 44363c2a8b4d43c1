"""The protein by which a device is tested before its shards count; tests that count packs leave it out."""

from attlas.pipeline.encoder.guard import N_KNOWN_RESIDUES, make_known_protein

KNOWN_PROTEIN = make_known_protein(N_KNOWN_RESIDUES)
