"""What an uploader says of a file must name something; that is seen before the file is taken in."""

from typing import Any

from sqlalchemy.orm import Session

from app.errors import BadRequest
from app.uploads.encoding import known_encoding
from app.uploads.options import UploadOptions
from app.uploads.problems import FileRefusedError
from app.uploads.registry import service as registry


def check_stated(session: Session, options: UploadOptions) -> None:
    """Raise ``BadRequest`` for an encoding, or for a coordinate system, that names nothing land can be read in."""
    if options.encoding is not None and known_encoding(options.encoding) is None:
        raise BadRequest("encoding_unknown", parameter="encoding", encoding=options.encoding[:40])
    if options.crs is not None and not registry.is_registered(session, options.crs):
        check_crs(options.crs)


def check_crs(stated: str) -> None:
    """Raise ``BadRequest`` for what is no coordinate system, or a local or a vertical one."""
    from app.uploads.crs import parse_stated  # noqa: PLC0415  PROJ is loaded only where somebody states a system

    try:
        parse_stated(stated)
    except FileRefusedError as error:
        [problem] = error.problems
        values: dict[str, Any] = {**problem.values}
        raise BadRequest(problem.code, parameter="crs", **values) from error
