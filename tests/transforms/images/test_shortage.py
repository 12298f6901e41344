"""What decoding costs is known before, and a machine that is short of it says nothing of an image."""

from __future__ import annotations

import io
import json
import resource
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelbeam.transforms.images.facts import ImageError
from labelbeam.transforms.images.headers import MOST_SCANS, decode, read_header
from labelbeam.transforms.images.thumbnails import thumbnail
from labelbeam.transforms.stores.errors import ShortageError
from labelbeam.transforms.workers import budget
from tests.end_to_end.builds import CLASSIFICATION, labelbeam


def bmp(width: int, height: int, body: bytes, compression: int = 1, bits: int = 8) -> bytes:
    offset = 14 + 40 + 1024
    head = struct.pack("<IHHI", offset + len(body), 0, 0, offset)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(body), 0, 0, 256, 0)
    palette = b"".join(bytes((n, n, n, 0)) for n in range(256))
    return b"BM" + head + info + palette + body


MEASURING = """
import json, os, re, sys, traceback
import labelbeam.transforms.images.thumbnails

for line in sys.stdin:
    process = os.fork()
    if not process:
        try:
            exec(json.loads(line), {})
            # Not `ru_maxrss`, which a process inherits from the one that started it.
            answer = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024
        except BaseException:
            answer = traceback.format_exc()
        print(json.dumps(answer), flush=True)
        os._exit(0)
    if status := os.waitpid(process, 0)[1]:
        print(json.dumps(f"it ended with status {status}"), flush=True)
"""
"""A process that has loaded what decodes images, and runs each line of code that it is sent in one like it."""


@pytest.fixture(scope="module")
def peak() -> Iterator[Callable[[str], int]]:
    """What tells the megabytes that a process needs for some code."""
    with subprocess.Popen(
        [sys.executable, "-c", MEASURING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as measuring:

        def measure(code: str) -> int:
            assert measuring.stdin is not None and measuring.stdout is not None
            measuring.stdin.write(json.dumps(code) + "\n")
            measuring.stdin.flush()
            answer = json.loads(measuring.stdout.readline())
            assert isinstance(answer, int), answer
            return answer

        yield measure


TRAPS = {
    "delta": (6_000_000, 1, b"\0\2\0\xff\0\1"),
    "deltas": (6_000_000, 1, b"\0\2\0\xff" * 1000),
    "ends of lines": (6_000_000, 1, b"\0\0" * 1000),
    "absolute": (1_000_000, 4, b"\0\xff" * 10),
}


@pytest.mark.parametrize("trap", TRAPS)
@pytest.mark.parametrize("bits", [8, 4])
def test_a_run_length_bmp_takes_what_its_pixels_take(
    tmp_path: Path, trap: str, bits: int, peak: Callable[[str], int]
) -> None:
    width, height, body = TRAPS[trap]
    (tmp_path / "a.bmp").write_bytes(bmp(width, height, body, 1 if bits == 8 else 2, bits))
    code = f"""
import io, time
from labelbeam.transforms.images.facts import ImageError
from labelbeam.transforms.images.thumbnails import thumbnail
began = time.process_time()
try:
    thumbnail(open({str(tmp_path / "a.bmp")!r}, "rb"), "a.bmp", None)
except ImageError:
    pass
assert time.process_time() - began < 5"""
    assert peak(code) < 300


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (300, 4), (16, 16)])
def test_run_length_bmps_are_decoded_as_pillow_decodes_them(size: tuple[int, int]) -> None:
    width, height = size
    random = np.random.default_rng(width)
    body = b""
    for _ in range(height):
        left = width
        while left:
            run = int(random.integers(1, min(left, 200) + 1))
            if run > 2 and random.random() < 0.5:
                pixels = bytes(random.integers(0, 256, run, np.uint8))
                body += bytes((0, run)) + pixels + b"\0" * (run % 2)
            else:
                body += bytes((run, int(random.integers(0, 256))))
            left -= run
        body += b"\0\0"
    data = bmp(width, height, body + b"\0\1")
    theirs = Image.open(io.BytesIO(data))
    small, _ = thumbnail(io.BytesIO(data), "a.bmp", None, longest=max(size))
    ours = np.asarray(Image.open(io.BytesIO(small)).convert("L"), float)
    assert np.abs(ours - np.asarray(theirs.convert("L"), float)).mean() < 30
    from labelbeam.transforms.images.headers import load

    image, _ = load(io.BytesIO(data), "a.bmp", (1, 1), 10**6)
    assert image.convert("L").tobytes() == theirs.convert("L").tobytes()


def test_a_tiff_whose_tile_is_larger_than_it_counts_with_its_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    data = io.BytesIO()
    Image.new("L", (16, 16)).save(
        data, "tiff", compression="tiff_lzw", tiffinfo={322: 40_000, 323: 40_000, 324: 8, 325: 10}
    )
    monkeypatch.setattr(budget, "memory_left", lambda: 2**30)
    try:
        decode(io.BytesIO(data.getvalue()), "a.tif")
    except (ShortageError, ImageError) as error:
        assert "6,400 MB" in str(error) or isinstance(error, ImageError)


