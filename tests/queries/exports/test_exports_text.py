"""What is particular to each text format: BED, UniProt JSON, InterProScan with its coverage, FASTA, TSV, Arrow."""

import csv
import io
import json
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote

import jsonschema
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from Bio import SeqIO
from helpers.command_line import Run
from helpers.export_readers import UNIPROT_FEATURES, exported, tsv_rows
from helpers.reading_case import HOSTILE, PROTEINS

from attlas.queries import Atlas
from attlas.queries.exports import EXPORTS

SEQUENCES = {protein.accession: protein.sequence for protein in PROTEINS}


def test_bed_is_0_based_half_open_and_says_so(atlas: Atlas) -> None:
    lines = exported(atlas, "bed", ["P0DP23"]).decode().splitlines()
    assert lines[0] == "# BED6+5 in protein coordinates: chrom is a protein, 0-based, the end is not included"
    sites = {s["position"]: s for s in atlas.sites("P0DP23").to_pylist()}
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    for (position, site), row in zip(sorted(sites.items()), rows, strict=True):
        assert row[:4] == ["P0DP23", str(position - 1), str(position), f"{site['residue']}{position}"]
        assert SEQUENCES["P0DP23"][int(row[1]) : int(row[2])] == site["residue"]
        assert int(row[4]) == pytest.approx(1000 * site["share"], abs=0.51)


def test_bed_is_sorted_as_bedtools_wants_it(atlas: Atlas) -> None:
    rows = [line.split("\t") for line in exported(atlas, "bed").decode().splitlines() if line[0] != "#"]
    keys = [(row[0], int(row[1])) for row in rows]
    by_chrom: dict[str, list[int]] = {}
    for chrom, start in keys:
        by_chrom.setdefault(chrom, []).append(start)
    assert all(starts == sorted(starts) for starts in by_chrom.values())
    assert list(dict.fromkeys(chrom for chrom, _ in keys)) == list(by_chrom), "a protein's lines stand together"


def test_uniprot_is_an_object_for_one_and_an_array_for_several(atlas: Atlas) -> None:
    entry = json.loads(exported(atlas, "uniprot", ["P0DP23"]))
    two = json.loads(exported(atlas, "uniprot", ["P0DP23", "P04637"]))
    assert entry["accession"] == "P0DP23"
    assert [protein["accession"] for protein in two] == ["P04637", "P0DP23"]
    assert two[1] == entry
    assert json.loads(exported(atlas, "uniprot", [])) == []
    assert len(json.loads(exported(atlas, "uniprot"))) == len(PROTEINS)


def test_uniprot_claims_no_function_and_says_how_it_knows(atlas: Atlas) -> None:
    data = exported(atlas, "uniprot")
    assert b"ACT_SITE" not in data
    assert b"BINDING" not in data
    protein = next(p for p in json.loads(data) if p["accession"] == "P04637")
    stored_protein = atlas.protein("P04637").to_pylist()[0]
    assert (protein["entryName"], protein["taxid"]) == ("P53_HUMAN", 9606)
    assert (protein["sequence"], protein["sequenceChecksum"]) == (stored_protein["sequence"], stored_protein["crc64"])
    feature = protein["features"][0]
    assert feature["evidences"] == [
        {"code": "ECO:0008006", "source": {"name": "attlas", "id": atlas.manifest.atlas_id}}
    ]
    assert (feature["type"], feature["begin"]) == ("SITE", feature["end"])
    assert feature["ftId"] == f"P04637.ha{feature['begin']}"


def test_the_schema_of_uniprot_features_can_fail(atlas: Atlas) -> None:
    protein = json.loads(exported(atlas, "uniprot", ["P0DP23"]))
    protein["features"][0]["type"] = "ACT_SITE"
    with pytest.raises(jsonschema.ValidationError, match="ACT_SITE"):
        jsonschema.validate(protein, UNIPROT_FEATURES)


