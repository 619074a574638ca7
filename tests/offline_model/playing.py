"""The steps of a run, and what must be so at its end."""

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import select

from app.errors import Unavailable
from app.models.compounds import Gate
from app.models.scans import CodeUse, Difference, Scan, ScanKey, ScanOutcome, Whereabouts
from app.services.couriers.states import restore, suspend
from app.services.keys.lifecycle import list_keys, withdraw_key
from app.services.keys.rules import KeyState, state_of
from tests.factories.devices import invite
from tests.factories.work import seeding
from tests.offline_model.ear import MALFORMED
from tests.offline_model.model import ScanName, Stored
from tests.offline_model.world import Handheld, Run, World
from tests.scanner.scanner import NoAnswer

PASSING = (1, 1, 2, 3, 5, 7, 12, 20, 45, 120, 900)
"""Seconds."""
WRONG = tuple(timedelta(seconds=by) for by in (-3 * 86400, -300, -40, -2, 0, 2, 40, 300, 2 * 86400))
STEPS = (
    *("scan",) * 8,
    *("upload",) * 4,
    *("outcome",) * 2,
    *("pass",) * 3,
    *("sync",) * 2,
    "repeat",
    "restart",
    "clock",
    "suspend",
    "restore",
    "move",
    "withdraw",
)


class Step(NamedTuple):
    """One thing that happens: what, to which device or courier, and two numbers that say how."""

    what: str
    whom: int
    how: int
    chance: int


async def play(world: World, steps: list[Step]) -> None:
    """One run: everything happens, everything is brought in, and all is as the model says."""
    async with world.run() as run:
        for held in run.devices:
            await held.scanner.sync()
        for step in steps:
            world.clock.advance(milliseconds=1 + step.chance % 400)
            await STEPPING[step.what](world, run, step)
        for held in run.devices:
            await _come_back(held)
        await _compare(world, run)


