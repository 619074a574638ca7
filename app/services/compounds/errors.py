"""What is refused about compounds and gates."""

from app.errors import Problem, Text


class CompoundNameTaken(Problem):
    """Two compounds of one area cannot bear one name: couriers find theirs by it."""

    status = 409
    code = "compound_name_taken"
    title = Text("小区名称已存在", "Compound name taken")
    message = Text("该区划内已有同名小区。", "The area has a compound of this name already.")


class CompoundReferenceTaken(Problem):
    """One reference is one compound, so that a file can be imported again."""

    status = 409
    code = "compound_reference_taken"
    title = Text("小区编号已使用", "Compound reference taken")
    message = Text("该编号已用于另一个小区。", "Another compound has this reference already.")


class GateNameTaken(Problem):
    """Two gates of one compound cannot bear one name."""

    status = 409
    code = "gate_name_taken"
    title = Text("门岗名称已存在", "Gate name taken")
    message = Text("该小区已有同名门岗。", "The compound has a gate of this name already.")


class CompoundClosed(Problem):
    """The compound no longer takes part."""

    status = 409
    code = "compound_closed"
    title = Text("小区已停用", "Compound closed")
    message = Text("该小区已停止使用。", "This compound no longer takes part.")


class GateClosed(Problem):
    """The gate is not in use."""

    status = 409
    code = "gate_closed"
    title = Text("门岗已停用", "Gate closed")
    message = Text("该门岗已停止使用。", "This gate is not in use.")


class PositionIncomplete(Problem):
    """A position has both coordinates or none."""

    status = 409
    code = "position_incomplete"
    title = Text("坐标不完整", "Position incomplete")
    message = Text("经度和纬度须同时填写。", "Give both latitude and longitude, or neither.")
