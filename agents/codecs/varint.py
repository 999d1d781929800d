"""Avro's numbers: zigzag, then seven bits a byte, lowest first, the high bit set on all but the last.

*Theory of operation.* The generated codecs read and write a number of one byte themselves, with the tables below;
longer ones come here.
Reading never checks for the end of the bytes: indexing past it raises IndexError,
and a slice past it is found when the record's end is compared with the bytes' end.
"""

from __future__ import annotations

from typing import Final

from agents.codecs.framing import refused, refused_end

INT_MAX: Final = (1 << 31) - 1
LONG_MAX: Final = (1 << 63) - 1

# first byte < 128 -> number
SMALL: Final = tuple((byte >> 1) ^ -(byte & 1) for byte in range(128))

# 14 bits -> two bytes with more to come, or the last one or two: an instant of six bytes is three look-ups
_MORE: Final = tuple(bytes((low | 128, high | 128)) for high in range(128) for low in range(128))
_LAST: Final = tuple(bytes((low | 128, high) if high else (low,)) for high in range(128) for low in range(128))

# number 0..8191 -> its one or two bytes
SHORT: Final = _LAST[::2]


def read_long(buf: bytes, at: int) -> tuple[int, int]:
    """Return the number at `at` and where it ends; raises IndexError past the end, Undecodable above 64 bits."""
    byte = buf[at]
    if byte < 128:
        return SMALL[byte], at + 1
    bits = byte & 127
    shift = 0
    while byte > 127:
        at += 1
        shift += 7
        byte = buf[at]
        bits |= (byte & 127) << shift
        if shift == 63 and byte > 1:
            raise refused("varint", f"a number of more than 64 bits at byte {at - 9}")
    return (bits >> 1) ^ -(bits & 1), at + 1


def read_instant(buf: bytes, at: int) -> tuple[int, int]:
    """Do as read_long, sooner for the six bytes that an instant between 1987 and 2039 takes."""
    six = buf[at : at + 6]
    if len(six) == 6:
        a, b, c, d, e, last = six
        if last < 128 and a > 127 and b > 127 and c > 127 and d > 127 and e > 127 and not a & 1:
            bits = (a & 127) | (b & 127) << 7 | (c & 127) << 14 | (d & 127) << 21 | (e & 127) << 28 | last << 35
            return bits >> 1, at + 6
    return read_long(buf, at)


def read_int(buf: bytes, at: int) -> tuple[int, int]:
    """Do as read_long for a type of 32 bits."""
    number, end = read_long(buf, at)
    if not -INT_MAX - 1 <= number <= INT_MAX:
        raise refused("varint", f"{number} at byte {at} has more than 32 bits")
    return number, end


def read_span(buf: bytes, at: int) -> tuple[int, int]:
    """Return start and end of the bytes whose length stands at `at`; raises Undecodable where some are missing."""
    length, start = read_long(buf, at)
    if length < 0:
        raise refused("length", f"a length of {length} at byte {at}")
    end = start + length
    if end > len(buf):
        raise refused_end(end, len(buf))
    return start, end


def read_count(buf: bytes, at: int) -> tuple[int, int]:
    """Return how many items the block at `at` has and where they start; 0 ends an array or a map."""
    count, start = read_long(buf, at)
    if count >= 0:
        return count, start
    size, start = read_long(buf, start)  # a writer gives it so that a reader may skip the block; we never do
    if size < 0:
        raise refused("length", f"a block of {size} bytes at byte {at}")
    return -count, start


def write_long(number: int) -> bytes:
    """Return the bytes of a number; raises OverflowError above 64 bits."""
    if not -LONG_MAX - 1 <= number <= LONG_MAX:
        raise OverflowError(f"expected a number of 64 bits, came {number}")
    bits = (number << 1) ^ (number >> 63)
    written = b""
    while bits > 16383:
        written += _MORE[bits & 16383]
        bits >>= 14
    return written + _LAST[bits]


def write_int(number: int) -> bytes:
    """Return the bytes of a number; raises OverflowError above 32 bits."""
    if not -INT_MAX - 1 <= number <= INT_MAX:
        raise OverflowError(f"expected a number of 32 bits, came {number}")
    return write_long(number)
