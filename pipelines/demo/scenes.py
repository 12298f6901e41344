"""Scenes of the demo's pictures: hardware parts on a workbench, where each lies, and how it is drawn.

Where parts lie follows from the scene's name alone, so that every annotation can be derived without looking at pixels.
Coordinates are continuous pixels, as in `schemas.neutral`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from labelbeam.schemas.neutral import Ring

Floats: TypeAlias = npt.NDArray[np.float64]
Pixels: TypeAlias = npt.NDArray[np.uint8]


class Scene(NamedTuple):
    """One picture: `name` is its path, `surface` what the parts lie on, `width` and `height` are in pixels.

    `parts` has a letter for each part: w(asher), b(olt), g(ear), k (bracket), p(ile of washers); a capital is a part that
    the picture's right border cuts.
    """

    name: str
    surface: str
    width: int
    height: int
    parts: str


class Shape(NamedTuple):
    """One thing as it is drawn: `outline` and `hole` are rings in pixels, `raised` and `sunk` only catch the light."""

    label: str
    outline: Ring
    hole: Ring | None
    raised: list[Ring]
    sunk: list[Ring]


class Part(NamedTuple):
    """One thing as it is annotated: a shape, or a pile of them, within `radius` pixels of `centre`."""

    label: str
    shapes: list[Shape]
    centre: tuple[float, float]
    radius: float
    cut: bool


SCENES = (
    Scene("bench_a/0001.jpg", "wood", 640, 480, "wbg"),
    Scene("bench_a/0002.jpg", "concrete", 640, 480, "wkb"),
    Scene("bench_a/0003.jpg", "mat", 640, 480, "ggwb"),
    Scene("bench_a/0004.jpg", "steel", 640, 480, "kb"),
    Scene("bench_a/0005.jpg", "wood", 640, 480, ""),
    Scene("bench_a/0006.jpg", "mat", 512, 384, "wwbk"),
    Scene("bench_a/0007.jpg", "concrete", 512, 384, "gK"),
    Scene("bench_a/0008.jpg", "wood", 640, 480, "pbk"),
    Scene("bench_a/0009.jpg", "steel", 480, 640, "gwb"),
    Scene("bench_a/0010.png", "concrete", 320, 240, "b"),
    Scene("bench_a/0011.bmp", "mat", 320, 240, "k"),
    Scene("bench_a/0012.jpg", "wood", 640, 480, "gbwk"),
    Scene("bench_b/0001.jpg", "wood", 640, 480, "gk"),
    Scene("bench_b/0002.jpg", "mat", 640, 480, "wwb"),
    Scene("bench_b/0003.jpg", "steel", 320, 240, "kg"),
    Scene("bench_b/0004.jpg", "concrete", 640, 480, "bbgw"),
    Scene("bench_b/0005.JPG", "wood", 512, 384, "wk"),
    Scene("bench_b/0006.png", "mat", 320, 240, "g"),
    Scene("bench_b/0007.jpg", "steel", 480, 640, "wbk"),
    Scene("bench_b/0008.jpg", "concrete", 640, 480, ""),
    Scene("bench_b/0009.jpg", "wood", 640, 480, "gw"),
    Scene("bench_b/0010.bmp", "steel", 320, 240, "w"),
    Scene("bench_b/0011.jpg", "mat", 512, 384, "kbg"),
    Scene("bench_b/0012.jpg", "concrete", 640, 480, "bwgk"),
)

LETTERS = {"w": "washer", "b": "hex bolt", "g": "gear", "k": "bracket", "p": "washer"}
COLOURS = {
    "washer": (188, 193, 200),
    "hex bolt": (214, 172, 84),
    "gear": (98, 116, 146),
    "bracket": (186, 74, 58),
}

_PILE = 16
_DETAIL = 4
"""Sub-pixels a side when outlines are rasterised."""


# Where things lie. ------------------------------------------------------------------------------------------------


def parts_of(scene: Scene) -> list[Part]:
    """The parts of a scene, in the order of its letters; none touches another."""
    rng = random.Random(scene.name)
    shorter = min(scene.width, scene.height)
    parts: list[Part] = []
    for letter in scene.parts:
        pile, cut = letter == "p", letter.isupper()
        radius = shorter * (0.26 if pile else rng.uniform(0.13, 0.19))
        centre = _free_place(rng, scene, radius, cut, parts)
        while centre is None:
            radius *= 0.95
            centre = _free_place(rng, scene, radius, cut, parts)
        label = LETTERS[letter.lower()]
        shapes = list(_pile(rng, label, centre, radius)) if pile else [_shape(label, centre, radius, rng.random())]
        parts.append(Part(label, shapes, centre, radius, cut))
    return parts


def _free_place(
    rng: random.Random, scene: Scene, radius: float, cut: bool, parts: list[Part]
) -> tuple[float, float] | None:
    for _ in range(40):
        x = scene.width - 0.3 * radius if cut else rng.uniform(radius + 4, scene.width - radius - 4)
        y = rng.uniform(radius + 4, scene.height - radius - 4)
        if all(np.hypot(x - part.centre[0], y - part.centre[1]) > radius + part.radius + 8 for part in parts):
            return x, y
    return None


def _pile(rng: random.Random, label: str, centre: tuple[float, float], radius: float) -> Iterator[Shape]:
    small = radius * 0.3
    for _ in range(_PILE):
        distance, angle = (radius - small) * rng.random() ** 0.5, rng.uniform(0, 2 * np.pi)
        x, y = centre[0] + distance * np.cos(angle), centre[1] + distance * np.sin(angle)
        yield _shape(label, (x, y), small, rng.random())


def _shape(label: str, centre: tuple[float, float], radius: float, turn: float) -> Shape:
    """A shape whose outline touches, or nearly touches, the circle of `radius` around `centre`."""
    angle = 2 * np.pi * turn
    spin = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) * radius

    def placed(ring: Ring) -> Ring:
        rounded: Ring = np.round(ring @ spin + centre, 2)  # What is drawn is what the annotations say.
        return rounded

    outline, hole, raised, sunk = _circle(48), None, [], []
    if label == "washer":
        hole = placed(_circle(32) * 0.5)
    elif label == "hex bolt":
        outline, raised = _circle(6), [_circle(32) * 0.6]
    elif label == "gear":
        steps = np.repeat(np.arange(12), 4) + np.tile([-0.3, -0.17, 0.17, 0.3], 12)
        outline = _at(steps / 12) * np.tile([0.8, 1, 1, 0.8], 12)[:, None]
        raised, sunk = [_circle(32) * 0.42], [_circle(24) * 0.16]
    elif label == "bracket":
        outline = np.array([(-1, -1), (-0.3, -1), (-0.3, 0.3), (1, 0.3), (1, 1), (-1, 1)]) * 0.7
        sunk = [_circle(20) * 0.1 + place for place in ((-0.46, -0.46), (-0.46, 0.46), (0.46, 0.46))]
    return Shape(label, placed(outline), hole, [placed(ring) for ring in raised], [placed(ring) for ring in sunk])


def _at(turns: Floats) -> Ring:
    return np.stack([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)], axis=1)


def _circle(corners: int) -> Ring:
    return _at(np.arange(corners) / corners)


# What they look like. ---------------------------------------------------------------------------------------------


class Tile(NamedTuple):
    """A rectangle of a picture that may stick out of it: `cover` (rows, columns) is how much of each pixel is filled."""

    left: int
    top: int
    cover: Floats


def mask_of(part: Part, width: int, height: int) -> npt.NDArray[np.bool_]:
    """The pixels of a picture, (height, width), of which a part fills at least half."""
    mask = np.zeros((height, width), bool)
    for shape in part.shapes:
        tile = _tile(shape, 0)
        inside, seen = _overlap(tile, width, height)
        mask[inside] |= tile.cover[seen] >= 0.5
    return mask


def draw(scene: Scene, parts: list[Part]) -> Image.Image:
    """Draw a scene in RGB."""
    rng = np.random.default_rng(list(scene.name.encode()))
    picture = _SURFACES[scene.surface](rng, scene.height, scene.width)
    for part in parts:
        for shape in part.shapes:
            _draw_shape(picture, shape, rng)
    y, x = np.mgrid[-1 : 1 : scene.height * 1j, -1 : 1 : scene.width * 1j]
    picture *= (1.06 - 0.16 * (x**2 + y**2))[..., None]
    picture += rng.normal(0, 2.5, picture.shape[:2])[..., None]
    return Image.fromarray(_bytes(picture)).filter(ImageFilter.GaussianBlur(0.5))


def _bytes(values: Floats) -> Pixels:
    return np.clip(values, 0, 255).astype(np.uint8)


def _tile(shape: Shape, margin: int) -> Tile:
    left, top = (int(side) - margin for side in np.floor(shape.outline.min(axis=0)))
    right, bottom = (int(side) + margin for side in np.ceil(shape.outline.max(axis=0)))
    size = (right - left, bottom - top)
    cover = _cover(shape.outline, left, top, size)
    return Tile(left, top, cover if shape.hole is None else cover - _cover(shape.hole, left, top, size))


def _cover(ring: Ring, left: int, top: int, size: tuple[int, int]) -> Floats:
    canvas = Image.new("L", (size[0] * _DETAIL, size[1] * _DETAIL))
    # Pillow's whole numbers are the middles of pixels, ours their edges.
    corners = (ring - (left, top)) * _DETAIL - 0.5
    ImageDraw.Draw(canvas).polygon([(x, y) for x, y in corners.tolist()], fill=255)
    cover: Floats = np.asarray(canvas.reduce(_DETAIL), np.float64) / 255
    return cover


def _overlap(tile: Tile, width: int, height: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The part of a tile that lies in the picture: as rows and columns of the picture, and of the tile."""
    rows, columns = tile.cover.shape
    top, left = max(tile.top, 0), max(tile.left, 0)
    bottom, right = min(tile.top + rows, height), min(tile.left + columns, width)
    seen = slice(top - tile.top, bottom - tile.top), slice(left - tile.left, right - tile.left)
    return (slice(top, bottom), slice(left, right)), seen


