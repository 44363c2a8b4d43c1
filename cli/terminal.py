"""Text for a terminal: control characters are shown instead of executed.

A header of a FASTA file, the label of a feature or an alias in SQL may contain escape codes, which could colour,
overwrite or rename other text of the terminal. So stdout and stderr are guarded wherever they are a terminal, whatever
a verb prints; files and pipes get every byte unchanged.
"""

import codecs
import io
import os
import sys
from typing import TYPE_CHECKING, BinaryIO, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer


def open_closed_streams() -> None:
    """Open the null device for each standard stream that was closed before the command began, as `>&-` does.

    Else whatever is opened next gets the number of the stream, and what is printed goes there.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            number = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: that of the stream
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, mode))


def guard_terminals() -> None:
    """Put a guard before stdout and stderr where they are a terminal: from then on no text in them is executed."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream.isatty() and not isinstance(stream, GuardedTerminal):
            setattr(sys, name, GuardedTerminal(stream))


def unguarded(stream: TextIO) -> TextIO:
    """Return the terminal behind a guard, for our own colours and bars; texts of an input must be printable before."""
    return stream.terminal if isinstance(stream, GuardedTerminal) else stream


class GuardedTerminal(io.TextIOWrapper):
    """A stream of text to a terminal, and of bytes as its `buffer`, with control characters as `\\x1b`."""

    def __init__(self, terminal: TextIO) -> None:
        is_by_line = bool(terminal.line_buffering)
        super().__init__(terminal.buffer, encoding=terminal.encoding, errors=terminal.errors, line_buffering=is_by_line)
        self.terminal = terminal
        self._bytes = TerminalText(terminal.buffer)

    @property
    def buffer(self) -> BinaryIO:
        """The stream of bytes, which are UTF-8."""
        return self._bytes  # type: ignore[return-value]  # what `io` has in place of BinaryIO

    def write(self, text: str) -> int:
        """Write the text, and return its number of characters."""
        super().write(printable_text(text))
        return len(text)


class TerminalText(io.BufferedIOBase):
    """A stream of UTF-8 text that writes to a terminal, with control characters as `\\x1b`."""

    def __init__(self, terminal: BinaryIO) -> None:
        self._terminal = terminal
        # The bytes of one call may end within a character.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def writable(self) -> bool:
        """Return True: the stream can be written, as `io.TextIOWrapper` requires."""
        return True

    def write(self, data: "Buffer") -> int:
        """Write the text, and return its number of bytes."""
        text = bytes(data)
        self._terminal.write(printable_text(self._decoder.decode(text)).encode())
        return len(text)

    def flush(self) -> None:
        """Write buffered text to the terminal."""
        if not self._terminal.closed:
            self._terminal.flush()


def printable_text(text: str) -> str:
    """Return a text without control characters but its line ends and tabs."""
    if all(line.isprintable() for line in text.split("\n")):
        return text

    # Imported only now: it brings pyarrow, which `attlas --help` does without.
    from attlas.queries.text import printable_lines

    return printable_lines(text)
