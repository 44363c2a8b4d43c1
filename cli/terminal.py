"""Text for a terminal: control characters are shown instead of executed.

A header of a FASTA file, the label of a feature or an alias in SQL may contain escape codes, which could colour,
overwrite or rename other text of the terminal. Files and pipes get every byte unchanged.
"""

import codecs
import io
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from typing_extensions import Buffer


class TerminalText(io.BufferedIOBase):
    """A stream of UTF-8 text that writes to a terminal, with control characters as `\\x1b`."""

    def __init__(self, terminal: BinaryIO) -> None:
        from attlas.queries.text import printable_lines

        self._terminal = terminal
        self._printable = printable_lines
        # The bytes of one call may end within a character.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def writable(self) -> bool:
        """Return True: the stream can be written, as `io.TextIOWrapper` requires."""
        return True

    def write(self, data: "Buffer") -> int:
        """Write the text, and return its number of bytes."""
        text = bytes(data)
        self._terminal.write(self._printable(self._decoder.decode(text)).encode())
        return len(text)

    def flush(self) -> None:
        """Write buffered text to the terminal."""
        self._terminal.flush()
