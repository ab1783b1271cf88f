"""The report of a check as a document; places as GeoJSON in CRS84."""

from typing import Any

from app.check.values import Deviation, Report
from app.errors import message
from app.landbank.hectares.query import moment
from app.settings import Settings
from app.uploads.records import crs84


def report_document(settings: Settings, report: Report) -> dict[str, Any]:
    """``GET /check``: a feature collection, one feature for each deviation."""
    return {
        "type": "FeatureCollection",
        "known_at": moment(report.known_at),
        "counts": dict(report.counts),
        "features": [_feature(settings, deviation) for deviation in report.deviations],
    }


def _feature(settings: Settings, deviation: Deviation) -> dict[str, Any]:
    told = message(deviation.code, parcel=deviation.parcel or "", **deviation.values)
    return {
        "type": "Feature",
        "geometry": None if deviation.outline is None else crs84(settings, deviation.outline),
        "properties": {
            "code": deviation.code,
            "parcel": deviation.parcel,
            **{name: str(value) for name, value in deviation.values.items()},
            "message": {"zh": told.zh.what, "en": told.en.what},
            "action": {"zh": told.zh.do, "en": told.en.do},
        },
    }
