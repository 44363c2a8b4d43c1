"""`DATACARD.md`: the contents of a release, counted from its own tables; its origin and its limits."""

from collections.abc import Iterator

import pyarrow as pa

from attlas.queries.provenance import EVIDENCE
from attlas.queries.release.markdown import cell, table
from attlas.queries.release.statement import NOT_STATED, Statement
from attlas.queries.store import Store
from attlas.schema import TABLES, Manifest
from attlas.schema.document import describe_table
from attlas.schema.published_weights import describe_weights

N_REASONS = 50
"""Reasons listed; all are in the table `proteins`."""

NOT_COMPUTED = """
SELECT status, reason, count(*) AS n, min(accession) AS example
FROM proteins WHERE status <> 'ok' GROUP BY ALL ORDER BY n DESC, status, reason
"""
LENGTHS = """
SELECT status, count(*), min(length), quantile_disc(length, 0.25), quantile_disc(length, 0.5),
       quantile_disc(length, 0.75), max(length)
FROM proteins GROUP BY ALL ORDER BY status
"""
SITES = """
SELECT CASE WHEN n_sites < 10 THEN n_sites::VARCHAR WHEN n_sites < 20 THEN '10 to 19'
            WHEN n_sites < 40 THEN '20 to 39' ELSE '40 or more' END AS sites, count(*) AS n
FROM proteins WHERE status = 'ok' GROUP BY ALL ORDER BY min(n_sites)
"""
LAYERS = """
SELECT coalesce(layer::VARCHAR, 'none') AS l, count(*) AS n, round(100 * n / sum(n) OVER (), 1) AS percent
FROM proteins WHERE status = 'ok' GROUP BY ALL ORDER BY min(layer) NULLS LAST
"""
ORGANISMS = """
SELECT coalesce(organism, 'not given') AS o, any_value(taxon_id ORDER BY taxon_id), count(*) AS n
FROM proteins GROUP BY ALL ORDER BY n DESC, o LIMIT 11
"""
LIMITS = f"""\
- A high-attention (HA) site is a residue the model attends to. It is no claim of function, of binding or of an active
  site; it carries the evidence code {EVIDENCE} (deep learning evidence, automatic assertion).
- The answers are those of one model with the weights named above. Other weights attend differently.
- Attention received grows with the length of a protein: compare `share`, not `received`, between proteins.
- No sites (`n_sites` 0) is an answer; not computed (`n_sites` null) is none. The table `proteins` has the reasons.
- Positions count from 1 along the exact sequence stored in `proteins` (MD5 and CRC64 beside it); isoforms are proteins
  of their own. Layers and heads count from 0.
- The last bits of a number may differ from those of a build on another machine.
"""


def compose_datacard(atlas: Store, statement: Statement) -> str:
    """Return the data card of an atlas."""
    lines = [f"# Data card: {cell(statement.make_title(atlas.manifest))}", ""]
    lines += [*_facts(atlas.manifest, statement), *_counts(atlas), *_distributions(atlas)]
    lines += ["## Limits", "", LIMITS, "## Columns", ""]
    lines += ["`L` is the number of layers. A column marked *view* is seen in a view and not stored in the files.", ""]
    tables = "\n".join(describe_table(atlas_table) for atlas_table in TABLES)
    return "\n".join(lines) + "\n" + tables.replace("\n## ", "\n### ").replace("## ", "### ", 1)


def _facts(manifest: Manifest, statement: Statement) -> Iterator[str]:
    run = manifest.run
    yield from table(
        ("", ""),
        [
            # What the publisher stated.
            ("creators", ", ".join(statement.creators) or NOT_STATED),
            ("licence", statement.licence or NOT_STATED),
            ("citation", statement.citation or NOT_STATED),
            ("URL", statement.url or NOT_STATED),

            # What the manifest says of the atlas, and of the run that computed it.
            ("atlas", f"{manifest.atlas_id}, format {manifest.format_version}, sealed {manifest.created}"),
            ("input", f"{manifest.source}, SHA-256 {manifest.source_sha256}"),
            ("model", f"{run.model}, revision {run.revision}"),
            ("architecture", f"{run.architecture}, {run.n_layers} layers x {run.n_heads} heads"),
            ("weights", f"{describe_weights(run)}, SHA-256 {run.weights_sha256}"),
            ("configuration", f"SHA-256 {run.config_sha256}"),
            ("rule for HA sites", run.rule),
            ("an edge is", f"attention of at least {run.edge_theta}"),
            ("computed", run.arithmetic),
            ("longest computed", "no limit" if run.max_length is None else f"{run.max_length:,} residues"),
            ("software", f"attlas {run.attlas_version}, torch {run.torch_version}, "
             f"transformers {run.transformers_version}; run {run.run_id}"),
        ],
    )  # fmt: skip


def _counts(atlas: Store) -> Iterator[str]:
    counts = atlas.manifest.counts
    yield "## Counts"
    yield ""
    yield (
        f"{counts.n_requested:,} proteins requested = {counts.n_ok:,} ok + {counts.n_skipped:,} skipped + "
        f"{counts.n_failed:,} failed. {counts.n_records:,} records in the input, {counts.n_sequences:,} distinct "
        f"sequences, {counts.n_residues:,} residues computed, {counts.n_sites:,} HA sites on distinct sequences."
    )
    yield ""

    sizes = [(atlas_table, atlas.manifest.of_table(atlas_table)) for atlas_table in TABLES]
    rows = [(t.name, t.doc, sum(f.n_rows for f in fs), len(fs), sum(f.n_bytes for f in fs)) for t, fs in sizes]
    yield from table(("table", "a row is", "rows", "files", "bytes"), rows)

    reasons = _rows(atlas.sql(NOT_COMPUTED))
    if reasons:
        yield "Not computed, by reason:"
        yield ""
        yield from table(("status", "reason", "proteins", "one of them"), reasons[:N_REASONS])

    if len(reasons) > N_REASONS:
        yield f"... and {len(reasons) - N_REASONS:,} more reasons, in the table `proteins`."
        yield ""


def _distributions(atlas: Store) -> Iterator[str]:
    yield "## Distributions"
    yield ""
    yield "Length in residues, by status:"
    yield ""
    names = ("status", "proteins", "shortest", "quartile", "median", "quartile", "longest")
    yield from table(names, _rows(atlas.sql(LENGTHS)))

    yield "HA sites per protein, of those computed:"
    yield ""
    yield from table(("sites", "proteins"), _rows(atlas.sql(SITES)))

    yield "Layer of convergence, of those computed (`none`: no fit, for the reason in `sites_note`):"
    yield ""
    yield from table(("layer", "proteins", "%"), _rows(atlas.sql(LAYERS)))

    organisms = _rows(atlas.sql(ORGANISMS))
    yield "Organisms:"
    yield ""
    yield from table(("organism", "taxon", "proteins"), [(o, str(t or ""), n) for o, t, n in organisms[:10]])
    if len(organisms) > 10:
        yield "... and more, in the table `proteins`."
        yield ""


def _rows(answer: pa.Table) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in answer.to_pylist()]
