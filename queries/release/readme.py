"""`README.md` of a release: a summary and three ways to read it, after a head for the Hugging Face hub."""

import json
from collections.abc import Iterator

from attlas.queries.release.markdown import cell, table
from attlas.queries.release.statement import NOT_STATED, Statement
from attlas.queries.store import Store
from attlas.schema import PROTEINS, RESIDUES, SITES, TABLES, Manifest

HUB_LICENCES = {
    *("apache-2.0", "mit", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0"),
    *("cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0"),
    *("cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "odbl", "pddl", "odc-by"),
    *("bsd-2-clause", "bsd-3-clause", "gpl-3.0", "lgpl-3.0", "agpl-3.0", "mpl-2.0", "cdla-permissive-2.0", "unlicense"),
}
"""Licences the hub knows by name (huggingface.co/docs/hub/repositories-licenses); any other is `other`."""
TAGS = ("biology", "protein", "proteome", "attention", "protein-language-model", "interpretability", "parquet")
SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M", 10_000_000: "1M<n<10M"}
SIZES |= {10**8: "10M<n<100M", 10**9: "100M<n<1B", 10**10: "1B<n<10B", 10**11: "10B<n<100B", 10**12: "100B<n<1T"}
EXAMPLE = "SELECT accession FROM proteins WHERE status = 'ok' ORDER BY n_sites = 0, accession LIMIT 1"
PLACEHOLDER_URL, PLACEHOLDER_HUB = "https://HOST/RELEASE", "ORG/NAME"


def compose_readme(atlas: Store, statement: Statement, *, has_pages: bool = False) -> str:
    """Return the README of a release whose tables are there already; `has_pages` says that it is a website, too."""
    manifest = atlas.manifest
    accessions = atlas.sql(EXAMPLE)["accession"].to_pylist()
    parts = (_front_matter(manifest, statement), _summary(manifest, statement))
    ways = _ways(manifest, statement, accessions[0] if accessions else "ACCESSION")
    pages = _in_a_browser(statement) if has_pages else ()
    return "\n".join(line for part in (*parts, pages, ways, _closing_lines(statement)) for line in part) + "\n"


def _front_matter(manifest: Manifest, statement: Statement) -> Iterator[str]:
    """Yield the YAML at the head, in which every text is written as JSON, which is YAML, too."""
    yield "---"
    yield f"pretty_name: {json.dumps(statement.make_title(manifest), ensure_ascii=False)}"
    licence = (statement.licence or "").lower()
    if licence in HUB_LICENCES:
        yield f"license: {licence}"
    elif statement.licence:
        yield "license: other"
        yield f"license_name: {json.dumps(statement.licence, ensure_ascii=False)}"

    yield f"size_categories: [{json.dumps(_size(manifest))}]"
    yield f"tags: {json.dumps(TAGS)}"
    yield "configs:"

    for atlas_table in TABLES:
        if manifest.of_table(atlas_table):
            yield f"- config_name: {atlas_table.name}"
            yield f"  data_files: {atlas_table.name}/*.parquet"
            if atlas_table is SITES:
                yield "  default: true"

    yield "---"


def _size(manifest: Manifest) -> str:
    n_rows = manifest.of_table(RESIDUES).n_rows
    return next((name for limit, name in SIZES.items() if n_rows < limit), "n>1T")


def _summary(manifest: Manifest, statement: Statement) -> Iterator[str]:
    run, counts = manifest.run, manifest.counts
    yield f"# {cell(statement.make_title(manifest))}"
    yield ""
    yield (
        f"What the protein language model {cell(run.model)} ({run.n_layers} layers x {run.n_heads} heads) attends to "
        f"in {counts.n_ok:,} proteins: {counts.n_sites:,} high-attention (HA) sites (rule {cell(run.rule)}), the "
        f"attention every one of {counts.n_residues:,} residues receives in each layer, and statistics of every head "
        f"on every protein. Of {counts.n_requested:,} proteins requested, {counts.n_skipped:,} were skipped and "
        f"{counts.n_failed:,} failed; the table `proteins` names each with its reason. Provenance, distributions, "
        "limits and every column: [DATACARD.md](DATACARD.md)."
    )

    yield ""
    yield from table(("table", "a row is", "rows"), [(t.name, t.doc, _n_rows(manifest, t.name)) for t in TABLES])


def _n_rows(manifest: Manifest, name: str) -> int:
    return manifest.files.of_tables([name]).n_rows


def _ways(manifest: Manifest, statement: Statement, accession: str) -> Iterator[str]:
    """Yield a section for each way to read the release: by path, over HTTPS, from the hub."""
    yield from _by_path(accession)
    yield from _over_https(manifest, statement, accession)
    yield from _from_hub(manifest, statement, accession)


def _in_a_browser(statement: Statement) -> Iterator[str]:
    yield "## In a browser"
    yield ""
    yield f"{statement.web_url or PLACEHOLDER_URL}/index.html finds any protein and draws its page from these files:"
    yield "from any web host that answers range requests, without a server of its own."
    yield ""


def _by_path(accession: str) -> Iterator[str]:
    yield "## By path"
    yield ""
    yield "Downloaded, `sha256sum -c SHA256SUMS` checks it. With `pip install attlas pandas`:"
    yield ""
    yield from _block(
        "python",
        "from attlas.queries import Atlas",
        "",
        'with Atlas.open("RELEASE") as atlas:  # the folder this file is in',
        f"    print(atlas.sites({_python_text(accession)}).to_pandas())",
        '    print(atlas.sql("SELECT residue, layer, count(*) AS n FROM sites GROUP BY ALL ORDER BY n DESC"))',
    )

    yield "`attlas show RELEASE ID`, `attlas sql RELEASE QUERY` and `attlas export RELEASE FORMAT` do it from a shell."
    yield "Without attlas, `atlas.duckdb` (DuckDB 1.1 or later) has views of the files, and the functions of attlas"
    yield "(attached to another database, say `USE` before you call one). Opened in this folder it finds the files;"
    yield "elsewhere say where they are, a path or a URL, with `SET VARIABLE atlas = '/path/to/RELEASE'`:"
    yield ""
    yield from _block("sql", f"SELECT position, residue, share FROM sites WHERE accession = {_quote(accession)};")


def _over_https(manifest: Manifest, statement: Statement, accession: str) -> Iterator[str]:
    url = statement.web_url or PLACEHOLDER_URL
    yield "## Over HTTPS"
    yield ""
    if statement.url is None:
        yield f"`{PLACEHOLDER_URL}` stands for where these files are served; their server must answer range requests."
        yield ""

    yield "Nothing is downloaded whole: a lookup reads one or two megabytes."
    yield "With `pip install 'attlas[remote]' pandas`:"
    yield ""
    yield from _block(
        "python",
        "from attlas.queries import Atlas",
        "",
        f"with Atlas.open({json.dumps(url)}) as atlas:",
        f"    print(atlas.sites({_python_text(accession)}).to_pandas())",
    )

    yield "In DuckDB:"
    yield ""
    yield from _block("sql", *_example_lines(manifest, url, accession))


def _from_hub(manifest: Manifest, statement: Statement, accession: str) -> Iterator[str]:
    hub = f"hf://datasets/{statement.hub_name or PLACEHOLDER_HUB}"
    yield "## From the Hugging Face hub"
    yield ""
    if statement.hub_name is None:
        yield f"Where the folder is uploaded as the data set `{PLACEHOLDER_HUB}`, in DuckDB:"
    else:
        yield "In DuckDB:"

    yield ""
    yield from _block("sql", *_example_lines(manifest, hub, accession))
    yield f"`Atlas.open({json.dumps(hub)})` reads it as well (`pip install 'attlas[remote]' huggingface_hub`)."
    yield ""


def _python_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _example_lines(manifest: Manifest, base: str, accession: str) -> Iterator[str]:
    proteins, sites = (_files(manifest, name, base) for name in (PROTEINS.name, SITES.name))
    yield "SELECT p.accession, s.position, s.residue, s.rank, s.share"
    yield f"FROM read_parquet({proteins}) AS p"
    yield f"JOIN read_parquet({sites}) AS s ON s.sequence_id = p.sequence_id"
    yield f"WHERE p.accession = {_quote(accession)} ORDER BY s.rank;"


def _files(manifest: Manifest, name: str, base: str) -> str:
    return "[" + ", ".join(_quote(f"{base}/{file.path}") for file in manifest.files.of_tables([name])) + "]"


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _closing_lines(statement: Statement) -> Iterator[str]:
    yield "## Licence and citation"
    yield ""
    yield from table(
        ("", ""),
        [
            ("creators", ", ".join(statement.creators) or NOT_STATED),
            ("licence", statement.licence or NOT_STATED),
            ("citation", statement.citation or NOT_STATED),
        ],
    )
    yield "An HA site is what a model attends to, not a claim of function. HA sites follow Nayar, Tartici and Altman,"
    yield "*PLoS Comput Biol* 2025, 21(9):e1013424. Made with attlas."


def _block(language: str, *lines: str) -> Iterator[str]:
    yield f"```{language}"
    yield from lines
    yield "```"
    yield ""
