"""Compressed sources: read through, up to the damage, and never blown up."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, cast

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from curator.errors import InputError
from curator.sources.compressed import decompressed

Compress = Callable[[bytes], bytes]


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def zstd_unsized(data: bytes) -> bytes:
    packer = zstandard.ZstdCompressor().compressobj()
    return packer.compress(data) + packer.flush()


FORMATS: dict[str, Compress] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lambda data: lzma.compress(data, preset=0),
    "zstd": zstd,
}
TEXT = b"".join(b'{"title": "Paper %d", "n": %d}\n' % (n, n * n * 7919) for n in range(12_000))

every_format = pytest.mark.parametrize("kind", FORMATS)


def opened(data: bytes, limit: int | None = None) -> BinaryIO:
    source = io.BytesIO(data)
    return decompressed(source)[0] if limit is None else decompressed(source, limit=limit)[0]


def until_error(stream: BinaryIO, size: int = 1000) -> tuple[bytes, InputError]:
    found = bytearray()
    with pytest.raises(InputError) as caught:
        while part := stream.read(size):
            found += part
    return bytes(found), caught.value


class Pipe(io.RawIOBase):
    """Gives a few bytes at a time and cannot seek."""

    def __init__(self, data: bytes, size: int = 3) -> None:
        self._data = memoryview(data)
        self._size = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        part = self._data[: min(self._size, len(buffer))]
        self._data = self._data[len(part) :]
        buffer[: len(part)] = part
        return len(part)


@every_format
@pytest.mark.parametrize("content", [b"", b"x", b"short\n", TEXT])
def test_contents_come_out(kind: str, content: bytes) -> None:
    stream, found = decompressed(io.BytesIO(FORMATS[kind](content)))
    assert found == kind
    assert stream.read() == content
    assert stream.read() == stream.read(5) == b""


@every_format
def test_members_one_after_another_are_one(kind: str) -> None:
    pack = FORMATS[kind]
    parts = [b"", b"one\n", TEXT, b"", b"x", os.urandom(100_000), b"last"]
    assert opened(b"".join(map(pack, parts))).read() == b"".join(parts)


@every_format
def test_padding_is_no_content(kind: str) -> None:
    packed = FORMATS[kind](b"one")
    assert opened(packed + b"\0" * 8 + packed + b"\0" * 100_000).read() == b"oneone"


@every_format
def test_a_pipe_of_small_pieces(kind: str) -> None:
    content = TEXT[:20_000]
    stream, _ = decompressed(io.BufferedReader(Pipe(FORMATS[kind](content)), 16))
    assert stream.read() == content


@pytest.mark.parametrize(
    "data",
    [b"", b"x", b"BZh", b"BZhang, Li\n", b"BZh9 is a compression", b"\x1e\x8b\x08", b"{}\n",
     b"P*M is no frame", b"PK\x03\x04zip", "héllo\n".encode("utf-16"), b"\xfd7z", TEXT],
)  # fmt: skip
def test_what_is_not_compressed_is_passed_through(data: bytes) -> None:
    for source in (io.BytesIO(data), io.BufferedReader(Pipe(data, 1000), 16)):
        stream, kind = decompressed(source)
        assert kind is None
        assert stream.read() == data


def test_other_forms_of_zstd() -> None:
    skipped = b"\x5a\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"hello"
    packed = skipped + zstd_unsized(TEXT) + skipped + zstd(b"more")
    stream, kind = decompressed(io.BytesIO(packed))
    assert (stream.read(), kind) == (TEXT + b"more", "zstd")


def test_a_gzip_with_a_name_and_a_comment() -> None:
    file = io.BytesIO()
    with gzip.GzipFile("papers.jsonl", "wb", fileobj=file, mtime=1) as packer:
        packer.write(b"content")
    assert opened(file.getvalue()).read() == b"content"


@every_format
def test_lines_and_every_way_to_read(kind: str) -> None:
    packed = FORMATS[kind](TEXT)
    lines = TEXT.splitlines(keepends=True)
    assert list(opened(packed)) == lines
    assert list(io.TextIOWrapper(opened(packed), "utf-8")) == [line.decode() for line in lines]
    stream = opened(packed)
    assert [stream.readline(), stream.readline(5), stream.readline()] == [
        lines[0], lines[1][:5], lines[1][5:],
    ]  # fmt: skip
    stream = opened(packed)
    assert stream.read(0) == b""
    assert stream.read(7) == TEXT[:7]
    assert stream.peek(1)[:3] == TEXT[7:10]  # type: ignore[attr-defined]
    buffer = bytearray(100_000)
    assert stream.readinto(buffer) == 100_000  # type: ignore[attr-defined]
    assert buffer == TEXT[7:100_007]
    assert 0 < len(stream.read1()) < 1_000_000  # type: ignore[attr-defined]
    assert stream.read1(0) == b""  # type: ignore[attr-defined]
    assert stream.readable()
    assert not stream.seekable()
    assert not stream.writable()


def test_a_reader_with_a_buffer_of_its_own_works_on_top() -> None:
    raw = cast(io.RawIOBase, opened(gzip.compress(TEXT)))
    assert io.BufferedReader(raw, 1 << 16).read() == TEXT


@pytest.mark.parametrize("owned", [True, False])
def test_closing_closes_the_source_if_told_to(owned: bool) -> None:
    for data in (gzip.compress(TEXT), TEXT):
        source = io.BytesIO(data)
        with decompressed(source, owned=owned)[0] as stream:
            stream.read(3)
        stream.close()
        assert source.closed == owned
        with pytest.raises(ValueError, match="closed"):
            stream.read(1)


# --- Damage ---------------------------------------------------------------------------------


@every_format
@pytest.mark.parametrize("missing", [1, 4, 9, 5_000])
def test_what_is_cut_off_is_read_up_to_the_cut(kind: str, missing: int) -> None:
    packed = FORMATS[kind](TEXT)
    found, error = until_error(opened(packed[:-missing]))
    assert error.message == (
        f"Its {kind} compression is cut off in the middle (after {len(found):,} bytes of contents)."
    )
    assert TEXT.startswith(found)
    lost = len(TEXT) - len(found)
    # A block that is not whole cannot be read: bzip2 has 900 kB of them, zstd 128 kB.
    assert lost <= {"gzip": 150_000, "xz": 150_000, "zstd": 300_000, "bzip2": 900_000}[kind]
    if missing == 1 and kind != "bzip2":
        assert not lost


@every_format
def test_any_cut_is_told(kind: str) -> None:
    packed = FORMATS[kind](b"a short text, " * 3)
    first = 10 if kind == "bzip2" else 6  # bytes that tell the format
    for size in range(first, len(packed)):
        found, error = until_error(opened(packed[:size]))
        assert "cut off" in error.message
        assert (b"a short text, " * 3).startswith(found)


def test_all_that_a_cut_leaves_of_gzip_is_given() -> None:
    packed = gzip.compress(b"a" * 100_000 + b"few")
    for size in range(6, len(packed)):
        whole = zlib.decompressobj(31).decompress(packed[:size])
        assert until_error(opened(packed[:size]))[0] == whole
    assert until_error(opened(gzip.compress(b"few")[:-1]))[0] == b"few"


@every_format
def test_a_cut_in_a_later_member_is_told(kind: str) -> None:
    packed = FORMATS[kind](b"whole\n") + FORMATS[kind](TEXT)[:-3]
    found, error = until_error(opened(packed))
    assert found.startswith(b"whole\n" + TEXT[:100] if kind != "bzip2" else b"whole\n")
    assert "cut off" in error.message


@every_format
def test_damage_is_told_where_it_is(kind: str) -> None:
    packed = bytearray(FORMATS[kind](TEXT) + FORMATS[kind](TEXT))
    middle = len(packed) * 3 // 4
    packed[middle : middle + 40] = bytes(40)
    stream = opened(bytes(packed))
    found, error = until_error(stream)
    assert "is damaged (after" in error.message
    assert error.remedy == "Get the file again."
    assert len(found) >= len(TEXT)
    # Damaged deflate data can be read on for a while before they make no sense.
    assert found[: len(TEXT)] == TEXT
    for _ in range(2):  # and it stays an error: nobody takes it for the end
        with pytest.raises(InputError):
            stream.read(1)


@every_format
def test_good_bytes_are_given_before_the_error_in_large_readings_too(kind: str) -> None:
    packed = FORMATS[kind](TEXT) + b"\x01garbage that is none of it"
    for stream in (opened(packed), opened(packed)):
        assert stream.read(10_000_000) == TEXT
        with pytest.raises(InputError, match="is damaged"):
            stream.read(10_000_000)


@every_format
def test_lines_before_the_damage_are_read(kind: str) -> None:
    packed = FORMATS[kind](TEXT) + b"\x01garbage that is none of it"
    lines: list[str] = []
    with pytest.raises(InputError, match="damaged"):
        lines.extend(_each(io.TextIOWrapper(opened(packed), "utf-8"), lines))
    assert len(lines) == 12_000


def _each(text: io.TextIOWrapper, seen: list[str]) -> Iterator[str]:
    for line in text:
        seen.append(line)
    yield from ()


def test_a_wrong_checksum_is_damage() -> None:
    packed = bytearray(gzip.compress(TEXT))
    packed[-6] ^= 1
    found, error = until_error(opened(bytes(packed)))
    assert "damaged" in error.message
    assert TEXT[: len(found)] == found
    assert len(TEXT) - len(found) <= 8_192


@given(st.binary(max_size=300), st.sampled_from(sorted(FORMATS)), st.booleans())
def test_garbage_is_no_other_error(data: bytes, kind: str, whole: bool) -> None:
    head = FORMATS[kind](b"text" * 9)
    stream, _ = decompressed(io.BytesIO((head if whole else head[:14]) + data))
    try:
        stream.read()
        stream.read()
    except InputError as error:
        assert error.message.startswith(("Its ", "It is "))


@every_format
def test_a_disk_that_fails_says_so(kind: str) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 2_000:
                raise OSError(5, "Input/output error")
            return super().read(min(size or 0, 500))

    stream, _ = decompressed(Failing(FORMATS[kind](TEXT)))
    with pytest.raises(OSError, match="Input/output"):
        while stream.read(100):
            pass


# --- Bombs ----------------------------------------------------------------------------------


def zeros(kind: str, megabytes: int) -> bytes:
    """So many megabytes of zeros, compressed without being all in memory."""
    packers: dict[str, Callable[[], Any]] = {
        "gzip": lambda: zlib.compressobj(9, zlib.DEFLATED, 31),
        "bzip2": bz2.BZ2Compressor,
        "xz": lambda: lzma.LZMACompressor(preset=0),
        "zstd": lambda: zstandard.ZstdCompressor().compressobj(),
    }
    packer = packers[kind]()
    block = bytes(1_000_000)
    return b"".join(packer.compress(block) for _ in range(megabytes)) + bytes(packer.flush())


@pytest.mark.parametrize(("kind", "size"), [("gzip", 80), ("bzip2", 54), ("xz", 80), ("zstd", 300)])
def test_a_bomb_is_refused_in_little_memory(kind: str, size: int) -> None:
    packed = zeros(kind, size)
    stream = opened(packed)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="expands more than 1,000-fold"):
            while stream.read(1 << 20):
                pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < (80_000_000 if kind == "zstd" else 12_000_000), f"{peak:,}"


def test_a_small_file_of_blanks_is_no_bomb() -> None:
    assert len(opened(zeros("gzip", 20)).read()) == 20_000_000


@every_format
def test_the_size_has_a_limit(kind: str) -> None:
    packed = FORMATS[kind](TEXT)
    assert opened(packed, len(TEXT)).read() == TEXT
    found, error = until_error(opened(packed, 500_000))
    assert "expands to more than 500,000 bytes" in error.message
    assert TEXT.startswith(found)
    assert len(found) <= 500_000


@every_format
@pytest.mark.parametrize("inner", FORMATS)
def test_compressed_twice_is_refused(kind: str, inner: str) -> None:
    packed = FORMATS[kind](FORMATS[inner](TEXT))
    found, error = until_error(opened(packed))
    assert found == b""
    assert error.message == f"It is compressed twice ({inner} inside {kind})."
    assert error.remedy.endswith(" FILE.")


def test_compressed_twice_is_seen_when_it_comes_in_crumbs() -> None:
    packed = b"".join(gzip.compress(bytes([byte])) for byte in bz2.compress(TEXT)[:50])
    found, error = until_error(opened(packed))
    assert "twice" in error.message
    assert found == b""


def test_a_tar_inside_is_for_others_to_name() -> None:
    assert opened(gzip.compress(b"ustar" * 100)).read() == b"ustar" * 100


def test_windows_of_gigabytes_are_refused() -> None:
    settings = zstandard.ZstdCompressionParameters.from_level(1, window_log=28)
    packer = zstandard.ZstdCompressor(compression_params=settings).compressobj()
    packed = packer.compress(TEXT[:1000]) + packer.flush()
    _, error = until_error(opened(packed))
    assert error.message == "Its zstd compression wants more than 128 MB of memory."
    assert error.remedy == "Unpack it first: unzstd --long=31 FILE."
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 28}]
    header = lzma.compress(b"x", filters=[{"id": lzma.FILTER_LZMA2, "preset": 0}])
    assert opened(header).read() == b"x"
    try:
        packed = lzma.compress(b"x", filters=filters)
    except (MemoryError, lzma.LZMAError):
        pytest.skip("no memory to make one")
    _, error = until_error(opened(packed))
    assert error.remedy == "Unpack it first: unxz -k FILE."


def test_a_million_empty_members_end() -> None:
    assert opened(gzip.compress(b"") * 20_000 + gzip.compress(b"end")).read() == b"end"
