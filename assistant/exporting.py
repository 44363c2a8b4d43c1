"""The tool `export`: a piece of the text that `attlas export` would write. Nothing is written anywhere."""

import codecs
import io
from contextlib import suppress
from shlex import quote
from typing import TYPE_CHECKING, BinaryIO, cast

from attlas.assistant.answers import Page, Reply, page_of_list
from attlas.assistant.arguments import join_ids
from attlas.queries import Atlas
from attlas.queries.exports import EXPORTS, export_named
from attlas.queries.exports.exporting import ExportOptions, absence_notes, prepare_export
from attlas.schema import QuestionError

if TYPE_CHECKING:
    from typing_extensions import Buffer

MOST_CHARACTERS = 20_000
"""Most characters of an export in one answer."""


class _TextWindow(io.BufferedIOBase):
    """A sink that keeps the characters from `offset` on, MOST_CHARACTERS at most."""

    def __init__(self, offset: int, *, is_stopping: bool) -> None:
        """Keep nothing yet.

        Args:
            offset: characters to pass over.
            is_stopping: the export is stopped behind the characters that are kept.
        """
        self._offset = offset
        self._is_stopping = is_stopping
        # The bytes of one call may end within a character.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pieces: list[str] = []
        self.n_seen = 0
        """Characters written so far, those before the window included."""

    @property
    def text(self) -> str:
        """The characters kept."""
        return "".join(self._pieces)

    @property
    def is_full(self) -> bool:
        """There are characters behind the window."""
        return self.n_seen > self._offset + MOST_CHARACTERS

    @property
    def n_total(self) -> int | None:
        """Characters of the whole export; None where it was stopped before its end."""
        return None if self.is_full and self._is_stopping else self.n_seen

    def writable(self) -> bool:
        return True

    def write(self, data: "Buffer") -> int:
        text = self._decoder.decode(bytes(data))
        begin = max(self._offset - self.n_seen, 0)
        end = max(self._offset + MOST_CHARACTERS - self.n_seen, 0)
        self._pieces.append(text[begin:end])
        self.n_seen += len(text)
        if self.is_full and self._is_stopping:
            raise _WindowFullError
        return memoryview(data).nbytes


class _WindowFullError(Exception):
    """The wanted part is complete; the export can stop."""


def export_text(
    atlas: Atlas,
    *,
    format: str | None,
    id: str | None,
    ids: list[str] | None,
    layer: int | None,
    head: int | None,
    offset: int,
    timeout_s: float | None,
) -> Reply:
    """Answer with a piece of an export, as one cell; without a format, with the formats there are.

    Raises:
        QuestionError: there is no such format, it is no text, needs a structure, or has no links of a layer or head; or
            an id has no answer.
    """
    if format is None:
        formats = [
            [export.name, export.suffix, export.is_of_one, export.title]
            for export in EXPORTS.values()
            if export.is_text and export.structure != "must"
        ]
        columns = ("format", "file_ending", "is_of_one_protein", "title")
        return Reply(page_of_list(columns, formats, offset=0, limit=len(formats)), command="attlas export DIR")

    if not export_named(format).is_text:
        hint = f"`attlas export DIR {format} -o FILE` writes it"
        raise QuestionError(f"{format} is no text, which is what tools return.", hint=hint)

    proteins = join_ids(id, ids)
    options = ExportOptions(ids=None if proteins is None else tuple(proteins), layer=layer, head=head)
    prepared = prepare_export(atlas, format, options)
    if prepared.faults:
        raise prepared.faults[0]

    # The export of one protein, or of pairs, goes on to its end for the notes of its writer: what it leaves out, and
    # how many links of how many it draws. Other writers of many proteins have no notes.
    has_notes = prepared.export.is_of_one or prepared.export.takes_form
    window = _TextWindow(offset, is_stopping=not has_notes)
    notes = [*prepared.notes, *absence_notes(atlas, prepared)]
    with suppress(_WindowFullError):
        notes += prepared.export.write(atlas, prepared.request, cast(BinaryIO, window)) or ()

    numbers = {"--layer": layer, "--head": head}
    flags = [word for name, number in numbers.items() if number is not None for word in (name, str(number))]
    words = " ".join(map(quote, [format, *(proteins or []), *flags]))
    return Reply(_page_of_text(window, offset), command=f"attlas export DIR {words}", notes=tuple(notes))


def _page_of_text(window: _TextWindow, offset: int) -> Page:
    """Return the text as a page of one row; its offsets count characters."""
    next_offset = offset + len(window.text) if window.is_full else None
    return Page(("text",), ([window.text],), offset, next_offset, window.n_total)
