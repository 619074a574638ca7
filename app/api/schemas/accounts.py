"""What the API says and hears about accounts, sign-ins, roles and invitations."""

from typing import Annotated, Literal, Self

from pydantic import Field

from app.api.schemas.base import Choice, Id, Instant, Line, Opaque, Request, Response
from app.models.accounts import AccountKind, Role, ScopeKind
from app.services.accounts.rules import LOGIN, LONGEST_PASSWORD
from app.services.accounts.second_factor import Authenticator
from app.services.accounts.sign_ins import LONGEST_CLIENT, Tokens
from app.work import Scope

Client = Annotated[str, Line(1, LONGEST_CLIENT), Field(examples=["惠新码小程序 1.4 / iPhone 15"])]
Login = Annotated[str, Line(1, 64), Field(examples=["wang.min"])]
Password = Annotated[
    str,
    Field(
        min_length=1,
        max_length=LONGEST_PASSWORD,
        json_schema_extra={"format": "password"},
        examples=["river stone lantern 42"],
    ),
]
OneTimePassword = Annotated[str, Field(pattern=r"^[0-9]{6}$", examples=["492039"])]
Secret = Annotated[str, Opaque(1, 128), Field(examples=["Zk3m1rV0bq8c7yT2uJxW5nHs9dLpEoGfAaQiRtB4-vM"])]
Reason = Annotated[str, Line(1, 200), Field(examples=["手机遗失"])]


class WeChatSignIn(Request):
    """A sign-in through the mini-program."""

    code: Annotated[str, Opaque(1, 256), Field(examples=["0a3Xyz1w3kQ2pd2Abc2w3nLmNo1Xyz1b"])]
    """What `wx.login` gave; WeChat takes it once."""
    client: Client
    """What the client calls itself, shown in the list of sign-ins."""


class StaffSignIn(Request):
    """A sign-in of staff."""

    login: Login
    """In whatever case and width."""
    password: Password
    """The password."""
    totp: OneTimePassword | None = None
    """The one-time password, where an authenticator is enrolled."""
    client: Client
    """What the client calls itself, shown in the list of sign-ins."""


class DeviceSignIn(Request):
    """A sign-in of an enrolled device."""

    device_id: Id
    """The device."""
    secret: Secret
    """What the device got at its enrolment."""
    client: Client
    """What the client calls itself, shown in the list of sign-ins."""


class RefreshRequest(Request):
    """A refresh token to be replaced."""

    refresh_token: Secret
    """The newest one; the one before it gives the same answer for 60 seconds."""


class TokenPair(Response):
    """What a client holds while it is signed in."""

    sign_in_id: Id
    """The sign-in, as in the list of them."""
    account_id: Id
    """Who has signed in."""
    access_token: Annotated[str, Field(examples=["eyJhbGciOiJIUzI1NiIs….eyJleHAiOjE3….k1Yq…"])]
    """For the header `Authorization: Bearer`."""
    token_type: Literal["Bearer"]
    """How the access token is sent (RFC 6750)."""
    expires_in: Annotated[int, Field(examples=[600])]
    """Seconds for which the access token is valid."""
    refresh_token: Secret
    """For the next pair; used once."""

    @classmethod
    def of(cls, tokens: Tokens) -> Self:
        return cls(
            sign_in_id=tokens.sign_in_id,
            account_id=tokens.account_id,
            access_token=tokens.access_token,
            token_type="Bearer",  # noqa: S106 # the name of a scheme
            expires_in=tokens.expires_in,
            refresh_token=tokens.refresh_token,
        )


class StaffTokens(Response):
    """A sign-in of staff."""

    tokens: TokenPair
    """What the client holds from now on."""
    second_factor_due: bool
    """The account's wide roles are withheld until it enrols an authenticator at /v1/me/totp."""


class SignInShown(Response):
    """One of the account's own sign-ins."""

    id: Id
    """Its identifier."""
    client: str
    """What the client called itself."""
    created_at: Instant
    """When it began."""
    refreshed_at: Instant
    """When its tokens were last replaced."""
    expires_at: Instant
    """When it ends unless it is refreshed."""
    current: bool
    """Whether it is the one that asks."""


class SignInList(Response):
    """The live sign-ins of the account."""

    items: list[SignInShown]
    """The one refreshed last comes first."""


class ScopeWanted(Request):
    """Within what a role is to hold."""

    kind: Choice[ScopeKind]
    """What kind of scope."""
    id: Annotated[str, Line(0, 64), Field(examples=["500104"])] = ""
    """The path of an area, or the id of a compound or employer; empty for everywhere."""

    def scope(self) -> Scope:
        """As services know it."""
        return Scope(self.kind, self.id)


class ScopeShown(Response):
    """Within what a role holds."""

    kind: ScopeKind
    """What kind of scope."""
    id: Annotated[str, Field(examples=["500104"])]
    """The path of an area, or the id of a compound or employer; empty for everywhere."""