async def _scan(world: World, run: Run, step: Step) -> None:
    held = run.devices[step.whom]
    codes = run.codes[step.how % 2]
    code = codes[step.how // 2 % len(codes)] if step.chance % 11 else f"no code {step.chance}"
    direction = "out" if step.chance % 4 == 0 else "in"
    mode = ("alone", "alone", "online", "lost", "breaks")[step.chance // 4 % 5]
    await _sign_in(held)
    held.line.is_cut = mode == "alone"
    held.line.loses_reply = mode == "lost"
    if mode == "breaks":
        world.database.failures.append(RuntimeError("killed") if step.how % 2 else Unavailable())
    shown = await held.scanner.scan(code, direction)
    world.database.failures.clear()
    held.line.is_cut = held.line.loses_reply = False
    if shown.verdict == "check":
        held.checks.append(shown.scan_id)


async def _outcome(_world: World, run: Run, step: Step) -> None:
    held = run.devices[step.whom]
    if held.checks:
        scan_id = held.checks.pop(step.how % len(held.checks))
        held.line.is_cut = step.chance % 2 == 0
        held.line.loses_reply = step.chance % 3 == 0
        await held.scanner.give_outcome(scan_id, "let_in" if step.chance // 6 % 3 else "turned_away")
        held.line.is_cut = held.line.loses_reply = False


async def _upload(world: World, run: Run, step: Step) -> None:
    """Some of what is kept, in any order; perhaps with a scan that can never be stored among them."""
    held, chance = run.devices[step.whom], Random(step.chance)
    places = held.scanner.store.enrolments_to_bring_in()
    if not places:
        return
    batch = held.scanner.store.to_bring_in(places[step.how % len(places)], 500)
    batch = chance.sample(batch, chance.randint(1, len(batch)))
    if chance.random() < 1 / 3:
        bad = replace(batch[0], scan_id=str(uuid4()), verdict=MALFORMED)
        batch.insert(chance.randint(0, len(batch)), bad)
    held.sent.append((batch[0].enrolment, [scan.body for scan in batch]))
    mode = ("well", "well", "lost", "killed", "away", "breaks")[step.how % 6]
    await _sign_in(held)
    held.line.loses_reply = mode in {"lost", "killed"}
    held.ear.breaks = mode == "breaks"
    if mode == "away":
        world.database.failures.append(Unavailable())
    if mode == "breaks":
        world.database.failures += [RuntimeError("killed")] * chance.randint(1, 3)
    try:
        await held.scanner.upload(batch)
    except NoAnswer:
        assert mode != "well"
    else:
        assert mode in {"well", "breaks"}
    world.database.failures.clear()
    held.line.loses_reply = held.ear.breaks = False
    if mode == "killed":
        held.restart()


async def _repeat(_world: World, run: Run, step: Step) -> None:
    """An upload from before comes once more, perhaps with a scan turned into another."""
    held = run.devices[step.whom]
    if held.sent:
        enrolment, scans = held.sent[step.how % len(held.sent)]
        if step.chance % 3 == 0 and ScanName(enrolment, scans[0]["scan_id"]) in run.model.stored:
            turned = "in" if scans[0]["direction"] == "out" else "out"
            scans = [scans[0] | {"direction": turned}, *scans[1:]]
        await held.scanner._ask("POST", f"/v1/enrolments/{enrolment}/scans", json={"scans": scans})


async def _sync(_world: World, run: Run, step: Step) -> None:
    assert await run.devices[step.whom].scanner.sync()


async def _restart(_world: World, run: Run, step: Step) -> None:
    run.devices[step.whom].restart()


async def _set_clock(_world: World, run: Run, step: Step) -> None:
    run.devices[step.whom].clock.shift = WRONG[step.how % len(WRONG)]


async def _pass(world: World, run: Run, step: Step) -> None:
    world.clock.advance(seconds=PASSING[step.how % len(PASSING)], microseconds=step.chance)
    for held in run.devices:
        held.scanner._token = None  # it may have run out meanwhile


async def _suspend(world: World, run: Run, step: Step) -> None:
    standing = run.model.standing[step.whom]
    if standing[-1][1] == "verified":
        async with seeding(world.runtime) as work:
            await suspend(work, courier_id=run.couriers[step.whom], reason="test")
        standing.append((world.clock(), "suspended"))


async def _restore(world: World, run: Run, step: Step) -> None:
    standing = run.model.standing[step.whom]
    if standing[-1][1] == "suspended":
        async with seeding(world.runtime) as work:
            await restore(work, courier_id=run.couriers[step.whom], reason="test")
        standing.append((world.clock(), "verified"))


async def _move(world: World, run: Run, step: Step) -> None:
    """To the other gate."""
    held = run.devices[step.whom]
    here = run.model.places[held.ear.place].gate
    there = next(gate for gate in run.gates if str(gate) != here)
    async with seeding(world.runtime) as work:
        invitation = await invite(work, gate=await work.session.get_one(Gate, there))
    await held.scanner.take_invitation(invitation)


async def _withdraw(world: World, run: Run, step: Step) -> None:
    if step.chance % 4:
        return
    async with seeding(world.runtime) as work:
        signing = [key for key in await list_keys(work) if state_of(key, work.now) is KeyState.active]
        for key in signing:
            await withdraw_key(work, kid=key.kid, reason="leaked")
            run.model.withdrawn[key.kid] = work.now
            world.withdrawn += 1


STEPPING = {
    "scan": _scan,
    "outcome": _outcome,
    "upload": _upload,
    "repeat": _repeat,
    "sync": _sync,
    "restart": _restart,
    "clock": _set_clock,
    "pass": _pass,
    "suspend": _suspend,
    "restore": _restore,
    "move": _move,
    "withdraw": _withdraw,
}


async def _sign_in(held: Handheld) -> None:
    """So that a failing transaction is that of what follows."""
    held.scanner._token = held.scanner._token or await held.scanner._sign_in()


async def _come_back(held: Handheld) -> None:
    """The network is there for good: what was not decided was turned away, and everything is brought in."""
    await held.scanner.bring_in()
    for scan in held.scanner.store.kept():
        assert scan.is_open
        await held.scanner.give_outcome(scan.scan_id, "turned_away")
    await held.scanner.bring_in()
    assert held.scanner.store.kept() == []
    assert {trouble.result for trouble in held.scanner.troubles} <= {"refused"}


async def _compare(world: World, run: Run) -> None:
    """The database is as the model."""
    model = run.model
    model.require_order_does_not_matter()
    enrolments = [UUID(place) for place in model.places]
    async with world.database.session(write=False) as session:
        rows = (await session.scalars(select(Scan).where(Scan.enrolment_id.in_(enrolments)))).all()
        keys = select(ScanKey.scan).where(ScanKey.enrolment_id.in_(enrolments))
        assert sorted(await session.scalars(keys)) == sorted(row.id for row in rows)
        names = {row.id: ScanName(str(row.enrolment_id), str(row.scan_id)) for row in rows}
        assert sorted(names.values()) == sorted(model.stored)
        of_these = Difference.scan.in_(names)
        found = await session.execute(select(Difference.scan, Difference.reason).where(of_these))
        assert sorted((names[scan], reason) for scan, reason in found) == sorted(model.differences)
        outcomes = {
            given.scan: given.outcome
            for given in await session.scalars(select(ScanOutcome).where(ScanOutcome.scan.in_(names)))
        }
        for row in rows:
            stored = model.stored[names[row.id]]
            assert _shown(row, outcomes.get(row.id)) == _expected(stored)
            courier = None if stored.courier is None else run.couriers[stored.courier]
            assert row.courier_id == courier
        for number, courier in enumerate(run.couriers):
            last = await session.get(Whereabouts, courier)
            expected = model.whereabouts(number)
            assert (last is None) == (expected is None), (number, expected)
            if last is not None and expected is not None:
                assert last.at == expected[0], (number, expected)
                assert (str(last.gate_id), last.direction) in expected[1]
        uses = (await session.scalars(select(CodeUse).where(CodeUse.scan.in_(names)))).all()
        assert len(uses) == len(model.first_uses)
        used = {names[use.scan] for use in uses}
        assert used == set(model.first_uses.values())


def _shown(row: Scan, outcome: str | None) -> tuple[object, ...]:
    told = (row.verdict, row.reason)
    decided = (row.server_verdict, row.server_reason) if row.sequence is not None else told
    return told, decided, str(row.gate_id), row.direction, row.happened_at, row.doubtful, outcome


def _expected(stored: Stored) -> tuple[object, ...]:
    return (
        stored.told,
        stored.decided,
        stored.gate,
        stored.direction,
        stored.happened_at,
        stored.doubtful,
        stored.outcome,
    )
