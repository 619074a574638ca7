"""What can be wrong with a sign-in, a token, a grant or an invitation."""

from app.errors import Problem, Text


class SignInRefused(Problem):
    """Login, password, device or secret are wrong, or there is no such account: never said which."""

    status = 401
    code = "sign_in_refused"
    title = Text("登录失败", "Sign-in refused")
    message = Text("账号或密码不正确。", "The login or the secret is not right.")


class SecondFactorRequired(Problem):
    """The password was right; the account also wants a one-time password."""

    status = 401
    code = "second_factor_required"
    title = Text("需要动态口令", "One-time password required")
    message = Text(
        "请同时输入动态口令后重新登录。", "Please sign in again with the one-time password as well."
    )


class SignInLocked(Problem):
    """Too many failures with this login. Logins that nobody has are locked likewise."""

    status = 429
    code = "sign_in_locked"
    title = Text("登录已锁定", "Sign-in locked")
    message = Text(
        "连续登录失败次数过多，请稍后再试或联系安全管理员。",
        "Too many failed attempts. Please try again later or ask the security administrator.",
    )


class RefreshRefused(Problem):
    """The refresh token is unknown, used, or of a sign-in that has ended."""

    status = 401
    code = "refresh_refused"
    title = Text("无法续期", "Refresh refused")
    message = Text("登录已失效，请重新登录。", "This sign-in has ended. Please sign in again.")


class PasswordUnfit(Problem):
    """The new password is too easy to guess."""

    status = 409
    code = "password_unfit"
    title = Text("密码不符合要求", "Password unfit")
    message = Text(
        "密码至少 12 个字符，不得包含登录名或产品名，也不得由少数几个字符重复而成。",
        "A password has at least 12 characters, does not hold the login or the product's name,"
        " and is not a few characters over and over.",
    )


class SetupRefused(Problem):
    """The setup secret is unknown, used or expired."""

    status = 409
    code = "setup_refused"
    title = Text("设置凭证无效", "Setup secret refused")
    message = Text(
        "设置凭证无效或已过期，请联系安全管理员。",
        "The setup secret is unknown, used or expired. Please ask the security administrator.",
    )


class SecondFactorEnrolled(Problem):
    """A confirmed authenticator is replaced only after a reset by the security administrator."""

    status = 409
    code = "second_factor_enrolled"
    title = Text("动态口令已绑定", "Authenticator already enrolled")
    message = Text(
        "动态口令已绑定，如需更换请联系安全管理员重置。",
        "An authenticator is enrolled. Ask the security administrator for a reset to replace it.",
    )


class SecondFactorRefused(Problem):
    """The one-time password does not confirm the authenticator that is being enrolled."""

    status = 409
    code = "second_factor_refused"
    title = Text("动态口令不正确", "One-time password refused")
    message = Text(
        "动态口令不正确，请核对手机时间后重试。",
        "The one-time password is not right. Check the time on the phone and try again.",
    )


class LoginTaken(Problem):
    """Another staff account has this login."""

    status = 409
    code = "login_taken"
    title = Text("登录名已被使用", "Login taken")
    message = Text("该登录名已被使用。", "Another account has this login.")


class RolesIncompatible(Problem):
    """Operator, security administrator and auditor are never one person."""

    status = 409
    code = "roles_incompatible"
    title = Text("角色互斥", "Roles incompatible")
    message = Text(
        "系统管理员、安全管理员和审计员不能由同一账号担任。",
        "One account cannot hold more than one of operator, security administrator and auditor.",
    )


class OwnGrant(Problem):
    """Nobody gives roles to themselves."""

    status = 409
    code = "own_grant"
    title = Text("不能为自己授权", "Not for oneself")
    message = Text("不能为自己的账号授予角色。", "Nobody grants a role to their own account.")


class ScopeUnfit(Problem):
    """The role is not held within scopes of this kind."""

    status = 409
    code = "scope_unfit"
    title = Text("范围不适用于该角色", "Scope unfit for the role")
    message = Text("该角色不能授予此范围。", "This role is not held within such a scope.")


class InvitationUnusable(Problem):
    """The invitation is unknown, used, withdrawn or expired: never said which."""

    status = 409
    code = "invitation_unusable"
    title = Text("邀请无效", "Invitation unusable")
    message = Text(
        "邀请无效、已使用或已过期，请联系邀请人。",
        "The invitation is unknown, used or expired. Please ask whoever invited you.",
    )
