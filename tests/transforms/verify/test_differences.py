"""How differences are told: so many of a kind, each cut, and harmless for a terminal."""

from __future__ import annotations

import pytest

from labelbeam.pipelines.cli import main
from tests.transforms.verify.damaged import Build, Run, spoil


def test_of_many_differences_twenty_of_a_kind_are_told_and_the_rest_is_counted(
    build: Build, verify: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path = build.first("train")
    build.put_lines(path, [b"x"] * 25)
    status, answer = verify(build)
    assert status == 3
    assert [item["found"].partition(":")[0] for item in answer["differences"] if item["file"] == path] == [
        f"line {number}" for number in range(1, 21)
    ]
    assert answer["more"] == {"record": 5}
    main(["verify", str(build.output)])
    err = capsys.readouterr().err
    assert "… and 5 more of the kind: record\n" in err
    assert f"different: {len(answer['differences']) + 5} differences in " in err


def test_a_long_value_is_cut(build: Build, verify: Run) -> None:
    path = build.first("train")
    lines = build.lines(path)
    build.put_lines(path, [*lines, spoil(lines[0], b"https://", b"A" * 5000)])
    status, answer = verify(build)
    assert status == 3
    assert max(len(text) for item in answer["differences"] for text in item.values()) == 200


def test_control_characters_of_a_damaged_build_do_not_reach_the_terminal(
    build: Build, capsys: pytest.CaptureFixture[str]
) -> None:
    (build.root / "\x1b[2J").touch()
    path = build.first("train")
    build.put_lines(path, [b'{"\\u001b[2J":1}', *build.lines(path)[1:]])
    assert main(["verify", str(build.output)]) == 3
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert err.count("\\x1b[2J") == 2
