"""Every setting of the service, read once from the environment by ``main`` and ``cli`` and passed down."""

import os
import re
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pyproj import CRS
from pyproj.exceptions import CRSError
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from app.errors import BadRequest
from app.expected import expected, unfit

_CHECKOUT = Path(__file__).resolve().parent.parent


def _default_home() -> Path:
    # Root's PostgreSQL runs as another user, who may not be able to enter a checkout under /root.
    return Path("/var/lib/landbank") if os.geteuid() == 0 else _CHECKOUT / "var"


def _env(name: str, default: Any = None) -> Any:
    return Field(default=default, validation_alias=AliasChoices(name, name.lower()))


class Settings(BaseSettings):
    """``LANDBANK_*``, ``DATABASE_URL`` and ``DATABASE_OWNER_URL``; the README has the table."""

    model_config = SettingsConfigDict(
        env_prefix="LANDBANK_", env_ignore_empty=True, frozen=True, extra="ignore", populate_by_name=True
    )

    database_url: Annotated[SecretStr | None, _env("DATABASE_URL")] = None
    database_owner_url: Annotated[SecretStr | None, _env("DATABASE_OWNER_URL")] = None
    home: Path = Field(default_factory=_default_home)
    files: Path | None = None
    admin_key: SecretStr | None = Field(default=None, min_length=32)
    crs: str = "EPSG:4547"
    tz: str = "Asia/Shanghai"
    public_read: bool = False
    public_url: str | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    max_upload_bytes: int = Field(default=2 * 1024**3, gt=0)
    max_features: int = Field(default=5_000_000, gt=0)
    max_vertices: int = Field(default=100_000, gt=0, le=100_000)
    four_eyes: bool = False

    @field_validator("home", "files")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().resolve()

    @field_validator("database_url", "database_owner_url")
    @classmethod
    def _of_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        try:
            backend = make_url(value.get_secret_value()).get_backend_name()
        except (ArgumentError, ValueError):  # the port of an address is read as a number
            backend = ""
        if backend != "postgresql":
            raise unfit("expected_database_address")
        return value

    @field_validator("public_url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if not value:
            return None
        if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", value):
            raise unfit("expected_web_address")
        return value.rstrip("/")

    @field_validator("tz")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise unfit("expected_time_zone") from error
        return value

    @field_validator("crs")
    @classmethod
    def _projected_in_metres(cls, value: str) -> str:
        try:
            crs = CRS.from_user_input(value)
        except CRSError as error:
            raise unfit("expected_projected_crs") from error
        authority = crs.to_authority()
        metres = {axis.unit_name for axis in crs.axis_info} == {"metre"}
        if not (crs.is_projected and metres and authority and authority[0] == "EPSG"):
            raise unfit("expected_projected_crs")
        return f"EPSG:{authority[1]}"

    @cached_property
    def srid(self) -> int:
        """The storage CRS's EPSG number."""
        return int(self.crs.removeprefix("EPSG:"))

    @cached_property
    def files_path(self) -> Path:
        """Where originals and documents are kept, by content."""
        return self.files or self.home / "files"

    def today(self) -> date:
        """Today where the bureau is."""
        return self.day_of(datetime.now(UTC))

    def day_of(self, moment: datetime) -> date:
        """The day of a moment where the bureau is."""
        return moment.astimezone(ZoneInfo(self.tz)).date()


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process; a bad one is told by its name and never by its value (it may be a key)."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = str(first["loc"][0]).upper()
        if not name.startswith("DATABASE_"):
            name = f"LANDBANK_{name.removeprefix('LANDBANK_')}"
        told = expected(first)
        raise BadRequest(
            "setting_invalid", parameter=name, name=name, reason_zh=told.zh.what, reason_en=told.en.what
        ) from error
