"""Which coding a request gets."""

import gzip

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from app.web.content_encoding import CODINGS, encode, negotiate


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("", "identity"), ("gzip, deflate, br, zstd", "br"), ("gzip, deflate", "gzip"), ("zstd", "zstd"),
        ("br;q=0, gzip", "gzip"),
        ("gzip;q=1.0, br;q=0.5", "gzip"), ("*", "br"), ("*;q=0", None), ("identity;q=0, *;q=0", None), ("BR", "br"),
        ("x-gzip", "gzip"),
        ("br;q=banana", "identity"), ("deflate", "identity"), ("gzip;q=0", "identity"), (" , ,;;q=1", "identity"),
        ("br ; q = 0.8", "br"),
    ],
)  # fmt: skip
def test_the_best_acceptable_coding_is_chosen(accept: str, coding: str | None) -> None:
    assert negotiate(accept) == coding


@given(st.text(max_size=60))
def test_no_header_whatever_breaks_it(accept: str) -> None:
    assert negotiate(accept) in (*CODINGS, None)


@pytest.mark.parametrize("best", [False, True])
def test_every_coding_reads_back(best: bool) -> None:
    body = b"<p>price</p>" * 500
    assert brotli.decompress(encode(body, "br", best=best)) == body
    assert zstandard.ZstdDecompressor().decompress(encode(body, "zstd", best=best)) == body
    assert gzip.decompress(encode(body, "gzip", best=best)) == body
    assert encode(body, "identity", best=best) == body
