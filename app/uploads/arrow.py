"""pyarrow as untyped values: its stubs know no column whose type is found at run time, which is what uploads are."""

from typing import Any

import pyarrow as _pa  # noqa: ICN001 - pa is the untyped one
import pyarrow.compute as _pc

pa: Any = _pa
pc: Any = _pc
