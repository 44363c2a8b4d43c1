"""Tables of numbers that are read many rows at once: what is stored and what is left out is as row by row."""

import errno
import itertools
import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.annotated_case import CALMODULIN, SHORT, written
from helpers.default_cases import each_nth_by_default
from helpers.series_case import import_numbers, make_proteins

from attlas.pipeline.annotate.check import Proteins
from attlas.pipeline.annotate.values.blocks import cut_batch, cut_chunk
from attlas.pipeline.annotate.values.spill import _append_stream, split_sequences
from attlas.schema import TRACKS, VARIANTS, EnvironmentFault, Table

IDS = ["Q00001", "P0DP23", "P0DP24", "X99999", "X99998", "Q00003", "", "sp|Q00001|SHORT_HUMAN", "Q00001-2", " Q00001 "]
VALUES = ["0.5", "-1.25", "1e-3", "7", "1e39", "nan", "", "+1", ".5", "1.", "1e400", "3.4028235e38", "0.1234567890123"]
LETTERS = "ACDEFGHIKLMNPQRSTVWY"
HEADERS = {"variant": "uniprot_id,protein_variant,am_pathogenicity", "parts": "accession,ref,pos,alt,score",
           "track": "accession,position,residue,score", "bare track": "accession,position,score"}  # fmt: skip


@pytest.fixture(scope="module")
def proteins() -> Proteins:
    """Return proteins as an atlas has them; Q00003 was not computed."""
    sequences = {"P0DP23": CALMODULIN, "P0DP24": CALMODULIN, "Q00001": SHORT, "Q00003": "A" * 30}
    rows = [
        {"accession": accession, "sequence": sequence, "md5": f"{number:032x}", "crc64": "", "length": len(sequence),
         "sequence_version": 3, "sequence_id": number, "status": "ok" if accession != "Q00003" else "skipped",
         "reason": None, "entry_name": "SHORT_HUMAN" if accession == "Q00001" else ""}
        for number, (accession, sequence) in enumerate(sequences.items())
    ]  # fmt: skip
    return make_proteins(rows)


def random_rows(kind: str, n: int, *, seed: int) -> Iterator[list[str]]:
    """Yield the cells of rows, most of which fit, and some in every way that does not."""
    dice = random.Random(seed)
    for _ in range(n):
        id = dice.choice([*IDS, *["Q00001", "P0DP23"] * 9])
        sequence = CALMODULIN if id.startswith("P0DP") else SHORT
        position = dice.choice([dice.randint(1, len(sequence)) for _ in range(20)] + [0, 10**8, 21, -1])
        written = f"{position}{dice.choice(['', '', '', '.0', '.'])}"
        letter = dice.choice([sequence[(position - 1) % len(sequence)]] * 9 + ["W", "w", "Ala", "", "?"])
        substitute = dice.choice([*LETTERS, "Ala", "*", "U", "=", "trp", "X"])
        value = dice.choice([*VALUES, *(f"{dice.random():.4f}" for _ in range(30))])
        prefix = dice.choice(["", "", "", "p.", "c."])
        yield {
            "variant": [id, f"{prefix}{letter}{position}{substitute}", value],
            "parts": [id, letter, written, substitute, value],
            "track": [id, written, letter, value],
            "bare track": [id, dice.choice([written, "?", "1.5", "<5"]), value],
        }[kind]


