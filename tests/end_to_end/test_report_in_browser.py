"""The report as a browser shows it: boxes where the records say, nothing loaded, nothing run, readable on a phone and in the dark."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from tests.end_to_end.builds import DETECTION, SEGMENTATION, Build, labelbeam
from tests.suites import needs

pytestmark = pytest.mark.browser

sync_api = pytest.importorskip("playwright.sync_api")

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]

HOSTILE = (
    "<script>window.hit = 1</script>",
    '"><img src=x onerror="window.hit = 1">',
    "</title></style></svg><svg onload='window.hit = 1'>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:window.hit=1",
)
LABELS = (
    *HOSTILE,
    "مرحبا بالعالم",
    "🐶🦊 zwei",
    "unbreakable" * 23,
    "a long name with spaces " * 10,
    "cat \u202eesrever",
)
TURNED = {ord("\u202e"): r"\u202e"}
"""How the page shows a character that would turn the order of all that follows."""
TAIL = 120
SIZES = ((640, 480), (300, 900), (1600, 300))


class Opened(NamedTuple):
    """A page, what it wrote to the console, and the addresses that it asked for beside its own."""

    page: Any
    console: list[str]
    requests: list[str]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A real browser without a window, which is on this machine already."""
    needs("browser", "a browser")
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(f"none of {', '.join(names)} is on PATH")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def show(chromium: Any) -> Iterator[Callable[..., Opened]]:
    contexts = []

    def show(file: Path, width: int = 1280, scheme: str = "light", **options: Any) -> Opened:
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
        contexts.append(context)
        opened = Opened(context.new_page(), [], [])
        own = file.as_uri()

        def answer(route: Any) -> None:
            if route.request.url == own:
                route.continue_()
            else:
                opened.requests.append(route.request.url)
                route.abort()

        context.route("**/*", answer)
        opened.page.on("console", lambda message: opened.console.append(message.text))
        opened.page.on("pageerror", lambda error: opened.console.append(str(error)))
        opened.page.goto(own)
        return opened

    yield show
    for context in contexts:
        context.close()


