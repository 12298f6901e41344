"""Names in archives that do not tell their charset."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest

from labelbeam.transforms.stores.archives.names import charset_of
from labelbeam.transforms.stores.listing import NOT_UTF8, Listing, list_files
from labelbeam.transforms.stores.reading import read_file
from tests.transforms.stores.archives_made import inside, tarred, written

CAT = "\u732b"  # Two bytes in GBK that are one letter, another, in UTF-8.
DOG = "\u72d7"


def zip_of(names: dict[bytes, str | None], crc_of: bytes | None = None) -> bytes:
    """A ZIP of files with these bytes as names, without the flag for UTF-8, each with the field 0x7075 that gives the name beside."""
    packed = io.BytesIO()
    stand_ins = {}
    with zipfile.ZipFile(packed, "w") as archive:
        for number, (raw, told) in enumerate(names.items()):
            stand_in = f"{number}" * len(raw)
            stand_ins[stand_in.encode()] = raw
            info = zipfile.ZipInfo(stand_in)
            if told is not None:
                name = told.encode()
                crc = zlib.crc32(raw if crc_of is None else crc_of)
                info.extra = b"\x99\x99\x01\x00x" + struct.pack("<HHBI", 0x7075, 5 + len(name), 1, crc) + name
            archive.writestr(info, raw)
    data = packed.getvalue()
    for stand_in, raw in stand_ins.items():
        data = data.replace(stand_in, raw)
    return data


def listed(folder: Path, name: str, data: bytes) -> Listing:
    return list_files(inside(written(folder, name, data)))


def paths(listing: Listing) -> list[str]:
    return [file.path for file in listing.files]


@pytest.mark.parametrize("charset", ["gbk", "shift_jis", "euc_jp", "cp437"])
def test_the_field_that_gives_a_name_in_utf8_is_in_force(charset: str, tmp_path: Path) -> None:
    name = "\u00e9t\u00e9/1.jpg" if charset == "cp437" else f"{CAT}/1.jpg"
    raw = name.encode("cp437" if charset == "cp437" else charset) if charset == "cp437" else b"\xc3\xa8/1.jpg"
    found = listed(tmp_path, "a.zip", zip_of({raw: name}))
    assert paths(found) == [name]
    assert found.warnings == []
    assert read_file(inside(tmp_path / "a.zip").below(name)) == raw


def test_the_field_of_a_file_that_was_renamed_since_is_not_in_force(tmp_path: Path) -> None:
    assert paths(listed(tmp_path, "a.zip", zip_of({b"new.jpg": "old.jpg"}, crc_of=b"old.jpg"))) == ["new.jpg"]


def test_a_field_that_leads_out_is_no_way_out(tmp_path: Path) -> None:
    found = listed(tmp_path, "a.zip", zip_of({b"1.jpg": "../1.jpg", b"2.jpg": "2.jpg"}))
    assert paths(found) == ["2.jpg"]
    assert "lead out" in found.warnings[0]


@pytest.mark.parametrize("charset", ["gbk", "big5", "shift_jis", "cp949"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_charset_that_nothing_tells_is_said_so_and_no_file_is_lost(kind: str, charset: str, tmp_path: Path) -> None:
    words = {
        "gbk": (CAT, DOG),
        "big5": ("\u8c93", "\u72d7"),
        "shift_jis": ("\u30cd\u30b3", "\u72ac"),
        "cp949": ("\uace0\uc591\uc774", "\uac1c"),
    }
    names = [f"{word}/1.jpg".encode(charset) for word in words[charset]] + [b"bird/3.jpg"]
    if kind == "zip":
        data = zip_of(dict.fromkeys(names))
    else:
        data = tarred({name.decode("utf-8", "surrogateescape"): b"x" for name in names}, form=tarfile.GNU_FORMAT)
    found = listed(tmp_path, f"a.{kind}", data)
    assert len(found.files) == 3
    assert "bird/3.jpg" in paths(found)
    assert [warning for warning in found.warnings if NOT_UTF8 in warning], found.warnings
    assert not [warning for warning in found.warnings if "lead out" in warning]
    assert not any(file.path.isascii() is False and file.path.isprintable() for file in found.files), (
        "no guessed letters"
    )


def test_names_in_utf8_are_read_though_nothing_tells_it(tmp_path: Path) -> None:
    names = [f"{word}/1.jpg" for word in (CAT, DOG, "m\u00fcll")]
    assert paths(listed(tmp_path, "a.zip", zip_of({name.encode(): None for name in names}))) == sorted(names)
    tar = tarred(dict.fromkeys(names, b"x"), form=tarfile.GNU_FORMAT)
    assert paths(listed(tmp_path, "a.tar", tar)) == sorted(names)


def test_a_pax_header_tells_utf8_beside_names_that_do_not(tmp_path: Path) -> None:
    packed = tarred({f"{CAT}.jpg": b"1"}, form=tarfile.PAX_FORMAT)
    other = tarred({"\udcc3\udca8\udcb9.jpg": b"2"}, form=tarfile.GNU_FORMAT)
    end = packed.index(b"\0" * 1024, len(packed) - 10240)
    end += -end % 512
    found = listed(tmp_path, "a.tar", packed[:end] + other)
    assert f"{CAT}.jpg" in paths(found)
    assert len(found.files) == 2


def test_the_code_page_of_the_format_is_read_with_a_word_where_it_makes_sense(tmp_path: Path) -> None:
    found = listed(tmp_path, "a.zip", zip_of({"M\u00fcller/caf\u00e9.jpg".encode("cp437"): None}))
    assert paths(found) == ["M\u00fcller/caf\u00e9.jpg"]
    assert "code page 437" in found.warnings[0]


def test_a_backslash_byte_within_a_letter_parts_no_directories(tmp_path: Path) -> None:
    name = "\u30bd.jpg".encode("shift_jis")
    assert b"\\" in name
    found = listed(tmp_path, "a.tar", tarred({name.decode("utf-8", "surrogateescape"): b"x"}, form=tarfile.GNU_FORMAT))
    assert [file.path.count("/") for file in found.files] == [0]


def test_all_names_of_an_archive_are_judged_together() -> None:
    alone = CAT.encode("gbk")
    assert charset_of([alone]) == "utf-8", "which nobody can tell"
    assert charset_of([alone, DOG.encode("gbk")]) is None
    assert charset_of([alone, DOG.encode("gbk")], usual="cp437") is None
    assert charset_of([b"caf\x82"], usual="cp437") == "cp437"
