"""`huixin demo --once`: the walk from the first sign-in to the entry in the list, on a fresh deployment."""

import os
import re
import subprocess
import sys
from pathlib import Path

HUIXIN = Path(sys.executable).with_name("huixin")


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command that has ended."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HUIXIN_")}
    return subprocess.run(  # noqa: S603 - our own command
        [HUIXIN, *arguments],
        cwd=folder,
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_the_walk_goes_through_and_tells_each_step(tmp_path: Path) -> None:
    shown = run(tmp_path, "demo", "--once")

    assert shown.returncode == 0, shown.stderr
    steps = re.findall(r"^ *(\d+)  (.+)$", shown.stdout, re.MULTILINE)
    assert [int(number) for number, _ in steps] == list(range(1, 26))
    said = "\n".join(text for _, text in steps)
    for word in ("动态口令", "名册", "微信登录", "已认证", "惠新码", "放行", "核对", "通行记录"):
        assert word in said, word
    assert len([line for line in shown.stdout.splitlines() if line.startswith("████")]) >= 24
    assert "甄*  晨光速运" in shown.stdout
    assert list(tmp_path.iterdir()) == []


def test_production_refuses(tmp_path: Path) -> None:
    refused = run(tmp_path, "--lang", "en", "demo", "--once", HUIXIN_ENVIRONMENT="production")

    assert refused.returncode == 1
    assert refused.stderr == "Production is no place for a demo: run it on another machine.\n"
