"""`attlas annotate --track` and `--variants`: numbers of one's own, of residues and of substitutions."""

import gzip
import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from Bio.PDB import MMCIFParser
from helpers.annotated_case import CALMODULIN, FASTA, SHORT, written
from helpers.annotation_case import add_track, add_variants, annotate_from
from helpers.building import build_here
from helpers.pdb_case import LIPASE, LIPASE_FILE, OFFSET, Chain, dbref, pdb
from helpers.sealed_atlas import list_problems, read_rows

from attlas.pipeline.annotate import Import
from attlas.pipeline.annotate.values.substitutions import read_substitution
from attlas.queries import Atlas
from attlas.schema import AtlasPaths, InputError


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, tiny_esm: Path) -> Path:
    folder = tmp_path_factory.mktemp("values")
    source = folder / "in.fasta"
    source.write_text(f"{FASTA}>sp|P37957|ESTA_BACSU Lipase EstA\n{LIPASE}\n")
    build_here(source, folder / "atlas", tiny_esm)
    return folder / "atlas"


@pytest.fixture
def paths(built: Path, tmp_path: Path) -> AtlasPaths:
    shutil.copytree(built, tmp_path / "atlas")
    return AtlasPaths(tmp_path / "atlas")


def read_track(paths: AtlasPaths, source: Path, *series: str, **options: object) -> Import:
    return add_track(paths.root, source, *series, **options)


def read_variants(paths: AtlasPaths, source: Path, *series: str, **options: object) -> Import:
    return add_variants(paths.root, source, *series, **options)


def rows(paths: AtlasPaths, table: str) -> list[dict]:
    return read_rows(paths.root, table)


def values(paths: AtlasPaths, table: str = "tracks") -> dict[tuple, float]:
    names = ("accession", "position", "residue", *(["substitute"] if table == "variants" else []))
    return {tuple(row[name] for name in names): row["value"] for row in rows(paths, table)}


# --- what is stored ---

VALUES = {("Q00001", 1, "M"): 0.5, ("Q00001", 2, "K"): -1.25, ("Q00001", 3, "V"): 1e-3, ("Q00001", 20, "Q"): 7.0}
CSV = "accession,position,residue,score\nQ00001,1,M,0.5\nQ00001,2,K,-1.25\nQ00001,3,V,1e-3\nQ00001,20,Q,7\n"
BEDGRAPH = 'track type=bedGraph name="x"\nQ00001\t0\t1\t0.5\nQ00001\t1\t2\t-1.25\nQ00001 2 3 1e-3\nQ00001\t19\t20\t7\n'
TABLES = {
    "t.csv": CSV,
    "t.csv.gz": CSV,
    "t.tsv": CSV.replace(",", "\t"),
    "semicolons.csv": CSV.replace(",", ";"),
    "bare.csv": "Q00001,1,0.5\nQ00001,2,-1.25\nQ00001,3,1e-3\nQ00001,20,7\n",
    "t.bedgraph": BEDGRAPH,
    "t.txt": BEDGRAPH,
    "comment.tsv": "# mine\n#accession\tpos\tscore\nQ00001\t1\t0.5\nQ00001\t2\t-1.25\nQ00001\t3\t1e-3\nQ00001\t20\t7\n",
}


@pytest.mark.parametrize("name", TABLES)
def test_every_format_of_a_track_stores_the_same_values(paths: AtlasPaths, tmp_path: Path, name: str) -> None:
    report = read_track(paths, written(tmp_path, name, TABLES[name])).report
    assert values(paths) == pytest.approx(VALUES, rel=1e-6)
    assert {(row["name"], row["unit"], row["source"]) for row in rows(paths, "tracks")} == {("score", "", name)}
    assert (report.n_records, report.n_rejected, report.n_track_values, report.n_proteins) == (4, 0, 4, 1)
    assert list_problems(paths.root) == []


@pytest.mark.parametrize("type_", [pa.float64(), pa.float32(), pa.float16()])
def test_a_track_may_be_a_parquet_file(paths: AtlasPaths, tmp_path: Path, type_: pa.DataType) -> None:
    columns = {
        "protein": pa.array(["Q00001"] * 3),
        "position": pa.array([1, 2, 20], pa.int64()),
        "other": pa.array([1, 2, 3]),
        "score": pa.array(np.array([0.5, -1.25, 7], type_.to_pandas_dtype()), type_),
    }
    pq.write_table(pa.table(columns), tmp_path / "t.bin")
    assert read_track(paths, tmp_path / "t.bin").report.format == "parquet"
    assert values(paths) == {key: value for key, value in VALUES.items() if key[1] != 3}


