"""What can be wrong with signing keys."""

from app.errors import Problem, Text


class NoSigningKey(Problem):
    """No key of ours may sign now; only the operator can mend it."""

    status = 503
    code = "no_signing_key"
    title = Text("没有可用的签名密钥", "No signing key")
    message = Text(
        "暂时无法生成惠新码，请稍后再试。", "Codes cannot be made at the moment. Please try again later."
    )


class UnknownKey(Problem):
    """There is no such key."""

    status = 404
    code = "unknown_signing_key"
    title = Text("没有该密钥", "No such key")
    message = Text("没有编号为 {kid} 的密钥。", "There is no key {kid}.")


class KeysExhausted(Problem):
    """All 256 key ids of the issuer are taken by keys whose codes may still be checked."""

    status = 409
    code = "keys_exhausted"
    title = Text("密钥编号已用尽", "No key id left")
    message = Text("密钥编号 00 到 ff 均已使用。", "All key ids from 00 to ff are in use.")


class KeySetInvalid(Problem):
    """A key set of another issuer that cannot be trusted as it is."""

    status = 422
    code = "key_set_invalid"
    title = Text("密钥集无效", "Invalid key set")
    message = Text("密钥集无法使用：{cause}", "The key set cannot be used: {cause}")
