"""`python -m app.standin`: a server of its own, and none in production."""

import os
import re
import subprocess
import sys

from app.standin.remote import StandIn


def start_command(*options: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "app.standin", *options],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_command_refuses_in_production() -> None:
    with start_command("--port", "0", HUIXIN_ENVIRONMENT="production") as process:
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "production" in errors


def test_command_serves_until_it_is_interrupted() -> None:
    with start_command("--port", "0", HUIXIN_WECHAT__SECRET="s-1", HUIXIN_ENVIRONMENT="test") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        try:
            assert found
            with StandIn(found[0], appid="", secret="s-1") as standin:
                assert standin.login("li")
        finally:
            process.terminate()
            process.communicate(timeout=30)
