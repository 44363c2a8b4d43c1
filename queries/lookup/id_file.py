"""Ids in a file of one per line, as people and spreadsheets write them."""

import codecs


def first_column(data: bytes) -> list[str]:
    """Return the first column of each line; blank lines and those that begin with `#` are passed over.

    UTF-8, with its mark or without, or UTF-16 with its mark; columns are separated by tabs.

    Raises:
        UnicodeDecodeError: it is neither.
    """
    # Excel's `Unicode text` is UTF-16 with its mark.
    text = data.decode("utf-16" if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig")
    # Not `splitlines`: an id may hold what Unicode calls a line end.
    lines = (line.strip() for line in text.replace("\r", "\n").split("\n"))
    return [line.split("\t")[0].strip() for line in lines if line and not line.startswith("#")]
