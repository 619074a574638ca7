"""What a device without network says of a fresh code of this city: docs/offline.md, section 3."""

from app.models.gate_rules import WhenOffline
from app.models.scans import Verdict
from app.services.scans.reasons import Reason
from app.services.scans.rules import Decision

SAID_ALONE = frozenset(
    {Reason.gate_closed, Reason.blocked, Reason.gate_closed_temporarily, Reason.outside_hours}
)
"""What a device refuses for as the server does."""
WITHDRAWN = frozenset({Reason.not_verified, Reason.suspended, Reason.left})
"""Of these a device knows only that the handle no longer counts."""


def decide_alone(online: Decision, *, entering: bool, when_offline: WhenOffline, seen: bool) -> Decision:
    """What a device says that synced a moment ago, where the server would have said `online`.

    It knows nobody's kind of work or vehicle; the server compares afterwards. `seen` is whether the courier
    was let through at this compound within the last 24 hours.
    """
    if online.reason in SAID_ALONE:
        return online
    if online.reason in WITHDRAWN:
        return Decision(Verdict.refuse, Reason.handle_withdrawn)
    if entering and when_offline is WhenOffline.deny:
        return Decision(Verdict.refuse, Reason.offline_denied)
    if entering and when_offline is WhenOffline.admit_if_seen and not seen:
        return Decision(Verdict.check, Reason.not_seen_lately)
    return Decision(Verdict.admit, Reason.verified)