class RoleShown(Response):
    """One of the account's roles."""

    role: Role
    """What it may do."""
    scope: ScopeShown
    """Within what."""
    withheld: bool
    """It waits until the account has enrolled an authenticator."""


class OwnAccount(Response):
    """The signed-in account."""

    account_id: Id
    """Its identifier."""
    sign_in_id: Id
    """The sign-in that asks."""
    kind: AccountKind
    """What it signs in by."""
    login: str | None
    """The login of staff; null for other kinds."""
    created_at: Instant
    """Since when it is here."""
    second_factor: bool
    """Whether an authenticator is in force."""
    roles: list[RoleShown]
    """What it may do, in the order in which it was given."""


class AuthenticatorShown(Response):
    """What an authenticator is set up with. Shown once."""

    secret: Annotated[str, Field(examples=["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"])]
    """Base32, for typing in."""
    uri: Annotated[str, Field(examples=["otpauth://totp/…?secret=JBSWY3DP…&issuer=…"])]
    """For a QR symbol that the authenticator scans."""

    @classmethod
    def of(cls, authenticator: Authenticator) -> Self:
        return cls(secret=authenticator.secret, uri=authenticator.uri)


class Confirmation(Request):
    """The proof that the authenticator works."""

    totp: OneTimePassword
    """The one-time password that it shows."""


class PasswordChange(Request):
    """A new password in the place of the old one."""

    password: Password
    """The old one."""
    new_password: Password
    """The new one: 12 characters or more."""


class FirstPassword(Request):
    """The first password, or the first after a reset."""

    setup_secret: Secret
    """What the security administrator handed over."""
    password: Password
    """12 characters or more."""


class RoleWanted(Request):
    """A role within a scope."""

    role: Choice[Role]
    """The role."""
    scope: ScopeWanted
    """Within what it is to hold."""


class NewStaff(Request):
    """A staff account to be."""

    login: Annotated[str, Field(pattern=LOGIN, examples=["wang.min"])]
    """4 to 64 small letters, digits, dots, underscores and hyphens."""
    roles: Annotated[list[RoleWanted], Field(max_length=16)]
    """What it may do; further roles are granted later."""


class StaffShown(Response):
    """A staff account."""

    id: Id
    """Its identifier."""
    login: str
    """What it signs in with."""
    created_at: Instant
    """Since when it is here."""
    ended_at: Instant | None
    """Since when it is no more."""
    second_factor: bool
    """Whether an authenticator is in force."""


class StaffPage(Response):
    """Some staff accounts, newest first."""

    items: list[StaffShown]
    """The accounts."""
    next_cursor: str | None
    """Where the next page begins; null at the end."""


class NewStaffShown(Response):
    """A staff account that was made, and the way in."""

    id: Id
    """Its identifier."""
    login: str
    """What it signs in with."""
    setup_secret: Secret
    """For its owner, who sets the first password with it. Shown once, good for 72 hours."""


class Reset(Request):
    """Why something is taken away from somebody."""

    reason: Reason
    """Kept with the record of it."""


class SetupShown(Response):
    """The way back in after a reset."""

    setup_secret: Secret
    """For the account's owner, who sets a new password with it. Shown once, good for 72 hours."""


class NewGrant(Request):
    """A role for a staff account."""

    account_id: Id
    """Who gets it."""
    role: Choice[Role]
    """The role."""
    scope: ScopeWanted
    """Within what it is to hold."""


class GrantShown(Response):
    """A role that an account holds."""

    id: Id
    """Its identifier."""
    account_id: Id
    """Who holds it."""
    role: Role
    """The role."""
    scope: ScopeShown
    """Within what it holds."""
    granted_at: Instant
    """Since when."""
    granted_by: Id | None
    """Who gave it; null for the command line."""


class GrantPage(Response):
    """Some roles that were given, newest first."""

    items: list[GrantShown]
    """The grants."""
    next_cursor: str | None
    """Where the next page begins; null at the end."""


class InvitationShown(Response):
    """An invitation that can still be used."""

    id: Id
    """Its identifier."""
    role: Role | None
    """What it offers; null where it enrols a device."""
    scope: ScopeShown | None
    """Within what."""
    gate_id: Id | None
    """For a device: the gate at which it will be enrolled."""
    created_at: Instant
    """When it was made."""
    expires_at: Instant
    """Until when it can be used."""


class InvitationPage(Response):
    """Some invitations, newest first."""

    items: list[InvitationShown]
    """The invitations."""
    next_cursor: str | None
    """Where the next page begins; null at the end."""


class NewInvitation(Response):
    """An invitation that was made."""

    invitation: InvitationShown
    """What it offers."""
    secret: Secret
    """For whoever is invited. Shown once."""


class Redemption(Request):
    """An invitation that is accepted."""

    secret: Secret
    """What the inviter handed over."""
