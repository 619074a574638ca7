"""What settings must not say: each finding with the words that mend it."""

from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfoNotFoundError

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from app.cli.refusals import Refused
from app.errors import Text
from app.services.wechat.domain_check import UnfitCheckFile, load_check_file
from app.settings import OFFICIAL_WECHAT, Settings

WIDEST_PROXIES = 7
"""No private network is wider than fc00::/7 or 10.0.0.0/8; whoever trusts a wider one trusts everybody."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and what to do about it."""

    wrong: Text
    mend: Text
    fatal: bool = True
    """Whether the application must not start so."""

    @property
    def sentence(self) -> Text:
        """Both in one line."""
        return Text(f"{self.wrong.zh}：{self.mend.zh}。", f"{self.wrong.en}: {self.mend.en}.")


def _set(variable: str, value: str) -> Text:
    return Text(f"请设置 {variable}={value}", f"set {variable}={value}")


def findings(settings: Settings) -> Iterator[Finding]:
    """What is wrong with `settings` by themselves, before anything is opened."""
    yield from _anywhere(settings)
    if settings.in_production:
        yield from _in_production(settings)


def _anywhere(settings: Settings) -> Iterator[Finding]:
    try:
        driver = make_url(settings.database_url).drivername
    except ArgumentError:
        driver = "?"
    if driver not in {"sqlite+aiosqlite", "postgresql+asyncpg"}:
        yield Finding(
            Text(
                "HUIXIN_DATABASE_URL 既不是 SQLite 也不是 PostgreSQL",
                "HUIXIN_DATABASE_URL names no SQLite or PostgreSQL",
            ),
            _set(
                "HUIXIN_DATABASE_URL",
                "sqlite+aiosqlite:///var/huixin.db | postgresql+asyncpg://user@host/name",
            ),
        )
    try:
        settings.zone  # noqa: B018 # it is looked up when it is asked for
    except (ZoneInfoNotFoundError, ValueError):
        yield Finding(
            Text(f"未知时区 {settings.time_zone}", f"There is no time zone {settings.time_zone}"),
            _set("HUIXIN_TIME_ZONE", "Asia/Shanghai"),
        )
    if any(network.prefixlen < WIDEST_PROXIES for network in settings.trusted_proxies):
        yield Finding(
            Text(
                "可信代理的范围过大，来访地址可以伪造",
                "The trusted proxies are so many that anybody may forge an address",
            ),
            _set("HUIXIN_TRUSTED_PROXIES", '["10.0.0.5/32"]'),
        )
    try:
        load_check_file(settings.wechat.check_file, settings.wechat.check_content)
    except UnfitCheckFile:
        yield Finding(
            Text(
                "域名校验文件的名称或内容不是微信下发的样子",
                "The domain check file has not the name or the content of one that WeChat hands out",
            ),
            Text(
                "请按下载的文件同时设置 HUIXIN_WECHAT__CHECK_FILE（如 a1B2c3D4e5.txt）"
                "和 HUIXIN_WECHAT__CHECK_CONTENT",
                "set both HUIXIN_WECHAT__CHECK_FILE, such as a1B2c3D4e5.txt, and"
                " HUIXIN_WECHAT__CHECK_CONTENT as downloaded",
            ),
        )


def _in_production(settings: Settings) -> Iterator[Finding]:
    if settings.wechat.base_url != OFFICIAL_WECHAT:
        yield Finding(
            Text("生产环境使用了非官方的微信地址", "Production talks to a server that is not WeChat's"),
            _set("HUIXIN_WECHAT__BASE_URL", OFFICIAL_WECHAT),
        )
    if not settings.wechat.appid or not settings.wechat.secret.get_secret_value():
        yield Finding(
            Text(
                "没有小程序的 AppID 或密钥，无人能够登录",
                "Without the mini-program's AppID and secret nobody can sign in",
            ),
            Text(
                "请设置 HUIXIN_WECHAT__APPID 和 HUIXIN_WECHAT__SECRET",
                "set HUIXIN_WECHAT__APPID and HUIXIN_WECHAT__SECRET",
            ),
        )
    if not settings.link_prefix.startswith("https://"):
        yield Finding(
            Text("生产环境的链接前缀不是 https", "The link prefix of a production deployment is not https"),
            _set("HUIXIN_LINK_PREFIX", "https://<domain>/c/"),
        )
    if not settings.rate_limits:
        yield Finding(
            Text("生产环境关闭了限流", "Rate limits are off in production"),
            _set("HUIXIN_RATE_LIMITS", "true"),
        )
    if "*" in settings.allowed_origins:
        yield Finding(
            Text("任何网站都可以从浏览器调用", "Any web site may call from a browser"),
            _set("HUIXIN_ALLOWED_ORIGINS", '["https://<domain>"]'),
        )


def require_fit(settings: Settings) -> None:
    """Raises Refused with all that keeps `settings` from being served."""
    fatal = [finding.sentence for finding in findings(settings) if finding.fatal]
    if fatal:
        raise Refused("\n".join(text.zh for text in fatal), "\n".join(text.en for text in fatal))
