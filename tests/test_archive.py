import io
import struct
import tracemalloc
import zipfile
import zlib

import pytest

from cpullm.errors import InputError
from cpullm.readers import archive
from tests.makers import zip_of


def test_a_member_is_read() -> None:
    with archive.opened(zip_of({"a": b"text"}), "EPUB") as members:
        assert archive.member(members, "a", "EPUB") == b"text"


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 and no more", zip_of({"a": b"text"})[:-30]])
def test_what_is_no_archive_is_damaged(data: bytes) -> None:
    with pytest.raises(InputError, match=r"^is a damaged EPUB .*; get it again"):
        archive.opened(data, "EPUB")


def test_a_missing_member_is_named() -> None:
    with archive.opened(zip_of({"a": b"text"}), "DOCX") as members, pytest.raises(InputError, match=r"it has no 'b'"):
        archive.member(members, "b", "DOCX")


def test_a_damaged_member_is_named() -> None:
    data = zip_of({"a": bytes(range(256)) * 9})
    with archive.opened(data[:60] + b"garbage" + data[67:], "DOCX") as members:
        with pytest.raises(InputError, match=r"'a' cannot be unpacked"):
            archive.member(members, "a", "DOCX")


def test_a_message_is_short_though_a_member_s_name_is_not() -> None:
    data = zip_of({"a" * 30_000: b"text"})
    with archive.opened(data.replace(b"aaaa", b"abab", 1), "DOCX") as members:
        with pytest.raises(InputError, match=r"cannot be unpacked") as caught:
            archive.member(members, "a" * 30_000, "DOCX")
        with pytest.raises(InputError, match=r"it has no") as missing:
            archive.member(members, "b" * 30_000, "DOCX")
    assert max(len(str(caught.value)), len(str(missing.value))) < 500


def test_an_encrypted_member_is_an_error() -> None:
    data = bytearray(zip_of({"a": b"text"}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with archive.opened(bytes(data), "DOCX") as members, pytest.raises(InputError, match=r"cannot be unpacked"):
        archive.member(members, "a", "DOCX")


def test_more_than_any_honest_archive_holds_is_refused() -> None:
    with pytest.raises(InputError, match=r"^would unpack from \d+ to 41943040 bytes"):
        archive.opened(zip_of({"a": bytes(40 << 20)}), "EPUB")


def test_what_may_be_unpacked_grows_with_the_archive_between_two_limits() -> None:
    assert [archive.most_unpacked(n) for n in (1, 1 << 20, 1 << 30)] == [32 << 20, 200 << 20, 1 << 30]


def test_more_members_than_any_document_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_MOST_MEMBERS", 10)
    with pytest.raises(InputError, match=r"of 11 parts, more than 10"):
        archive.opened(zip_of({str(number): b"" for number in range(11)}), "EPUB")


def test_a_member_that_holds_more_than_the_directory_says_is_not_unpacked_whole() -> None:
    data = bytearray(zip_of({"a": bytes(40 << 20)}))
    for at in (14, data.index(b"PK\x01\x02") + 16):  # checksum, packed size, unpacked size: what a liar writes
        data[at : at + 4] = struct.pack("<I", zlib.crc32(bytes(10)))
        data[at + 8 : at + 12] = struct.pack("<I", 10)
    with archive.opened(bytes(data), "EPUB") as members:
        tracemalloc.start()
        read = archive.member(members, "a", "EPUB")
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (read, most < 4 << 20) == (bytes(10), True)


def test_members_that_share_their_bytes_are_no_way_round_the_limit() -> None:
    file = io.BytesIO(zip_of({"a": bytes(20 << 20)}))
    with zipfile.ZipFile(file, "a") as out:
        for number in range(3):
            copy = zipfile.ZipInfo(f"copy {number}")
            first = out.infolist()[0]
            copy.file_size, copy.compress_size, copy.CRC = first.file_size, first.compress_size, first.CRC
            copy.header_offset, copy.compress_type = 0, zipfile.ZIP_DEFLATED
            out.filelist.append(copy)
        out._didModify = True
    with pytest.raises(InputError, match=r"^would unpack from \d+ to 83886080 bytes"):
        archive.opened(file.getvalue(), "EPUB")
