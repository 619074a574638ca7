"""Passwords: hashed and verified in threads of their own, never while a transaction waits."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.services.accounts.rules import normal_password

T = TypeVar("T")

MEMORY = 46 * 1024
"""KiB. With one pass and one lane the first of OWASP's equivalent settings for argon2id."""
AT_ONCE = 2
"""Hashes computed at a time: more would take memory and cores from the gate."""


class PasswordHashes:
    """argon2id (RFC 9106) with the deployment's one setting."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=1, memory_cost=MEMORY, parallelism=1)
        self._threads = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="argon2")
        self.computed = 0
        """How many were computed so far: the work that a caller can see from outside as time."""

    async def make(self, password: str) -> str:
        """The hash of a new password in argon2's own encoded form."""
        spelt = normal_password(password)
        return await self._compute(lambda: self._hasher.hash(spelt))

    async def verify(self, encoded: str | None, password: str) -> bool:
        """Whether `password` has this hash. Where there is none, the same work is done for nothing."""
        spelt = normal_password(password)
        return await self._compute(lambda: self._matches(encoded, spelt))

    def outdated(self, encoded: str) -> bool:
        """Whether the hash was made with another setting than today's."""
        return self._hasher.check_needs_rehash(encoded)

    async def _compute(self, work: Callable[[], T]) -> T:
        self.computed += 1
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _matches(self, encoded: str | None, password: str) -> bool:
        try:
            self._hasher.verify(encoded or self._nobodys, password)
        except (VerificationError, InvalidHashError):
            return False
        return encoded is not None

    @cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash("nobody has this password")


hashes = PasswordHashes()
"""The one of this process, so that `AT_ONCE` holds for all of it."""
