"""Words of the API's description: what it is, what its areas are, and what stands in its examples."""

from collections.abc import Mapping
from typing import Any

PURPOSE = """\
惠新码让骑手、快递员等新就业形态劳动者凭一个签名二维码进出小区，让保安一秒看清能否放行。
本接口供小程序、扫码设备、物业、工会与用工单位使用。

惠新码 lets couriers into compounds by one signed code that a guard scans and sees who it is. This API serves
the mini-program, scanners, property managers, the union and employers.

**Signing in** gives a short access token, sent as `Authorization: Bearer …`, and a refresh token that is
replaced at every use. `x-roles` of an operation names the roles of which the caller must hold one; within
which area, compound or employer a role holds decides what it reaches there.

**Refusals** are RFC 9457 problem documents. `code` is stable, `title` and `detail` are Chinese, or English
where Accept-Language prefers it; following `type` explains the code. What a caller may not see is answered
exactly like what does not exist.

**Times** are RFC 3339 with an offset, and leave in UTC. **Coordinates** are GCJ-02. **Lists** are pages:
pass `next_cursor` as `cursor` until it is null.
"""

ABOUT: Mapping[str, Any] = {
    "title": "惠新码 · Huixin Code",
    "summary": "Signed identity codes for couriers, scanned at the gates of compounds.",
    "description": PURPOSE,
    "contact": {"name": "部署单位 · whoever runs this deployment"},
}
"""What the description says of the API as a whole."""

SERVERS = [{"url": "/", "description": "本部署 · this deployment"}]
"""A deployment's address is not in the file, which is the same everywhere."""

TAGS: Mapping[str, str] = {
    "accounts": "账号：登录、角色、邀请 · Accounts: signing in, roles, invitations",
    "notices": "通知 · Notices to an account",
    "areas": "区划（GB/T 2260） · Areas of the GB/T 2260 tree",
    "employers": "用工单位 · Employers",
    "compounds": "小区与门岗 · Compounds and their gates",
    "gate_rules": "门岗规则 · Rules of the gates: who may enter when",
    "devices": "扫码设备与班次 · Scanners and the shifts on them",
    "couriers": "劳动者：登记、档案、用工关系 · Couriers: registration, profile, affiliations",
    "blocks": "禁入与申诉 · Blocks, and appeals against them",
    "rosters": "用工单位名册 · Rosters of employers",
    "reviews": "人工审核 · Questions that a reviewer decides",
    "codes": "惠新码：生成、验码、公钥 · Codes: minting, examining, public keys",
    "scans": "扫码、处置、通行记录 · Scans, what follows them, entries",
    "bundles": "离线数据包 · What devices need to decide alone",
    "statements": "签名声明：公钥 · Signed statements: public keys",
    "health": "运行状态 · Whether the process is well",
    "problems": "错误代码 · What problem codes mean",
}
"""The areas in the order in which they are shown."""

EMPTY = frozenset(
    {
        "appealed_at",
        "closed_at",
        "decided_at",
        "decision_reason",
        "declined_because",
        "end_reason",
        "ended_at",
        "first_use",
        "lifted_at",
        "lost_at",
        "problem",
        "next_cursor",
        "upheld",
    }
)
"""Fields that are mostly null, and are so in examples."""

CODE = (
    "https://hx.example.cn/c/CFIAABZ4M4MWOO53OVAGVMJ3QAGIHCZFAIZFSNOCVVTPS7LVXOSGCS6Y4XWOTHXPKC"
    "LZJJZ4KCFEBAEX3XJAOWKIEPBUCEKXYZOKPVMHILZTGCC54HLTKMZNRDC3HKIGMKTBCCANNAJQ"
)
JWS = (
    "eyJhbGciOiJFUzI1NiIsImtpZCI6IjA3IiwidHlwIjoiaHgrand0In0.eyJleHAiOjE3OTAwMDAwNjAsImlhdCI6MT"
    "c5MDAwMDAwMCwiaXNzIjoiNTAwMCIsImp0aSI6Imc0c2xBakpaIiwic3ViIjoiUEdjWlp6dTdkVUEifQ.NcKtZvl9d"
    "bukYUvY5ezpnu9Ql5SnPFCKQICX3dIHWUgjw0ERV8Zcp9WHQvMzCF3h1zUzLYjFs6kGYqYRCA1oEw"
)
"""A golden sample of the code format, in both its forms."""

RECEIPT = (
    "eyJhbGciOiJFUzI1NiIsImtpZCI6InMxIiwidHlwIjoiaHgtcmVjZWlwdCtqd3QifQ.eyJhdWQiOiJcdTY2NjhcdTUxN"
    "DlcdTkwMWZcdThmZDBcdTViYTJcdTY3MGQiLCJlbnRyeSI6eyJhdCI6IjIwMjYtMDUtMDFUMDA6MzA6MDAuMDAwMDAwW"
    "iIsImNvbXBvdW5kIjoiXHU3ZmUwXHU1NmVkXHU1YzBmXHU1MzNhIiwiZGlyZWN0aW9uIjoiaW4iLCJkb3VidGZ1bCI6Z"
    "mFsc2UsImdhdGUiOiJcdTRlMWNcdTk1ZTgiLCJpZCI6IjAxOTgwZjNlLTdjMWEtN2I1Mi05ZDBlLTZhNGMxZjJiM2Q1O"
    "CIsIm9mZmxpbmUiOmZhbHNlLCJvdXRjb21lIjpudWxsLCJ2ZXJkaWN0IjoiYWRtaXQifSwiaWF0IjoxNzc3NTk1NDAwL"
    "CJpc3MiOiI1MDAwIiwianRpIjoiMDE5ODBmM2UtN2MxYS03YjUyLTlkMGUtNmE0YzFmMmIzZDU5Iiwic3ViIjoiXHU3N"
    "TA0KioifQ.YAmxnq0a_BUKhh-KadtapN3X_yOTSDz-8PsPl7iNp3oUD-5cG-SgvqYJutWRLabP0JAV0MDUSS2BBvKi-G"
    "ae2A"
)
"""A golden sample of a receipt."""

