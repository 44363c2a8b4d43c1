"""The provenance that every answer and export states."""

from dataclasses import asdict

from attlas.schema import Manifest
from attlas.schema.published_weights import describe_weights

EVIDENCE = "ECO:0008006"
"""Deep learning evidence, automatic assertion: what a high-attention site rests on."""


def provenance_values(manifest: Manifest) -> dict[str, str]:
    """Return model, revision, weights, rule, atlas id, attlas version and evidence code, by name.

    Weights are what they are known to be, such as `published NAME`. There is no time stamp, so bytes repeat.
    """
    run = manifest.run
    return {
        "model": run.model,
        "revision": run.revision,
        "weights": describe_weights(run),
        "rule": run.rule,
        "atlas_id": manifest.atlas_id,
        "attlas_version": run.attlas_version,
        "evidence": EVIDENCE,
    }


def provenance_text(manifest: Manifest) -> str:
    """Return these values on one line, for formats that have room for a text only."""
    return "; ".join(f"{name} {value}" for name, value in provenance_values(manifest).items())


def provenance_rows(manifest: Manifest) -> list[tuple[str, str]]:
    """Return (name, value) of the whole provenance of an atlas, by name, every value as text."""
    values = {**asdict(manifest.run), **asdict(manifest.counts)}
    values |= {"source": manifest.source, "source_sha256": manifest.source_sha256, "created": manifest.created}
    values |= provenance_values(manifest)
    return [(name, "none" if value is None else str(value)) for name, value in sorted(values.items())]
