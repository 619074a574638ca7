"""Why a scan, its outcome or its annulment is not accepted. A refused courier is no error but a verdict."""

from app.errors import Problem, Text


class NoShift(Problem):
    """The enrolment is not open, or this account has no shift open on it from this sign-in."""

    status = 409
    code = "no_shift"
    title = Text("尚未上岗", "No shift")
    message = Text("请先在本设备上岗，再扫码。", "Start a shift on this device before scanning.")


class ScanConflict(Problem):
    """The scan id was used for another scan, or said something else of it: it names one scan for good."""

    status = 409
    code = "scan_conflict"
    title = Text("扫码编号重复", "Scan id taken")
    message = Text(
        "该扫码编号已用于另一次扫码，请重新扫码。",
        "This scan id belongs to another scan. Scan again with a new one.",
    )


class NoOutcomeWanted(Problem):
    """Only a check waits for the guard's decision."""

    status = 409
    code = "no_outcome_wanted"
    title = Text("无需处置", "No outcome wanted")
    message = Text(
        "只有“需核对”的扫码需要登记处置结果。", "Only a scan that asked for a check takes an outcome."
    )


class OutcomeConflict(Problem):
    """The other outcome was posted before."""

    status = 409
    code = "outcome_conflict"
    title = Text("处置结果已登记", "Outcome already given")
    message = Text("该扫码已登记了另一处置结果。", "Another outcome was already given for this scan.")


class ScanAnnulled(Problem):
    """The scan was annulled, so nothing can follow from it."""

    status = 409
    code = "scan_annulled"
    title = Text("扫码已撤销", "Scan annulled")
    message = Text("该扫码已被撤销。", "This scan was annulled.")


class OutcomeTooLate(Problem):
    """What was done after a check is told within a day."""

    status = 409
    code = "outcome_too_late"
    title = Text("已超过处置登记时限", "Too late for an outcome")
    message = Text("扫码超过 24 小时后不能登记处置结果。", "An outcome can be given for 24 hours only.")


class AnnulmentTooLate(Problem):
    """A mistake can be taken back for 15 minutes."""

    status = 409
    code = "annulment_too_late"
    title = Text("已超过撤销时限", "Too late to annul")
    message = Text("扫码超过 15 分钟后不能撤销。", "A scan can be annulled for 15 minutes only.")


class InvalidWindow(Problem):
    """A window of time that ends before it begins, or is longer than one answer may be about."""

    status = 422
    code = "invalid_window"
    title = Text("时间范围无效", "Invalid window")
    message = Text(
        "起始时间应早于结束时间，且范围不超过 {days} 天。",
        "The window must begin before it ends, and be {days} days long at most.",
    )
