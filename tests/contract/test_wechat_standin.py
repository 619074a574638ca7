"""The stand-in itself, over real HTTP: it must be as strict and as odd as WeChat is."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.settings import Environment
from app.standin.application import StandInRefused, create_standin
from app.standin.faults import Fault, Reset
from app.standin.remote import StandIn
from app.standin.server import run_standin
from app.standin.world import session_signature
from tests.clocks import SettableClock
from tests.contract.wechat import LOGIN, NUMBER, PHONE, TOKEN

CLASSIC = "/cgi-bin/token"
RID = re.compile(r" rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$")


@pytest.fixture
def http(standin: StandIn) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=standin.base_url, trust_env=False, timeout=2) as http:
        yield http


@pytest.fixture
def credentials(standin: StandIn) -> dict[str, str]:
    return {"appid": standin.appid, "secret": standin.secret}


@pytest.fixture
def grant(credentials: dict[str, str]) -> dict[str, str]:
    return {"grant_type": "client_credential", **credentials}


@pytest.fixture
def token(http: httpx.Client, grant: dict[str, str]) -> str:
    value: str = http.post(TOKEN, json=grant).json()["access_token"]
    return value


def sign_in(http: httpx.Client, credentials: dict[str, str], code: str) -> dict[str, Any]:
    query = {**credentials, "js_code": code, "grant_type": "authorization_code"}
    reply: dict[str, Any] = http.get(LOGIN, params=query).json()
    return reply


def errcode(reply: httpx.Response) -> int:
    assert reply.status_code == 200
    assert RID.search(reply.json()["errmsg"])
    code: int = reply.json()["errcode"]
    return code


def test_session_signature_is_keyed_by_the_base64_text() -> None:
    assert (
        session_signature("o0q0otL8aEzpcZL/FT9WsQ==", b'{"foo":"bar"}')
        == "654571f79995b2ce1e149e53c0a33dc39c0a74090db514261454e8dbe432aa0b"
    )


def test_sign_in_answers_plain_text_without_errcode(
    standin: StandIn, http: httpx.Client, credentials: dict[str, str]
) -> None:
    query = {**credentials, "js_code": standin.login("li"), "grant_type": "authorization_code"}
    reply = http.get(LOGIN, params=query)
    assert reply.headers["content-type"].startswith("text/plain")
    assert set(reply.json()) == {"openid", "session_key"}
    assert len(reply.json()["openid"]) == 28


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"appid": ""}, 41002),
        ({"secret": ""}, 41004),
        ({"js_code": ""}, 41008),
        ({"appid": "wx0000000000000009"}, 40013),
        ({"secret": "wrong"}, 40125),
        ({"grant_type": "client_credential"}, 40002),
        ({"js_code": "made-up"}, 40029),
    ],
)
def test_sign_in_reads_its_query(
    http: httpx.Client, credentials: dict[str, str], method: str, changed: dict[str, str], expected: int
) -> None:
    query = {**credentials, "js_code": "x", "grant_type": "authorization_code", **changed}
    assert errcode(http.request(method, LOGIN, params=query)) == expected


def test_session_key_is_renewed_at_some_sign_ins(
    standin: StandIn, http: httpx.Client, credentials: dict[str, str]
) -> None:
    keys = [sign_in(http, credentials, standin.login("li"))["session_key"] for _ in range(6)]
    assert keys[0] == keys[1] != keys[2] == keys[3] == keys[4] != keys[5]


def test_session_is_checked_by_its_signature(
    standin: StandIn, http: httpx.Client, credentials: dict[str, str], token: str
) -> None:
    session = sign_in(http, credentials, standin.login("li"))
    query = {
        "access_token": token,
        "openid": session["openid"],
        "signature": session_signature(session["session_key"]),
        "sig_method": "hmac_sha256",
    }
    assert http.get("/wxa/checksession", params=query).json() == {"errcode": 0, "errmsg": "ok"}
    renewed = http.get("/wxa/resetusersessionkey", params=query).json()
    assert renewed["session_key"] != session["session_key"]
    assert errcode(http.get("/wxa/checksession", params=query)) == 87009
    assert errcode(http.get("/wxa/checksession", params={**query, "sig_method": "md5"})) == 87008
    assert errcode(http.get("/wxa/checksession", params={**query, "openid": "o"})) == 40003


@pytest.mark.parametrize(
    "path", ["/sns/jsCode2Session", "/cgi-bin/Stable_Token", "/wxa/business/getUserPhoneNumber"]
)
def test_paths_are_case_sensitive(http: httpx.Client, path: str) -> None:
    assert errcode(http.get(path)) == 40066


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"appid": None}, 41002),
        ({"secret": None}, 41004),
        ({"appid": "wx0000000000000009"}, 40013),
        ({"secret": "wrong"}, 40125),
        ({"grant_type": None}, 40002),
    ],
)
@pytest.mark.parametrize("path", [CLASSIC, TOKEN])
def test_token_calls_check_their_fields(
    http: httpx.Client, grant: dict[str, str], path: str, changed: dict[str, str | None], expected: int
) -> None:
    given = {name: value for name, value in (grant | changed).items() if value is not None}
    reply = http.get(path, params=given) if path == CLASSIC else http.post(path, json=given)
    assert errcode(reply) == expected


def test_stable_token_is_asked_for_by_post(http: httpx.Client, grant: dict[str, str]) -> None:
    assert errcode(http.get(TOKEN, params=grant)) == 43002
    assert errcode(http.post(TOKEN)) == 44002
    assert errcode(http.post(TOKEN, data=grant)) == 47001


def test_stable_token_stays_until_five_minutes_before_its_end(
    standin: StandIn, http: httpx.Client, grant: dict[str, str]
) -> None:
    first = http.post(TOKEN, json=grant).json()
    assert first["expires_in"] == 7200
    assert len(first["access_token"]) == 512
    standin.advance(6855)
    assert http.post(TOKEN, json=grant).json() == {**first, "expires_in": 345}
    standin.advance(46)
    second = http.post(TOKEN, json=grant).json()
    assert second["access_token"] != first["access_token"]
    assert use(http, first["access_token"]) == 40029
    standin.advance(299)
    assert use(http, first["access_token"]) == 42001
    assert use(http, second["access_token"]) == 40029


def use(http: httpx.Client, token: str) -> int:
    """The errcode of a call whose phone code is made up: 40029 says that the token was taken."""
    return errcode(http.post(PHONE, params={"access_token": token}, json={"code": "made-up"}))


def test_classic_tokens_overlap_for_five_minutes(
    standin: StandIn, http: httpx.Client, grant: dict[str, str], token: str
) -> None:
    first = http.get(CLASSIC, params=grant).json()["access_token"]
    second = http.get(CLASSIC, params=grant).json()["access_token"]
    standin.advance(299)
    assert (use(http, first), use(http, second)) == (40029, 40029)
    standin.advance(1)
    assert (use(http, first), use(http, second), use(http, token)) == (40001, 40029, 40029)


def test_forced_renewal_ends_the_old_token_at_once(
    standin: StandIn, http: httpx.Client, grant: dict[str, str], token: str
) -> None:
    by_force: dict[str, Any] = {**grant, "force_refresh": True}
    renewed = http.post(TOKEN, json=by_force).json()["access_token"]
    assert (use(http, token), use(http, renewed)) == (40001, 40029)
    assert errcode(http.post(TOKEN, json=by_force)) == 45011
    for _ in range(19):
        standin.advance(30)
        assert "access_token" in http.post(TOKEN, json=by_force).json()
    standin.advance(30)
    assert errcode(http.post(TOKEN, json=by_force)) == 45009


def test_addresses_outside_the_list_get_no_token(
    standin: StandIn, http: httpx.Client, grant: dict[str, str], token: str
) -> None:
    standin.admit_addresses(["192.0.2.1"])
    reply = http.post(TOKEN, json=grant)
    assert errcode(reply) == 40164
    assert "127.0.0.1" in reply.json()["errmsg"]
    assert use(http, token) == 40029


@pytest.mark.parametrize("path", [PHONE, "/wxa/msg_sec_check", "/cgi-bin/anything"])
def test_every_other_path_wants_a_token_and_a_body(
    standin: StandIn, http: httpx.Client, grant: dict[str, str], token: str, path: str
) -> None:
    with_token = {"access_token": token}
    assert errcode(http.post(path, json={})) == 41001
    assert errcode(http.post(path, params={"access_token": "garbage"}, json={})) == 40014
    assert errcode(http.post(path, params=with_token)) == 44002
    assert errcode(http.post(path, params=with_token, data={"code": "x"})) == 47001
    assert errcode(http.post(path, params=with_token, json=["x"])) == 47001
    http.post(TOKEN, json={**grant, "force_refresh": True})
    assert errcode(http.post(path, params=with_token, json={})) == 40001
    current = http.post(TOKEN, json=grant).json()["access_token"]
    standin.advance(7200)
    assert errcode(http.post(path, params={"access_token": current}, json={})) == 42001


def test_unknown_path_is_an_invalid_address(http: httpx.Client, token: str) -> None:
    assert errcode(http.post("/wxa/unknown", params={"access_token": token}, json={})) == 40066


def test_phone_reply_has_the_documented_fields(standin: StandIn, http: httpx.Client, token: str) -> None:
    code = standin.release_phone("li", "60000000", 852)
    reply = http.post(PHONE, params={"access_token": token}, json={"code": code}).json()
    assert reply["phone_info"].pop("watermark")["appid"] == standin.appid
    assert reply == {
        "errcode": 0,
        "errmsg": "ok",
        "phone_info": {
            "phoneNumber": "85260000000",
            "purePhoneNumber": "60000000",
            "countryCode": 852,
        },
    }


def test_phone_code_is_left_to_its_owner(standin: StandIn, http: httpx.Client, token: str) -> None:
    code, query = standin.release_phone("li", NUMBER), {"access_token": token}
    for openid, expected in (("o-other", 40003), (standin.openid("li"), 0), (standin.openid("li"), 40029)):
        reply = http.post(PHONE, params=query, json={"code": code, "openid": openid})
        assert reply.json()["errcode"] == expected


def test_rid_is_explained_for_seven_days(
    standin: StandIn, http: httpx.Client, grant: dict[str, str], token: str
) -> None:
    failed = http.post(PHONE, params={"access_token": token}, json={"code": "码"}).json()["errmsg"]
    signed = http.get(LOGIN).json()["errmsg"]

    def explain(rid: object) -> httpx.Response:
        fresh = http.post(TOKEN, json=grant).json()["access_token"]
        return http.post("/cgi-bin/openapi/rid/get", params={"access_token": fresh}, json={"rid": rid})

    request = explain(failed[-26:]).json()["request"]
    assert request["request_body"] == '{"code": "码"}'
    assert token not in str(request)
    assert errcode(explain(signed[-26:])) == 76001
    assert errcode(explain("00000000-00000000-00000000")) == 76001
    assert errcode(explain("x")) == errcode(explain(None)) == 76002
    standin.advance(7 * 86_400 + 1)
    assert errcode(explain(failed[-26:])) == 76004


def test_clearing_the_quota_ends_its_faults_ten_times_a_month(
    standin: StandIn, http: httpx.Client, credentials: dict[str, str], token: str
) -> None:
    standin.fail_next(Fault(path=PHONE, errcode=45009, times=100))
    assert use(http, token) == 45009
    query = {"access_token": token}
    assert errcode(http.post("/cgi-bin/clear_quota", params=query, json={"appid": "wx9"})) == 40013
    by_secret = {"appid": credentials["appid"], "appsecret": credentials["secret"]}
    for _ in range(5):
        assert http.post("/cgi-bin/clear_quota", params=query, json=by_secret).json()["errcode"] == 0
        assert http.post("/cgi-bin/clear_quota/v2", json=by_secret).json()["errcode"] == 0
    assert use(http, token) == 40029
    assert errcode(http.post("/cgi-bin/clear_quota/v2", json=by_secret)) == 48006
    assert errcode(http.post("/cgi-bin/clear_quota/v2", json={**by_secret, "appsecret": "x"})) == 40125


def test_faults_follow_each_other_and_end(standin: StandIn, http: httpx.Client, token: str) -> None:
    standin.fail_next(Fault(path=PHONE, errcode=-1, times=2))
    standin.fail_next(Fault(path=PHONE, errcode=45011))
    standin.fail_next(Fault(path=LOGIN, errcode=40226))
    assert [use(http, token) for _ in range(4)] == [-1, -1, 45011, 40029]
    assert errcode(http.get(LOGIN)) == 40226


def test_faults_alter_replies(standin: StandIn, http: httpx.Client, grant: dict[str, str]) -> None:
    standin.fail_next(Fault(path=TOKEN, string_errcode=True, extra_fields=True, content_type="image/jpeg"))
    reply = http.post(TOKEN, json=grant)
    assert reply.headers["content-type"] == "image/jpeg"
    assert reply.json()["errcode"] == "0"
    assert "new_field" in reply.json()
    standin.fail_next(Fault(path=TOKEN, drop_errcode=True))
    assert http.post(TOKEN).json() == {}
    standin.fail_next(Fault(path=TOKEN, bad_gateway=True))
    reply = http.post(TOKEN, json=grant)
    assert (reply.status_code, reply.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert reply.text.startswith("<html>")


@pytest.mark.parametrize(("reset", "spent"), [(Reset.before, False), (Reset.after, True)])
def test_connections_are_reset_before_or_after_the_effect(
    standin: StandIn,
    http: httpx.Client,
    credentials: dict[str, str],
    reset: Reset,
    spent: bool,  # noqa: FBT001
) -> None:
    code = standin.login("li")
    standin.fail_next(Fault(path=LOGIN, reset=reset))
    with pytest.raises(httpx.ReadError):
        sign_in(http, credentials, code)
    assert sign_in(http, credentials, code).get("errcode") == (40163 if spent else None)


def test_late_reply_has_taken_effect(
    standin: StandIn, http: httpx.Client, credentials: dict[str, str]
) -> None:
    code = standin.login("li")
    standin.fail_next(Fault(path=LOGIN, delay_seconds=0.5))
    with pytest.raises(httpx.ReadTimeout):
        http.get(
            LOGIN,
            params={**credentials, "js_code": code, "grant_type": "authorization_code"},
            timeout=0.1,
        )
    assert sign_in(http, credentials, code)["errcode"] == 40163


def test_call_log_keeps_no_secret(
    standin: StandIn, http: httpx.Client, credentials: dict[str, str], token: str
) -> None:
    sign_in(http, credentials, standin.login("li"))
    use(http, token)
    calls = standin.calls()
    assert [call["path"] for call in calls] == [TOKEN, LOGIN, PHONE]
    assert [call["errcode"] for call in calls] == [0, 0, 40029]
    assert token not in str(calls)
    assert standin.secret not in str(calls)


@pytest.mark.parametrize(
    ("path", "order"),
    [
        ("/fault", {"path": PHONE, "times": 0}),
        ("/fault", {"path": PHONE, "misspelt": True}),
        ("/login", {}),
        ("/clock", {"seconds": -1}),
    ],
)
def test_control_refuses_what_it_does_not_know(http: httpx.Client, path: str, order: dict[str, Any]) -> None:
    assert http.post("/__ctl__" + path, json=order).status_code == 422


def test_two_stand_ins_run_side_by_side(standin: StandIn, clock: SettableClock) -> None:
    with run_standin(environment=Environment.test, clock=clock) as other:
        assert other.base_url != standin.base_url
        assert other.openid("li") == standin.openid("li")
    with pytest.raises(httpx.ConnectError):
        httpx.get(other.base_url, trust_env=False)


def test_production_has_no_stand_in(clock: SettableClock) -> None:
    with pytest.raises(StandInRefused):
        create_standin("wx1", "s", environment=Environment.production, clock=clock)
    with pytest.raises(StandInRefused), run_standin(environment=Environment.production, clock=clock):
        pass