def test_an_md5_names_every_protein_of_its_sequence(paths: AtlasPaths, tmp_path: Path) -> None:
    md5 = hashlib.md5(CALMODULIN.encode(), usedforsecurity=False).hexdigest()
    read_track(paths, written(tmp_path, "t.csv", f"md5,position,value\n{md5},21,3\n"))
    assert values(paths) == {("P0DP23", 21, CALMODULIN[20]): 3, ("P0DP24", 21, CALMODULIN[20]): 3}


@pytest.mark.parametrize("id", ["SHORT_HUMAN", "sp|Q00001|SHORT_HUMAN", "Q00001.3", "AF-Q00001-F1"])
def test_a_protein_may_be_named_as_in_any_other_command(paths: AtlasPaths, tmp_path: Path, id: str) -> None:
    read_track(paths, written(tmp_path, "t.csv", f"accession,position,value\n{id},1,3\n"))
    assert values(paths) == {("Q00001", 1, "M"): 3}


def test_the_caller_may_say_whose_values_they_are(paths: AtlasPaths, tmp_path: Path) -> None:
    read_variants(paths, written(tmp_path, "dms.csv", "mutant,DMS_score\nK2A,0.25\n"), accessions=("SHORT_HUMAN",))
    assert values(paths, "variants") == {("Q00001", 2, "K", "A"): 0.25}


def test_the_column_of_values_is_that_of_the_name_or_the_one_asked_for(paths: AtlasPaths, tmp_path: Path) -> None:
    source = written(tmp_path, "t.csv", "accession,position,entropy,coverage\nQ00001,1,0.5,9\n")
    read_track(paths, source, "entropy")
    read_track(paths, source, "depth", "Coverage", "sequences")
    stored = {(row["name"], row["value"], row["unit"]) for row in rows(paths, "tracks")}
    assert stored == {("entropy", 0.5, ""), ("depth", 9, "sequences")}


def test_a_column_of_values_that_is_not_plain_is_asked_for(paths: AtlasPaths, tmp_path: Path) -> None:
    source = written(tmp_path, "t.csv", "accession,position,entropy,coverage\nQ00001,1,0.5,9\n")
    with pytest.raises(InputError, match=r"not plain which column(.|\n)*--column NAME says which"):
        read_track(paths, source, "conservation")
    with pytest.raises(InputError, match=r"no column depth\.(.|\n)*entropy, coverage"):
        read_track(paths, source, "x", "depth")


# --- variants ---

ALPHAMISSENSE = (
    "# Copyright 2023 DeepMind Technologies Limited\n#\nuniprot_id\tprotein_variant\tam_pathogenicity\tam_class\n"
    "Q00001\tK2A\t0.25\tLBen\nQ00001\tK2V\t0.75\tLPath\nQ00001\tV3A\t0.5\tamb\n"
)
GENOMIC = (
    "# Copyright\n#CHROM\tPOS\tREF\tALT\tgenome\tuniprot_id\ttranscript_id\tprotein_variant\tam_pathogenicity\n"
    "chr1\t69094\tG\tT\thg38\tQ00001\tENST1.4\tK2A\t0.25\nchr1\t69094\tG\tC\thg38\tQ00001\tENST1.4\tK2V\t0.75\n"
    "chr1\t69095\tT\tC\thg38\tQ00001\tENST1.4\tV3A\t0.5\n"
)
VARIANT_VALUES = {("Q00001", 2, "K", "A"): 0.25, ("Q00001", 2, "K", "V"): 0.75, ("Q00001", 3, "V", "A"): 0.5}


@pytest.mark.parametrize(
    "text",
    [
        ALPHAMISSENSE,
        GENOMIC,
        "accession,position,wt,mt,value\nQ00001,2,K,A,0.25\nQ00001,2,K,V,0.75\nQ00001,3,V,A,0.5\n",
        "accession,hgvs_pro,score\nQ00001,p.Lys2Ala,0.25\nQ00001,p.(Lys2Val),0.75\nQ00001,p.V3A,0.5\n",
        "Q00001,K2A,0.25\nQ00001,K2V,0.75\nQ00001,V3A,0.5\n",
    ],
    ids=["alphamissense", "genomic", "columns", "hgvs", "bare"],
)
def test_every_way_to_write_variants_stores_the_same(paths: AtlasPaths, tmp_path: Path, text: str) -> None:
    report = read_variants(paths, written(tmp_path, "AM.tsv.gz", text)).report
    assert values(paths, "variants") == VARIANT_VALUES
    assert (report.n_variants, report.n_track_values, report.n_rejected) == (3, 0, 0)


