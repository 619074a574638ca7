"""The walk of the demo: from the first sign-in to the entry in the list, over HTTP, each step told."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpx
import pyotp
from rich.console import Console
from rich.text import Text

from app.clock import Clock
from app.ids import new_id
from app.replay.couriers import made_up_number
from app.services.codes.symbol import draw_terminal
from app.standin.remote import StandIn

DADUKOU = "500104"
"""The district of the pilot."""
CLIENT = "huixin demo"
SECURITY, REGISTRAR = "an.quan", "deng.ji"
PASSWORDS = {SECURITY: "lantern river stone 42", REGISTRAR: "willow bridge copper 17"}
COURIER_NAME = "甄小哥"
COURIER_DOCUMENT = made_up_number(7_305_001)
"""Valid in form, and of a county that does not exist."""
COURIER_PHONE = "13800138000"
"""A service number of a carrier, which no person has."""
CONSENT_VERSION = "2026-05"

Json = dict[str, Any]


class StepFailed(Exception):
    """The application answered a step otherwise than it should have."""


@dataclass(frozen=True, slots=True)
class Walked:
    """Who has signed in, for those who want to go on by themselves: access tokens by role."""

    courier: str
    guard: str
    device: str
    property_manager: str
    registrar: str
    compound_id: str
    gate_id: str


class Walk:
    """Goes through the product once. `http` calls the application, `standin` plays WeChat's users."""

    def __init__(
        self, http: httpx.Client, standin: StandIn, console: Console, *, link_prefix: str, clock: Clock
    ) -> None:
        self._http = http
        self._standin = standin
        self._console = console
        self._link_prefix = link_prefix
        self._clock = clock
        self._steps = 0

    def go(self, setup_secret: str) -> Walked:
        """The whole walk. `setup_secret` is that of the security administrator. Raises StepFailed."""
        registrar = self._staff(setup_secret)
        employer = self._employer(registrar)
        compound = self._compound(registrar)
        manager = self._manager(registrar, compound)
        enrolment, device = self._device(manager, compound)
        guard = self._guard(manager, compound, enrolment, device)
        self._rules(manager, compound)
        courier = self._courier(employer)
        code = self._code(courier)
        self._scan(guard, enrolment, code)
        self._offline(compound, device=device, guard=guard, enrolment=enrolment, used=code, courier=courier)
        self._presence(manager, compound, guard, enrolment, courier)
        self._lists(courier, manager, compound)
        return Walked(
            courier=courier,
            guard=guard,
            device=device,
            property_manager=manager,
            registrar=registrar,
            compound_id=compound["id"],
            gate_id=compound["gates"][0]["id"],
        )

    def _staff(self, setup_secret: str) -> str:
        """The security administrator makes a registrar; the token of the latter."""
        security = self._first_sign_in(SECURITY, setup_secret)
        self._tell(
            "安全管理员设置密码、登录、绑定动态口令",
            "The security administrator sets a password, signs in and enrols an authenticator",
        )
        made = self._post(
            "/v1/staff",
            {"login": REGISTRAR, "roles": [{"role": "registrar", "scope": {"kind": "everywhere"}}]},
            token=security,
        )
        registrar = self._first_sign_in(REGISTRAR, made["setup_secret"])
        self._tell(
            f"并创建登记员 {REGISTRAR}，后者登录", f"and creates the registrar {REGISTRAR}, who signs in"
        )
        return registrar

    def _first_sign_in(self, login: str, setup_secret: str) -> str:
        password = PASSWORDS[login]
        self._post("/v1/staff/passwords", {"setup_secret": setup_secret, "password": password})
        signed_in = self._post("/v1/sign-ins/staff", {"login": login, "password": password, "client": CLIENT})
        token = str(signed_in["tokens"]["access_token"])
        authenticator = self._post("/v1/me/totp", None, token=token)
        totp = pyotp.TOTP(authenticator["secret"]).at(self._clock())
        self._post("/v1/me/totp/confirmation", {"totp": totp}, token=token)
        return token

    def _employer(self, registrar: str) -> Json:
        employer = self._post(
            "/v1/employers", {"name": "晨光速运", "kind": "courier_company"}, token=registrar
        )
        self._tell(f"登记用工单位“{employer['name']}”", "The registrar adds an employer")
        roster = (
            "姓名,证件号码,手机号,工种,车辆\n"
            f"{COURIER_NAME},{COURIER_DOCUMENT},{COURIER_PHONE},快递,电动自行车\n"
        )
        report = self._call(
            "POST",
            f"/v1/employers/{employer['id']}/rosters",
            token=registrar,
            files={"file": ("名册.csv", roster.encode(), "text/csv")},
        )
        if report["added"] != 1:
            raise StepFailed(f"the roster: {report}")
        self._tell(
            f"上传名册：新增 {report['added']} 人，错误 {report['refused']} 行",
            f"and its roster: {report['added']} added, {report['refused']} refused",
        )
        return employer

    def _compound(self, registrar: str) -> Json:
        compound = self._post(
            "/v1/compounds",
            {
                "area_code": DADUKOU,
                "name": "翠园小区",
                "kind": "residential",
                "address": "大渡口区翠园路 1 号",
                "gates": [{"name": "东门"}, {"name": "西门"}],
            },
            token=registrar,
        )
        self._tell(
            f"登记{compound['name']}及 {len(compound['gates'])} 个门岗",
            f"The registrar adds a compound with {len(compound['gates'])} gates",
        )
        return compound

    def _manager(self, registrar: str, compound: Json) -> str:
        manager = self._wechat("property manager")
        self._accept(registrar, "property_manager", compound, manager)
        self._tell(
            "邀请物业负责人，对方微信登录并接受", "invites the property manager, who signs in and accepts"
        )
        return manager

    def _device(self, manager: str, compound: Json) -> tuple[str, str]:
        """The device at the first gate: its enrolment and its access token."""
        gate = compound["gates"][0]
        invitation = self._post(f"/v1/gates/{gate['id']}/device-invitations", None, token=manager)
        enrolled = self._post(
            "/v1/devices", {"invitation": invitation["secret"], "kind": "phone", "name": "东门手机"}
        )
        signed_in = self._post(
            "/v1/sign-ins/device",
            {"device_id": enrolled["device_id"], "secret": enrolled["device_secret"], "client": CLIENT},
        )
        self._tell(
            f"凭邀请在{gate['name']}登记扫码设备", "A device is enrolled at the east gate by an invitation"
        )
        return enrolled["enrolment"]["id"], signed_in["access_token"]

    def _guard(self, manager: str, compound: Json, enrolment: str, device: str) -> str:
        guard = self._wechat("guard")
        self._accept(manager, "guard", compound, guard)
        self._tell("邀请保安，对方微信登录并接受", "A guard is invited, signs in and accepts")
        shift = self._post("/v1/shifts", {"enrolment_id": enrolment, "device_token": device}, token=guard)
        self._tell(
            f"保安在{shift['compound']['name']}{shift['gate']['name']}上岗",
            "and starts a shift on the device",
        )
        return guard

    def _rules(self, manager: str, compound: Json) -> None:
        condition = {
            "kind": "condition",
            "gates": None,
            "text": {"zh": "步行入内，车停3号车棚", "en": "Walk in; leave the bike at shed 3"},
            "vehicles": ["e_bike"],
            "kinds_of_work": None,
        }
        rules = self._call(
            "PUT",
            f"/v1/compounds/{compound['id']}/gate-rules",
            token=manager,
            json={"based_on": 0, "clauses": [condition], "when_offline": "admit_and_flag", "note": "首版"},
        )
        self._tell(
            f"物业制定门岗规则第 {rules['version']} 版", "The property manager writes the rules of the gates"
        )

    def _courier(self, employer: Json) -> str:
        courier = self._wechat("courier")
        self._tell("劳动者微信登录", "A courier signs in through WeChat")
        consent = {"version": CONSENT_VERSION, "given": True}
        profile = self._post(
            "/v1/couriers",
            {
                "name": COURIER_NAME,
                "document": {"type": "resident_id", "number": COURIER_DOCUMENT},
                "phone_code": self._standin.release_phone("courier", COURIER_PHONE),
                "affiliations": [
                    {
                        "employer_id": employer["id"],
                        "kind_of_work": "parcel_delivery",
                        "vehicle": "e_bike",
                    }
                ],
                "consents": {
                    "gate": consent,
                    "rating": consent,
                    "portrait": consent,
                    "sharing": {**consent, "given": False},
                },
            },
            token=courier,
        )
        self._tell(
            f"实名登记，手机号由微信确认（{profile['phone']}）",
            "registers with name, document and the phone that WeChat confirms",
        )
        self._expect(profile, state="verified")
        self._tell("名册核对一致：已认证", "and is verified: name, document and phone are on the roster")
        return courier

    def _code(self, courier: str) -> str:
        (code,) = self._post("/v1/codes", {"count": 1}, token=courier)["items"]
        text = str(code["text"])
        self._tell("生成惠新码，60 秒内有效", "A code is minted, valid for 60 seconds")
        drawn = draw_terminal(text, self._link_prefix)
        self._console.print(Text(drawn, style="white on black", no_wrap=True))
        return text

    def _another_code(self, courier: str) -> str:
        time.sleep(1)  # two codes of one second are one code
        (code,) = self._post("/v1/codes", {"count": 1}, token=courier)["items"]
        return str(code["text"])

    def _scan(self, guard: str, enrolment: str, code: str) -> None:
        first = self._post("/v1/scans", self._scan_of(enrolment, code), token=guard)
        self._expect(first, verdict="admit")
        identity = first["identity"]
        self._tell(
            f"保安扫码：放行，{first['conditions'][0]}。{identity['surname']}师傅，{identity['employer']}",
            f"The guard scans it: admit, on a condition. {first['reason']}",
            colour="green",
        )
        again = self._scan_of(enrolment, code)
        second = self._post("/v1/scans", again, token=guard)
        self._expect(second, verdict="check", reason="code_used")
        self._tell(f"再扫同一码：核对。{second['sentence']}", "The same code again: check", colour="yellow")
        followed = self._call(
            "PUT",
            f"/v1/enrolments/{enrolment}/scans/{again['scan_id']}/outcome",
            token=guard,
            json={"outcome": "let_in"},
        )
        self._expect(followed, outcome="let_in")
        self._tell("保安核对本人后放行", "The guard looks at the face and lets the courier in")

    def _scan_of(self, enrolment: str, code: str) -> Json:
        return {
            "scan_id": str(new_id()),
            "enrolment_id": enrolment,
            "code": code,
            "direction": "in",
            "device_time": self._clock().isoformat(),
        }

    def _offline(
        self, compound: Json, *, device: str, guard: str, enrolment: str, used: str, courier: str
    ) -> None:
        """The network fails: the device decides alone, and the gate learns what it could not know."""
        bundle = self._get("/v1/devices/current/bundle?counter=0", token=device)
        self._tell(
            f"设备同步离线数据包（版本 {bundle['version']}）",
            "The device fetches what it needs to decide alone",
        )
        fresh = self._another_code(courier)
        batch = [
            self._scan_of(enrolment, code) | {"sequence": number, "verdict": "admit", "reason": "verified"}
            for number, code in enumerate((fresh, used), start=1)
        ]
        for scan in batch:
            del scan["enrolment_id"]
        uploaded = self._post(f"/v1/enrolments/{enrolment}/scans", {"scans": batch}, token=device)
        results = [each["result"] for each in uploaded["results"]]
        if results != ["stored", "stored"]:
            raise StepFailed(f"the upload: {uploaded}")
        self._tell(
            "断网期间设备自行放行两次，联网后补传：均已入库",
            "Offline the device admits twice, and brings both scans in later",
        )
        path = f"/v1/gates/{compound['gates'][0]['id']}/differences"
        (difference,) = self._get(path, token=guard)["items"]
        self._expect(difference, reason="code_used")
        self._tell(
            f"门岗收到差异提示：{difference['sentence']}",
            "The gate learns that one of the codes had been used before",
            colour="yellow",
        )
        ticked = self._call("PUT", f"{path}/{difference['id']}/tick", token=guard)
        if ticked["ticked_at"] is None or self._get(path, token=guard)["items"]:
            raise StepFailed(f"the difference: {ticked}")
        self._tell("保安标记已阅", "and the guard ticks it off")

    def _presence(self, manager: str, compound: Json, guard: str, enrolment: str, courier: str) -> None:
        path = f"/v1/compounds/{compound['id']}/presence"
        inside = self._get(path, token=manager)
        if inside["count"] != 1:
            raise StepFailed(f"who is inside: {inside}")
        self._tell("物业查看谁在小区内：", "The property manager sees who is inside:")
        self._show(f"{each['identity']['surname']}*  {each['minutes']} min" for each in inside["items"])
        leaving = self._scan_of(enrolment, self._another_code(courier)) | {"direction": "out"}
        self._expect(self._post("/v1/scans", leaving, token=guard), verdict="admit")
        if self._get(path, token=manager)["count"] != 0:
            raise StepFailed("somebody is still inside")
        self._tell("劳动者离开：小区内无人", "The courier leaves, and nobody is inside")

    def _lists(self, courier: str, manager: str, compound: Json) -> None:
        own = self._get("/v1/couriers/me/entries", token=courier)["items"]
        if len(own) != 5:  # noqa: PLR2004 - those above
            raise StepFailed(f"the courier's entries: {own}")
        self._tell(f"劳动者看到自己的 {len(own)} 条通行记录：", f"The courier sees {len(own)} entries:")
        self._show(f"{entry['compound']} {entry['gate']}  {entry['verdict']}" for entry in own)
        seen = self._get(f"/v1/compounds/{compound['id']}/entries", token=manager)["items"]
        self._tell("物业看到本小区的记录：", "The property manager sees those of the compound:")
        self._show(f"{entry['identity']['surname']}*  {entry['identity']['employer']}" for entry in seen)

    def _wechat(self, user: str) -> str:
        """The access token of a WeChat user who has just signed in."""
        signed_in = self._post("/v1/sign-ins/wechat", {"code": self._standin.login(user), "client": CLIENT})
        return str(signed_in["access_token"])

    def _accept(self, inviter: str, role: str, compound: Json, invited: str) -> None:
        """Invites to a role at a compound, and accepts."""
        made = self._post(
            "/v1/invitations",
            {"role": role, "scope": {"kind": "compound", "id": compound["id"]}},
            token=inviter,
        )
        self._post("/v1/invitations/redemptions", {"secret": made["secret"]}, token=invited)

    def _get(self, path: str, *, token: str) -> Json:
        return self._call("GET", path, token=token)

    def _post(self, path: str, body: Json | None, *, token: str | None = None) -> Json:
        return self._call("POST", path, token=token, json=body)

    def _call(self, method: str, path: str, *, token: str | None = None, **content: Any) -> Json:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        reply = self._http.request(method, path, headers=headers, **content)
        if not reply.is_success:
            raise StepFailed(f"{method} {path}: {reply.status_code} {reply.text}")
        return dict(reply.json()) if reply.content else {}

    def _expect(self, answer: Json, **wanted: str) -> None:
        found = {name: answer[name] for name in wanted}
        if found != wanted:
            raise StepFailed(f"{found} instead of {wanted}")

    def _tell(self, zh: str, en: str, *, colour: str = "cyan") -> None:
        self._steps += 1
        line = Text.assemble((f"{self._steps:>2}  ", f"bold {colour}"), (zh, colour), ("  ", ""), (en, "dim"))
        self._console.print(line, soft_wrap=True)

    def _show(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._console.print(Text(f"      {line}"), soft_wrap=True)
