"""What is refused about employers."""

from app.errors import Problem, Text


class EmployerNameTaken(Problem):
    """Two employers cannot bear one name: couriers pick theirs by it."""

    status = 409
    code = "employer_name_taken"
    title = Text("用工单位名称已存在", "Employer name taken")
    message = Text("已有同名的用工单位。", "There is an employer of this name already.")


class CreditCodeTaken(Problem):
    """One credit code is one organisation (GB 32100-2015)."""

    status = 409
    code = "credit_code_taken"
    title = Text("统一社会信用代码已登记", "Credit code taken")
    message = Text(
        "该统一社会信用代码已登记在另一个用工单位名下。", "Another employer has this credit code already."
    )


class UnknownEmployer(Problem):
    """A request names an employer that is not here."""

    status = 409
    code = "unknown_employer"
    title = Text("用工单位不存在", "Unknown employer")
    message = Text("系统中没有该用工单位。", "There is no such employer here.")


class EmployerEnded(Problem):
    """The employer no longer takes part, so nothing new can be tied to it."""

    status = 409
    code = "employer_ended"
    title = Text("用工单位已停用", "Employer ended")
    message = Text("该用工单位已停止使用。", "This employer no longer takes part.")
