"""Whether this process can answer: its database does, and there is a key to sign codes with."""

from app.services.keys.errors import NoSigningKey
from app.services.keys.ring import load_key_states
from app.services.keys.rules import signing_now
from app.work import Work


async def require_ready(work: Work) -> None:
    """Raises Unavailable where the database is away and NoSigningKey where no code can be signed."""
    states = await load_key_states(work.session, work.now)
    if signing_now(states.keys, work.settings.issuer, work.now) is None:
        raise NoSigningKey(retry_after=60)
