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