def test_a_track_of_variants_is_their_mean_and_says_where_some_are_lacking(paths: AtlasPaths, tmp_path: Path) -> None:
    letters = [letter for letter in "ACDEFGHIKLMNPQRSTVWY" if letter != "M"]
    whole = "".join(f"Q00001\tM1{letter}\t{i / 8}\tx\n" for i, letter in enumerate(letters))
    imported = read_track(paths, written(tmp_path, "AM.tsv", ALPHAMISSENSE + whole))
    assert values(paths) == pytest.approx(
        {("Q00001", 1, "M"): sum(range(19)) / 8 / 19, ("Q00001", 2, "K"): 0.5, ("Q00001", 3, "V"): 0.5}
    )
    assert imported.report.remarks == {"mean of fewer than 19 variants": 2}
    assert imported.report.n_rejected == 0


def test_a_track_of_a_name_and_variants_of_a_name_stand_beside_each_other(paths: AtlasPaths, tmp_path: Path) -> None:
    source = written(tmp_path, "AM.tsv", ALPHAMISSENSE)
    read_variants(paths, source, "am")
    read_track(paths, source, "am")
    assert (len(rows(paths, "tracks")), len(rows(paths, "variants"))) == (2, 3)


def test_values_of_residues_are_no_variants(paths: AtlasPaths, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"values of residues, not of variants(.|\n)*--track NAME"):
        read_variants(paths, written(tmp_path, "t.csv", CSV))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A123V", ("A", 123, "V")),
        ("p.Ala123Val", ("A", 123, "V")),
        ("p.(A123V)", ("A", 123, "V")),
        (" sec7Cys ", ("U", 7, "C")),
        *(
            (text, None)
            for text in ("A123A", "A123*", "p.Ala123Ter", "p.Ala123=", "A123del", "A1V:C2D", "A123X", "123")
        ),
        *((text, None) for text in ("Al123V", "p.(A123V", "A123V)", "A-1V", "", "A1234567890V", "A\u0661V")),
    ],
)
def test_a_substitution_is_of_one_residue_by_another(text: str, expected: tuple | None) -> None:
    assert read_substitution(text) == expected


# --- structures ---


def test_the_b_column_is_read_as_biopython_reads_it(paths: AtlasPaths, tmp_path: Path) -> None:
    plain = tmp_path / "plain.cif"
    plain.write_bytes(gzip.decompress(LIPASE_FILE.read_bytes()))
    chain = next(iter(MMCIFParser(QUIET=True).get_structure("x", plain)[0]))
    residues = [residue for residue in chain if residue.id[0] == " "]
    expected = {residue.id[1] + OFFSET: residue["CA"].get_bfactor() for residue in residues}

    imported = read_track(paths, LIPASE_FILE, "b")
    stored = {row["position"]: row["value"] for row in rows(paths, "tracks")}
    different = {int(detail.record.begin) for detail, _ in imported.rejected.examples.get("another residue", [])}
    assert stored == pytest.approx({at: value for at, value in expected.items() if at not in different}, abs=1e-4)
    assert all(LIPASE[row["position"] - 1] == row["residue"] for row in rows(paths, "tracks"))
    assert imported.report.rejected["another chain of the same protein"] == 1


def test_another_chain_may_be_asked_for(paths: AtlasPaths) -> None:
    read_track(paths, LIPASE_FILE, "b")
    first_values = values(paths)
    read_track(paths, LIPASE_FILE, "b of B", chain="B")
    other_values = {row["position"]: row["value"] for row in rows(paths, "tracks") if row["name"] == "b of B"}
    assert len(other_values) > 150
    assert {position for (_, position, _), value in first_values.items() if value != other_values.get(position)}


def numbered_model(chain: Chain, accession: str) -> str:
    """Return a chain whose B column has the author's number of each residue."""
    lines = pdb([chain], header=[dbref(chain.name, accession)]).splitlines()
    numbered = [
        f"{line[:60]}{float(line[22:26]):6.2f}{line[66:]}" if line.startswith("ATOM") else line for line in lines
    ]
    return "\n".join([*numbered, ""])


