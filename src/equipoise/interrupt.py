"""Ctrl-C once: save and stop.  Twice: leave at once."""

from __future__ import annotations

import contextlib
import os
import signal
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
    """Turn SIGINT and SIGTERM into a request to stop while the context lasts; a second one ends the process.

    Outside the main thread, where Python allows no handlers, the request is never set.
    """
    request = StopRequest()

    def handle(number: int, frame: FrameType | None) -> None:
        if request.asked:
            os._exit(EXIT_AT_ONCE)
        request.asked = True

    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
