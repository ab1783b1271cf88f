"""What every answer as known at one moment shares, found once: names, rules, the roll-up as sums up to each day.

A service keeps this of the newest moment. Whatever is kept follows from what was known then, so it is never wrong;
after a publication questions name a later moment, and what was kept for the one before is let go.
"""

from collections.abc import Callable, Hashable
from datetime import datetime
from threading import Lock, RLock
from typing import TypeVar, cast

Value = TypeVar("Value")


class Facts:
    """What follows from what is known at one moment. Threads share it: who comes second waits for what is sought."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._found: dict[Hashable, object] = {}
        self._lock = RLock()

    def once(self, name: Hashable, find: Callable[[], Value]) -> Value:
        """What was found under ``name``, else what ``find`` finds."""
        with self._lock:
            if name not in self._found:
                self._found[name] = find()
            return cast("Value", self._found[name])


class Newest:
    """The facts of the newest moment that anybody asked for; of earlier ones nothing is kept."""

    def __init__(self) -> None:
        """Nobody has asked yet."""
        self._moment: datetime | None = None
        self._facts = Facts()
        self._lock = Lock()

    def at(self, moment: datetime) -> Facts:
        """The facts of a moment. It must be that of a publication which the asking transaction sees as committed."""
        with self._lock:
            if self._moment is not None and moment < self._moment:
                return Facts()
            if moment != self._moment:
                self._moment, self._facts = moment, Facts()
            return self._facts