def test_uniprot_tells_every_outcome_apart(atlas: Atlas) -> None:
    proteins = {p["accession"]: p for p in json.loads(exported(atlas, "uniprot"))}
    assert {
        a: (proteins[a]["outcome"], proteins[a].get("reason")) for a in ("P04637", "Q00001", "Q00003", "Q00004")
    } == {
        "P04637": ("sites found", None),
        "Q00001": ("computed, no sites found", "none above the elbow"),
        "Q00003": ("skipped", "inner `*`"),
        "Q00004": ("failed", "out of memory"),
    }


def test_interproscan_has_the_15_columns_of_its_manual(atlas: Atlas) -> None:
    rows = list(csv.reader(io.StringIO(exported(atlas, "interproscan", ["P0DP23"]).decode()), delimiter="\t"))
    protein = atlas.protein("P0DP23").to_pylist()[0]
    for row, site in zip(rows, atlas.sites("P0DP23").to_pylist(), strict=True):
        assert row[:5] == ["P0DP23", protein["md5"], "149", "attlas", "nayar-2025-05"]
        assert row[6:8] == [str(site["position"])] * 2
        assert float(row[8]) == pytest.approx(site["share"], rel=1e-6)
        assert row[9:] == ["T", "21-11-2026", "-", "-", "-", "-"], "the date is that of the atlas"


def test_coverage_names_every_protein_with_its_outcome(atlas: Atlas) -> None:
    rows = {row["accession"]: row for row in tsv_rows(exported(atlas, "coverage"))}
    assert list(rows) == sorted(SEQUENCES)
    sites = atlas.sql("SELECT accession, count(*) AS n FROM sites GROUP BY 1").to_pylist()
    assert {a: int(r["n_sites"]) for a, r in rows.items() if r["n_sites"] not in ("", "0")} == {
        row["accession"]: row["n"] for row in sites
    }
    assert {a: (rows[a]["outcome"], rows[a]["reason"], rows[a]["n_sites"]) for a in rows if a.startswith("Q")} == {
        "Q00001": ("computed, no sites found", "none above the elbow", "0"),
        "Q00002": ("computed, no sites found", "too short", "0"),
        "Q00003": ("skipped", "inner `*`", ""),
        "Q00004": ("failed", "out of memory", ""),
        "Q00005": ("sites found", "40 or more", "45"),
    }
    assert all(len(row["md5"]) == 32 and int(row["length"]) == len(SEQUENCES[a]) for a, row in rows.items())
    assert rows["Q00005"]["n_nonstandard"] == "9"


def test_interproscan_and_coverage_together_are_every_protein(attlas: Run, atlas_dir: Path, tmp_path: Path) -> None:
    done = attlas("export", atlas_dir, "interproscan", "-o", tmp_path / "sites.tsv")
    assert done.code == 0
    assert "sites.coverage.tsv" in done.err
    with_sites = {line.split("\t")[0] for line in (tmp_path / "sites.tsv").read_text().splitlines()}
    rows = tsv_rows((tmp_path / "sites.coverage.tsv").read_bytes())
    assert {row["accession"] for row in rows if row["outcome"] == "sites found"} == with_sites
    assert {row["accession"] for row in rows} == set(SEQUENCES)


def test_fasta_is_read_by_biopython_with_sites_in_lower_case_and_nothing_else(atlas: Atlas) -> None:
    records = {record.id: record for record in SeqIO.parse(io.StringIO(exported(atlas, "fasta").decode()), "fasta")}
    assert set(records) == {p.accession for p in PROTEINS} - {"Q00003", "Q00004"}, "those not computed are left out"
    for accession, record in records.items():
        assert str(record.seq).upper() == SEQUENCES[accession]
        sites = {at for at, letter in enumerate(str(record.seq), start=1) if letter.islower()}
        assert sites == set(atlas.sites(accession)["position"].to_pylist())
    header = records["P04637"].description
    assert header.startswith("P04637 P53_HUMAN Cellular tumor antigen p53 OS=Homo sapiens OX=9606 GN=TP53 [3 high-")
    assert HOSTILE.organism in records[HOSTILE.accession].description
    assert records["Q00001"].description.split("[")[1].startswith("0 high-attention sites")