def coco(folder: Path, labels: tuple[str, ...], images: int) -> Path:
    """A dataset with images of three shapes; every fourth shows nothing, and one is turned by its EXIF orientation."""
    document: dict[str, Any] = {"images": [], "annotations": [], "categories": []}
    document["categories"] = [{"id": number, "name": name} for number, name in enumerate(labels)]
    rng = np.random.default_rng(1)
    folder.joinpath("images").mkdir(parents=True)
    for number in range(images):
        width, height = SIZES[number % len(SIZES)]
        name = f"{number:02d} <b>#%.jpg"
        exif = Image.Exif()
        pixels = np.full((height, width, 3), rng.integers(40, 220, 3), np.uint8)
        if number == 1:
            exif[0x0112] = 6
            pixels = np.rot90(pixels)
        Image.fromarray(pixels).save(folder / "images" / name, exif=exif)
        document["images"].append({"id": number, "file_name": name, "width": width, "height": height})
        for _ in range(number % 4):
            left, top = rng.integers(0, width // 2), rng.integers(0, height // 2)
            right, bottom = left + rng.integers(20, width // 2), top + rng.integers(20, height // 2)
            outline = [left, top, right, top, right, bottom, left, bottom]
            document["annotations"].append(
                {
                    "id": len(document["annotations"]) + 1,
                    "image_id": number,
                    "category_id": len(document["annotations"]) % len(labels),
                    "bbox": [left, top, right - left, bottom - top],
                    "segmentation": [outline],
                }
            )
    document["annotations"] += [
        {
            "id": 900 + number,
            "image_id": number,
            "category_id": 0,
            "bbox": [1, 1, 0, 5],
            "segmentation": [[1, 1, 5, 5, 1, 1]],
        }
        for number in (2, 3)
    ]
    source = folder / "instances.json"
    source.write_text(json.dumps(document, default=int), encoding="utf-8")
    return source


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Build]:
    """A small build with labels that try to break out, for each task whose records are drawn."""
    folder = tmp_path_factory.mktemp("report")
    source = coco(folder, LABELS, 18)
    options = ("--split", "train=0.6,validation=0.4", "--max-rejected", "1", "--check-images", "header")
    built = {}
    for task in (DETECTION, SEGMENTATION):
        output = folder / task / "<b>built & co"
        answer = labelbeam("convert", "--task", task, "--source", source, "--output", output, *options)
        assert answer.status == 0, answer.err
        built[task] = Build(output, answer.err)
    return built


@pytest.fixture(scope="module")
def build(builds: dict[str, Build]) -> Build:
    """The one with outlines."""
    return builds[SEGMENTATION]


@pytest.fixture(scope="module")
def long_tailed(tmp_path_factory: pytest.TempPathFactory) -> Build:
    folder = tmp_path_factory.mktemp("tail")
    source = coco(folder, tuple(f"species {number:03d}" for number in range(TAIL)), 90)
    answer = labelbeam(
        "convert", "--task", DETECTION, "--source", source, "--output", folder / "out", "--max-rejected", "1"
    )
    assert answer.status == 0, answer.err
    return Build(folder / "out", answer.err)


DRAWN = """() => Array.from(document.querySelectorAll("[data-gallery] > figure"), (figure) => {
  const image = figure.querySelector("image").getBoundingClientRect();
  const shapes = Array.from(figure.querySelectorAll(".shape"), (shape) => {
    // A path's box on the screen is that of its corners: strokes do not count.
    const box = shape.querySelector(".line").getBoundingClientRect();
    return [shape.querySelector("title").textContent, (box.left - image.left) / image.width, (box.top - image.top) / image.height,
            (box.right - image.left) / image.width, (box.bottom - image.top) / image.height];
  });
  const where = figure.querySelector("figcaption code");
  return {file: where.textContent, line: Number(where.nextSibling.textContent.match(/\\d+/)[0]),
          url: figure.querySelector(".url").textContent, pixels: [image.width, image.height], shapes};
})"""


def extent(item: dict[str, Any]) -> list[float]:
    if "polygon" in item:
        xs, ys = ([number for ring in item["polygon"] for number in ring[axis::2]] for axis in (0, 1))
        return [min(xs), min(ys), max(xs), max(ys)]
    return [item[side] for side in ("topX", "topY", "bottomX", "bottomY")]


@pytest.mark.parametrize("task", [DETECTION, SEGMENTATION])
def test_boxes_and_outlines_lie_on_the_screen_where_the_records_say(
    builds: dict[str, Build], task: str, show: Callable[..., Opened]
) -> None:
    build = builds[task]
    drawn = show(build.root / "report.html").page.evaluate(DRAWN)
    assert len(drawn) == 18
    for figure in drawn:
        record = json.loads((build.root / figure["file"]).read_text().splitlines()[figure["line"] - 1])
        assert record["image_url"] == figure["url"]
        details = record["image_details"]
        width, height = figure["pixels"]
        assert width / height == pytest.approx(details["width"] / details["height"], rel=0.02)
        assert [shape[0] for shape in figure["shapes"]] == [item["label"].translate(TURNED) for item in record["label"]]
        for shape, item in zip(figure["shapes"], record["label"], strict=True):
            assert shape[1:] == pytest.approx(extent(item), abs=0.012)
    assert sum(len(figure["shapes"]) for figure in drawn) == build.counts["objects"][1]


def test_nothing_is_loaded_logged_or_run(build: Build, show: Callable[..., Opened]) -> None:
    opened = show(build.root / "report.html")
    page = opened.page
    assert (opened.console, opened.requests) == ([], [])
    assert page.evaluate("window.hit") is None
    assert page.title().startswith("<b>built & co")
    labels = {label.translate(TURNED) for label in build.manifest["labels"]}
    assert set(page.locator("[data-labels-table] tbody th").all_text_contents()) == labels
    assert page.locator("iframe, object, embed, link, base, body style").count() == 0
    assert page.locator("script").count() == 1
    assert page.locator("[onerror], [onload], [style]").count() == 0


def test_the_page_forbids_what_would_get_through(build: Build, show: Callable[..., Opened]) -> None:
    opened = show(build.root / "report.html")
    opened.page.evaluate(
        """async () => {
          const script = document.createElement("script");
          script.textContent = "window.hit = 1";
          document.body.append(script);
          document.body.insertAdjacentHTML("beforeend", "<img src=http://127.0.0.1:9/x onerror='window.hit = 1'>");
          await fetch("http://127.0.0.1:9/y").catch(() => null);
        }"""
    )
    opened.page.wait_for_timeout(100)
    assert opened.page.evaluate("window.hit") is None and opened.requests == []
    assert any("Content Security Policy" in line for line in opened.console)


def test_images_are_filtered_by_split_and_by_label(build: Build, show: Callable[..., Opened]) -> None:
    page = show(build.root / "report.html").page
    shown = page.locator("[data-gallery] > figure:visible")
    assert shown.count() == 18
    page.get_by_role("combobox", name="Split").select_option("validation")
    assert shown.count() == len(build.lines["validation"])
    assert page.locator("[data-shown]").text_content() == f"{shown.count()} of 18 images"
    page.get_by_role("combobox", name="Split").select_option("")
    label = next(label for label in build.manifest["labels"] if "\u202e" in label)
    page.get_by_role("combobox", name="Label").select_option(label=label.translate(TURNED))
    showing = [
        line for lines in build.lines.values() for line in lines if label in {item["label"] for item in line["label"]}
    ]
    assert shown.count() == len(showing) > 0


def test_the_long_tail_of_labels_is_folded_searched_and_unfolded(
    long_tailed: Build, show: Callable[..., Opened]
) -> None:
    page = show(long_tailed.root / "report.html").page
    labels = len(long_tailed.manifest["labels"])
    rows = page.locator("[data-labels-table] tbody tr:visible")
    assert rows.count() == 40 < labels
    last = sorted(long_tailed.manifest["labels"])[-1]
    page.get_by_label("Find a label").fill(last.upper())
    assert rows.count() == 1 and last in str(rows.text_content())
    page.get_by_label("Find a label").fill("")
    assert rows.count() == 40
    page.get_by_role("button", name=f"Show {labels - 40} more labels").click()
    assert rows.count() == labels


def test_without_scripts_everything_is_there_and_no_control_is_of_no_use(
    long_tailed: Build, show: Callable[..., Opened]
) -> None:
    page = show(long_tailed.root / "report.html", java_script_enabled=False).page
    assert page.locator("[data-labels-table] tbody tr:visible").count() == len(long_tailed.manifest["labels"])
    assert page.locator("form:visible, button:visible").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_page_without_scrolling_sideways(
    build: Build, scheme: str, show: Callable[..., Opened]
) -> None:
    page = show(build.root / "report.html", 390, scheme).page
    for details in page.locator("details").all():
        details.evaluate("(element) => { element.open = true; }")
    assert page.evaluate("[document.documentElement.scrollWidth, document.body.scrollWidth]") == [390, 390]


CONTRAST = """() => {
  const parse = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => {
    const [r, g, b] = rgb.slice(0, 3).map((part) => part / 255).map((part) => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const color = parse(getComputedStyle(each).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *:not(.picture *)")) {
    const text = Array.from(element.childNodes).filter((node) => node.nodeType === 3 && node.data.trim());
    if (!text.length || !element.getClientRects().length || element.localName === "title") continue;
    const style = getComputedStyle(element);
    const ink = light(parse(element.closest("svg") ? style.fill : style.color)), paper = light(ground(element));
    found.push([(Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05), element.localName, text[0].data.trim().slice(0, 30)]);
  }
  return found;
}"""


def test_text_stands_out_from_its_ground_by_day_and_by_night(build: Build, show: Callable[..., Opened]) -> None:
    grounds = set()
    for scheme in ("light", "dark"):
        page = show(build.root / "report.html", scheme=scheme).page
        contrasts = page.evaluate(CONTRAST)
        assert len(contrasts) > 150
        assert [item for item in contrasts if item[0] < 4.5] == []
        grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2


def test_the_page_can_be_used_by_keyboard_and_by_ear(build: Build, show: Callable[..., Opened]) -> None:
    page = show(build.root / "report.html").page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert page.evaluate(
        "Array.from(document.querySelectorAll('svg[role=img]')).every((each) => each.getAttribute('aria-label'))"
    )
    assert page.evaluate("Array.from(document.images).every((each) => each.alt)")
    assert page.evaluate("Array.from(document.querySelectorAll('th')).every((each) => each.scope)")
    headings = page.evaluate("Array.from(document.querySelectorAll('h1,h2,h3'), (each) => Number(each.localName[1]))")
    assert headings[0] == 1 and headings.count(1) == 1
    assert all(deeper - level <= 1 for level, deeper in itertools.pairwise(headings))
    for link in page.locator("nav a").all():
        assert page.locator(str(link.get_attribute("href"))).count() == 1


def test_a_turned_image_fills_the_frame_of_its_record(build: Build, show: Callable[..., Opened]) -> None:
    page = show(build.root / "report.html").page
    assert build.adjusted.get("rotated_frame") == 1
    sizes = page.evaluate(
        """() => Promise.all(Array.from(document.querySelectorAll("[data-gallery] image"), async (image) => {
             const loaded = new Image();
             loaded.src = image.getAttribute("href");
             await loaded.decode();
             return [loaded.naturalWidth / loaded.naturalHeight, image.width.baseVal.value / image.height.baseVal.value];
           }))"""
    )
    assert len(sizes) == 18
    for of_pixels, of_record in sizes:
        assert of_pixels == pytest.approx(of_record, rel=0.02)


def test_a_printed_page_leaves_controls_out(build: Build, show: Callable[..., Opened]) -> None:
    page = show(build.root / "report.html").page
    page.emulate_media(media="print")
    assert page.locator("nav:visible, form:visible").count() == 0
    assert page.locator("figure:visible").count() > 0
