"""Text on its way to a terminal: control characters are shown, not obeyed.

A header of a FASTA file, the label of a feature or an alias in SQL may hold escape codes; as they are, they would
colour, overwrite or rename what else is in the terminal. Files and pipes get every byte as it is.
"""

import codecs
import io
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from typing_extensions import Buffer


class TerminalText(io.BufferedIOBase):
    """A sink of UTF-8 text that writes to a terminal, with control characters as `\\x1b`."""

    def __init__(self, terminal: BinaryIO) -> None:
        from attlas.queries.text import printable_lines

        self._terminal = terminal
        self._printable = printable_lines
        # A writer may hand over bytes that end within a character.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def writable(self) -> bool:
        """Say that it can be written to, as `io.TextIOWrapper` asks."""
        return True

    def write(self, data: "Buffer") -> int:
        """Write the text, and return the number of bytes taken."""
        taken = bytes(data)
        self._terminal.write(self._printable(self._decoder.decode(taken)).encode())
        return len(taken)

    def flush(self) -> None:
        """Bring to the terminal what waits for it."""
        self._terminal.flush()
