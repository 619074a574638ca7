"""What is refused about areas."""

from app.errors import Problem, Text


class UnknownArea(Problem):
    """A request names an area that the tree does not hold."""

    status = 409
    code = "unknown_area"
    title = Text("区划不存在", "Unknown area")
    message = Text("系统中没有该行政区划，请先导入。", "There is no such area here; import it first.")
