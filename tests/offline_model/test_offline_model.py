"""R8: whatever happens between devices and the server, what is stored is what the model says."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st

from tests.databases import migrated_database
from tests.offline_model.playing import STEPS, Step, play
from tests.offline_model.world import World

MOST_WITHDRAWN = 200
"""Keys of one issuer: there are 256 names for them."""

steps = st.builds(Step, st.sampled_from(STEPS), st.integers(0, 1), st.integers(0, 23), st.integers(0, 2**16))


class Stage:
    """Worlds, one after the other, on one event loop outside of pytest's."""

    def __init__(self, runner: asyncio.Runner, kind: str, folder: Path, server: str | None) -> None:
        self._runner = runner
        self._kind = kind
        self._folder = folder
        self._server = server
        self._stack = AsyncExitStack()
        self._world: World | None = None

    def play(self, said: list[Step]) -> None:
        """One run."""
        self._runner.run(self._play(said))

    def close(self) -> None:
        """Leaves nothing behind."""
        self._runner.run(self._stack.aclose())

    async def _play(self, said: list[Step]) -> None:
        if self._world is None or self._world.withdrawn >= MOST_WITHDRAWN:
            await self._stack.aclose()
            url = await self._stack.enter_async_context(
                migrated_database(self._kind, self._folder, self._server)
            )
            self._world = World(url, self._folder)
            self._stack.push_async_callback(self._world.close)
        await play(self._world, said)


@pytest.mark.parametrize(
    ("kind", "runs"),
    [
        ("sqlite", 40),
        ("postgresql", 20),
        pytest.param("sqlite", 5000, marks=pytest.mark.long),
        pytest.param("postgresql", 500, marks=pytest.mark.long),
    ],
)
def test_whatever_happens_the_server_is_as_the_model(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, runs: int
) -> None:
    server = request.getfixturevalue("postgres") if kind == "postgresql" else None
    with asyncio.Runner() as runner:
        stage = Stage(runner, kind, tmp_path, server)

        @seed(8)
        @settings(
            max_examples=runs,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        )
        @given(st.lists(steps, min_size=8, max_size=24))
        def run(said: list[Step]) -> None:
            note(f"{said}")
            stage.play(said)

        try:
            run()
        finally:
            stage.close()