@pytest.mark.thorough
def test_the_command_says_which_proteins_the_fasta_and_the_annotation_leave_out(attlas: Run, atlas_dir: Path) -> None:
    ids = ("P0DP23", "Q00001", "Q00002", "Q00003")
    fasta = attlas("export", atlas_dir, "fasta", *ids)
    assert "1 protein has no row in this format: Q00003" in fasta.err
    annotation = attlas("export", atlas_dir, "jalview-annotation", *ids)
    assert "2 proteins have no row in this format: Q00002, Q00003" in annotation.err
    whole = attlas("export", atlas_dir, "fasta")
    assert "2 proteins have no row in this format: Q00003, Q00004;" in whole.err


def test_pandas_and_polars_read_tsv_by_default_as_they_read_csv(atlas: Atlas) -> None:
    by_tab, by_comma = exported(atlas, "tsv"), exported(atlas, "csv")
    frame = pd.read_csv(io.BytesIO(by_tab), sep="\t")
    assert set(frame["evidence"]) == {"ECO:0008006"}
    assert frame["position"].dtype == "int64"
    pd.testing.assert_frame_equal(frame, pd.read_csv(io.BytesIO(by_comma)))
    assert pl.read_csv(by_tab, separator="\t").equals(pl.read_csv(by_comma))


def test_arrow_carries_docs_and_provenance(atlas: Atlas) -> None:
    rows = pa.ipc.open_file(io.BytesIO(exported(atlas, "arrow"))).read_all()
    metadata = json.loads(rows.schema.metadata[b"attlas"])
    assert (metadata["rule"], metadata["evidence"], metadata["counts"]["n_failed"]) == (
        "nayar-2025-05",
        "ECO:0008006",
        1,
    )
    assert all(field.metadata[b"doc"] for field in rows.schema)


def test_export_without_a_format_lists_every_one_in_one_line_each(attlas: Run, atlas_dir: Path) -> None:
    done = attlas("export", atlas_dir)
    assert done.code == 0
    names = [line.split()[0] for line in done.out.splitlines()[2:]]
    assert names == list(EXPORTS)
    assert all(len(line) <= 120 for line in done.out.splitlines())


def test_gff3_has_all_its_comments_at_the_head_and_features_in_order(atlas: Atlas) -> None:
    lines = exported(atlas, "gff3").decode().splitlines()
    features = [line.split("\t") for line in lines if not line.startswith("#")]
    assert [line.startswith("#") for line in lines] == sorted((line.startswith("#") for line in lines), reverse=True)
    places = [(seqid, int(start)) for seqid, _, _, start, *_ in features]
    assert places == sorted(places)
    regions = [line.split()[1] for line in lines if line.startswith("##sequence-region")]
    computed = [row["accession"] for row in atlas.sql("FROM proteins WHERE status = 'ok'").to_pylist()]
    assert sorted(map(unquote, regions)) == sorted(computed)
    assert sum("not computed" in line for line in lines) == 2


@pytest.mark.skipif(shutil.which("tabix") is None, reason="tabix is not installed")
def test_tabix_indexes_gff3_and_finds_the_sites_of_a_protein(atlas: Atlas, tmp_path: Path) -> None:
    path = tmp_path / "sites.gff3"
    path.write_bytes(exported(atlas, "gff3"))
    subprocess.run(["bgzip", path], check=True)
    subprocess.run(["tabix", "-p", "gff", f"{path}.gz"], check=True)
    done = subprocess.run(["tabix", f"{path}.gz", "P0DP23", "X00004"], check=True, capture_output=True, text=True)
    lines = [tuple(line.split("\t")[i] for i in (0, 3)) for line in done.stdout.splitlines()]
    sites = atlas.sql("FROM sites WHERE accession IN ('P0DP23', 'X00004') ORDER BY accession, position").to_pylist()
    assert (done.stderr, lines) == ("", [(site["accession"], str(site["position"])) for site in sites])
