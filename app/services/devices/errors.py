"""What is refused about devices and shifts."""

from app.errors import Problem, Text


class EnrolmentClosed(Problem):
    """The device has been moved to another gate or marked as lost."""

    status = 409
    code = "enrolment_closed"
    title = Text("设备登记已失效", "Enrolment closed")
    message = Text(
        "该设备已不在此门岗登记，请联系物业。",
        "This device is no longer enrolled at this gate. Please ask the property manager.",
    )


class DeviceNotProven(Problem):
    """The device token is not a live one of the device that is enrolled."""

    status = 403
    code = "device_not_proven"
    title = Text("设备验证失败", "Device not proven")
    message = Text(
        "设备登录已失效或与登记不符，请让设备重新登录。",
        "The device's own sign-in has ended or belongs to another device. Let the device sign in again.",
    )


class ShiftCodeUnusable(Problem):
    """The shift code is unknown, used, expired, or of somebody with no role here: never said which."""

    status = 409
    code = "shift_code_unusable"
    title = Text("上岗码无效", "Shift code unusable")
    message = Text(
        "上岗码无效、已使用或已过期，请在小程序重新获取。",
        "The shift code is unknown, used or expired. Please get a new one in the mini-program.",
    )


class PinRefused(Problem):
    """Badge or PIN are wrong, or its owner has no role here: never said which."""

    status = 403
    code = "pin_refused"
    title = Text("工号或 PIN 码不正确", "PIN refused")
    message = Text("工号或 PIN 码不正确。", "The badge or the PIN is not right.")


class PinLocked(Problem):
    """Too many failures with this badge. Badges that nobody has are locked likewise."""

    status = 429
    code = "pin_locked"
    title = Text("PIN 码已锁定", "PIN locked")
    message = Text(
        "连续输错次数过多，请稍后再试，或使用小程序的上岗码；重新设置 PIN 码可立即解锁。",
        "Too many wrong PINs. Please try again later, or use a shift code of the mini-program;"
        " setting a new PIN there unlocks the badge.",
    )


class PinUnfit(Problem):
    """The new PIN is one of those that everybody tries first."""

    status = 409
    code = "pin_unfit"
    title = Text("PIN 码过于简单", "PIN unfit")
    message = Text(
        "PIN 码过于简单：不得为重复、连续或对称的数字，也不得为常见组合。",
        "The PIN is too easy to guess: no repeated, rising, falling or mirrored digits,"
        " and none of the common ones.",
    )
