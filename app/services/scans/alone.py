"""What a device without network says of a fresh code of this city: docs/offline.md, section 3."""

from typing import assert_never

from app.models.gate_rules import WhenOffline
from app.models.scans import Verdict
from app.services.scans.reasons import Reason
from app.services.scans.rules import Decision


def decide_alone(online: Decision, *, entering: bool, when_offline: WhenOffline, seen: bool) -> Decision:
    """What a device says that synced a moment ago, where the server says `online` of a code used nowhere yet.

    Its lists are taken as complete. It knows nobody's kind of work or vehicle; the server compares
    afterwards. `seen` is whether the courier was let through at this compound within the last 24 hours.
    Raises ValueError for what the server says of no such code.
    """
    match online.reason:
        case Reason.gate_closed | Reason.blocked | Reason.gate_closed_temporarily | Reason.outside_hours:
            return online
        case Reason.not_verified | Reason.suspended | Reason.left:
            return Decision(Verdict.refuse, Reason.handle_withdrawn)
        case Reason.verified | Reason.kind_of_work_not_admitted | Reason.vehicle_not_admitted:
            return _decide_by_rule(when_offline, seen=seen) if entering else ADMITTED
        case other:
            raise ValueError(other)


ADMITTED = Decision(Verdict.admit, Reason.verified)


def _decide_by_rule(when_offline: WhenOffline, *, seen: bool) -> Decision:
    match when_offline:
        case WhenOffline.deny:
            return Decision(Verdict.refuse, Reason.offline_denied)
        case WhenOffline.admit_if_seen:
            return ADMITTED if seen else Decision(Verdict.check, Reason.not_seen_lately)
        case WhenOffline.admit_and_flag:
            return ADMITTED
        case never:
            assert_never(never)
