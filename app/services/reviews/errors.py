"""What can be refused about a review."""

from app.errors import Problem, Text


class ReviewDecided(Problem):
    """Somebody has decided already; the first decision stands."""

    status = 409
    code = "review_decided"
    title = Text("已作出决定", "Already decided")
    message = Text("该审核已有决定。", "This review has been decided already.")


class OwnReview(Problem):
    """Nobody decides about themselves."""

    status = 409
    code = "own_review"
    title = Text("不能审核自己", "Not about oneself")
    message = Text("不能审核自己提出的申请。", "Nobody decides about what they asked for themselves.")
