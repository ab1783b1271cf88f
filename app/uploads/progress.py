"""How far an upload has come: whoever works on it tells the step, whoever waits for it listens.

The listener is ambient, so that a step deep in the child process or in the commit can be told of in one line.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

STEPS: Mapping[str, float] = {
    "reading": 0.02,
    "checking": 0.15,
    "cutting": 0.35,
    "staging": 0.5,
    "comparing": 0.6,
    "storing": 0.65,
    "overlaps": 0.75,
    "events": 0.9,
    "totals": 0.95,
}
"""Each step and the share of the way that lies behind when it begins, roughly as time goes by in a large file:
read the records; check rows and outlines; cut portions along place borders; stage; compare with the inventory; store
versions; overlay with neighbours; record events; total up."""

Listener = Callable[[str, float], None]


@dataclass
class _Told:
    listener: Listener
    step: str | None = None


_TOLD: ContextVar[_Told | None] = ContextVar("progress", default=None)


@contextmanager
def told_to(listener: Listener) -> Iterator[None]:
    """Within the block, ``listener`` is called with step and share. What it raises ends the work."""
    token = _TOLD.set(_Told(listener))
    try:
        yield
    finally:
        _TOLD.reset(token)


def begin(step: str) -> None:
    """The step that begins now."""
    told = _TOLD.get()
    if told is not None:
        told.step = step
        told.listener(step, STEPS[step])


def still() -> None:
    """Called now and then while a step takes its time, so that the listener may end the work."""
    told = _TOLD.get()
    if told is not None and told.step is not None:
        told.listener(told.step, STEPS[told.step])
