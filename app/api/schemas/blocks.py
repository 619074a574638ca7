"""What the API says and hears about blocks and appeals."""

from typing import Annotated, Self

from pydantic import Field

from app.api.schemas.base import Id, Instant, Line, Paragraphs, Request, Response
from app.api.schemas.scans import Identity
from app.services.blocks.appeals import AppealedBlock
from app.services.blocks.register import KnownBlock

BlockReason = Annotated[str, Line(2, 200), Field(examples=["多次在楼道内骑行"])]
AppealText = Annotated[str, Paragraphs(2, 2000), Field(examples=["当天骑行的不是我，有订单记录可查。"])]
DecisionReason = Annotated[str, Line(2, 200), Field(examples=["监控显示并非本人"])]


class NewBlock(Request):
    """Whom a compound lets in no more, for how long, and why."""

    entry_id: Id
    """An entry of that courier from the compound's list of entries."""
    reason: BlockReason
    """In words, without naming anybody; the courier reads them."""
    until: Annotated[Instant, Field(examples=["2026-06-30T16:00:00.000000Z"])]
    """When it ends: within 365 days."""


class AppealMadeAgainst(Request):
    """What the courier says against a block."""

    text: AppealText
    """For the union's reviewers; the compound does not see it."""


class AppealDecision(Request):
    """What becomes of a block."""

    uphold: bool
    """Whether it stays; if not, it is lifted at once."""
    reason: DecisionReason
    """In words, without naming anybody; the courier reads them."""


class BlockStanding(Response):
    """A block and what became of it."""

    id: Id
    """Its identifier."""
    compound_id: Id
    """The compound."""
    compound: str
    """Its name."""
    reason: BlockReason
    """Why it was made."""
    made_at: Instant
    """From when it holds."""
    until: Annotated[Instant, Field(examples=["2026-06-30T16:00:00.000000Z"])]
    """When it ends by itself."""
    lifted_at: Instant | None
    """When it was lifted before that."""
    live: bool
    """Whether it holds now."""
    appealed_at: Instant | None
    """When the courier appealed against it."""
    upheld: bool | None
    """How the appeal was decided; null while it was not."""
    decided_at: Instant | None
    """When it was decided."""
    decision_reason: DecisionReason | None
    """Why it was decided so."""

    @staticmethod
    def standing(found: KnownBlock) -> dict[str, object]:
        """The fields that everybody sees who sees the block."""
        block = found.block
        # One that ran out was not lifted; see the model.
        lifted = block.lifted_at is not None and block.lifted_at < block.until
        return {
            "id": block.id,
            "compound_id": block.compound_id,
            "compound": found.compound,
            "reason": block.reason,
            "made_at": block.made_at,
            "until": block.until,
            "lifted_at": block.lifted_at if lifted else None,
            "live": found.live,
            "appealed_at": block.appealed_at,
            "upheld": block.upheld,
            "decided_at": block.decided_at,
            "decision_reason": block.decision_reason,
        }


class CompoundBlock(BlockStanding):
    """A block as the property manager sees it."""

    identity: Identity | None
    """What the guard saw; null where the person was erased."""

    @classmethod
    def of(cls, found: KnownBlock, language: str) -> Self:
        identity = Identity.of(found.card, language, None) if found.card else None
        return cls.model_validate({**cls.standing(found), "identity": identity})


class CompoundBlocks(Response):
    """A page of a compound's blocks, newest first."""

    items: list[CompoundBlock]
    """Blocks."""
    next_cursor: str | None
    """Pass as `cursor` for older ones; null at the end."""


class OwnBlock(BlockStanding):
    """A block as its courier sees it."""

    appeal: AppealText | None
    """What the courier said against it."""

    @classmethod
    def of(cls, found: AppealedBlock) -> Self:
        return cls.model_validate({**cls.standing(found.known), "appeal": found.appeal})


class OwnBlocks(Response):
    """A page of the signed-in courier's blocks, newest first."""

    items: list[OwnBlock]
    """Blocks."""
    next_cursor: str | None
    """Pass as `cursor` for older ones; null at the end."""


class BlockAppeal(BlockStanding):
    """A block with the appeal against it, as a reviewer sees it."""

    appeal: AppealText | None
    """What the courier says; null where the person was erased."""
    identity: Identity | None
    """What the guard saw; null where the person was erased."""

    @classmethod
    def of(cls, found: AppealedBlock, language: str) -> Self:
        card = found.known.card
        identity = Identity.of(card, language, None) if card else None
        return cls.model_validate({**cls.standing(found.known), "appeal": found.appeal, "identity": identity})


class BlockAppeals(Response):
    """A page of the appeals that wait, that against the oldest block first."""

    items: list[BlockAppeal]
    """Appeals."""
    next_cursor: str | None
    """Where the next page begins; null at the end."""
