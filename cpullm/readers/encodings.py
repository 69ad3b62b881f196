"""Bytes of an unknown encoding → text: by byte order mark, by NULs (UTF-16, UTF-32), as UTF-8, else by chardet."""

from __future__ import annotations

import codecs
import re
from collections import defaultdict

from cpullm.errors import InputError, MachineError

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
    "\ufeff".encode("gb18030"): "gb18030",
}
# What texts are kept in; without EBCDIC and the rarer code pages of DOS and the Mac, which short texts resemble.
_CANDIDATES = """
    cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 cp874
    iso8859-1 iso8859-2 iso8859-5 iso8859-7 iso8859-15 koi8-r koi8-u cp866 cp437 cp850 cp852 mac-roman mac-cyrillic
    gb18030 big5hkscs cp932 shift_jis_2004 euc_jis_2004 cp949 euc_kr
""".split()
_SUPERSETS = {"iso8859-1": "cp1252", "euc_kr": "cp949", "shift_jis_2004": "cp932"}
# Latin letters in the upper half of Windows code pages, where the words of no Western language can tell them apart.
_LATIN = {"cp1250", "cp1254", "cp1257", "cp1258", "iso8859-2"}
_PARTS = 8
_PART_BYTES = 8192
_LEAST_PART_BYTES = 2048
# Below this nothing can be told, and one accent or sign in a short Western text is what is likely.
_LEAST_HIGH = 3
_MOST_CONTROLS = 0.02
_MOST_REPLACED = 0.01
# Read in the wrong order of bytes, none of these comes from a character as common.
_COMMON = "\n \u3000。，、"

_HIGH = re.compile(rb"[\x80-\xff]")
_VALID_UTF8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_CONTROLS = bytes(code for code in range(32) if code not in b"\b\t\n\v\f\r\x1b") + b"\x7f"
_PRINTABLE = bytes(range(32, 127)) + b"\t\r\n"
_UNDECODED = re.compile("[\udc80-\udcff]+")
# The WHATWG's Windows-1252: as Python's, and the five bytes that it lacks as Latin-1 has them, so that nothing fails.
_WINDOWS_1252 = (
    bytes(range(256)).decode("cp1252", "surrogateescape").translate({0xDC00 + code: code for code in range(0x80, 0xA0)})
)
_WESTERN_LETTER = "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿ"
_LETTER_IN_WORD = re.compile(f"[A-Za-z][{_WESTERN_LETTER}]|[{_WESTERN_LETTER}][A-Za-z]")
_SIGN_IN_WORD = re.compile(f"[A-Za-z][^\x00-\x7f{_WESTERN_LETTER}’ŠŒŽšœžŸ]+[A-Za-z]|[a-z][À-Þ][a-z]")
_LATIN_9 = re.compile("[A-Za-z]½[a-z]|[¦¨´¸][a-z]|¤")


def decode(data: bytes) -> str:
    """The text of `data`, without byte order mark, its line ends LF; InputError if it is no text.

    Bytes that its encoding lacks are read as Windows-1252 in UTF-8, else as U+FFFD. Takes time linear in the size.
    """
    return _text(data).replace("\r\n", "\n").replace("\r", "\n")


def byte_order_mark(data: bytes) -> tuple[bytes, str]:
    """The mark that `data` begins with, and the encoding it stands for, which decodes what follows; empty if none."""
    return next(((mark, name) for mark, name in _BYTE_ORDER_MARKS.items() if data.startswith(mark)), (b"", ""))


def windows_1252(data: bytes) -> str:
    """The text in Windows-1252, in which every byte means something."""
    return codecs.charmap_decode(data, "strict", _WINDOWS_1252)[0]


def _text(data: bytes) -> str:
    mark, encoding = byte_order_mark(data)
    if mark:
        return _marked(data, mark, encoding)
    if b"\0" in data:
        return _wide(data)
    if len(data) - len(data.translate(None, _CONTROLS)) > _MOST_CONTROLS * len(data):
        raise InputError("holds more control characters than any text; give plain text, UTF-8 for instance.")
    for encoding in ["iso2022_jp_2"] * (b"\x1b$" in data) + ["utf-8"]:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return _legacy(data)


def _marked(data: bytes, mark: bytes, encoding: str) -> str:
    try:
        return data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        if encoding == "utf-8":
            return _mixed(data[len(mark) :])
        at = error.start + len(mark)
        raise InputError(f"begins as {encoding} but byte {at} is not; save it again as UTF-8.") from error


