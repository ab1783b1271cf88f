"""``landbank check``: the same service as over HTTP."""

import typer

from app.check.schemas import report_document
from app.check.service import check as look_over
from app.check.values import Report
from app.console import JsonFlag, command, out, print_json, print_table
from app.errors import Refused, message

DATA_REFUSED = Refused.exit_code


def check(as_json: JsonFlag = False) -> None:
    """Look the whole bank over: no land twice, portions, square metres, roll-up, ledger. Exit 5 on a deviation."""
    with command() as run, run.session() as session:
        report = look_over(session, run.settings)
        document = report_document(run.settings, report)
    if as_json:
        print_json(document)
    else:
        print_report(report)
    raise typer.Exit(DATA_REFUSED if report.deviations else 0)


def print_report(report: Report) -> None:
    """Every deviation in both languages, or that there is none."""
    looked = " · ".join(f"{name} {count}" for name, count in report.counts.items())
    if not report.deviations:
        out.print(f"ok · {looked}")
        return
    rows = []
    for one in report.deviations:
        told = message(one.code, parcel=one.parcel or "", **one.values)
        rows.append([one.code, one.parcel or "", told.zh.what, told.en.what])
    print_table(f"检查 check · {looked}", ["code", "parcel", "问题", "deviation"], rows)