def _draw_shape(picture: Floats, shape: Shape, rng: np.random.Generator) -> None:
    tile = _tile(shape, 24)
    inside, seen = _overlap(tile, picture.shape[1], picture.shape[0])
    cover = tile.cover
    rows, columns = cover.shape
    shadow = np.roll(_blurred(cover, 5), (7, 5), (0, 1)) * 0.55
    light = _relief(cover, 1.6) * 2.2
    for sign, rings in ((1, shape.raised), (-1.4, shape.sunk)):
        for ring in rings:
            light += sign * _relief(_cover(ring, tile.left, tile.top, (columns, rows)), 1.2)
    y, x = np.mgrid[1 : -1 : rows * 1j, 1 : -1 : columns * 1j]
    brushed = _noise(rng, rows, columns, rows, max(columns // 16, 2))
    shade = 1 + 0.16 * (x + y) + 0.05 * brushed + light
    metal = np.array(COLOURS[shape.label]) * shade[..., None]
    for ring in shape.sunk:
        metal *= (1 - 0.55 * _cover(ring, tile.left, tile.top, (columns, rows)))[..., None]
    below = picture[inside] * (1 - shadow * (1 - cover))[seen][..., None]
    picture[inside] = below + (metal[seen] - below) * cover[seen][..., None]


def _relief(cover: Floats, softness: float) -> Floats:
    """Light from the upper left on the edges of something raised: positive where they face it."""
    blurred = _blurred(cover, softness)
    relief: Floats = np.gradient(blurred, axis=0) + np.gradient(blurred, axis=1)
    return relief


def _blurred(cover: Floats, radius: float) -> Floats:
    blurred = Image.fromarray(_bytes(cover * 255)).filter(ImageFilter.GaussianBlur(radius))
    result: Floats = np.asarray(blurred, np.float64) / 255
    return result


def _noise(rng: np.random.Generator, height: int, width: int, rows: int, columns: int) -> Floats:
    """Smooth noise of unit variance, (height, width), from a grid of `rows` × `columns` random values."""
    grid = Image.fromarray(rng.normal(0, 1, (rows, columns)).astype(np.float32))
    smooth: Floats = np.asarray(grid.resize((width, height), Image.Resampling.BICUBIC), np.float64)
    return smooth


def _tinted(colour: tuple[int, int, int], brightness: Floats) -> Floats:
    return np.array(colour, np.float64) * brightness[..., None]


def _wood(rng: np.random.Generator, height: int, width: int) -> Floats:
    y, x = np.mgrid[:height, :width].astype(np.float64)
    board = (y // 120).astype(int)
    tones = rng.normal(0, 0.07, board.max() + 1)[board]
    warp = 9 * _noise(rng, height, width, max(height // 60, 2), max(width // 200, 2))
    rings = np.sin((y + warp + 47 * board) * 0.33) + 0.5 * np.sin((y + 1.7 * warp) * 0.81 + x * 0.004)
    fibres = _noise(rng, height, width, height, max(width // 40, 2))
    gap = 1 - 0.55 * np.exp(-((y % 120 - 0.5) ** 2) / 2)
    return _tinted((176, 128, 84), (1 + tones + 0.05 * rings + 0.05 * fibres) * gap)


def _concrete(rng: np.random.Generator, height: int, width: int) -> Floats:
    clouds = _noise(rng, height, width, max(height // 90, 2), max(width // 90, 2))
    stains = _noise(rng, height, width, max(height // 22, 2), max(width // 22, 2))
    grain = _noise(rng, height, width, height // 2, width // 2)
    pits = _noise(rng, height, width, height // 5, width // 5) > 2.1
    return _tinted((150, 148, 142), 1 + 0.06 * clouds + 0.035 * stains + 0.05 * grain - 0.22 * pits)


def _steel(rng: np.random.Generator, height: int, width: int) -> Floats:
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    long, short = (_noise(rng, height, width, height, max(width // length, 2)) for length in (160, 24))
    glare = 0.28 * np.exp(-((x + 0.3 * y + 0.2) ** 2) / 0.2)
    return _tinted((118, 124, 130), 0.92 + glare + 0.05 * long + 0.04 * short)


def _mat(rng: np.random.Generator, height: int, width: int) -> Floats:
    y, x = np.mgrid[:height, :width]
    weave = _noise(rng, height, width, height, width)
    worn = _noise(rng, height, width, max(height // 70, 2), max(width // 70, 2))
    fine = ((x % 32 == 5) | (y % 32 == 5)) * 0.12
    coarse = (((x - 5) % 128 < 2) | ((y - 5) % 128 < 2)) * 0.3
    return _tinted((44, 104, 92), 1 + np.maximum(fine, coarse) + 0.05 * weave + 0.05 * worn)


_SURFACES = {"wood": _wood, "concrete": _concrete, "steel": _steel, "mat": _mat}
