"""Ctrl-C once: save and stop.  Twice: leave at once.  A terminal that is closed asks as Ctrl-C does."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

EXIT_AT_ONCE = 130
"""What shells report for a program ended by Ctrl-C."""


class StopRequest:
    """Whether somebody has asked a run to stop."""

    def __init__(self) -> None:
        self.asked = False


@contextlib.contextmanager
def stop_on_signal() -> Iterator[StopRequest]:
    """Turn SIGINT, SIGTERM and SIGHUP into a request to stop while the context lasts; a second one ends the process.

    A second SIGHUP does not, for a terminal that closes sends it and so does its shell.  Where SIGHUP is ignored, as
    under nohup, it stays so.  Outside the main thread, where Python allows no handlers, the request is never set.
    """
    request = StopRequest()

    def handle(number: int, frame: FrameType | None) -> None:
        if request.asked and number not in _hang_ups():
            os._exit(EXIT_AT_ONCE)
        request.asked = True

    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, handle) for number in _numbers()}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _numbers() -> Iterator[int]:
    """Signals that ask a run to stop."""
    yield from (signal.SIGINT, signal.SIGTERM)
    yield from (number for number in _hang_ups() if signal.getsignal(number) != signal.SIG_IGN)


def _hang_ups() -> tuple[int, ...]:
    """Windows has none."""
    return (signal.SIGHUP,) if sys.platform != "win32" else ()
