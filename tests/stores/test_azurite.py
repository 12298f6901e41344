"""The Azure Blob emulator is found, or installed once, or asked for."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.servers.azurite import VERSION, azurite_blob

NPM = """#!/bin/sh
sleep 0.2
echo "$@" >> "$(dirname "$0")/calls"
while [ "$1" != --prefix ]; do shift; done
mkdir -p "$2/node_modules/.bin" && touch "$2/node_modules/.bin/azurite-blob"
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one directory of programs, without npm and azurite-blob; nothing has been installed."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "sleep", "dirname", "mkdir", "touch"):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("LABELBEAM_TEST_CACHE", str(tmp_path / "cache"))
    return folder


def program(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_the_one_on_the_path_is_used(programs: Path) -> None:
    command = program(programs / "azurite-blob", "#!/bin/sh\n")
    assert azurite_blob() == str(command)


def test_it_is_installed_once_for_all_that_ask_at_the_same_time(programs: Path, tmp_path: Path) -> None:
    program(programs / "npm", NPM)
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: azurite_blob(), range(4)))
    assert found == {str(tmp_path / f"cache/azurite-{VERSION}/node_modules/.bin/azurite-blob")}
    assert azurite_blob() in found
    calls = (programs / "calls").read_text().splitlines()
    assert len(calls) == 1
    assert f"azurite@{VERSION}" in calls[0]


def test_an_installation_that_was_interrupted_is_made_anew(programs: Path, tmp_path: Path) -> None:
    program(programs / "npm", NPM)
    (tmp_path / f"cache/azurite-{VERSION}/node_modules").mkdir(parents=True)
    assert os.path.exists(azurite_blob())


def test_without_npm_its_tests_are_skipped_and_say_what_to_install(programs: Path) -> None:
    with pytest.raises(pytest.skip.Exception, match=f"install Node.js 20 .* npm install --global azurite@{VERSION}"):
        azurite_blob()


def test_where_npm_fails_the_test_fails_with_its_words(programs: Path, tmp_path: Path) -> None:
    program(programs / "npm", "#!/bin/sh\necho no network >&2\nexit 7\n")
    with pytest.raises(pytest.fail.Exception, match="exit status 7: no network"):
        azurite_blob()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["azurite.lock"]
