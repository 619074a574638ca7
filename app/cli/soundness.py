"""What an open database says about its deployment: each finding with the words that mend it."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from sqlalchemy import func, select, text

from app.cli.fitness import Finding
from app.clock import civil_day, system_clock
from app.errors import Text
from app.models.accounts import Grant, Role
from app.models.jobs import Job
from app.services.holidays.calendar import knows_year
from app.services.jobs import SCHEDULES
from app.services.keys.errors import NoSigningKey
from app.services.keys.ring import KeyRing, load_key_states
from app.services.sealing import SealBroken
from app.work import Work

LATE = timedelta(minutes=15)
"""A job that has been due for so long has no worker; a lease that a dead one left ends after 5 minutes."""
SKEW = timedelta(seconds=5)
"""Codes are valid for 10 s beside their time: half of it is for the phone, half for us."""


async def database_findings(work: Work) -> AsyncIterator[Finding]:
    """What is wrong in the database of `work`, whose schema is at head."""
    for check in (_pages, _signing_key, _clock, _worker, _staff, _holidays):
        async for finding in check(work):
            yield finding


async def _pages(work: Work) -> AsyncIterator[Finding]:
    if work.session.get_bind().dialect.name != "sqlite":
        return
    verdict = await work.session.scalar(text("PRAGMA quick_check(1)"))
    if verdict != "ok":
        yield Finding(
            Text("数据库文件已损坏", "The database file is damaged"),
            Text("请从备份恢复", "bring it back from a backup"),
        )


async def _signing_key(work: Work) -> AsyncIterator[Finding]:
    states = await load_key_states(work.session, work.now)
    try:
        KeyRing(work.vault).signing(states, work.settings.issuer)
    except NoSigningKey:
        yield Finding(
            Text("没有可用的签名密钥，无法生成惠新码", "No key signs, so no code can be made"),
            Text("请运行 `huixin keys rotate --now`", "run `huixin keys rotate --now`"),
        )
    except SealBroken:
        yield Finding(
            Text("密钥文件与数据库不匹配", "The secrets file does not belong to this database"),
            Text("请从备份恢复正确的密钥文件", "bring the right one back from a backup"),
        )


async def _clock(work: Work) -> AsyncIterator[Finding]:
    if work.session.get_bind().dialect.name != "postgresql":
        return
    there: datetime | None = await work.session.scalar(select(func.clock_timestamp()))
    here = system_clock()
    if there is None or abs(there - here) <= SKEW:
        return
    apart = round(abs(there - here).total_seconds())
    yield Finding(
        Text(
            f"本机与数据库服务器的时钟相差 {apart} 秒",
            f"The clocks of this machine and the database are {apart} s apart",
        ),
        Text("请在两台机器上启用 NTP 对时", "keep both by NTP"),
        fatal=False,
    )


async def _worker(work: Work) -> AsyncIterator[Finding]:
    jobs = {job.name: job for job in await work.session.scalars(select(Job))}
    known = [jobs[schedule.name] for schedule in SCHEDULES if schedule.name in jobs]
    if len(known) < len(SCHEDULES) or any(job.due_at + LATE < work.now for job in known):
        yield Finding(
            Text("后台任务没有运行", "The schedules are not run"),
            Text("请启动 `huixin worker`", "keep a `huixin worker` running"),
            fatal=False,
        )
    for job in known:
        if job.last_error is not None:
            yield Finding(
                Text(
                    f"后台任务 {job.name} 上次失败：{job.last_error}",
                    f"The job {job.name} last failed: {job.last_error}",
                ),
                Text("请查看 worker 的日志", "read the log of the worker"),
                fatal=False,
            )


async def _staff(work: Work) -> AsyncIterator[Finding]:
    held = set(await work.session.scalars(select(Grant.role).where(Grant.revoked_at.is_(None)).distinct()))
    if Role.security_admin.value not in held:
        yield Finding(
            Text(
                "没有安全管理员，无人能够创建工作人员账号",
                "There is no security administrator, so nobody can create staff",
            ),
            Text("请运行 `huixin staff create`", "run `huixin staff create`"),
            fatal=False,
        )


async def _holidays(work: Work) -> AsyncIterator[Finding]:
    year = civil_day(work.now, work.settings.zone).year
    if not await knows_year(work.session, year):
        yield Finding(
            Text(
                f"没有 {year} 年的节假日，门岗只能按星期判断开放时间",
                f"No holidays of {year} are known, so gates open by the weekday alone",
            ),
            Text(f"请运行 `huixin import holidays {year}.json`", f"run `huixin import holidays {year}.json`"),
            fatal=False,
        )
