"""Bodies from outside, decompressed under a limit."""

from __future__ import annotations

import gzip
import tracemalloc
from contextlib import suppress

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from burnline.collectors.inflate import inflate
from burnline.errors import PayloadError, PayloadTooLarge


def bomb(size: int) -> bytes:
    return gzip.compress(b"0" * size, mtime=0)


@given(st.binary(max_size=5000), st.integers(1, 64))
def test_a_gzip_body_comes_out_as_it_went_in_however_it_was_cut(body: bytes, cut: int) -> None:
    packed = gzip.compress(body, mtime=0)
    pieces = [packed[at : at + cut] for at in range(0, len(packed), cut)]

    assert inflate(pieces, encoding="gzip", limit_bytes=5000) == body


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_a_plain_body_is_passed_through(encoding: str) -> None:
    assert inflate([b"ab", b"c"], encoding=encoding, limit_bytes=3) == b"abc"


def test_a_plain_body_over_the_limit_is_refused() -> None:
    with pytest.raises(PayloadTooLarge, match="larger than 3 bytes"):
        inflate([b"ab", b"cd"], encoding="", limit_bytes=3)


def test_a_gzip_bomb_is_refused_before_it_fills_the_memory() -> None:
    small = bomb(200_000_000)
    tracemalloc.start()

    with pytest.raises(PayloadTooLarge, match="after decompression"):
        inflate([small], encoding="gzip", limit_bytes=1_000_000)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(small) < 200_000
    assert peak < 4_000_000


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "ends too early"),
        (gzip.compress(b"x" * 100, mtime=0)[:-4], "ends too early"),
        (b"{}", "is not gzip"),
        (gzip.compress(b"{}", mtime=0)[:-8] + b"\0" * 8, "is not gzip"),
        (gzip.compress(b"{}", mtime=0) + gzip.compress(b"{}", mtime=0), "goes on after its end"),
        (gzip.compress(b"{}", mtime=0) + b"rest", "goes on after its end"),
    ],
)
def test_damaged_gzip_is_refused_with_the_reason(body: bytes, said: str) -> None:
    with pytest.raises(PayloadError, match=said):
        inflate([body], encoding="gzip", limit_bytes=1000)


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "\0"])
def test_another_encoding_is_refused_and_the_accepted_one_named(encoding: str) -> None:
    with pytest.raises(PayloadError, match="send gzip"):
        inflate([b"{}"], encoding=encoding, limit_bytes=1000)


def frame(body: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(body)


@given(st.binary(max_size=5000), st.integers(1, 64))
def test_a_zstd_body_comes_out_as_it_went_in_however_it_was_cut(body: bytes, cut: int) -> None:
    packed = frame(body)
    pieces = [packed[at : at + cut] for at in range(0, len(packed), cut)]

    assert inflate(pieces, encoding="zstd", limit_bytes=5000) == body


def test_a_zstd_bomb_is_refused_before_it_fills_the_memory() -> None:
    small = zstandard.ZstdCompressor(level=19).compress(b"0" * 400_000_000)
    tracemalloc.start()

    with pytest.raises(PayloadTooLarge, match="after decompression"):
        inflate([small], encoding="zstd", limit_bytes=1_000_000)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(small) < 50_000
    assert peak < 40_000_000


def test_a_zstd_window_larger_than_a_decoder_should_support_is_refused() -> None:
    wide = zstandard.ZstdCompressionParameters.from_level(3, window_log=27)
    packed = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    body = packed.compress(b"x" * 1000) + packed.flush()

    with pytest.raises(PayloadError, match="is not zstd"):
        inflate([body], encoding="zstd", limit_bytes=1_000_000)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "ends too early"),
        (frame(b"x" * 100)[:-2], "ends too early"),
        (b"{}{}{}{}", "is not zstd"),
        (frame(b"{}")[:-4] + b"\0" * 4, "is not zstd"),
        (frame(b"{}") + frame(b"{}"), "goes on after its end"),
        (frame(b"{}") + b"rest", "goes on after its end"),
        (frame(b"x" * 100_000) + b"rest" * 1000, "goes on after its end"),
    ],
)
def test_damaged_zstd_is_refused_with_the_reason(body: bytes, said: str) -> None:
    with pytest.raises(PayloadError, match=said):
        inflate([body], encoding="zstd", limit_bytes=1_000_000)


@given(st.binary(max_size=300))
def test_arbitrary_zstd_is_a_body_or_a_refusal(noise: bytes) -> None:
    for body in (noise, b"\x28\xb5\x2f\xfd" + noise):
        with suppress(PayloadError):
            inflate([body], encoding="zstd", limit_bytes=100_000)
