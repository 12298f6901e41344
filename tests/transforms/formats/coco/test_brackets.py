from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from labelbeam.transforms.formats.coco.brackets import BracketScanner

odd_text = st.text(st.sampled_from('[]{}",:\\a é\n'), max_size=12)
values = st.recursive(
    st.none() | st.integers() | odd_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(odd_text, inner, max_size=4),
    max_leaves=12,
)


def brackets_one_by_one(text: bytes) -> list[tuple[int, bool, int]]:
    """Return position, whether it opens, and the depth after it, for each bracket outside strings."""
    found = []
    depth = 0
    in_string = escaped = False
    for at, byte in enumerate(text):
        if in_string:
            in_string = escaped or byte != ord('"')
            escaped = byte == ord("\\") and not escaped
        elif byte == ord('"'):
            in_string = True
        elif byte in b"[]{}":
            depth += 1 if byte in b"[{" else -1
            found.append((at, byte in b"[{", depth))
    return found


def scanned(text: bytes, sizes: list[int]) -> list[tuple[int, bool, int]]:
    """Scan the text in blocks of these sizes, over and over."""
    scanner = BracketScanner()
    found = []
    position = number = 0
    while position < len(text):
        block = text[position : position + sizes[number % len(sizes)]]
        at, opening, depth = scanner.feed(block)
        found += zip((at + position).tolist(), opening.tolist(), depth.tolist(), strict=True)
        position += len(block)
        number += 1
    assert scanner.depth == (found[-1][2] if found else 0)
    assert not scanner.in_string
    return found


@given(values, st.booleans(), st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_brackets_of_any_json_are_found_wherever_its_blocks_end(
    value: object, ascii_only: bool, sizes: list[int]
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert scanned(text, sizes) == brackets_one_by_one(text)


@given(st.integers(0, 9), st.integers(1, 12))
def test_a_quote_ends_a_string_after_an_even_number_of_backslashes_only(slashes: int, size: int) -> None:
    # The last two of the string's characters make it valid whichever way the quote before them counts.
    text = b'["' + b"\\" * slashes + b'"' + (b'{"' if slashes % 2 else b',"{"') + b"]"
    assert [opening for _, opening, _ in scanned(text, [size])] == [True, False]
    assert scanned(text, [size]) == brackets_one_by_one(text)


def test_a_block_may_be_empty_or_hold_nothing_of_interest() -> None:
    scanner = BracketScanner()
    for block in (b'["\\', b"", b'"', b"no brackets", b'"'):
        scanner.feed(block)
    assert scanner.depth == 1
    assert not scanner.in_string