@pytest.fixture
def cuts(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Have tables cut into blocks of a few rows, and return whether each piece of them was cut."""
    were_cut: list[bool] = []

    def noting(cut: object) -> object:
        def note(*arguments: object, **options: object) -> object:
            block = cut(*arguments, **options)  # type: ignore[operator]
            were_cut.append(block is not None)
            return block

        return note

    monkeypatch.setattr("attlas.pipeline.annotate.values.blocks.FIRST_BYTES", 30)
    monkeypatch.setattr("attlas.pipeline.annotate.values.blocks.CHUNK_BYTES", 400)
    monkeypatch.setattr("attlas.pipeline.annotate.values.table_rows._BATCH_ROWS", 100)
    monkeypatch.setattr("attlas.pipeline.annotate.values.table_rows.cut_chunk", noting(cut_chunk))
    monkeypatch.setattr("attlas.pipeline.annotate.values.table_rows.cut_batch", noting(cut_batch))
    return were_cut


def row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cut_chunk", "cut_batch"):
        monkeypatch.setattr(f"attlas.pipeline.annotate.values.table_rows.{name}", lambda *arguments, **options: None)


SPOILERS = {
    "plain": "",
    "comments": "# a comment\n",
    "blank lines": "\n  \n\t\n",
    "a short line": "Q00001,1\n",
    "a quote": '"Q00001","K2A","1","2"\n',
    "a quote over lines": 'Q00001,"K\n2A",1\n',
    "Latin-1": "Q0000é,K2A,1\n",
    "a line alone that ends as on old Macs": "Q00001,K2A,1\rQ00001,K2C,1\r",
}


CASES = each_nth_by_default(itertools.product(SPOILERS, HEADERS, (",", "\t")), 5)


@pytest.mark.slow
@pytest.mark.parametrize(("spoiler", "kind", "delimiter"), CASES)
def test_blocks_of_text_store_and_leave_out_what_single_rows_do(
    cuts: list[bool],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    proteins: Proteins,
    spoiler: str,
    kind: str,
    delimiter: str,
) -> None:
    lines = [f"{','.join(cells)}\n" for cells in random_rows(kind, 300, seed=len(spoiler))]
    lines.insert(200, SPOILERS[spoiler])
    text = f"{HEADERS[kind]}\n{''.join(lines)}".replace(",", delimiter)
    path = tmp_path / "t.txt"
    path.write_bytes(text.encode("latin-1"))
    table = VARIANTS if kind in ("variant", "parts") else TRACKS
    format = "tsv" if delimiter == "\t" else "csv"
    at_once = import_numbers(path, format, table, proteins)
    assert sum(cuts) > 5

    row_by_row(monkeypatch)
    assert at_once == import_numbers(path, format, table, proteins)
    assert len(at_once["rows"]) > 10


def test_windows_line_ends_a_mean_over_variants_and_a_protein_that_is_said(
    cuts: list[bool], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, proteins: Proteins
) -> None:
    lines = [f"{SHORT[i % 20]}{i % 20 + 1}{LETTERS[i // 20]}\t{i / 7:.3f}\r\n" for i in range(380)]
    path = written(tmp_path, "t.tsv", "variant\tvalue\r\n" + "".join(lines))
    at_once = import_numbers(path, "tsv", TRACKS, proteins, accession="Q00001")
    assert sum(cuts) > 5

    row_by_row(monkeypatch)
    assert at_once == import_numbers(path, "tsv", TRACKS, proteins, accession="Q00001")
    assert [row["position"] for row in at_once["rows"]] == list(range(1, 21))


@pytest.mark.parametrize("type_", [pa.string(), pa.float64(), pa.float32(), pa.dictionary(pa.int32(), pa.string())])
def test_batches_of_parquet_store_and_leave_out_what_single_rows_do(
    cuts: list[bool], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, proteins: Proteins, type_: pa.DataType
) -> None:
    rows = [cells for cells in random_rows("track", 400, seed=3) if cells[1].lstrip("-").isdecimal()]
    ids, positions, residues, values = zip(*rows, strict=True)
    if pa.types.is_floating(type_):
        values = tuple(None if value in ("", "1e400") else float(value) for value in values)
    columns = {
        "accession": pa.array(ids).dictionary_encode(),
        "position": pa.array(map(int, positions), pa.int32()),
        "residue": pa.array(residues),
        "score": pa.array(values).cast(type_),
    }
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table(columns), path)
    at_once = import_numbers(path, "parquet", TRACKS, proteins)
    assert sum(cuts) == len(cuts) > 2

    row_by_row(monkeypatch)
    assert at_once == import_numbers(path, "parquet", TRACKS, proteins)
    assert len(at_once["rows"]) > 10


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "table"), [("variant", VARIANTS), ("parts", TRACKS), ("track", TRACKS)])
def test_values_that_wait_on_the_disk_are_stored_and_left_out_as_in_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, proteins: Proteins, kind: str, table: Table
) -> None:
    lines = [f"{','.join(cells)}\n" for cells in random_rows(kind, 600, seed=5)]
    path = written(tmp_path, "t.csv", f"{HEADERS[kind]}\n{''.join(lines)}")
    in_memory = import_numbers(path, "csv", table, proteins)

    written_paths = set[Path]()
    append = _append_stream
    monkeypatch.setattr(
        "attlas.pipeline.annotate.values.spill._append_stream",
        lambda path, rows: (written_paths.add(path), append(path, rows)),
    )
    monkeypatch.setattr("attlas.pipeline.annotate.values.spill.HELD_ROWS", 40)
    monkeypatch.setattr("attlas.pipeline.annotate.values.spill.RANGE_RESIDUES", 20)
    assert import_numbers(path, "csv", table, proteins) == in_memory
    assert len(written_paths) == 3  # of 4 proteins; one was not computed
    assert not (tmp_path / "scratch").exists()


def test_a_full_disk_is_told_with_the_file_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, proteins: Proteins
) -> None:
    def fill(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    lines = [f"{','.join(cells)}\n" for cells in random_rows("variant", 100, seed=1)]
    path = written(tmp_path, "t.csv", f"{HEADERS['variant']}\n{''.join(lines)}")
    monkeypatch.setattr("attlas.pipeline.annotate.values.spill.HELD_ROWS", 10)
    monkeypatch.setattr(pa.ipc, "new_stream", fill)
    with pytest.raises(EnvironmentFault, match=r"(?s)disk is full.*range-"):
        import_numbers(path, "csv", VARIANTS, proteins)
    assert not (tmp_path / "scratch").exists()


def test_ranges_hold_whole_sequences_and_about_as_many_residues_each(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = dict.fromkeys(range(50), 100)
    monkeypatch.setattr("attlas.pipeline.annotate.values.spill.RANGE_RESIDUES", 1_000)
    assert split_sequences(lengths) == [0, 10, 20, 30, 40]
    monkeypatch.setattr("attlas.pipeline.annotate.values.spill.MOST_RANGES", 2)
    assert split_sequences(lengths) == [0, 25]
    assert split_sequences({7: 99_999}) == [7]
    assert split_sequences({}) == []


def test_a_float_column_of_whole_positions_is_read_at_once() -> None:
    def positions(*numbers: float | None) -> list[str] | None:
        batch = pa.record_batch({"id": ["Q"] * len(numbers), "position": numbers, "value": [1.0] * len(numbers)})
        block = cut_batch(batch, first_row=1, places=(0, 1, 2), value=2, position=1)
        return None if block is None else block.columns[1].to_pylist()

    assert positions(1.0, 20.0, None) == ["1", "20", ""]
    assert positions(1.0, 1.5) is None
    assert positions(1.0, float("nan")) is None
