"""Valid files → damaged and hostile ones, each decided by the random generator given."""

from __future__ import annotations

import gzip
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from random import Random

from tests.makers import pdf_bomb, pdf_objects, zip_of

SIGNATURES = (
    *(b"%PDF-1.7\n", b"PK\x03\x04", b"PK\x05\x06", b"PAR1", b"<!DOCTYPE html>", b"<?xml version='1.0'?>"),
    *(b"\x1f\x8b\x08", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0", b"\xd0\xcf\x11\xe0", b""),
    *(b"{", b"[", b"# ", b"id,text\n"),
)
_NUMBERS = (b"0", b"-1", b"1", b"2", b"4", b"255", b"65536", b"2147483647", b"4294967296", b"9" * 20, b"1e999")
_PIECES = (
    *(b"\0", b"\r", b"\n" * 5000, b" " * 5000, b"I" * 5000, b"\xff" * 9, b"\xed\xa0\x80", b"\xe2\x80\xae"),
    *(b"<", b">", b"]]>", b"<!--", b"<!---->" * 99, b"<![CDATA[", b"&e;" * 99, b"%", b"\\", b'"', b"../"),
    *(b"obj", b"endstream", b"<<", b"[", b"(", b"/Kids"),
)
_TAGS = b"div p blockquote table td ul li w:tbl w:sdt w:p a h1 svg b".split()

_BEGINNINGS = (b"<!---->", b"<!-- -->\n", b"<!--", b"<?xml ?>", b"\n", b" ", b"---\n", b"\xef\xbb\xbf", b'"')

Change = Callable[[bytes, Random], bytes]


def corrupted(seed: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """A damaged variant of `seed`; `others` lend it pieces."""
    data = seed
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        if data.startswith(b"PK\x03\x04") and random.random() < 0.8:
            data = _in_zip(data, others, random)
        elif data.startswith(b"%PDF") and random.random() < 0.6:
            data = random.choice(_PDF)(data, random)
        elif random.random() < 0.1:
            data = _spliced(data, random.choice(others), random)
        else:
            data = random.choice(_ANY)(data, random)
    return data


def noise(random: Random) -> bytes:
    """Random bytes, or bytes of one alphabet, after the signature of some format."""
    kind = random.choice((random.randbytes, lambda n: bytes(random.choices(b"<>/&;=\"' \nabc[]()#*_`|-0123", k=n))))
    return random.choice(SIGNATURES) + kind(random.choice((0, 1, 10, 300, 5000)))


def _span(data: bytes, random: Random, longest: int = 2000) -> tuple[int, int]:
    start = random.randint(0, len(data))
    return start, min(len(data), start + random.randint(0, random.choice((1, 8, 64, longest))))


def _flipped(data: bytes, random: Random) -> bytes:
    out = bytearray(data)
    for _ in range(random.choice((1, 4, 50)) if out else 0):
        out[random.randrange(len(out))] ^= 1 << random.randrange(8)
    return bytes(out)


def _cut(data: bytes, random: Random) -> bytes:
    at = random.randint(0, len(data))
    return random.choice((data[:at], data[at:]))


def _without_piece(data: bytes, random: Random) -> bytes:
    start, end = _span(data, random)
    return data[:start] + data[end:]


def _with_noise(data: bytes, random: Random) -> bytes:
    start, end = _span(data, random)
    return data[:start] + random.randbytes(end - start) + data[end:]


def _doubled(data: bytes, random: Random) -> bytes:
    start, end = _span(data, random)
    times = random.choice((2, 3, 100)) if end - start < 3000 else 2
    return data[:start] + data[start:end] * times + data[end:]


def _with_piece(data: bytes, random: Random) -> bytes:
    at = random.randint(0, len(data))
    return data[:at] + random.choice(_PIECES) + data[at:]


def _begun(data: bytes, random: Random) -> bytes:
    """The same thing very often before all else, where formats and encodings are told."""
    return random.choice(_BEGINNINGS) * random.choice((1, 30, 1000, 20_000)) + data


def _with_leader(data: bytes, random: Random) -> bytes:
    """A paragraph that is one long run of a sign, as in a table of contents that lacks its number."""
    at, sign = random.randint(0, len(data)), random.choice((b"-", b"_", b".", b". ", b"!", b"I", b"'"))
    return data[:at] + b"\n\nA" + sign * random.choice((10, 300, 20_000)) + b"\n\n" + data[at:]


def _with_number(data: bytes, random: Random) -> bytes:
    found = [match.span() for match in re.finditer(rb"\d+", data[:200_000])]
    if not found:
        return data
    start, end = random.choice(found)
    return data[:start] + random.choice(_NUMBERS) + data[end:]


def _nested(data: bytes, random: Random) -> bytes:
    at, tag = random.randint(0, len(data)), random.choice(_TAGS)
    times = random.choice((10, 250, 1000, 30_000))
    ends = b"</%b>" % tag * times if random.random() < 0.5 else b""
    return data[:at] + b"<%b>" % tag * times + b"deep" + ends + data[at:]


def _marked(data: bytes, random: Random) -> bytes:
    at, sign = (
        random.randint(0, len(data)),
        random.choice((b"> ", b"- ", b"[", b"*", b"_", b"`", b"![", b"<", b"|", b"&")),
    )
    return data[:at] + b"\n" + sign * random.choice((10, 1000, 20_000)) + data[at:]


def _with_entities(data: bytes, random: Random) -> bytes:
    entities = b"".join(b"<!ENTITY e%d '%b'>" % (k, b"&e%d;" % (k - 1) * 10) for k in range(1, 12))
    doctype = b"<!DOCTYPE x [<!ENTITY e0 'growing'>%b]>" % entities
    at = random.choice((0, data.find(b">") + 1))
    middle = random.randint(at, len(data))
    return data[:at] + doctype + data[at:middle] + b"&e11;" + data[middle:]


def _spliced(data: bytes, other: bytes, random: Random) -> bytes:
    return data[: random.randint(0, len(data))] + other[random.randint(0, len(other)) :]


def _other_encoding(data: bytes, random: Random) -> bytes:
    return data.decode("utf-8", "replace").encode(random.choice(("utf-16", "utf-32", "cp037", "utf-7")), "replace")


def _gzipped(data: bytes, random: Random) -> bytes:
    return gzip.compress(data, mtime=0)


_ANY: tuple[Change, ...] = (
    *(_flipped, _flipped, _cut, _without_piece, _with_noise, _doubled, _with_piece, _with_piece, _with_number),
    *(_begun, _with_leader, _nested, _marked, _with_entities, _other_encoding, _gzipped),
)


def _in_zip(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """A changed archive: a member damaged, replaced, left out, renamed, huge, or the archive's claims changed."""
    if random.random() < 0.2:
        return _with_claim(data, random)
    members = _members(data)
    if not members:
        return _flipped(data, random)
    name = random.choice(list(members))
    way = random.random()
    if way < 0.6:
        members[name] = random.choice(_ANY)(members[name], random)
    elif way < 0.7:
        members[name] = random.choice(
            (b"", random.randbytes(500), random.choice(others), random.choice(list(members.values())))
        )
    elif way < 0.8:
        content = members.pop(name)
        if random.random() < 0.5:
            members[random.choice((name.upper(), "../" + name, "x/" + name, name + "\0", "a" * 3000))] = content
    elif way < 0.9:
        members = {other: members[other] for other in random.sample(list(members), len(members))}
    elif way < 0.96:
        piece = random.choice((b" ", b"\0", b"<a/>", b"<p>x</p>", members[name] or b"-"))
        members[name] = piece * min(random.choice((1000, 100_000)), (40 << 20) // len(piece))
    else:
        members |= {f"m{number}": b"" for number in range(random.choice((100, 21_000)))}
    return zip_of(members)


def _members(data: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(member.file_size for member in archive.infolist()) > 64 << 20:
                return {}
            return {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, zlib.error, RuntimeError, struct.error):
        return {}


def _with_claim(data: bytes, random: Random) -> bytes:
    """Sizes, offsets, methods or checksums that the directory or a member's header gives, changed."""
    headers = [match.start() for match in re.finditer(rb"PK\x01\x02|PK\x03\x04|PK\x05\x06", data)]
    if not headers:
        return data
    at = random.choice(headers) + random.choice((6, 8, 10, 14, 16, 18, 20, 22, 24, 28, 42))
    value = random.choice((0, 1, 8, 12, 14, 99, 1 << 20, (1 << 31) - 1, (1 << 32) - 1))
    return data[:at] + struct.pack("<I", value)[: random.choice((2, 4))] + data[at + 4 :]


def _other_object(data: bytes, random: Random) -> bytes:
    """A reference that leads to another object: cycles in page trees, outlines, forms, fonts."""
    found = [match.span(1) for match in re.finditer(rb"(\d+) 0 R", data)]
    if not found:
        return data
    start, end = random.choice(found)
    return data[:start] + b"%d" % random.randint(0, 2 + len(set(found))) + data[end:]


def _other_length(data: bytes, random: Random) -> bytes:
    found = [
        match.span(1) for match in re.finditer(rb"/(?:Length|Count|Size|Prev|First|Columns|W|N)\s*\[?(-?\d+)", data)
    ]
    if not found:
        return data
    start, end = random.choice(found)
    return data[:start] + random.choice(_NUMBERS) + data[end:]


def _other_content(data: bytes, random: Random) -> bytes:
    """Drawing operators changed inside the first compressed stream that unpacks."""
    for match in re.finditer(rb"stream\n(.{20,20000}?)\nendstream", data, re.DOTALL):
        try:
            content = zlib.decompress(match[1])
        except zlib.error:
            continue
        packed = zlib.compress(
            random.choice((_doubled, _with_number, _without_piece, _with_piece, _flipped))(content, random)
        )
        return data[: match.start(1)] + packed + data[match.end(1) :]
    return data


def _cyclic(data: bytes, random: Random) -> bytes:
    """Page trees and outlines that lead back to themselves, or to ever more of the same."""
    kids = b"%d 0 R " % random.choice((2, 3, 4)) * random.choice((1, 30))
    item = b"<</Title(again)/Parent 5 0 R/Next %d 0 R/First %d 0 R/Dest[4 0 R/Fit]>>"
    return pdf_objects(
        [
            b"<</Type/Catalog/Pages 2 0 R/Outlines 5 0 R>>",
            b"<</Type/Pages/Count %b/Kids[3 0 R %b]>>" % (random.choice(_NUMBERS), kids),
            b"<</Type/Pages/Count %b/Kids[4 0 R %b]/Parent 2 0 R>>" % (random.choice(_NUMBERS), kids),
            b"<</Type/Page/MediaBox[0 0 %b 9]/Parent 3 0 R>>" % random.choice(_NUMBERS),
            item % (random.choice((6, 5)), random.choice((6, 7, 5))),
            item % (random.choice((6, 7, 5)), random.choice((6, 7, 5))),
            item % (random.choice((6, 7, 5)), random.choice((6, 7, 5))),
        ]
    )


def _bomb(data: bytes, random: Random) -> bytes:
    return pdf_bomb(*random.choice(((2, 10), (3, 20), (9, 10)))) if random.random() < 0.05 else data[: len(data) // 2]


_PDF: tuple[Change, ...] = (
    _other_object,
    _other_object,
    _other_object,
    _other_length,
    _other_content,
    _other_content,
    _cyclic,
    _bomb,
)