def test_values_of_a_structure_are_mapped_by_letters_and_never_by_numbers(paths: AtlasPaths, tmp_path: Path) -> None:
    # Numbers are 100 off, the first five residues are a tag, one residue is mutated, one has no coordinates.
    mutated = CALMODULIN[:29] + ("W" if CALMODULIN[29] != "W" else "A") + CALMODULIN[30:]
    chain = Chain("A", "GSHMG" + mutated, begin=96, missing=(10,))
    imported = read_track(paths, written(tmp_path, "model.pdb", numbered_model(chain, "P0DP23")), "plddt")
    assert values(paths) == {
        ("P0DP23", at, letter): 100 + at for at, letter in enumerate(CALMODULIN, start=1) if at not in (6, 30)
    }
    assert imported.report.rejected == {"another residue": 1}
    example, _ = imported.rejected.examples["another residue"][0]
    assert (example.record.begin, example.detail[0]) == ("30", mutated[29])


def test_a_folder_of_structures_gives_one_track(paths: AtlasPaths, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    written(folder, "a.pdb.gz", numbered_model(Chain("A", CALMODULIN), "P0DP23"))
    written(folder, "b.pdb", numbered_model(Chain("A", SHORT), "Q00001"))
    report = read_track(paths, folder, "plddt").report
    assert (report.source, report.n_track_values, report.n_proteins) == ("models", 80, 2)
    assert {row["source"] for row in rows(paths, "tracks")} == {"a.pdb.gz", "b.pdb"}


def test_a_structure_gives_coordinates_and_a_track(paths: AtlasPaths) -> None:
    annotate_from(paths.root, LIPASE_FILE)
    n_coordinates, n_features = len(rows(paths, "coordinates")), len(rows(paths, "features"))
    read_track(paths, LIPASE_FILE, "b")
    replaced = read_track(paths, LIPASE_FILE, "b").report.replaced
    assert (len(rows(paths, "coordinates")), len(rows(paths, "features"))) == (n_coordinates, n_features)
    assert len({(row["name"], row["position"]) for row in rows(paths, "tracks")}) == len(rows(paths, "tracks")) > 150
    assert replaced == ()  # the very same file


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_positions_that_pandas_wrote_as_floats_are_read(
    paths: AtlasPaths, tmp_path: Path, missing: float | None
) -> None:
    columns = {"accession": ["Q00001"] * 4, "position": [1.0, 2.0, 20.0, missing], "score": [0.5, -1.25, 7.0, 3.0]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    imported = read_track(paths, tmp_path / "t.parquet")
    assert values(paths) == {key: value for key, value in VALUES.items() if key[1] != 3}
    assert imported.report.rejected == {"position is no number": 1}

    text = "Q00001,1.0,0.5\nQ00001,2.,-1.25\nQ00001,20.000,7\nQ00001,1.50,1\nQ00001,4,1e308\n"
    imported = read_track(paths, written(tmp_path, "t.csv", f"accession,position,score\n{text}"))
    assert values(paths) == {key: value for key, value in VALUES.items() if key[1] != 3}
    assert imported.report.rejected == {"position is not a whole number": 1, "value beyond float32": 1}

    text = "accession,residue,position,substitute,value\nQ00001,K,2.0,A,1\n"
    read_variants(paths, written(tmp_path, "v.csv", text))
    assert values(paths, "variants") == {("Q00001", 2, "K", "A"): 1}


# --- what is rejected ---

REASONS = {
    "X99999,1,M,1": "id not in the atlas",
    "Q00003,1,M,1": "protein not computed",
    "Q00001-2,1,M,1": "position of an isoform",
    "Q00001.2,1,M,1": "another sequence version",
    "Q00001,2,M,1": "another residue",
    "Q00001,0,M,1": "position before the first residue",
    "Q00001,21,M,1": "position past the end",
    "Q00001,1.5,M,1": "position is not a whole number",
    "Q00001,1e0,M,1": "position is no number",
    "Q00001,?,M,1": "position not exact",
    "Q00001,1,M,nan": "value is no number",
    "Q00001,1,M,NA": "value is no number",
    "Q00001,1,M,": "value is no number",
    "Q00001,1,M,inf": "value is no number",
    "Q00001,1,M,-Infinity": "value is no number",
    "Q00001,1,M,1e39": "value beyond float32",
    "Q00001,1,M,1e400": "value beyond float32",
    "Q00001,1,M,-1e400": "value beyond float32",
    "Q00001,1,M,1_0": "value is no number",
    "Q00001,1,M,0x1": "value is no number",
    "Q00001,1,M": "line cannot be read",
    "Q00001,4,L,2": "given before",
}


def test_values_that_do_not_fit_are_named_counted_and_none_is_lost(paths: AtlasPaths, tmp_path: Path) -> None:
    lines = ["Q00001,4,L,2", *REASONS]
    source = written(tmp_path, "t.csv", "accession,position,residue,score\n" + "".join(f"{line}\n" for line in lines))
    target = tmp_path / "left.tsv"
    imported = read_track(paths, source, rejected=target)
    assert values(paths) == {("Q00001", 4, "L"): 2}
    assert imported.report.n_rejected == len(REASONS) == imported.report.n_records - 1

    table = [line.split("\t") for line in target.read_text().splitlines()]
    reason, line = table[0].index("reason"), table[0].index("line")
    lines_of = {int(row[line]): row[reason] for row in table[1:]}
    assert lines_of == {number: REASONS[text] for number, text in enumerate(REASONS, start=3)}


def test_of_two_different_values_of_a_residue_neither_is_stored(paths: AtlasPaths, tmp_path: Path) -> None:
    text = "accession,position,value\nQ00001,1,1\nQ00001,2,5\nQ00001,1,2\nQ00001,2,5.0\nQ00001,3,7\n"
    imported = read_track(paths, written(tmp_path, "t.csv", text))
    assert values(paths) == {("Q00001", 2, "K"): 5, ("Q00001", 3, "V"): 7}
    assert imported.report.rejected == {"given more than once, with different values": 2, "given before": 1}
    (example, _), _ = imported.rejected.examples["given more than once, with different values"]
    assert (example.detail, example.record.line) == ("1, 2", 2)


def test_variants_of_one_residue_are_different_records(paths: AtlasPaths, tmp_path: Path) -> None:
    text = "accession,variant,value\nQ00001,K2A,1\nQ00001,K2C,2\nQ00001,K2A,3\n"
    imported = read_variants(paths, written(tmp_path, "t.csv", text))
    assert values(paths, "variants") == {("Q00001", 2, "K", "C"): 2}
    assert imported.report.rejected == {"given more than once, with different values": 2}


def test_variants_with_another_letter_or_none_are_rejected(paths: AtlasPaths, tmp_path: Path) -> None:
    text = "accession,variant,value\nQ00001,K2A,1\nQ00001,V2A,1\nQ00001,K2*,1\nQ00001,Q21A,1\nQ00001,K0A,1\n"
    assert read_variants(paths, written(tmp_path, "t.csv", text)).report.rejected == {
        "another residue": 1,
        "not the substitution of one residue": 1,
        "position past the end": 1,
        "position before the first residue": 1,
    }
    assert values(paths, "variants") == {("Q00001", 2, "K", "A"): 1}


def test_a_bedgraph_counts_from_0_without_the_end(paths: AtlasPaths, tmp_path: Path) -> None:
    text = "Q00001\t0\t3\t1\nQ00001\t17\t20\t2\nQ00001\t19\t21\t3\nQ00001\t5\t5\t4\nQ00001\t-1\t2\t5\nQ00001\t2\t4\t1\n"
    imported = read_track(paths, written(tmp_path, "t.bedGraph", text))
    assert {position: value for (_, position, _), value in values(paths).items()} == {
        **dict.fromkeys((1, 2, 3, 4), 1),
        **dict.fromkeys((18, 19, 20), 2),
    }
    assert imported.report.rejected == {
        "position past the end": 1,
        "begin after end": 1,
        "position before the first residue": 1,
        "given before": 1,
    }
    assert imported.report.n_records == imported.report.n_track_values + imported.report.n_rejected


def test_four_columns_without_a_name_or_a_header_are_not_taken_for_a_bedgraph(
    paths: AtlasPaths, tmp_path: Path
) -> None:
    source = written(tmp_path, "t.tsv", "Q00001\t1\t3\t1\n")
    with pytest.raises(InputError, match=r"no table of numbers(.|\n)*--format bedgraph"):
        read_track(paths, source)
    read_track(paths, source, format="bedgraph")
    assert [row["position"] for row in rows(paths, "tracks")] == [2, 3]


def test_where_nothing_fits_the_atlas_stays_as_it_was(paths: AtlasPaths, tmp_path: Path) -> None:
    before = paths.manifest.read_bytes()
    with pytest.raises(InputError, match=r"Nothing of t\.csv fits this atlas(.|\n)*value is no number: 1 of 1"):
        read_track(paths, written(tmp_path, "t.csv", "accession,position,value\nQ00001,1,nan\n"))
    assert paths.manifest.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--track", "a", "--variants", "b"], "--track and --variants are two imports"),
        (["--unit", "x"], "--unit goes with --track NAME or --variants NAME"),
        (["--track", ""], "--track needs a name"),
        (["--track", " a"], "--track needs a name"),
        (["--track", "a\tb"], "--track needs a name"),
        (["--variants", "x" * 81], "--variants needs a name"),
        (["--track", "a", "--chain", "A"], "--chain goes with a structure"),
        (["--track", "a", "--database", "Pfam"], "--database goes with a table of families"),
        (["--track", "a", "--format", "uniprot-xml"], "There is no such format of numbers"),
        (["--track", "a", "--accession", "Q00001", "--accession", "Q00002"], "--accession names the one protein"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    built: Path, tmp_path: Path, arguments: list[str], message: str, attlas: Callable
) -> None:
    outcome = attlas("annotate", built, written(tmp_path, "t.csv", CSV), *arguments)
    assert outcome.code == 1
    assert message in outcome.err


def test_numbers_without_a_name_are_refused_with_the_options_that_read_them(
    built: Path, tmp_path: Path, attlas: Callable
) -> None:
    outcome = attlas("annotate", built, written(tmp_path, "t.csv", "accession,position,value\nQ00001,1,2\n"))
    assert outcome.code == 1
    assert "numbers are read with --track NAME or --variants NAME" in outcome.err


def test_a_damaged_parquet_file_is_refused(paths: AtlasPaths, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape("t.parquet cannot be read as Parquet.")):
        read_track(paths, written(tmp_path, "t.parquet", b"PAR1" + b"\0" * 40))


def test_a_table_without_proteins_is_refused(paths: AtlasPaths, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not say which proteins(.|\n)*--accession ID"):
        read_track(paths, written(tmp_path, "t.csv", "position,value\n1,2\n"))


# --- on the command line and in Python ---


def test_the_command_says_what_it_stored(paths: AtlasPaths, tmp_path: Path, attlas: Callable) -> None:
    source = written(tmp_path, "t.csv", CSV + "Q00001,5,K,1\n")
    outcome = attlas("annotate", paths.root, "--track", "score", source)
    assert outcome.code == 0
    assert "4 values of residues of 1 protein from t.csv (csv); 1 of 5 records left out" in outcome.out
    assert "left out, another residue: 1 record of 1 protein" in outcome.err
    assert "Q00001 score 5 (line 6): K in the source, A at 5 in the atlas" in outcome.err

    again = attlas("annotate", paths.root, "--track", "score", written(tmp_path, "t.csv", CSV), "--json")
    assert json.loads(again.out)["n_track_values"] == 4
    assert "Replaced 4 values of residues that an earlier import of t.csv had added." in again.err


def test_an_atlas_answers_with_tracks_and_variants(paths: AtlasPaths, tmp_path: Path) -> None:
    read_track(paths, written(tmp_path, "t.csv", CSV))
    read_variants(paths, written(tmp_path, "AM.tsv", ALPHAMISSENSE), "am")
    with Atlas.open(paths.root) as atlas:
        assert atlas.tracks("SHORT_HUMAN")["value"].to_pylist() == pytest.approx(list(VALUES.values()))
        assert atlas.variants("Q00001")["substitute"].to_pylist() == ["A", "V", "A"]
        assert atlas.tracks("P0DP23").num_rows == 0


def test_no_value_is_lost_or_changed_among_many(paths: AtlasPaths, tmp_path: Path) -> None:
    # Every residue of all computed proteins, in random order, against the same numbers in float32.
    proteins = {"P0DP23": CALMODULIN, "P0DP24": CALMODULIN, "Q00001": SHORT, "Q00002": SHORT[::-1], "P37957": LIPASE}
    random = np.random.default_rng(1)
    keys = [(accession, at, letter) for accession in proteins for at, letter in enumerate(proteins[accession], start=1)]
    numbers = {key: float(value) for key, value in zip(keys, random.normal(size=len(keys)), strict=True)}
    order = [keys[place] for place in random.permutation(len(keys))]
    lines = [f"{accession},{at},{letter},{numbers[accession, at, letter]!r}\n" for accession, at, letter in order]
    read_track(paths, written(tmp_path, "t.csv", "accession,position,aa,score\n" + "".join(lines)))
    assert values(paths) == {key: float(np.float32(value)) for key, value in numbers.items()}
