"""The one shape of refusal that services raise and the API renders as an RFC 9457 problem."""

from typing import Any, ClassVar, NamedTuple


class Text(NamedTuple):
    """One sentence for people, in both languages of the product; `{name}` marks a parameter."""

    zh: str
    en: str

    def render(self, language: str, **params: object) -> str:
        """The sentence in `language` (`zh` or `en`; anything else reads Chinese)."""
        return (self.en if language == "en" else self.zh).format(**params)


class Problem(Exception):
    """A refusal with a stable code. Subclasses set `status`, `code`, `title` and `message`.

    `params` fill the placeholders of `message`. `extensions` become members of the problem
    document (RFC 9457, section 3.2), so they must never carry personal data.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[Text] = Text("服务器内部错误", "Internal error")
    message: ClassVar[Text] = Text("服务器出错，请稍后再试。", "The server failed. Please try again later.")

    def __init__(
        self,
        *,
        extensions: dict[str, Any] | None = None,
        retry_after: int | None = None,
        **params: object,
    ) -> None:
        super().__init__(self.code)
        self.params = params
        self.extensions = extensions or {}
        self.retry_after = retry_after
        """Seconds after which the same request may succeed; sent as Retry-After."""


class NotFound(Problem):
    """Absent, or not for this caller to see: the two are told apart nowhere."""

    status = 404
    code = "not_found"
    title = Text("未找到", "Not found")
    message = Text("没有找到所请求的内容。", "There is nothing here that you may see.")


class Forbidden(Problem):
    """The caller is known, but none of its roles may do this."""

    status = 403
    code = "forbidden"
    title = Text("无权操作", "Forbidden")
    message = Text("当前账号无权进行此操作。", "This account may not do this.")


class Unauthenticated(Problem):
    """No access token, or one that is malformed, forged, expired or ended."""

    status = 401
    code = "unauthenticated"
    title = Text("请先登录", "Sign in first")
    message = Text("登录已失效，请重新登录。", "Your sign-in is missing or has ended. Please sign in again.")


class MalformedRequest(Problem):
    """The request does not have the form that the operation asks for."""

    status = 422
    code = "malformed_request"
    title = Text("请求格式错误", "Malformed request")
    message = Text("请求内容不符合格式要求。", "The request does not have the required form.")


class TooManyRequests(Problem):
    """A rate limit was reached; `retry_after` says when to come back."""

    status = 429
    code = "too_many_requests"
    title = Text("请求过于频繁", "Too many requests")
    message = Text("操作过于频繁，请稍后再试。", "Too many requests. Please try again later.")


class Unavailable(Problem):
    """A part that the answer needs is away; nothing was stored."""

    status = 503
    code = "unavailable"
    title = Text("服务暂不可用", "Service unavailable")
    message = Text(
        "服务暂时不可用，请稍后再试。", "The service is unavailable for the moment. Please try again."
    )
