"""What is refused about blocks and the appeals against them."""

from app.errors import Problem, Text


class BlockTermUnfit(Problem):
    """A block ends: in the future, and within a year."""

    status = 409
    code = "block_term_unfit"
    title = Text("禁入期限不当", "Term of a block")
    message = Text(
        "禁入须有期限：截止时间应在现在之后、{days} 天以内。",
        "A block must end: after now, and within {days} days.",
    )


class AlreadyBlocked(Problem):
    """The courier is blocked at this compound already; lift that block to make another."""

    status = 409
    code = "already_blocked"
    title = Text("已在禁入名单", "Already blocked")
    message = Text(
        "此人已被本小区禁入；如需更改，请先解除。",
        "This courier is blocked here already. Lift that block to make another.",
    )


class BlockRefuted(Problem):
    """An appeal was granted since, or the block lifted while it waited; what happened before is settled."""

    status = 409
    code = "block_refuted"
    title = Text("申诉已成立", "Appeal was granted")
    message = Text(
        "针对此人的禁入已在申诉后解除，不得再以此前的通行记录禁入。",
        "A block of this courier was lifted after an appeal, so entries of before are no ground for another.",
    )


class BlockOver(Problem):
    """The block has ended, so there is nothing to appeal against or to decide."""

    status = 409
    code = "block_over"
    title = Text("禁入已结束", "Block is over")
    message = Text("该禁入已经结束。", "This block has ended.")


class AppealMade(Problem):
    """One appeal a block; the first stands."""

    status = 409
    code = "appeal_made"
    title = Text("已提出申诉", "Appeal made")
    message = Text(
        "已对该禁入提出申诉，不能更改。", "An appeal against this block was made, and stands as it is."
    )


class NoAppeal(Problem):
    """Nobody has appealed against this block."""

    status = 409
    code = "no_appeal"
    title = Text("没有申诉", "No appeal")
    message = Text("该禁入没有申诉。", "There is no appeal against this block.")


class AppealDecided(Problem):
    """Somebody has decided already; the first decision stands."""

    status = 409
    code = "appeal_decided"
    title = Text("申诉已有决定", "Appeal decided")
    message = Text("该申诉已有决定。", "This appeal has been decided already.")


class OwnAppeal(Problem):
    """Nobody decides about an appeal or a block of their own."""

    status = 409
    code = "own_appeal"
    title = Text("不能审理自己的申诉", "Not about oneself")
    message = Text(
        "不能审理自己提出的申诉或自己作出的禁入。",
        "Nobody decides about their own appeal, or about a block that they made.",
    )
