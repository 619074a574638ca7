"""The command line, run in this process."""

import sys
from pathlib import Path

import pytest

from app.cli import main
from tests.commands import Ended, Huixin, own_logs


@pytest.fixture
def huixin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Huixin:
    """Runs a command on a deployment in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    monkeypatch.setenv("HUIXIN_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/var/huixin.db")

    def run(*arguments: str, **settings: str) -> Ended:
        with pytest.MonkeyPatch.context() as context, own_logs():
            context.setattr(sys, "argv", ["huixin", *arguments])
            for name, value in settings.items():
                context.setenv(f"HUIXIN_{name.upper()}", value)
            code = 0
            try:
                main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 0
        written = capfd.readouterr()
        assert "Traceback" not in written.err
        return Ended(code, written.out, written.err)

    return run
