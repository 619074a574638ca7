"""Files of areas, employers and compounds: the real one, the repeated one, and the hostile ones."""

import csv
from pathlib import Path

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from app.cli import imports
from app.cli.files import SOME_REFUSED
from app.models.areas import Area
from app.models.audit import AuditRecord
from app.models.compounds import Compound, Gate
from app.models.employers import Employer, EmployerKind
from app.services.areas.importing import import_areas, read_areas
from app.services.areas.tree import list_areas, plant_areas
from app.services.compounds.importing import import_compounds, read_compounds
from app.services.compounds.register import change_compound
from app.services.employers.codes import check_character
from app.services.employers.importing import import_employers, read_employers
from app.services.employers.register import change_employer
from app.services.imports import ImportReport, RefusedLine
from app.services.sheets.tables import UnreadableSheet
from app.work import Work
from tests.factories.areas import DADUKOU, make_area

CREDIT_CODE = f"91500104MA5ABCD0X{check_character('91500104MA5ABCD0X')}"
ANOTHER_CODE = f"91500104MA5ABCD1X{check_character('91500104MA5ABCD1X')}"

COMPOUNDS = """\
小区编号,小区名称,区划代码,类型,地址,纬度,经度,门岗,门岗纬度,门岗经度
DDK-1,翠园,500104,住宅小区,翠园路 1 号,29.48,106.48,东门,29.481,106.481
DDK-1,翠园,500104,住宅小区,翠园路 1 号,29.48,106.48,西门,,
DDK-2,科技园,500104,园区,,,,,,
"""


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    return report.added, report.changed, report.unchanged, len(report.refused)


def causes(refused: list[RefusedLine] | tuple[RefusedLine, ...]) -> list[tuple[int, str | None, str]]:
    return [(line.line, line.column, line.code) for line in refused]


async def areas(work: Work, data: bytes) -> ImportReport:
    parsed = read_areas(data)
    return await import_areas(work, rows=parsed.items) + ImportReport(refused=tuple(parsed.refused))


async def employers(work: Work, text: str) -> ImportReport:
    parsed = read_employers(text.encode())
    return await import_employers(work, rows=parsed.items) + ImportReport(refused=tuple(parsed.refused))


async def compounds(work: Work, text: str) -> ImportReport:
    parsed = read_compounds(text.encode())
    return await import_compounds(work, compounds=parsed.items) + ImportReport(refused=tuple(parsed.refused))


async def test_all_streets_of_chongqing_come_in_once(work: Work, test_data: Path) -> None:
    await plant_areas(work)
    data = (test_data / "areas" / "chongqing_streets.csv").read_bytes()
    assert counts(await areas(work, data)) == (1031, 0, 0, 0)
    assert counts(await areas(work, data)) == (0, 0, 1031, 0)
    query = select(func.count()).select_from(Area)
    assert await work.session.scalar(query) == 39 + 1031
    assert await work.session.scalar(query.where(Area.level == "street")) == 1031
    with (test_data / "areas" / "chongqing_streets.csv").open(encoding="utf-8") as file:
        expected = [row["code"] for row in csv.DictReader(file) if row["areaCode"] == DADUKOU]
    assert [area.code for area in await list_areas(work, parent=DADUKOU)] == sorted(expected)


async def test_areas_that_do_not_fit_are_named_and_the_others_stay(work: Work) -> None:
    await plant_areas(work)
    report = await areas(
        work,
        "code,name,parent\n"
        "500104777001,新社区,500104777\n"  # below a street that only follows
        "500104777,新街道,500104\n"
        "500104778,别处的街道,500106\n"
        "500199001,无区可归,\n"
        "50010x,不是代码,\n"
        "500104779,,\n"
        "500104777,另一个名字,500104\n"
        "500104777,新街道,500104\n".encode(),
    )
    assert (report.added, report.changed, report.unchanged) == (2, 0, 1)
    assert sorted(causes(report.refused)) == [
        (4, None, "invalid_division"),
        (5, "parent", "unknown_parent"),
        (6, None, "invalid_division"),
        (7, None, "invalid_division"),
        (8, "name", "contradicts_earlier_row"),
    ]
    community = await work.session.get_one(Area, "500104777001")
    assert (community.path, community.parent_code, community.level) == (
        "500104777001",
        "500104777",
        "community",
    )


