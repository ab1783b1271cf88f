"""Rounding that ties, or says by how much it does not: a published report printed 18.21 + 1.62 + 9.16 + 259.05 beside
a total of 288.05, and the parts sum to 288.04.
"""

from decimal import Decimal

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.inventory.models import Parcel, ParcelVersion, Portion
from app.landbank.cli import print_hectares
from app.landbank.hectares.rollup import rebuild_rollup
from app.landbank.hectares.service import HectaresTable
from app.landbank.schemas import hectares_cells, hectares_document
from tests.spec.maps import Bank

DECLARED = {"A": "182140", "B": "16240", "C": "91630", "D": "2590490"}
"""Square metres: 18.214 + 1.624 + 9.163 + 259.049 = 288.05 ha."""
CATEGORIES = {"A": "industrial", "B": "public_facility", "C": "residential_potential", "D": "other"}


@pytest.fixture
def bank(session: Session) -> Bank:
    made = Bank(session)
    made.parcels("ABCD", category=CATEGORIES)
    for letter, square_metres in DECLARED.items():
        made.event("bank_entry", letter)
        versions = (
            select(ParcelVersion.id).join(Parcel, Parcel.id == ParcelVersion.parcel_id).where(Parcel.code == letter)
        )
        session.execute(
            update(Portion)
            .where(Portion.parcel_version_id.in_(versions))
            .values(declared_square_metres=Decimal(square_metres))
        )
    rebuild_rollup(session)
    return made


def ask(bank: Bank, rounding: str) -> HectaresTable:
    return bank.ask(by="category", basis="declared", round=rounding)


def printed(table: HectaresTable) -> dict[object, str]:
    return {row.keys[0][1]: str(row.printed) for row in table.rows}


def test_half_up_prints_what_was_printed_and_shows_the_hundredth_that_is_missing(bank: Bank) -> None:
    table = ask(bank, "half_up")
    assert printed(table) == {
        "industrial": "18.21",
        "public_facility": "1.62",
        "residential_potential": "9.16",
        "other": "259.05",
    }
    assert str(table.total.printed) == "288.05"
    assert table.residual == Decimal("0.01")


def test_balanced_gives_the_hundredth_to_the_part_that_lost_most(bank: Bank) -> None:
    table = ask(bank, "balanced")
    assert printed(table) == {
        "industrial": "18.22",
        "public_facility": "1.62",
        "residential_potential": "9.16",
        "other": "259.05",
    }
    assert str(table.total.printed) == "288.05"
    assert table.residual == 0


def test_unrounded_figures_tie_whatever_is_printed(bank: Bank) -> None:
    for rounding in ("none", "half_up", "balanced"):
        table = ask(bank, rounding)
        assert sum(row.hectares for row in table.rows) == table.total.hectares == Decimal("288.05")


@pytest.mark.parametrize(("rounding", "residual"), [("none", "0.00"), ("half_up", "0.01"), ("balanced", "0.00")])
def test_the_residual_is_told_in_every_form(
    bank: Bank, rounding: str, residual: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table = ask(bank, rounding)
    assert hectares_document(table)["residual"] == residual
    columns, rows = hectares_cells(table)
    assert [row[columns.index("residual")] for row in rows] == [None, None, None, None, residual]
    print_hectares(table)
    assert (f"residual {residual}" in capsys.readouterr().out) == (rounding != "none")
