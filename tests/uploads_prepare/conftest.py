"""Puts the checkout on the path, so that tests can share how they draw files."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.uploads_prepare.drawn_files import prepared

__all__ = ["prepared"]
