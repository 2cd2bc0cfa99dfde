"""What is tracked is the project's alone: no registry it was installed from, no folder of the machine it was made on."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from tests.house.source import ROOT

# Put together from pieces, so that this file does not hold what it looks for.
_HOSTS = (
    "pypi" + ".org",
    "python" + "hosted.org",
    "npm" + "js.",
    "deb" + "ian.org",
    "ub" + "untu.com",
    "golang" + ".org/",
)
_FOLDERS = ("wo" + "rk", "fa" + "rm")
_FORBIDDEN = re.compile(
    rf"{'|'.join(map(re.escape, _HOSTS))}|--(?:extra-)?index-url|(?<![\w.}}/])/(?:{'|'.join(_FOLDERS)})(?:/|\b(?![-.]))"
)


def check_text(name: str, text: str) -> list[str]:
    """The lines of a file that name a registry or a folder of this machine."""
    return [
        f"{name}:{number}: has {found[0]}"
        for number, line in enumerate(text.splitlines(), start=1)
        if (found := _FORBIDDEN.search(line))
    ]


def test_no_tracked_file_names_a_registry_or_this_machine() -> None:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a checkout")
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    names = [name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]
    assert "pyproject.toml" in names
    offences = []
    for name in names:
        offences += check_text(name, (ROOT / name).read_text(encoding="utf-8", errors="replace"))
    assert offences == []


def test_a_registry_and_a_folder_of_this_machine_are_caught() -> None:
    host, folder = "https://" + _HOSTS[0] + "/simple", "/" + _FOLDERS[0]
    text = f"pip install x -i {host}\nfine\nopen('{folder}/main')\ncd {folder}\n/api{folder}/1 {folder}ers net{folder} frame{folder}\n"
    assert check_text("a.txt", text) == [
        f"a.txt:1: has {_HOSTS[0]}",
        f"a.txt:3: has {folder}/",
        f"a.txt:4: has {folder}",
    ]
