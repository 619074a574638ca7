"""What an account is told, and what it has read."""

import httpx

from app.models.accounts import AccountKind
from app.models.notices import NoticeKind
from app.services.notices import tell
from app.work import Work
from tests.factories.accounts import make_account, sign_in

ABSENT = "01980f3e-7c1a-7b52-9d0e-6a4c1f2b3d58"


async def test_notices_are_listed_newest_first_and_read(client: httpx.AsyncClient, work: Work) -> None:
    account = await make_account(work, kind=AccountKind.wechat, grants=())
    headers = await sign_in(work, account=account)
    for kind in (NoticeKind.verified, NoticeKind.suspended, NoticeKind.restored):
        tell(work, account.id, kind, {"reason": "例行复核"})
    await work.session.flush()

    page = (await client.get("/v1/notices", params={"limit": 2}, headers=headers)).json()
    assert [item["kind"] for item in page["items"]] == ["restored", "suspended"]
    newest = page["items"][0]
    assert (newest["read_at"], newest["details"]) == (None, {"reason": "例行复核"})
    rest = await client.get("/v1/notices", params={"cursor": page["next_cursor"]}, headers=headers)
    assert [item["kind"] for item in rest.json()["items"]] == ["verified"]

    first = await client.put(f"/v1/notices/{newest['id']}/read", headers=headers)
    again = await client.put(f"/v1/notices/{newest['id']}/read", headers=headers)
    assert first.json() == again.json()
    assert first.json()["read_at"] is not None


async def test_a_foreign_notice_and_an_absent_one_read_the_same(
    client: httpx.AsyncClient, work: Work
) -> None:
    owner = await make_account(work, kind=AccountKind.wechat, grants=())
    stranger = await make_account(work, kind=AccountKind.wechat, grants=())
    tell(work, owner.id, NoticeKind.verified)
    await work.session.flush()
    theirs = await sign_in(work, account=owner)
    notice = (await client.get("/v1/notices", headers=theirs)).json()["items"][0]

    headers = await sign_in(work, account=stranger)
    assert (await client.get("/v1/notices", headers=headers)).json()["items"] == []
    answers = []
    for notice_id in (notice["id"], ABSENT):
        body = (await client.put(f"/v1/notices/{notice_id}/read", headers=headers)).json()
        answers.append({name: body[name] for name in ("type", "title", "status", "detail", "code")})
    assert answers[0] == answers[1]
    assert answers[0]["code"] == "not_found"
    assert (await client.get("/v1/notices", headers=theirs)).json()["items"][0]["read_at"] is None
