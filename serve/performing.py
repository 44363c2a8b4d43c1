"""A task carried out on an atlas: the answer is written to a file, of a size that has a limit."""

import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from attlas.queries import Atlas
from attlas.queries.text import printable
from attlas.schema import QuestionError
from attlas.serve.tasks import AskTask, ExportTask, Outcome, PairPageTask, ReportTask, SqlTask, Task

FILE_SIGN = "@"
"""How a value begins that names a file for the command line."""


class TooLargeError(QuestionError):
    """The answer is larger than the server sends."""


def name_bytes(n_bytes: int) -> str:
    """Return a number of bytes in the unit that it is a whole number of: `1,000 MB`, `100 kB`, `1,234 bytes`."""
    for size, unit in ((10**6, "MB"), (10**3, "kB")):
        if n_bytes >= size and n_bytes % size == 0:
            return f"{n_bytes // size:,} {unit}"
    return f"{n_bytes:,} bytes"


class BoundedFile:
    """A binary file that refuses to grow beyond a number of bytes."""

    def __init__(self, file: BinaryIO, n_bytes: int) -> None:
        self._file = file
        self._n_bytes = n_bytes
        self._n_written = 0

    def write(self, data: bytes) -> int:
        """Write bytes.

        Raises:
            TooLargeError: there would be more of them than the file may have.
        """
        self._n_written += memoryview(data).nbytes
        if self._n_written > self._n_bytes:
            raise TooLargeError(
                "The answer is larger than this server sends.",
                expected=f"at most {name_bytes(self._n_bytes)}",
                hint="ask for less (`limit`, fewer proteins), or use the command line, which has no such limit",
            )
        return self._file.write(data)

    def __getattr__(self, name: str) -> object:
        # Writers also ask whether a file is seekable, closed and so on.
        return getattr(self._file, name)


def perform(atlas: Atlas, task: Task, output: Path, *, max_bytes: int) -> Outcome:
    """Write the answer to a task into a file, and return the notes on it.

    Raises:
        QuestionError: the task cannot be answered as it stands, or its answer is too large.
        EnvironmentFault: this machine lacks what it needs.
    """
    match task:
        case AskTask():
            return _ask(atlas, task, output, max_bytes)
        case SqlTask():
            return _select(atlas, task, output, max_bytes)
        case ExportTask():
            return _export(atlas, task, output, max_bytes)
        case PairPageTask():
            return _pair_page(atlas, task, output)
        case ReportTask():
            return _report(atlas, output)


def _ask(atlas: Atlas, task: AskTask, output: Path, max_bytes: int) -> Outcome:
    from attlas.queries.asking.answering import ask
    from attlas.queries.asking.parameters import make_singular
    from attlas.queries.asking.questions import question_named

    # A parameter may be named in the singular or the plural, and reads a file by either name.
    types = {make_singular(parameter.name): parameter.type for parameter in question_named(task.question).parameters}
    with tempfile.TemporaryDirectory(dir=output.parent) as folder:
        arguments = {
            name: _argument(name, value, types.get(make_singular(name), "text"), Path(folder))
            for name, value in task.parameters.items()
        }
        bound_question = ask(atlas, task.question, arguments)
    notes = list(bound_question.bound.notes)
    rows = bound_question.answer(atlas, note=notes.append)
    has_more = _write_rows(rows, task.format, output, task.max_rows, max_bytes)
    return Outcome(tuple(notes), has_more)


def _argument(name: str, value: object, type: str, folder: Path) -> object:
    """Return a value as `ask` takes it, so that no text of a request is ever taken for the name of a file."""
    if not isinstance(value, str):
        return value

    if type == "alignment":
        # The text itself is handed over in a file of ours.
        path = folder / "alignment"
        path.write_text(value, encoding="utf-8", errors="replace")
        return path

    if type in ("ints", "texts", "proteins") and value.startswith(FILE_SIGN):
        raise QuestionError(
            f"The server reads no files: {name} begins with {FILE_SIGN}.", expected="the values, separated by commas"
        )
    return value


def _select(atlas: Atlas, task: SqlTask, output: Path, max_bytes: int) -> Outcome:
    from attlas.queries.asking.never_matching import never_matching_notes

    has_more = _write_rows(atlas.stream(task.query), task.format, output, task.max_rows, max_bytes)
    return Outcome(tuple(never_matching_notes(atlas, task.query)), has_more)


def _write_rows(rows: pa.RecordBatchReader, format: str, output: Path, max_rows: int | None, max_bytes: int) -> bool:
    """Write rows to a file; return whether there are more than `max_rows`."""
    from attlas.queries.formats import WRITERS

    rows, has_more = (rows, []) if max_rows is None else _first_rows(rows, max_rows)
    with output.open("wb") as file:
        WRITERS[format](rows, BoundedFile(file, max_bytes))  # type: ignore[arg-type]
    return bool(has_more)


def _first_rows(rows: pa.RecordBatchReader, max_rows: int) -> tuple[pa.RecordBatchReader, list[bool]]:
    """Return the first rows as a stream, and a list that has an item at its end if there are more."""
    has_more: list[bool] = []

    def batches() -> Iterator[pa.RecordBatch]:
        n_left = max_rows
        for batch in rows:
            if batch.num_rows > n_left:
                has_more.append(True)
                if n_left:
                    yield batch.slice(0, n_left)
                return
            n_left -= batch.num_rows
            yield batch

    return pa.RecordBatchReader.from_batches(rows.schema, batches()), has_more


def _export(atlas: Atlas, task: ExportTask, output: Path, max_bytes: int) -> Outcome:
    from attlas.queries.exports.exporting import ExportOptions, absence_notes, prepare_export

    options = ExportOptions(
        ids=task.ids,
        layer=task.layer,
        head=task.head,
        form=task.form,
        is_safe_for_spreadsheets=task.is_safe_for_spreadsheets,
    )
    prepared = prepare_export(atlas, task.format, options)
    if prepared.faults:
        names = [printable(fault.what) for fault in prepared.faults]
        raise (
            prepared.faults[0]
            if len(names) == 1
            else QuestionError(f"{len(names):,} ids have no answer.", offenders=names)
        )

    with output.open("wb") as file:
        notes = prepared.export.write(atlas, prepared.request, BoundedFile(file, max_bytes)) or ()  # type: ignore[arg-type]
    return Outcome(tuple(chain(prepared.notes, notes, absence_notes(atlas, prepared))))


def _pair_page(atlas: Atlas, task: PairPageTask, output: Path) -> Outcome:
    from attlas.serve.protein_page import pair_page

    html = pair_page(atlas, task.id, task.partner, form=task.form, place=task.place)
    output.write_text(html, encoding="utf-8")
    return Outcome()


def _report(atlas: Atlas, output: Path) -> Outcome:
    from attlas.queries.report import make_report, page

    output.write_text(page(make_report(atlas)), encoding="utf-8")
    return Outcome()
