"""Where the fields of a struct lie in the bytes of Thrift's compact protocol, in which Parquet writes its footers.

Nothing is decoded but what tells where the next value begins.
Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from collections.abc import Iterator

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
"""Types of a value."""
_NUMBERS = (I16, I32, I64)
_DOUBLE_BYTES = 8
_LONG_LIST = 15
"""Size in the header of a list whose size follows."""

Place = tuple[int, int]
"""First byte of a value, and the byte after the value."""


def field_places(data: bytes, start: int = 0) -> Iterator[tuple[int, int, Place]]:
    """Yield number, type and place of each field of a struct.

    Raises:
        ValueError: there is a type that no struct of Parquet has.
    """
    number = 0
    while header := data[start]:
        start += 1
        if header >> 4:
            number += header >> 4
        else:  # the number follows instead of its distance from the last one
            zigzag, start = _read_varint(data, start)
            number = (zigzag >> 1) ^ -(zigzag & 1)
        end = _skip(data, start, header & 0x0F)
        yield number, header & 0x0F, (start, end)
        start = end


def list_places(data: bytes, start: int) -> Iterator[Place]:
    """Yield the place of each value of a list. Raises ValueError."""
    kind, size, start = _read_list_header(data, start)
    for _ in range(size):
        end = _skip(data, start, kind, is_element=True)
        yield start, end
        start = end


def encode_number(number: int) -> bytes:
    """Return an integer from 0 on as Thrift writes it."""
    zigzag = number << 1
    encoded = bytearray()
    while zigzag >= 0x80:
        encoded.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    return bytes([*encoded, zigzag])


def _skip(data: bytes, start: int, kind: int, *, is_element: bool = False) -> int:
    """Return the byte behind a value. The header of a field holds its boolean; a list has a byte for each."""
    if kind in _NUMBERS:
        while data[start] & 0x80:
            start += 1
        return start + 1
    if kind in (BYTE, DOUBLE):
        return start + (1 if kind == BYTE else _DOUBLE_BYTES)
    if kind in (TRUE, FALSE):
        return start + is_element
    if kind == BINARY:
        size, start = _read_varint(data, start)
        return start + size

    # Kinds that hold values of their own.
    if kind == STRUCT:
        places = [place for _, _, place in field_places(data, start)]
        return (places[-1][1] if places else start) + 1  # with the byte that ends a struct
    if kind in (LIST, SET):
        elements = list(list_places(data, start))
        return elements[-1][1] if elements else _read_list_header(data, start)[2]
    raise ValueError(f"no type of Parquet's metadata: {kind}")


def _read_list_header(data: bytes, start: int) -> tuple[int, int, int]:
    """Return type and number of the values of a list, and the byte at which they begin."""
    kind, size = data[start] & 0x0F, data[start] >> 4
    start += 1
    if size == _LONG_LIST:
        size, start = _read_varint(data, start)
    return kind, size, start


def _read_varint(data: bytes, start: int) -> tuple[int, int]:
    """Return an unsigned integer, seven bits a byte, and the byte after it."""
    number = shift = 0
    while data[start] & 0x80:
        number |= (data[start] & 0x7F) << shift
        shift += 7
        start += 1
    return number | data[start] << shift, start + 1
