"""GFF3, CSV, JSON lines and Parquet, each read back by the reader its users have."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import gffutils
import pandas as pd
import pyarrow.parquet as pq
import pytest
from helpers.reading_case import HOSTILE, PROTEINS

from attlas.queries import Atlas
from attlas.queries.exports import EXPORTS, Request
from attlas.queries.exports.gff3 import attribute


def exported(atlas: Atlas, format: str, accessions: Sequence[str] | None = None) -> bytes:
    sink = io.BytesIO()
    EXPORTS[format].write(atlas, Request(None if accessions is None else tuple(accessions)), sink)
    return sink.getvalue()


def all_sites(atlas: Atlas) -> set[tuple[str, int, str, int]]:
    rows = atlas.sql("SELECT accession, position, residue, rank FROM sites").to_pylist()
    return {tuple(row.values()) for row in rows}


def test_gff3_of_one_protein_is_as_written_here(atlas: Atlas) -> None:
    md5 = atlas.protein("P0DP23")["md5"][0].as_py()
    sites = sorted(atlas.sites("P0DP23").to_pylist(), key=lambda site: site["position"])
    site = sites[0]
    lines = exported(atlas, "gff3", ["P0DP23"]).decode().splitlines()
    assert lines[0] == "##gff-version 3"
    assert "# model: facebook/esm2_synthetic" in lines
    assert "# evidence: ECO:0008006" in lines
    body = [line for line in lines if not line.startswith("# ")][1:]
    assert body[0] == "##sequence-region P0DP23 1 149"
    columns = body[1].split("\t")
    position = str(site["position"])
    assert columns[:5] == ["P0DP23", "attlas", "amino_acid", position, position]
    assert float(columns[5]) == pytest.approx(site["received"], rel=1e-6)
    assert columns[6:8] == [".", "."]
    start = (
        f"ID=P0DP23.ha{position};Name={site['residue']}{position};Dbxref=UniProtKB:P0DP23;Ontology_term=ECO:0008006;"
    )
    assert columns[8].startswith(start)
    assert f"md5={md5}" in columns[8]
    assert len(body) == 1 + len(sites)


def test_gff3_is_read_back_by_gffutils_with_every_site(atlas: Atlas, tmp_path: Path) -> None:
    path = tmp_path / "sites.gff3"
    path.write_bytes(exported(atlas, "gff3"))
    database = gffutils.create_db(str(path), ":memory:", merge_strategy="error")
    features = list(database.all_features())
    letters = {(p.accession, i + 1): letter for p in PROTEINS for i, letter in enumerate(p.sequence)}
    sites_read = {(f.id.rsplit(".ha", 1)[0], f.start, f["residue"][0], int(f["rank"][0])) for f in features}
    assert sites_read == all_sites(atlas)
    assert all(letters[accession, at] == residue for accession, at, residue, _ in sites_read)
    assert all(f.start == f.end and f.featuretype == "amino_acid" for f in features)


def test_a_hostile_header_survives_gff3(atlas: Atlas, tmp_path: Path) -> None:
    path = tmp_path / "hostile.gff3"
    path.write_bytes(exported(atlas, "gff3", [HOSTILE.accession]))
    features = list(gffutils.create_db(str(path), ":memory:").all_features())
    assert {f["organism"][0] for f in features} == {HOSTILE.organism}
    assert {f.id.rsplit(".ha", 1)[0] for f in features} == {HOSTILE.accession}
    assert "Dbxref" not in features[0].attributes


def test_gff3_names_what_was_not_computed_and_regions_without_sites(atlas: Atlas) -> None:
    text = exported(atlas, "gff3").decode()
    assert "# Q00003 not computed, skipped: inner `*`\n" in text
    assert "# Q00004 not computed, failed: out of memory\n" in text
    assert "##sequence-region Q00001 1 80\n" in text


@pytest.mark.parametrize(
    ("text", "encoded"),
    [("a;b=c&d,e%", "a%3Bb%3Dc%26d%2Ce%25"), ("t\tn\n", "t%09n%0A"), ('Ω é "x"', 'Ω é "x"'), ("", "")],
)
def test_gff3_encodes_what_has_a_meaning_and_nothing_else(text: str, encoded: str) -> None:
    assert attribute(text) == encoded


def test_csv_is_read_back_by_csv_and_pandas(atlas: Atlas) -> None:
    data = exported(atlas, "csv")
    rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    assert {(r["accession"], int(r["position"]), r["residue"], int(r["rank"])) for r in rows} == all_sites(atlas)
    assert {r["organism"] for r in rows if r["accession"] == HOSTILE.accession} == {HOSTILE.organism}
    frame = pd.read_csv(io.BytesIO(data))
    assert frame["position"].dtype == "int64"
    assert frame["is_nonstandard"].dtype == "bool"
    assert set(frame["evidence"]) == {"ECO:0008006"}
    assert set(frame["atlas_id"]) == {atlas.manifest.atlas_id}


def test_csv_writes_floats_as_short_as_they_are(atlas: Atlas) -> None:
    rows = list(csv.DictReader(io.StringIO(exported(atlas, "csv", ["P04637"]).decode())))
    expected = [site["received"] for site in atlas.sites("P04637").to_pylist()]
    assert all(len(row["received"]) <= 10 for row in rows)
    assert [float(row["received"]) for row in rows] == pytest.approx(expected, rel=1e-7)


def test_json_lines_hold_every_protein_with_its_outcome(atlas: Atlas) -> None:
    proteins = {p["accession"]: p for p in map(json.loads, exported(atlas, "jsonl").splitlines())}
    assert list(proteins) == sorted(p.accession for p in PROTEINS)
    assert (proteins["Q00001"]["outcome"], proteins["Q00001"]["sites"]) == ("computed, no sites found", [])
    assert (proteins["Q00003"]["outcome"], proteins["Q00003"]["sites"]) == ("skipped", None)
    assert (proteins["Q00004"]["outcome"], proteins["Q00004"]["reason"]) == ("failed", "out of memory")
    assert proteins[HOSTILE.accession]["description"] == HOSTILE.description
    sites_read = {(a, s["position"], s["residue"], s["rank"]) for a, p in proteins.items() for s in p["sites"] or []}
    assert sites_read == all_sites(atlas)
    assert [s["rank"] for s in proteins["Q00005"]["sites"]] == list(range(1, 46))
    assert proteins["P04637"]["provenance"]["rule"] == "nayar-2025-05"


def test_parquet_carries_docs_and_provenance(atlas: Atlas) -> None:
    rows = pq.read_table(io.BytesIO(exported(atlas, "parquet")))
    names = ["accession", "position", "residue", "rank"]
    assert {tuple(row.values()) for row in rows.select(names).to_pylist()} == all_sites(atlas)
    metadata = json.loads(rows.schema.metadata[b"attlas"])
    assert (metadata["model"], metadata["evidence"]) == ("facebook/esm2_synthetic", "ECO:0008006")
    assert metadata["counts"]["n_skipped"] == 1
    assert all(field.metadata[b"doc"] for field in rows.schema)
