"""What can be refused about a courier's registration, profile and affiliations."""

from app.errors import Problem, Text


class AlreadyRegistered(Problem):
    """This account has a profile, or a registration under review. Says nothing of anybody else's."""

    status = 409
    code = "already_registered"
    title = Text("已注册", "Already registered")
    message = Text(
        "当前账号已注册，或注册正在审核中。",
        "This account has a courier profile, or a registration that is under review.",
    )


class WeChatRequired(Problem):
    """Couriers register through WeChat, which confirms their phone; this account signs in otherwise."""

    status = 409
    code = "wechat_required"
    title = Text("请通过微信注册", "WeChat required")
    message = Text(
        "请在微信小程序中登录后注册。", "Please sign in through the WeChat mini-program to register."
    )


class InvalidName(Problem):
    """Nothing that a person could be called."""

    status = 422
    code = "invalid_name"
    title = Text("姓名无效", "Invalid name")
    message = Text("请填写证件上的姓名。", "Please give the name as it stands on the document.")


class BirthDateRequired(Problem):
    """The number of this document does not carry the date of birth, and the age must be known."""

    status = 409
    code = "birth_date_required"
    title = Text("请填写出生日期", "Date of birth required")
    message = Text(
        "该类证件号码不含出生日期，请另行填写。",
        "The number of this document does not tell the date of birth. Please give it as well.",
    )


class GateConsentRequired(Problem):
    """Without consent to the purpose `gate` there can be no code; leaving is how it is withdrawn."""

    status = 409
    code = "gate_consent_required"
    title = Text("需要同意通行用途", "Consent for the gate required")
    message = Text(
        "未同意为出入通行处理个人信息，就无法提供惠新码。其他用途可以不同意。如需撤回，请选择退出。",
        "Without consent to the use for entry there can be no code. All other purposes are free."
        " To withdraw it, leave.",
    )


class RegistrationUnderReview(Problem):
    """What a reviewer is looking at does not change under their eyes."""

    status = 409
    code = "registration_under_review"
    title = Text("注册审核中", "Registration under review")
    message = Text(
        "注册尚未通过审核，暂时不能修改。",
        "The registration has not been confirmed yet, so nothing of it can be changed.",
    )


class TransitionRefused(Problem):
    """The courier's state does not lead to the one that is asked for."""

    status = 409
    code = "transition_refused"
    title = Text("当前状态不允许此操作", "Not from this state")
    message = Text("劳动者当前状态不允许此操作。", "The courier's present state does not allow this.")

    def __init__(self, *, state: str) -> None:
        super().__init__(extensions={"state": state})


class AffiliationExists(Problem):
    """The tie to this employer for this kind of work is there already, or is named twice."""

    status = 409
    code = "affiliation_exists"
    title = Text("用工关系已存在", "Affiliation exists")
    message = Text(
        "该用工单位的同类用工关系已存在，或重复填写。",
        "A live affiliation with this employer for this kind of work is there already, or is named twice.",
    )
