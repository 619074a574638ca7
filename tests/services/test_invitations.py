"""An invitation is used once, in its time, by one caller."""

from dataclasses import replace

import pytest

from app.models.accounts import AccountKind, Role
from app.services.accounts.errors import InvitationUnusable
from app.services.accounts.invitations import create_invitation, redeem_invitation
from app.work import Actor, Scope, Work
from tests.factories.accounts import make_account


async def test_an_invitation_is_used_once(work: Work) -> None:
    inviter = await make_account(work, kind=AccountKind.staff, grants=())
    work = replace(work, actor=Actor(label="staff", account_id=inviter.id))
    _, secret = await create_invitation(work, role=Role.guard, scope=Scope.everywhere())

    invitation = await redeem_invitation(work, secret=secret)
    assert invitation.used_by == inviter.id
    with pytest.raises(InvitationUnusable):
        await redeem_invitation(work, secret=secret)
