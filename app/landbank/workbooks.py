"""Hectares, pieces and progress as workbooks: the table under Chinese and English heads, and what was asked."""

from collections.abc import Sequence
from decimal import Decimal

from app.edge.workbook import Sheet
from app.landbank import schemas
from app.landbank.hectares.labels import MEASURE_NAMES
from app.landbank.hectares.query import HectaresQuery, moment
from app.landbank.hectares.service import HectaresTable, PiecePage
from app.landbank.progress.schemas import PROGRESS_COLUMNS, progress_cells
from app.landbank.progress.service import Progress
from app.landbank.rules.schemas import rule_document

_ZH = {
    "category": "用地类别", "subcategory": "用地小类", "district": "区", "sub_district": "街道", "community": "社区",
    "programme": "计划", "project": "项目", "year": "年", "month": "月", "feature": "要素", "zone": "片区",
    "label_zh": "名称", "label_en": "英文名称", "hectares": "公顷", "square_metres": "平方米",
    "overlap_square_metres": "重叠平方米", "land_square_metres": "实地平方米", "value": "数值", "printed": "列示值",
    "parcels": "地块数", "residual": "尾差", "code": "编号", "version": "版本", "event": "事项", "date": "日期",
    "measure": "指标", "kind": "任务类型", "status": "任务状态", "comparator": "比较", "unit": "计量单位",
    "actual": "完成", "rate": "完成率", "gap": "差额", "expected": "时序应完成", "low": "预测低值", "mid": "预测中值",
    "high": "预测高值", "method": "预测方法", "card": "亮牌", "reason": "缺数原因", "question": "口径", "by": "分组",
    "as_of": "截至", "from": "起", "to": "止", "known_at": "当时所知", "boundaries": "区划口径", "basis": "面积口径",
    "rule": "认定口径", "layer": "层", "within": "范围", "bbox": "范围框", "shape": "图形", "zones": "片区图层",
    "round": "修约", "card_rule": "亮牌规则", "answer": "取值", "links": "明细",
}  # fmt: skip
_FIGURES = frozenset({
    "hectares", "square_metres", "overlap_square_metres", "land_square_metres", "value", "printed", "residual",
    "actual", "rate", "gap", "expected", "low", "mid", "high",
})  # fmt: skip


def hectares_sheets(table: HectaresTable) -> list[Sheet]:
    """The rows and the total, and the question."""
    query = table.query
    told = _asked(query) | {
        "basis": table.basis,
        "rule": "; ".join(_rule(rule_document(rule)) for rule in table.rules),
        "unit": query.unit,
        "round": query.rounding,
        "links": table.total.href,
    }
    return [_sheet("公顷 hectares", *schemas.hectares_cells(table)), _question(told)]


def pieces_sheets(query: HectaresQuery, page: PiecePage) -> list[Sheet]:
    """One page of the pieces behind a figure, and the question."""
    return [_sheet("地块 parcels", schemas.PIECE_COLUMNS, schemas.pieces_cells(page)), _question(_asked(query))]


def progress_sheets(found: Progress) -> list[Sheet]:
    """The year's targets, and the question."""
    told = {"year": str(found.year), "as_of": str(found.as_of), "known_at": moment(found.known_at)}
    return [_sheet("进度 progress", PROGRESS_COLUMNS, progress_cells(found.rows)), _question(told)]


def _asked(query: HectaresQuery) -> dict[str, str]:
    """The question, every default filled in."""
    name = MEASURE_NAMES[query.measure]
    told = query.parameters() | {"measure": f"{query.measure} {name.zh} {name.en}", "boundaries": query.boundaries}
    return told | ({"by": ",".join(query.by)} if query.by else {})


def _rule(rule: dict[str, object]) -> str:
    return f"{rule['code']} v{rule['version']} ({rule['programme']})"


def _question(told: dict[str, str]) -> Sheet:
    return Sheet(_head("question"), [_head("question"), _head("answer")], [[_head(name), told[name]] for name in told])


def _sheet(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Sheet:
    """A table whose figures, which travel as text, become numbers."""
    figures = [name in _FIGURES for name in columns]
    cells = [
        [Decimal(cell) if figure and isinstance(cell, str) else cell for figure, cell in zip(figures, row, strict=True)]
        for row in rows
    ]
    return Sheet(title, [_head(name) for name in columns], cells)


def _head(name: str) -> str:
    return f"{_ZH[name]} {name}" if name in _ZH else name
