"""The refusals of HTTP itself: what is wrong with how a request was sent, whatever it asks for."""

from app.errors import Problem, Text


class UnreadableBody(Problem):
    """The body is not JSON, or more deeply nested than any body that has a meaning here."""

    status = 400
    code = "unreadable_body"
    title = Text("无法读取请求内容", "Unreadable body")
    message = Text("请求内容不是有效的 JSON。", "The request body is not valid JSON.")


class BadRequest(Problem):
    """The request breaks HTTP itself, or its body never came whole."""

    status = 400
    code = "bad_request"
    title = Text("请求无效", "Bad request")
    message = Text("请求无法解析。", "The request cannot be parsed.")


class MethodNotAllowed(Problem):
    """The path exists, but not with this method; Allow names those it has."""

    status = 405
    code = "method_not_allowed"
    title = Text("不支持的请求方法", "Method not allowed")
    message = Text("此路径不支持该请求方法。", "This path does not take this method.")


class RequestTimeout(Problem):
    """Headers or body came too slowly."""

    status = 408
    code = "request_timeout"
    title = Text("请求超时", "Request timeout")
    message = Text("请求发送过慢，请重试。", "The request came too slowly. Please send it again.")


class ContentTooLarge(Problem):
    """The body is longer than this path takes."""

    status = 413
    code = "content_too_large"
    title = Text("请求内容过大", "Content too large")
    message = Text("请求内容超过 {limit} 字节。", "The body is longer than {limit} bytes.")


class UnsupportedMediaType(Problem):
    """The body is of another media type than this path takes."""

    status = 415
    code = "unsupported_media_type"
    title = Text("不支持的内容类型", "Unsupported media type")
    message = Text("请求内容应为 application/json。", "The body must be application/json.")


class HeadersTooLarge(Problem):
    """The request line and headers are longer than any honest client's."""

    status = 431
    code = "headers_too_large"
    title = Text("请求头过大", "Request headers too large")
    message = Text("请求头过长。", "The request headers are too long.")


class Overloaded(Problem):
    """More requests are under way than this process can answer in time; nothing was done."""

    status = 503
    code = "overloaded"
    title = Text("服务繁忙", "Overloaded")
    message = Text("当前请求过多，请稍后再试。", "Too many requests at the moment. Please try again.")
