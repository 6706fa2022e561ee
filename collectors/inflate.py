"""Bodies from outside, decompressed piece by piece so that a small one cannot become a large one."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from burnline.errors import PayloadError, PayloadTooLarge, PayloadUnsupported

PIECE_BYTES = 256 * 1024
GZIP = 31  # zlib's code for a gzip header and the largest window
ZSTD_WINDOW_BYTES = 8 << 20  # RFC 8878 3.1.1.1.2: what a decoder should at least support
ZSTD_PIECE_BYTES = 512  # four bytes can become 128 KiB: this is what comes out at once at most, 16 MiB


def inflate(pieces: Iterable[bytes], *, encoding: str, limit_bytes: int) -> bytes:
    """The whole body after undoing its Content-Encoding (none, gzip or zstd).

    Raises: PayloadTooLarge as soon as more than `limit_bytes` came out; PayloadUnsupported for another encoding;
    PayloadError for a damaged body.
    """
    body = bytearray()
    for piece in _decoded(pieces, encoding.strip().lower()):
        body += piece
        if len(body) > limit_bytes:
            raise PayloadTooLarge(f"the body is larger than {limit_bytes:,} bytes (counted after decompression)")
    return bytes(body)


def _decoded(pieces: Iterable[bytes], encoding: str) -> Iterable[bytes]:
    if encoding in ("", "identity"):
        return pieces
    if encoding in ("gzip", "x-gzip"):
        return _gunzip(pieces)
    if encoding == "zstd":
        return _unzstd(pieces)
    raise PayloadUnsupported(f"Content-Encoding {encoding!r} is not supported; send gzip, zstd, or nothing")


def _gunzip(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """One gzip member only: a body of many tiny ones would cost more time than bytes."""
    stream = zlib.decompressobj(GZIP)
    try:
        for piece in pieces:
            rest = piece
            while rest and not stream.eof:
                yield stream.decompress(rest, PIECE_BYTES)
                rest = stream.unconsumed_tail
            if stream.eof and (rest or stream.unused_data):
                raise PayloadError("the gzip body goes on after its end; send one gzip member")
    except zlib.error as error:
        raise PayloadError(f"the body is not gzip, though Content-Encoding says so: {error}") from error
    if not stream.eof:
        raise PayloadError("the gzip body ends too early")


def _unzstd(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """One frame only, for the same reason."""
    import zstandard

    stream = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES).decompressobj()
    try:
        for piece in pieces:
            for at in range(0, len(piece), ZSTD_PIECE_BYTES):
                if stream.eof:
                    raise PayloadError("the zstd body goes on after its end; send one frame")
                yield stream.decompress(piece[at : at + ZSTD_PIECE_BYTES])
                if stream.unused_data:
                    raise PayloadError("the zstd body goes on after its end; send one frame")
    except zstandard.ZstdError as error:
        raise PayloadError(f"the body is not zstd, though Content-Encoding says so: {error}") from error
    if not stream.eof:
        raise PayloadError("the zstd body ends too early")
