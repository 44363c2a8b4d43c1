"""What holds for every export of sites along a sequence: the right sites and letters, whatever the headers say."""

import io
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from helpers.default_cases import each_nth_by_default
from helpers.export_readers import READERS, SEQUENCES, exported, tsv_rows
from helpers.golden_files import formats, golden, write_golden_atlas
from helpers.reading_case import HOSTILE, random_sequence
from helpers.sealed_atlas import change_rows, list_problems
from helpers.synthetic import SyntheticProtein, write_atlas

from attlas.queries import Atlas
from attlas.queries.exports import EXPORTS, rows
from attlas.queries.exports.escaping import percent_encode
from attlas.queries.provenance import provenance_values
from attlas.schema import BrokenAtlasError

pytestmark = pytest.mark.slow

CONTROLS = "tab\there\nline\rreturn \x1b[31mred \x00nul \\back %09 %zz 50% \xa0nbsp ;=&%,\"'`<b>|#"
ODD_ACCESSIONS = (
    "tab\there", "two words", "gi|1234|ref|NP_1.1|", "line\nfeed", "ret\rurn", "\x1b[31mred", "#comment", "track1",
    "browser", ">greater", "50%", "a%09b", "a%b", "%", "Ω", "nbsp\xa0here", "back\\slash", "a,b;c=d&e", '"quoted"',
    "'single'", "GFF", "ID_NOT_SPECIFIED ", "NA", "null", "-", "a/1-9", "=1+1", "x" * 200,
)  # fmt: skip


def stored_sites(root: Path) -> set[tuple[str, int, str]]:
    """Return the sites by pyarrow alone, from the files."""
    sites = pa.concat_tables([pq.read_table(path) for path in sorted(root.glob("sites/*.parquet"))]).to_pylist()
    proteins = pq.read_table(root / "proteins" / "proteins.parquet").to_pylist()
    names: dict[int, list[str]] = {}
    for protein in proteins:
        names.setdefault(protein["sequence_id"], []).append(protein["accession"])
    return {(name, s["position"], s["residue"]) for s in sites for name in names[s["sequence_id"]]}


@pytest.fixture(scope="module")
def odd_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("odd") / "atlas"
    proteins = [
        SyntheticProtein(
            accession, random_sequence(50 + i, 500 + i), CONTROLS, CONTROLS, organism=CONTROLS, description=CONTROLS
        )
        for i, accession in enumerate(ODD_ACCESSIONS)
    ]
    broken = [
        SyntheticProtein("S\t1", "MK*LV" * 9, CONTROLS, status="skipped", reason=CONTROLS),
        SyntheticProtein("F\n1", random_sequence(99, 4), CONTROLS, status="failed", reason=CONTROLS),
    ]
    write_atlas(root, [*proteins, SyntheticProtein("SEC", "U" * 12), *broken])
    return root


@pytest.fixture(scope="module")
def odd(odd_dir: Path) -> Iterator[Atlas]:
    with Atlas.open(odd_dir) as opened:
        yield opened


