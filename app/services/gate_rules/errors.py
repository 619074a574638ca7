"""What is refused about gate rules."""

from app.errors import Problem, Text


class GateRulesChanged(Problem):
    """Another version has come into force since the one that the change is based on."""

    status = 409
    code = "gate_rules_changed"
    title = Text("门岗规则已被修改", "Gate rules changed")
    message = Text(
        "当前生效的是第 {version} 版门岗规则，请基于该版本重新修改。",
        "Version {version} of the gate rules is in force. Make the change again on its basis.",
    )


class GateNotHere(Problem):
    """A clause names a gate that the compound does not have."""

    status = 409
    code = "gate_not_here"
    title = Text("门岗不属于该小区", "Gate not of this compound")
    message = Text(
        "第 {clause} 条所列的门岗不属于该小区。",
        "Clause {clause} names a gate that this compound does not have.",
    )
