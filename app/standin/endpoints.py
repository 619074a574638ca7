"""The calls that the stand-in answers, by WeChat's case-sensitive paths."""

import hmac
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from app.standin.replies import PLAIN, Refused, Reply, success
from app.standin.world import Call, Token, World, session_signature

RID_LIFETIME = timedelta(days=7)
_RID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}", re.ASCII)

Endpoint = Callable[[World, Call], Reply]


def answer(world: World, call: Call) -> Reply:
    """What WeChat answers to `call`; raises Refused.

    A path that differs from a known one only in case is an invalid address; any other is checked
    for its token and its body first.
    """
    if endpoint := OPEN.get(call.path) or GUARDED.get(call.path):
        if call.path in GUARDED:
            world.check_token(call.query.get("access_token"))
        return endpoint(world, call)
    if call.path.lower() in _LOWERED:
        raise Refused(40066)
    world.check_token(call.query.get("access_token"))
    if call.method == "POST":
        read_body(call)
    raise Refused(40066)


def read_body(call: Call) -> dict[str, Any]:
    """The JSON object of a POST; raises Refused with 43002, 44002 or 47001."""
    if call.method != "POST":
        raise Refused(43002)
    if not call.content:
        raise Refused(44002)
    try:
        body = json.loads(call.content.decode())
    except (ValueError, RecursionError) as error:
        raise Refused(47001) from error
    if not isinstance(body, dict):
        raise Refused(47001)
    return body


def _check_credentials(world: World, given: dict[str, Any]) -> None:
    if not given.get("appid"):
        raise Refused(41002)
    if given["appid"] != world.appid:
        raise Refused(40013)
    if not given.get("secret"):
        raise Refused(41004)
    if given["secret"] != world.secret:
        raise Refused(40125)


def _code2session(world: World, call: Call) -> Reply:
    """Reads the query whatever the method, as WeChat does."""
    _check_credentials(world, call.query)
    if not call.query.get("js_code"):
        raise Refused(41008)
    if call.query.get("grant_type") != "authorization_code":
        raise Refused(40002)
    code, session = world.spend_login_code(call.query["js_code"])
    body = {"session_key": session.key, "openid": code.openid}
    if code.unionid is not None:
        body["unionid"] = code.unionid
    return Reply(body, content_type=PLAIN)


def _classic_token(world: World, call: Call) -> Reply:
    _check_grant(world, call, call.query)
    return _granted(world, world.grant_classic())


def _stable_token(world: World, call: Call) -> Reply:
    body = read_body(call)
    _check_grant(world, call, body)
    return _granted(world, world.grant_stable(force=body.get("force_refresh") is True))


def _check_grant(world: World, call: Call, given: dict[str, Any]) -> None:
    if given.get("grant_type") != "client_credential":
        raise Refused(40002)
    _check_credentials(world, given)
    if world.addresses is not None and call.address not in world.addresses:
        raise Refused(40164, f"invalid ip {call.address} ipv6 ::ffff:{call.address}, not in whitelist")


def _granted(world: World, token: Token) -> Reply:
    left = token.expires_at - world.now()
    return Reply({"access_token": token.value, "expires_in": int(left.total_seconds())})


def _phone_number(world: World, call: Call) -> Reply:
    body = read_body(call)
    if not isinstance(body.get("code"), str):
        raise Refused(47001)
    code = world.spend_phone_code(body["code"], body.get("openid"))
    abroad = str(code.country_code) != "86"
    return success(
        phone_info={
            "phoneNumber": f"{code.country_code}{code.phone}" if abroad else code.phone,
            "purePhoneNumber": code.phone,
            "countryCode": code.country_code,
            "watermark": {"timestamp": int(world.now().timestamp()), "appid": world.appid},
        }
    )


def _check_session(world: World, call: Call) -> Reply:
    _check_session_signature(world, call)
    return success()


def _reset_session_key(world: World, call: Call) -> Reply:
    openid = _check_session_signature(world, call)
    return success(openid=openid, session_key=world.renew_session_key(openid))


def _check_session_signature(world: World, call: Call) -> str:
    openid = call.query.get("openid", "")
    session = world.sessions.get(openid)
    if session is None:
        raise Refused(40003)
    if call.query.get("sig_method") != "hmac_sha256":
        raise Refused(87008)
    given = call.query.get("signature", "")
    if not hmac.compare_digest(given.encode(), session_signature(session.key).encode()):
        raise Refused(87009)
    return openid


def _explain_rid(world: World, call: Call) -> Reply:
    rid = read_body(call).get("rid")
    if not isinstance(rid, str) or not _RID.fullmatch(rid):
        raise Refused(76002)
    record = next((kept for kept in world.calls if kept.rid == rid), None)
    if record is None or record.path.startswith("/sns/"):
        raise Refused(76001)
    if world.now() - record.at > RID_LIFETIME:
        raise Refused(76004)
    return success(
        request={
            "invoke_time": int(record.at.timestamp()),
            "cost_in_ms": 1,
            "request_url": "&".join(f"{name}={value}" for name, value in record.query.items()),
            "request_body": json.dumps(record.body, ensure_ascii=False) if record.body is not None else "",
            "response_body": record.reply,
            "client_ip": record.address,
        }
    )


def _clear_quota(world: World, call: Call) -> Reply:
    if read_body(call).get("appid") != world.appid:
        raise Refused(40013)
    world.clear_quota()
    return success()


def _clear_quota_by_secret(world: World, call: Call) -> Reply:
    body = read_body(call)
    _check_credentials(world, {"appid": body.get("appid"), "secret": body.get("appsecret")})
    world.clear_quota()
    return success()


OPEN: dict[str, Endpoint] = {
    "/sns/jscode2session": _code2session,
    "/cgi-bin/token": _classic_token,
    "/cgi-bin/stable_token": _stable_token,
    "/cgi-bin/clear_quota/v2": _clear_quota_by_secret,
}
"""Calls that carry the secret in place of a token."""

GUARDED: dict[str, Endpoint] = {
    "/wxa/business/getuserphonenumber": _phone_number,
    "/wxa/checksession": _check_session,
    "/wxa/resetusersessionkey": _reset_session_key,
    "/cgi-bin/openapi/rid/get": _explain_rid,
    "/cgi-bin/clear_quota": _clear_quota,
}
"""Calls that want an access token."""

_LOWERED = frozenset(path.lower() for path in (*OPEN, *GUARDED))