@pytest.fixture(scope="module")
def shifted_dir(atlas_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An atlas whose sites are all one position too far, and whose manifest agrees with its files."""
    root = tmp_path_factory.mktemp("shifted") / "atlas"
    shutil.copytree(atlas_dir, root)
    change_rows(root, "sites", move_on)
    return root


def move_on(sites: pa.Table) -> pa.Table:
    at = sites.schema.get_field_index("position")
    return sites.set_column(at, sites.schema.field(at), pc.add(sites["position"], pa.scalar(1, pa.int32())))


def test_every_format_of_sites_has_a_reader() -> None:
    assert set(READERS) <= set(EXPORTS)
    along_structures = {name for name, export in EXPORTS.items() if export.structure != "no"}
    of_other_rows = {"bedpe", "candidates", "coverage", "cytoscape", "cytoscape-nodes", "duckdb", "funpdbe"}
    assert set(EXPORTS) - set(READERS) - along_structures <= of_other_rows


@pytest.mark.parametrize("format", READERS)
def test_a_reader_finds_every_site_and_no_other(atlas: Atlas, atlas_dir: Path, format: str) -> None:
    sites_read = READERS[format](exported(atlas, format))
    assert sites_read == stored_sites(atlas_dir)
    assert len(sites_read) > 90


@pytest.mark.parametrize("format", each_nth_by_default(READERS, 3))
def test_every_letter_written_is_that_of_the_sequence(atlas: Atlas, format: str) -> None:
    sites_read = READERS[format](exported(atlas, format))
    assert {(accession, at, SEQUENCES[accession][at - 1]) for accession, at, _ in sites_read} == sites_read


@pytest.mark.parametrize("format", each_nth_by_default(READERS, 3))
def test_a_selenocysteine_is_written_as_it_is(odd: Atlas, format: str) -> None:
    data = exported(odd, format, ["SEC"])
    assert {residue for _, _, residue in READERS[format](data)} == {"U"}
    if format in ("interproscan", "uniprot", "jalview-features"):
        assert data.count(b"not a standard amino acid") == 3
    if format == "gff3":
        assert data.count(b"nonstandard=true") == 3


INITIATOR_MARKS = {
    "gff3": b"initiator_methionine=true",
    "bed": b"\tM1_initiator\t",
    "fasta": b", M1 is the initiator methionine, layer ",
    **dict.fromkeys(("interproscan", "uniprot", "jalview-features", "jalview-annotation"), b"initiator methionine"),
}


@pytest.mark.parametrize("format", each_nth_by_default(INITIATOR_MARKS, 3))
def test_a_site_at_the_initiator_methionine_is_marked_in_formats_with_attributes_or_descriptions(
    tmp_path: Path, format: str
) -> None:
    proteins = [SyntheticProtein(f"P{n}", "M" * n, n_sites=n - 1) for n in range(10, 16)]  # all residues but one
    write_atlas(tmp_path / "atlas", proteins, n_layers=2)
    with Atlas.open(tmp_path / "atlas") as atlas:
        n_starts = sum(atlas.sites(protein.accession)["position"].to_pylist().count(1) for protein in proteins)
        assert n_starts > 3
        assert exported(atlas, format).count(INITIATOR_MARKS[format]) == n_starts


@pytest.mark.parametrize("format", each_nth_by_default(READERS, 3))
def test_hostile_accessions_and_headers_survive(odd: Atlas, odd_dir: Path, format: str) -> None:
    expected = stored_sites(odd_dir)
    assert {accession for accession, _, _ in expected} == {*ODD_ACCESSIONS, "SEC"}
    assert READERS[format](exported(odd, format)) == expected


@pytest.mark.parametrize("format", [name for name in EXPORTS if name in READERS or name == "coverage"])
def test_no_control_character_of_a_header_reaches_a_text_file(odd: Atlas, format: str) -> None:
    if EXPORTS[format].is_text and format not in ("csv", "tsv", "coverage"):  # these quote them, as RFC 4180 has it
        text = exported(odd, format).decode()
        allowed = {"\t", "\n"} | ({"\x1b", "\x00", "\xa0"} if format in ("jsonl", "uniprot") else set())
        assert {letter for letter in text if not letter.isprintable()} <= allowed


def test_texts_of_a_hostile_header_come_back_as_they_were(odd: Atlas) -> None:
    row = tsv_rows(exported(odd, "tsv", ["tab\there"]))[0]
    assert (row["gene"], row["organism"]) == (CONTROLS, CONTROLS)
    skipped = tsv_rows(exported(odd, "coverage", ["S\t1"]))[0]
    assert (skipped["accession"], skipped["outcome"], skipped["reason"]) == ("S\t1", "skipped", CONTROLS)


@pytest.mark.parametrize("format", each_nth_by_default([*READERS, "coverage", "duckdb"], 3))
def test_an_atlas_whose_sites_are_one_off_is_refused_by_name(shifted_dir: Path, format: str) -> None:
    assert list_problems(shifted_dir) == []  # so nothing but the letters can tell
    with (
        Atlas.open(shifted_dir) as shifted,
        pytest.raises(BrokenAtlasError, match="does not fit its sequence") as caught,
    ):
        exported(shifted, format)
    named = re.fullmatch(r"A site of (.+) does not fit its sequence\.", caught.value.what)
    message = re.match(r"([A-Z]) at position (\d+),", caught.value.expected or "")
    assert named
    assert message
    sequence, position = SEQUENCES[named[1]], int(message[2])
    assert sequence[position - 2] == message[1], "the letter of the site is that of the position before"
    letter_there = f"{sequence[position - 1]} there" if position <= len(sequence) else "no position"
    assert letter_there in (caught.value.found or "")


def test_one_protein_that_is_one_off_is_refused_among_those_that_are_not(shifted_dir: Path) -> None:
    with Atlas.open(shifted_dir) as shifted, pytest.raises(BrokenAtlasError, match="A site of Q00005 does not fit"):
        exported(shifted, "csv", ["Q00001", "Q00002", "Q00003", "Q00005"])
    with Atlas.open(shifted_dir) as shifted:
        assert exported(shifted, "csv", ["Q00001", "Q00002", "Q00003"]).count(b"\n") == 1


def test_a_site_beyond_the_end_is_reported_to_be(tmp_path: Path) -> None:
    message = rows._misfit("P1", {"position": 12, "residue": "K", "misfit": ""})
    assert message.found == "a sequence that has no position 12"


@pytest.mark.parametrize("format", [*READERS, "coverage"])
def test_every_file_says_where_its_sites_are_from(atlas: Atlas, format: str) -> None:
    data = exported(atlas, format, ["P04637"])
    if format in ("parquet", "arrow"):
        table = (
            pq.read_table(io.BytesIO(data)) if format == "parquet" else pa.ipc.open_file(io.BytesIO(data)).read_all()
        )
        data = json.dumps(json.loads(table.schema.metadata[b"attlas"])).encode()
    for value in provenance_values(atlas.manifest).values():
        assert value.encode() in data


@pytest.mark.parametrize("format", each_nth_by_default([*READERS, "coverage"], 3))
def test_an_export_of_some_is_that_of_these_in_any_order_and_repeats_byte_for_byte(atlas: Atlas, format: str) -> None:
    of_two = exported(atlas, format, ["P0DP23", "P04637"])
    assert of_two == exported(atlas, format, ["P04637", "P0DP23", "P04637"])
    whole = exported(atlas, format)
    assert whole == exported(atlas, format)
    if format in READERS:
        assert READERS[format](of_two) == {site for site in READERS[format](whole) if site[0] in ("P0DP23", "P04637")}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    root = tmp_path_factory.mktemp("tiny") / "atlas"
    write_golden_atlas(root)
    with Atlas.open(root) as opened:
        yield opened


@pytest.mark.parametrize("format", formats())
def test_the_bytes_are_those_of_the_golden_file(tiny: Atlas, format: str) -> None:
    assert exported(tiny, format).decode() == golden(format).read_bytes().decode(), "see golden/make.py"


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("a\tb\nc\r", "a%09b%0Ac%0D"), ("50%", "50%"), ("a%09", "a%2509"), ("%%0", "%%0"), ("Ω é", "Ω é"),
        ("\xa0", "%C2%A0"), ("", ""),
    ],
)  # fmt: skip
def test_percent_encodes_what_breaks_a_line_and_nothing_else(text: str, encoded: str) -> None:
    assert percent_encode(text) == encoded


@pytest.mark.parametrize("text", [CONTROLS, HOSTILE.description, *ODD_ACCESSIONS, "%4\t", "%\x00", "%2%35"])
def test_percent_is_undone_by_unquote(text: str | None) -> None:
    from urllib.parse import unquote

    assert unquote(percent_encode(text or "")) == text
    assert unquote(percent_encode(text or "", also=" |", is_ascii=True)) == text
    assert percent_encode(text or "", is_ascii=True).isascii()
