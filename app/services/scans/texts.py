"""The sentence that the guard reads, for every reason.

A scan sent again is answered word for word, and its sentence is made from what was stored. So a
released sentence is not reworded: a new wording is a new reason.
"""

from typing import Any

from app.errors import Text
from app.services.scans.reasons import Reason

SENTENCES: dict[Reason, Text] = {
    Reason.verified: Text("可以通行。", "Let in."),
    Reason.code_used: Text(
        "此码已于{at}在{compound}{gate}使用过，请核对本人面容。",
        "This code was used at {at} at {compound}, {gate}. Look at the face.",
    ),
    Reason.impossible_travel: Text(
        "此码{minutes}分钟前在{kilometres}公里外通行过，请核对本人面容。",
        "This code passed a gate {kilometres} km away {minutes} min ago. Look at the face.",
    ),
    Reason.key_withdrawn: Text(
        "此码的签名密钥已停用，请核对本人面容，或请对方刷新惠新码。",
        "The key of this code was withdrawn. Look at the face, or ask for a fresh code.",
    ),
    Reason.other_city: Text(
        "外地城市的惠新码，真实有效，请核对本人面容。", "A genuine code of another city. Look at the face."
    ),
    Reason.unreadable: Text(
        "这不是惠新码，请对方打开小程序出示。", "This is not a 惠新码. Ask for the mini-program."
    ),
    Reason.forged: Text("此码是伪造的，不得放行。", "This code is forged. Do not let in."),
    Reason.unknown_issuer: Text(
        "此码由未受信任的城市签发。", "This code comes from a city that is not trusted here."
    ),
    Reason.unknown_key: Text(
        "此码的签名密钥未知，请对方刷新惠新码。", "The key of this code is unknown. Ask for a fresh code."
    ),
    Reason.not_yet_valid: Text(
        "此码尚未生效，请稍等片刻再扫。", "This code is not valid yet. Wait a moment and scan again."
    ),
    Reason.expired: Text("此码已过期，请对方刷新惠新码。", "This code has expired. Ask for a fresh one."),
    Reason.unknown_courier: Text("查不到此码对应的劳动者。", "No courier stands behind this code."),
    Reason.code_ended: Text(
        "此码已作废，请对方在新手机上出示惠新码。", "This code has ended. Ask for the code on the new phone."
    ),
    Reason.not_verified: Text("此人尚未通过认证。", "This person is not verified yet."),
    Reason.suspended: Text("此人的惠新码已暂停使用。", "The code of this person is suspended."),
    Reason.left: Text("此人已退出惠新码。", "This person has left 惠新码."),
    Reason.blocked: Text("此人被本小区禁入。", "This compound keeps this person out."),
    Reason.gate_closed_temporarily: Text(
        "门岗临时关闭（第{clause}条）：{why}{instead}", "Closed for now (clause {clause}): {why} {instead}"
    ),
    Reason.outside_hours: Text(
        "现在不在开放时间内（第{clause}条）。{instead}", "Outside opening hours (clause {clause}). {instead}"
    ),
    Reason.kind_of_work_not_admitted: Text(
        "此工种不得由此进入（第{clause}条）。{instead}",
        "This kind of work is not admitted here (clause {clause}). {instead}",
    ),
    Reason.vehicle_not_admitted: Text(
        "此车辆不得由此进入（第{clause}条）。{instead}",
        "This vehicle is not admitted here (clause {clause}). {instead}",
    ),
    Reason.spoken_code: Text(
        "口述码有效，但可能被旁人听到，请核对本人面容。",
        "The spoken code is good, but others may have overheard it. Look at the face.",
    ),
    Reason.spoken_unknown: Text(
        "口述码有误或已过期，请对方刷新后重新报码。",
        "No such spoken code here, or it has expired. Ask for a fresh one.",
    ),
    Reason.spoken_locked: Text(
        "口述码连续输错，本门岗一分钟内不接受口述码，请改扫二维码。",
        "Too many wrong spoken codes. None is taken at this gate for a minute; scan the QR code.",
    ),
    Reason.printed_card: Text(
        "纸质卡有效，但可能被他人复制，请核对本人面容。",
        "The printed card is good, but may have been copied. Look at the face.",
    ),
    Reason.card_ended: Text("此纸质卡已停用，不得放行。", "This printed card has ended. Do not let in."),
    Reason.unknown_card: Text(
        "此纸质卡不是本市发放的，不得放行。", "This printed card was not issued here. Do not let in."
    ),
    Reason.gate_closed: Text("此门岗已停用。", "This gate takes no part any more."),
    Reason.handle_withdrawn: Text("此码已停用，不得放行。", "This code was withdrawn. Do not let in."),
    Reason.offline_denied: Text(
        "网络中断期间本小区不放行。", "This compound admits nobody while the network is down."
    ),
    Reason.not_seen_lately: Text(
        "网络中断，且此人 24 小时内未来过，请核对本人身份。",
        "The network is down and this person was not here in the last 24 hours. Ask who it is.",
    ),
    Reason.bundle_stale: Text(
        "设备久未联网，请核对本人面容。", "This device has been offline for long. Look at the face."
    ),
}


AFTERWARDS: dict[str, Text] = {
    Reason.code_used: Text(
        "此码此前已在别处使用过，请回忆放行时的情况。",
        "This code had been used elsewhere before. Recall whom you let in.",
    ),
    Reason.impossible_travel: Text(
        "此码几乎同时在很远处通行过。", "This code passed a gate far away at nearly the same time."
    ),
    Reason.verified: Text("联网后核实：此人本可通行。", "The server would have let this person in."),
    Reason.gate_closed: Text("当时门岗已停用。", "The gate took no part then."),
    Reason.gate_closed_temporarily: Text("当时门岗临时关闭。", "The gate was closed for the time being."),
    Reason.outside_hours: Text("当时不在开放时间内。", "It was outside opening hours."),
    Reason.kind_of_work_not_admitted: Text("此工种不得由此进入。", "This kind of work is not admitted here."),
    Reason.vehicle_not_admitted: Text("此车辆不得由此进入。", "This vehicle is not admitted here."),
    "doubtful": Text(
        "扫码时间或序号与设备此前所报不符，存疑。",
        "The time or number of this scan does not agree with what the device said before.",
    ),
}
"""What an inbox says where the sentence at the gate would need what is not known there, or reads oddly."""


WITHOUT_DETAILS = {reason: AFTERWARDS[reason] for reason in Reason if "{" in SENTENCES[reason].zh}
"""By reasons whose sentence at the gate has something to fill in."""


def difference_sentence(reason: str, language: str) -> str:
    """What is different about a scan, for whoever was at the gate."""
    text = AFTERWARDS.get(reason) or SENTENCES[Reason(reason)]
    return text.render(language)


def sentence(reason: Reason, language: str, details: dict[str, Any] | None) -> str:
    """The sentence for `reason` in `language`, filled from the stored `details`.

    Without them, where a device alone gave the reason, it is the one that an inbox would show.
    """
    text = SENTENCES[reason] if details else WITHOUT_DETAILS.get(reason, SENTENCES[reason])
    return text.render(language, **(details or {})).rstrip()