async def test_an_area_that_bears_another_name_now_is_renamed(work: Work) -> None:
    await plant_areas(work)
    assert counts(await areas(work, "code,name\n500104,大渡口新区\n".encode())) == (0, 1, 0, 0)
    assert (await work.session.get_one(Area, DADUKOU)).name == "大渡口新区"
    await work.session.flush()
    record = await work.session.scalar(select(AuditRecord).where(AuditRecord.action == "areas.imported"))
    assert record is not None
    assert record.details == {"added": 0, "renamed": [DADUKOU]}


async def test_employers_are_known_again(work: Work) -> None:
    text = f"单位名称,类型,统一社会信用代码\n渝快达,平台,{CREDIT_CODE}\n山城速递,快递企业,\n"
    assert counts(await employers(work, text)) == (2, 0, 0, 0)
    assert counts(await employers(work, text)) == (0, 0, 2, 0)
    renamed = text.replace("渝快达", "渝快达物流").replace(
        "山城速递,快递企业,", f"山城速递,合作商,{ANOTHER_CODE}"
    )
    assert counts(await employers(work, renamed)) == (0, 2, 0, 0)
    stored = (await work.session.scalars(select(Employer).order_by(Employer.id))).all()
    assert [(employer.name, employer.kind, employer.credit_code) for employer in stored] == [
        ("渝快达物流", "platform", CREDIT_CODE),
        ("山城速递", "partner", ANOTHER_CODE),
    ]
    await change_employer(work, employer_id=stored[0].id, reason="停业", ended=True)
    assert counts(await employers(work, renamed)) == (0, 0, 2, 0)
    assert stored[0].ended_at == work.now


async def test_a_name_that_an_employer_gave_up_goes_to_the_next(work: Work) -> None:
    await employers(work, f"name,kind,credit_code\n渝快达,platform,{CREDIT_CODE}\n")
    text = f"name,kind,credit_code\n渝快达物流,platform,{CREDIT_CODE}\n渝快达,partner,\n"
    assert counts(await employers(work, text)) == (1, 1, 0, 0)
    assert counts(await employers(work, text)) == (0, 0, 2, 0)


async def test_two_rows_for_one_employer_of_which_the_first_is_refused_stop_nothing(work: Work) -> None:
    await employers(
        work, f"name,kind,credit_code\n渝快达,platform,{CREDIT_CODE}\n山城速递,partner,{ANOTHER_CODE}\n"
    )
    report = await employers(
        work, f"name,kind,credit_code\n山城速递,platform,{CREDIT_CODE}\n渝快达,platform,\n新的,partner,\n"
    )
    assert report.added == 1
    assert causes(report.refused) == [
        (2, None, "employer_name_taken"),
        (3, None, "employer_name_taken"),
    ]


async def test_employers_that_do_not_fit_are_named_and_the_others_stay(work: Work) -> None:
    await employers(work, f"name,kind,credit_code\n渝快达,{EmployerKind.platform},{CREDIT_CODE}\n")
    report = await employers(
        work,
        "name,kind,credit_code\n"
        f"渝快达,platform,{ANOTHER_CODE}\n"
        f"新的,学校,\n"
        f"新的,partner,{CREDIT_CODE[:-1]}\n"
        ",partner,\n"
        f"{'长' * 101},partner,\n"
        "=1+1,partner,\n"
        "好的,partner,\n"
        "好的,platform,\n",
    )
    assert counts(report)[:3] == (1, 0, 0)
    assert sorted(causes(report.refused)) == [
        (2, None, "employer_name_taken"),
        (3, "kind", "unknown_choice"),
        (4, None, "invalid_credit_code"),
        (5, "name", "missing"),
        (6, "name", "too_long"),
        (7, "name", "formula"),
        (9, "name", "contradicts_earlier_row"),
    ]


async def test_compounds_come_in_with_their_gates_once(work: Work) -> None:
    await make_area(work, code=DADUKOU)
    assert counts(await compounds(work, COMPOUNDS)) == (3, 0, 0, 0)
    assert counts(await compounds(work, COMPOUNDS)) == (0, 0, 3, 0)
    stored = (await work.session.scalars(select(Compound).order_by(Compound.reference))).all()
    assert [(compound.name, compound.kind, compound.latitude) for compound in stored] == [
        ("翠园", "residential", 29.48),
        ("科技园", "park", None),
    ]
    gates = (await work.session.scalars(select(Gate).order_by(Gate.id))).all()
    assert [(gate.name, gate.latitude) for gate in gates] == [("东门", 29.481), ("西门", None)]


