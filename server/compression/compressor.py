"""Compressing a body: at once where that takes less than a millisecond, otherwise in a thread."""

import asyncio
import sys
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import local

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SMALLEST = 4_096
"""Bytes below which nothing is compressed: they arrive in the same round trip either way."""

AT_ONCE = 100_000
"""Bytes up to which a body is compressed at once: each coding takes less than a millisecond."""

THREADS = ThreadPoolExecutor(2, thread_name_prefix="compress")
"""The compressors release the lock of the interpreter, so they take little from the event loop."""

GZIP = 31
"""`wbits` of zlib that writes the header of gzip."""

kept = local()


def _zstd(body: bytes) -> bytes:
    # Making the compressor takes longer than a small body does. It may not be shared between threads.
    compressor = getattr(kept, "zstd", None)
    if compressor is None:
        compressor = kept.zstd = zstd.ZstdCompressor(level=1)
    compressed: bytes = compressor.compress(body, zstd.ZstdCompressor.FLUSH_FRAME)
    return compressed


def _brotli(body: bytes) -> bytes:
    compressed: bytes = brotli.compress(body, quality=1)
    return compressed


def _gzip(body: bytes) -> bytes:
    compressor = zlib.compressobj(3, zlib.DEFLATED, GZIP)
    return compressor.compress(body) + compressor.flush()


COMPRESSORS: Mapping[bytes, Callable[[bytes], bytes]] = {b"zstd": _zstd, b"br": _brotli, b"gzip": _gzip}
"""Each at the level from which on a board gains little and takes much longer (decision 23)."""


async def compress(coding: bytes, body: bytes) -> bytes:
    """The body in a coding of `COMPRESSORS`."""
    work = COMPRESSORS[coding]
    if len(body) <= AT_ONCE:
        return work(body)
    return await asyncio.get_running_loop().run_in_executor(THREADS, work, body)