def _wide(data: bytes) -> str:
    """UTF-32 or UTF-16 without a mark; InputError if the NULs are none of theirs."""
    texts = [text for text in (_strictly(data, "utf-32-le"), _strictly(data, "utf-32-be")) if text]
    if not texts and _may_be_utf16(data):
        little_first = data[1::2].count(0) >= data[::2].count(0)
        order = ("utf-16-le", "utf-16-be") if little_first else ("utf-16-be", "utf-16-le")
        texts = [text for text in (_strictly(data, encoding) for encoding in order) if text]
    if not texts:
        raise InputError("holds NUL bytes, so it is no text; give plain text, UTF-8 for instance.")
    return max(texts, key=lambda text: sum(map(text.count, _COMMON)))


def _may_be_utf16(data: bytes) -> bool:
    n_nuls = data.count(0)
    n_printable = len(data) - len(data.translate(None, _PRINTABLE))
    return 4 * n_nuls > len(data) or (400 * n_nuls > len(data) and n_printable < 0.9 * (len(data) - n_nuls))


def _strictly(data: bytes, encoding: str) -> str | None:
    """The text, if every byte fits and hardly a character is a control, private or none, as in numbers or code."""
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    part = text[: 1 << 16]
    n_odd = sum(not (char.isprintable() or char.isspace()) for char in part)
    return text if n_odd <= _MOST_CONTROLS * len(part) and "\0" not in text else None


def _legacy(data: bytes) -> str:
    parts = _parts(data)
    joined = b"".join(parts)
    n_high = len(_HIGH.findall(joined))
    n_valid = sum(map(len, _VALID_UTF8.findall(joined)))
    # By chance half of the bytes beyond ASCII look so in EUC-JP, hardly any in encodings of Western languages.
    if n_valid > (0.5 if n_high < 0.3 * len(joined) else 0.75) * n_high:
        return _mixed(data)
    if len(parts) == 1 and n_high < _LEAST_HIGH:
        return windows_1252(data)
    encoding = _detected(parts, windows_1252(joined))
    if encoding == "cp1252":
        return windows_1252(data)
    text = data.decode(encoding, "replace")
    return text if text.count("\ufffd") <= 1 + _MOST_REPLACED * len(text) else windows_1252(data)


def _mixed(data: bytes) -> str:
    """UTF-8 with single bytes of Windows-1252 in it, as texts pasted together are."""
    text = data.decode("utf-8", "surrogateescape")
    return _UNDECODED.sub(lambda bad: windows_1252(bad[0].encode("ascii", "surrogateescape")), text)


def _detected(parts: list[bytes], western: str) -> str:
    """The encoding most parts vote for: one bad byte bars the right one from one part only."""
    try:
        import chardet
    except ImportError:
        raise MachineError("Old encodings need the package chardet; install it: pip install 'chardet>=7.4'.") from None
    votes: dict[str, float] = defaultdict(float)
    for part in parts:
        found = chardet.detect(part, compat_names=False, include_encodings=_CANDIDATES)
        votes[_SUPERSETS.get(found["encoding"] or "", found["encoding"] or "cp1252")] += found["confidence"]
    encoding = max(votes, key=votes.__getitem__)
    if encoding == "iso8859-15":
        return encoding if _LATIN_9.search(western) else "cp1252"
    return encoding if encoding in _LATIN or not _is_western(western) else "cp1252"


def _is_western(text: str) -> bool:
    """Whether a text read as Windows-1252 is words of Latin letters, a few with accents, and no signs within words."""
    n_accented, n_signs = len(_LETTER_IN_WORD.findall(text)), len(_SIGN_IN_WORD.findall(text))
    n_high = sum(char > "\x7f" for char in text)
    return n_high < 0.3 * len(text) and 2 * n_accented > n_high and n_accented > 4 * n_signs


def _parts(data: bytes) -> list[bytes]:
    """Up to 8 pieces of up to 8 KB that hold bytes beyond ASCII, from the whole length, of whole lines or words."""
    if len(data) <= 2 * _LEAST_PART_BYTES:
        return [data]
    stride = max(_LEAST_PART_BYTES, len(data) // _PARTS)
    parts: list[bytes] = []
    at = end = 0
    while len(parts) < _PARTS and (high := _HIGH.search(data, at)):
        start = _break(data, max(end, high.start() - _LEAST_PART_BYTES), high.start())
        end = _break(data, start + 1, min(start + _PART_BYTES, start + stride))
        parts.append(data[start:end])
        at = max(end, at + stride)
    return parts


def _break(data: bytes, start: int, end: int) -> int:
    """Behind the last white space of a range, where a character of several bytes cannot be cut; else the end."""
    return max(data.rfind(char, start, end) for char in (b"\n", b"\r", b" ")) + 1 or end
