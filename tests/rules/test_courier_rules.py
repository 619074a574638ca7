"""What decides about couriers: transitions, what a roster vouches for, and what proves a claim."""

from dataclasses import dataclass
from itertools import product
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.couriers import CourierState, KindOfWork, Vehicle
from app.services.couriers.identity import Indexes, comparable_name, plain_name
from app.services.couriers.rules import (
    REASON_TEXTS,
    Proof,
    ReviewReason,
    doubts,
    may_become,
    state_restored,
    vouching_rows,
)
from app.services.couriers.texts import KINDS_OF_WORK, VEHICLES

PENDING, VERIFIED, SUSPENDED, LEFT = CourierState

ALLOWED = {
    (PENDING, VERIFIED),
    (PENDING, SUSPENDED),
    (PENDING, LEFT),
    (VERIFIED, SUSPENDED),
    (VERIFIED, LEFT),
    (SUSPENDED, VERIFIED),
    (SUSPENDED, PENDING),
    (LEFT, PENDING),
}


@pytest.mark.parametrize(("state", "to"), list(product(CourierState, CourierState)))
def test_transitions(state: CourierState, to: CourierState) -> None:
    assert may_become(state, to) == ((state, to) in ALLOWED)


@pytest.mark.parametrize("ever_verified", [True, False])
def test_a_suspension_ends_where_it_began(ever_verified: bool) -> None:  # noqa: FBT001 - a table's cell
    assert may_become(SUSPENDED, state_restored(ever_verified=ever_verified))
    assert state_restored(ever_verified=ever_verified) is (VERIFIED if ever_verified else PENDING)


@dataclass
class Row:
    employer_id: UUID
    name_index: bytes
    phone_index: bytes


US, THEM = UUID(int=1), UUID(int=2)
ME = Indexes(b"d", b"n", b"p")
R = ReviewReason


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], [R.no_roster]),
        ([Row(US, b"x", b"p")], [R.name_differs]),
        ([Row(US, b"n", b"x")], [R.phone_differs]),
        ([Row(US, b"x", b"x")], [R.name_differs, R.phone_differs]),
        ([Row(THEM, b"n", b"x")], [R.phone_differs, R.employer_differs]),
        ([Row(THEM, b"x", b"x")], [R.name_differs, R.phone_differs, R.employer_differs]),
        ([Row(US, b"n", b"x"), Row(THEM, b"x", b"x")], [R.phone_differs]),
        ([Row(US, b"n", b"x"), Row(US, b"x", b"p")], [R.name_differs, R.phone_differs]),
    ],
)
def test_doubts(rows: list[Row], expected: list[ReviewReason]) -> None:
    assert vouching_rows(ME, rows) == []
    assert doubts(ME, rows, {US}) == expected


cells = st.sampled_from([b"n", b"p", b"x"])
some_rows = st.lists(st.builds(Row, st.sampled_from([US, THEM]), cells, cells), max_size=5)


@given(some_rows)
def test_a_row_vouches_only_if_name_and_phone_agree_and_else_there_is_a_doubt(rows: list[Row]) -> None:
    vouching = vouching_rows(ME, rows)
    assert vouching == [row for row in rows if row.name_index == b"n" and row.phone_index == b"p"]
    rest = [row for row in rows if row not in vouching]
    found = doubts(ME, rest, {US})
    assert found
    assert list(found) == sorted(found, key=list(ReviewReason).index)


@pytest.mark.parametrize(
    ("proof", "suffices"),
    [
        (Proof(same_name=True, same_phone=True, roster_agrees=False, ever_verified=True), True),
        (Proof(same_name=True, same_phone=True, roster_agrees=False, ever_verified=False), True),
        (Proof(same_name=True, same_phone=False, roster_agrees=False, ever_verified=False), False),
        (Proof(same_name=False, same_phone=True, roster_agrees=False, ever_verified=False), False),
        (Proof(same_name=False, same_phone=False, roster_agrees=True, ever_verified=False), True),
        (Proof(same_name=True, same_phone=False, roster_agrees=True, ever_verified=True), False),
    ],
)
def test_what_moves_a_profile_without_a_reviewer(proof: Proof, *, suffices: bool) -> None:
    assert proof.suffices == suffices
    assert R.document_known in proof.reasons


@pytest.mark.parametrize(
    ("spellings", "kept"),
    [
        (["甄实诚", " 甄 实诚 ", "甄\u3000实诚", "甄\u200b实诚"], "甄实诚"),
        (["阿依古丽·买买提", "阿依古丽•买买提", "阿依古丽．买买提", "阿依古丽 ・ 买买提"], "阿依古丽·买买提"),
        (["Li Wei", "LI WEI", "ｌｉ　ｗｅｉ", "Li  Wei"], "Li Wei"),
        (["Zoë", "Zoe\u0308"], "Zoë"),
    ],
)
def test_spellings_of_one_name_are_one(spellings: list[str], kept: str) -> None:
    assert {comparable_name(spelling) for spelling in spellings} == {comparable_name(kept)}


@given(st.text(max_size=30))
def test_a_kept_name_stays_as_it_is(name: str) -> None:
    assert plain_name(plain_name(name)) == plain_name(name)
    assert comparable_name(plain_name(name)) == comparable_name(name)


def test_everything_that_people_read_has_words() -> None:
    assert set(KINDS_OF_WORK) == set(KindOfWork)
    assert set(VEHICLES) == set(Vehicle)
    assert set(REASON_TEXTS) == set(ReviewReason)
