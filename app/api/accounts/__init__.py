"""Accounts: signing in and out, oneself, staff, roles and invitations."""

from fastapi import APIRouter

from app.api.accounts import grants, invitations, me, sign_ins, staff

router = APIRouter()
for part in (sign_ins, me, staff, grants, invitations):
    router.include_router(part.router)