@pytest.mark.parametrize("mode", ["I;16", "I", "F", "P", "RGBA", "LA"])
def test_deep_greys_and_transparency_take_no_multiple_of_their_pixels(
    tmp_path: Path, mode: str, peak: Callable[[str], int]
) -> None:
    kind = "tiff" if mode in ("F", "I") else "png"
    image = Image.new("I" if mode == "I;16" else mode, (8000, 4000))
    image = image.convert(mode) if mode == "I;16" else image
    image.save(tmp_path / f"a.{kind}", **({"transparency": 0} if mode == "P" else {}))
    code = f"""
from labelbeam.transforms.images.thumbnails import thumbnail
thumbnail(open({str(tmp_path / f"a.{kind}")!r}, "rb"), "a.{kind}", None)"""
    assert peak(code) < 100 + 32 * 2 * 4 + 100


def big(path: Path, side: int = 9000) -> Path:
    path.parent.mkdir(parents=True)
    Image.new("RGB", (side, side), (10, 20, 30)).save(path)
    return path


def test_an_image_that_memory_does_not_suffice_for_is_not_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = big(tmp_path / "src/cat/0.png").read_bytes()
    monkeypatch.setattr(budget, "memory_left", lambda: 300 * 2**20)
    assert read_header(io.BytesIO(data), "0.png").width == 9000
    with pytest.raises(ShortageError, match=r"0\.png: needs 324 MB of memory, and 315 MB are left"):
        decode(io.BytesIO(data), "0.png")
    options = ["--task", CLASSIFICATION, "--check-images", "decode", "--max-rejected", "1"]
    answer = labelbeam("convert", "--source", tmp_path / "src", "--output", tmp_path / "out", *options)
    assert answer.status == 1 and "needs 324 MB" in answer.err and "no fault of the data" in answer.err
    assert not (tmp_path / "out/latest.json").exists()


@pytest.mark.parametrize("error", [MemoryError(), OSError("out of memory error when reading image file")])
def test_a_decoder_that_runs_out_of_memory_says_nothing_of_the_image(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = io.BytesIO()
    Image.new("RGB", (9, 9)).save(data, "png")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)
    with pytest.raises(ShortageError, match="memory ran out while it was decoded"):
        decode(io.BytesIO(data.getvalue()), "a.png")


@pytest.mark.slow(seconds=15)
@pytest.mark.parametrize("megabytes", [700, 900, 1200])
def test_no_good_image_is_rejected_under_any_limit_of_memory(tmp_path: Path, megabytes: int) -> None:
    big(tmp_path / "src/cat/0.png", 11000)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (megabytes * 2**20,) * 2)

    command = [
        sys.executable,
        "-m",
        "labelbeam.pipelines.cli",
        "convert",
        "--task",
        CLASSIFICATION,
        "--max-rejected",
        "1",
    ]
    command += ["--source", str(tmp_path / "src"), "--output", str(tmp_path / "out"), "--check-images", "decode"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limit)
    assert "Traceback" not in ran.stderr
    if ran.returncode == 0:
        assert not list(tmp_path.glob("out/builds/*/rejected/*"))
    else:
        assert ran.returncode == 1 and not (tmp_path / "out/latest.json").exists(), ran.stderr


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_memory_that_runs_out_while_its_orientation_is_read_says_nothing_of_an_image(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = io.BytesIO()
    Image.new("RGB", (8, 6)).save(data, form, exif=exif)

    def short(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(
        "PIL.Image.Exif.get" if form == "JPEG" else "PIL.TiffImagePlugin.ImageFileDirectory_v2.get", short
    )
    with pytest.raises(ShortageError, match="no fault of the image"):
        read_header(data, "a")


def scans(count: int) -> bytes:
    """A progressive JPEG that repeats its last scan."""
    file = io.BytesIO()
    Image.new("RGB", (32, 24)).save(file, "JPEG", progressive=True)
    whole = file.getvalue()
    return whole[:-2] + whole[whole.rindex(b"\xff\xda") : -2] * count + whole[-2:]


@pytest.mark.parametrize("ask", [lambda file: decode(file, "1.jpg"), lambda file: thumbnail(file, "1.jpg", None)])
def test_a_jpeg_of_more_scans_than_any_tool_writes_is_not_decoded(ask: Callable[[io.BytesIO], object]) -> None:
    ask(io.BytesIO(scans(100)))
    with pytest.raises(ImageError, match=r"^1\.jpg: found more than 1000 scans"):
        ask(io.BytesIO(scans(MOST_SCANS)))
    assert read_header(io.BytesIO(scans(MOST_SCANS)), "1.jpg").width == 32
