"""What every answer and export says about where its numbers come from."""

from attlas.schema import Manifest

EVIDENCE = "ECO:0008006"
"""Deep learning evidence, automatic assertion: what a high-attention site rests on."""


def provenance_values(manifest: Manifest) -> dict[str, str]:
    """Return model, revision, rule, atlas id, attlas version and evidence code; no time stamp, so bytes repeat."""
    run = manifest.run
    return {
        "model": run.model,
        "revision": run.revision,
        "rule": run.rule,
        "atlas_id": manifest.atlas_id,
        "attlas_version": run.attlas_version,
        "evidence": EVIDENCE,
    }
