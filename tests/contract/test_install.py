"""What the image does, without an engine: the same two make targets install and start a server."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 30
"""Seconds within which a server has started or stopped, on a machine that is busy with other tests."""


@pytest.fixture(scope="module")
def runtime_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `make install` put the application, exactly as the Dockerfile's builder does."""
    folder = tmp_path_factory.mktemp("install") / "runtime"
    subprocess.run(  # noqa: S603 # our own Makefile
        [*MAKE, "install", f"RUNTIME={folder}", f"PYTHON={sys.executable}"],
        check=True,
        env=environment(),
        timeout=600,
    )
    return folder


MAKE = ("/usr/bin/env", "make", "--silent", f"--directory={ROOT}")


def environment(**changed: str) -> dict[str, str]:
    """This environment without what an outer make or the developer's own deployment says."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MAKE", "MFLAGS", "HUIXIN_"))
    }
    return {**kept, "LANG": "en_US.UTF-8", **changed}


@pytest.fixture
def deployment(tmp_path: Path) -> dict[str, str]:
    """The environment of a deployment whose files lie in a folder of this test."""
    return environment(
        HUIXIN_DATABASE_URL=f"sqlite+aiosqlite:///{tmp_path}/huixin.db",
        HUIXIN_SECRETS_FILE=str(tmp_path / "secrets.json"),
    )


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def server(
    runtime_folder: Path, deployment: dict[str, str], free_port: int
) -> Iterator[subprocess.Popen[str]]:
    """`make start` on a fresh deployment, with two processes."""
    subprocess.run([runtime_folder / "bin/huixin", "init"], check=True, env=deployment)  # noqa: S603 # ours
    with subprocess.Popen(  # noqa: S603 # our own Makefile
        [*MAKE, "start", f"RUNTIME={runtime_folder}", f"PORT={free_port}", "WORKERS=2"],
        env=deployment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        yield process
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def dockerfile_commands() -> list[str]:
    """The instructions of the Dockerfile, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_the_image_installs_and_starts_by_make() -> None:
    commands = dockerfile_commands()
    assert "RUN make install RUNTIME=/opt/huixin" in commands
    assert commands[-1].startswith('CMD ["make", ')
    assert commands[-1].endswith(', "start"]')


def test_the_image_runs_as_nobody_special() -> None:
    runtime = dockerfile_commands()
    runtime = runtime[[i for i, line in enumerate(runtime) if line.startswith("FROM")][-1] :]
    assert "USER huixin" in runtime
    assert any(line.startswith("HEALTHCHECK") for line in runtime)
    assert not any(line.startswith("RUN") for line in runtime[runtime.index("USER huixin") :])


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-build.lock", "requirements-dev.lock"])
def test_locks_pin_by_hash_and_name_no_index(lock: str) -> None:
    lines = (ROOT / lock).read_text("utf-8").splitlines()
    pins = [line for line in lines if line and line[0] not in " #"]
    assert pins
    assert all("==" in line and line.endswith("\\") for line in pins)
    assert not [
        line for line in lines if "://" in line or line.strip().startswith(("-i", "--index", "--extra", "-f"))
    ]


@pytest.mark.whole
def test_what_is_installed_starts_answers_and_stops(server: subprocess.Popen[str], free_port: int) -> None:
    ready = f"http://127.0.0.1:{free_port}/health/ready"
    deadline = time.monotonic() + PATIENCE
    while not answers(ready):
        assert server.poll() is None, "the server ended by itself"
        assert time.monotonic() < deadline, "the server did not answer in time"
        time.sleep(0.2)
    server.send_signal(signal.SIGTERM)
    log, _ = server.communicate(timeout=PATIENCE)
    assert log.count("Finished server process") == 2, "each process finishes what it was doing"
    assert not answers(ready)


@pytest.mark.whole
def test_a_server_brings_no_test_tools(runtime_folder: Path) -> None:
    packages = runtime_folder / f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    assert (packages / "app").is_dir()
    assert not [name for name in ("pytest", "hypothesis", "mypy", "hatchling") if (packages / name).exists()]


def answers(url: str) -> bool:
    """Whether a server answers at `url` that it is ready."""
    try:
        return httpx.get(url, timeout=2).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