BUNDLE = (
    "eyJhbGciOiJFUzI1NiIsImtpZCI6InMxIiwidHlwIjoiaHgtYnVuZGxlK2p3dCJ9.eyJpYXQiOjE3Nzc1OTU0MDAsImlzcyI6IjUwM"
    "DAiLCJ2ZXIiOjE3Nzc1OTU0MDAwMDB9.c2lnbmF0dXJl"
)
"""The beginning of one, unsigned: what it holds is in docs/offline.md."""

LATER = "2026-05-01T00:40:00.000000Z"
"""Ten minutes after the moment that other times stand at."""

CLAUSES = [
    {
        "kind": "opening_hours",
        "gates": None,
        "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
        "spans": [{"from": "06:00", "until": "22:00"}],
    },
    {"kind": "vehicles", "gates": None, "allowed": ["bicycle", "e_bike", "on_foot"]},
    {
        "kind": "condition",
        "gates": None,
        "text": {"zh": "步行入内，车停3号车棚。", "en": "Walk in; leave the bike at shed 3."},
        "vehicles": ["e_bike"],
        "kinds_of_work": None,
    },
]
"""Gate rules with one clause of three kinds."""

WORDS: Mapping[str, Any] = {
    "access_token": "eyJhbGciOiJIUzI1NiIsImtpZCI6ImExIiwidHlwIjoiYXQrand0In0.e30.c2lnbmF0dXJl",
    "actor": "staff",
    "age_seconds": 12,
    "approve": True,
    "Area.level": "district",
    "client": "惠新码小程序 1.4",
    "code_age_seconds": 12,
    "compound": "翠园小区",
    "conditions": "步行入内，车停3号车棚。",
    "confirmed": True,
    "Courier.state": "verified",
    "CourierProfile.state": "verified",
    "current": True,
    "Departures.refused": [],
    "DeviceInvitation.expires_at": LATER,
    "employer": "渝快达物流有限公司",
    "expires_in": 600,
    "gate": "东门",
    "GateRules.clauses": CLAUSES,
    "GateRules.version": 1,
    "GateRulesChange.clauses": CLAUSES,
    "GateRulesVersion.version": 1,
    "given": True,
    "jws": JWS,
    "KeySet.keys": [
        {
            "alg": "ES256",
            "crv": "P-256",
            "kid": "07",
            "kty": "EC",
            "use": "sig",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        }
    ],
    "live": True,
    "latitude": 29.4846,
    "login": "wang.min",
    "longitude": 106.4823,
    "OwnAccount.kind": "staff",
    "plate": "渝A12345",
    "ProblemKind.code": "not_found",
    "ProblemKind.detail": {
        "zh": "没有找到所请求的内容。",
        "en": "There is nothing here that you may see.",
    },
    "ProblemKind.status": 404,
    "readable": True,
    "receipt": RECEIPT,
    "reason": "证件与本人不符",
    "ReportLine.message": {
        "zh": "号码已被表格软件改写，请以文本格式填写。",
        "en": "The spreadsheet has mangled the number. Enter it as text.",
    },
    "ReasonShown.en": "The name differs from the roster.",
    "ReasonShown.zh": "姓名与名册不一致。",
    "role": "registrar",
    "ScansIdentity.kind_of_work": "外卖配送",
    "ScansIdentity.photo": (
        "/v1/enrolments/01980f3e-7c1a-7b52-9d0e-6a4c1f2b3d58/scans/01980f3e-7c1a-7b52-9d0e-6a4c1f2b3d58/photo"
    ),
    "ScopeShown.kind": "area",
    "ScopeWanted.kind": "area",
    "second_factor": True,
    "sentence": "可以通行。",
    "Shift.ends_at": LATER,
    "StatementKeySet.keys": [
        {
            "alg": "ES256",
            "crv": "P-256",
            "kid": "s1",
            "kty": "EC",
            "use": "sig",
            "x": "xA07z5LKKHIUPvcCXUbwFuQ-BttIA6sUA6Y3lC8awCs",
            "y": "BenQeAuo90fF9aGa89-jfVEXqoJ_h0djBtncde4bCgM",
        }
    ],
    "bundle": BUNDLE,
    "Difference.reason": "code_used",
    "Difference.sentence": "此码此前已在别处使用过，请回忆放行时的情况。",
    "SignedBundle.version": 1777595400000,
    "surname": "甄",
    "text": CODE,
    "TextInBoth.en": "Not found",
    "TextInBoth.zh": "未找到",
    "valid_until": "2026-05-01T00:31:00.000000Z",
    "version": "2026-05",
}
"""By `Schema.field`, or by the field alone where it says the same everywhere."""