async def test_what_differs_is_changed_and_what_has_closed_stays_closed(work: Work) -> None:
    await make_area(work, code=DADUKOU)
    await compounds(work, COMPOUNDS)
    changed = COMPOUNDS.replace("科技园,500104", "新科技园,500104").replace("西门,,", "西门,29.5,106.5")
    assert counts(await compounds(work, changed + "DDK-2,新科技园,500104,园区,,,,南门,,\n")) == (1, 2, 1, 0)
    compound = (await work.session.scalars(select(Compound).where(Compound.reference == "DDK-1"))).one()
    await change_compound(work, compound_id=compound.id, reason="改造", closed=True)
    more = changed + "DDK-1,翠园,500104,住宅小区,翠园路 1 号,29.48,106.48,北门,,\n"
    report = await compounds(work, more)
    assert counts(report)[:2] == (0, 0)
    assert causes(report.refused) == [(line, None, "compound_closed") for line in (2, 3, 5)]


async def test_compounds_that_do_not_fit_are_named_and_the_others_stay(work: Work) -> None:
    await make_area(work, code=DADUKOU)
    report = await compounds(
        work,
        COMPOUNDS + "DDK-1,翠园,500104,园区,翠园路 1 号,29.48,106.48,北门,,\n"  # not what it was above
        "DDK-1,翠园,500104,住宅小区,翠园路 1 号,29.48,106.48,东门,,\n"
        "DDK-3,翠园,500104,,,,,东门,,\n"
        "DDK-4,无区可归,500199,,,,,东门,,\n"
        "DDK-5,半个坐标,500104,,,29.48,,东门,,\n"
        "DDK-6,南极之南,500104,,,-90.1,0,东门,,\n"
        "DDK-7,非数,500104,,,nan,0,东门,,\n"
        ",没有编号,500104,,,,,东门,,\n"
        "DDK-8,坏代码,5001,,,,,东门,,\n",
    )
    assert counts(report)[:3] == (3, 0, 0)
    assert sorted(causes(report.refused)) == [
        (5, None, "contradicts_earlier_row"),
        (6, "gate", "contradicts_earlier_row"),
        (7, None, "compound_name_taken"),
        (8, None, "unknown_area"),
        (9, None, "position_incomplete"),
        (10, "latitude", "degrees"),
        (11, "latitude", "degrees"),
        (12, "reference", "missing"),
        (13, "area_code", "invalid_division"),
    ]
    assert await work.session.scalar(select(func.count()).select_from(Compound)) == 2


@pytest.mark.parametrize("read", [read_areas, read_employers, read_compounds])
@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00", b"\x00" * 100, b"a,b\n1,2\n", b"PK\x03\x04broken"])
def test_what_is_no_table_is_refused_whole(read: object, data: bytes) -> None:
    assert callable(read)
    with pytest.raises(UnreadableSheet):
        read(data)


def test_files_of_excel_in_gb18030_are_read() -> None:
    assert [rows.described.name for rows in read_compounds(COMPOUNDS.encode("gb18030")).items] == [
        "翠园",
        "科技园",
    ]


def test_the_command_reports_every_refused_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from app.cli import init

    monkeypatch.chdir(tmp_path)
    init.init()
    source, report = tmp_path / "areas.csv", tmp_path / "report.csv"
    source.write_text("code,name\n500104001,新街道\n50010x,不是代码\n", encoding="utf-8")
    capsys.readouterr()

    run = CliRunner().invoke(imports.app, ["areas", str(source)])
    assert run.exit_code == SOME_REFUSED
    assert run.stderr.splitlines()[-1].startswith(("第 3 行：", "Line 3: "))
    again = CliRunner().invoke(imports.app, ["areas", str(source), "--report", str(report)])
    assert again.exit_code == SOME_REFUSED
    with report.open(encoding="utf-8-sig", newline="") as file:
        (line,) = csv.DictReader(file)
    assert (line["line"], line["code"]) == ("3", "invalid_division")
    source.write_text("code,name\n500104001,新街道\n", encoding="utf-8")
    assert CliRunner().invoke(imports.app, ["areas", str(source)]).exit_code == 0
