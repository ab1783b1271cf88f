"""Print how many tests of a JUnit report passed and how many failed, for ``./test``."""

import sys
from pathlib import Path
from xml.etree import ElementTree as ET

if __name__ == "__main__":
    report = Path(sys.argv[1])
    cases = list(ET.parse(report).iter("testcase")) if report.exists() else []
    failed = sum(any(part.tag in {"failure", "error"} for part in case) for case in cases)
    skipped = sum(any(part.tag == "skipped" for part in case) for case in cases)
    sys.stdout.write(f"{len(cases) - failed - skipped} {failed}\n")
