"""Ctrl-C as a wish: the first one is heeded at the next safe moment, the second interrupts as ever.

An exception that may arise between any two steps could fall between a paid reply and its storing. So while a run is
open in the main thread, and nobody else handles the signal, the first SIGINT only calls `wish`.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Self


class Interrupts:
    """A context in which the first SIGINT calls `wish`; everywhere but in the main thread it changes nothing."""

    def __init__(self, wish: Callable[[], None]) -> None:
        self.is_wished = False
        self._wish = wish
        self._is_installed = False

    def __enter__(self) -> Self:
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._handle)
            self._is_installed = True
        return self

    def __exit__(self, *_: object) -> None:
        # A generator may be closed by another thread, which must not touch signals.
        if self._is_installed and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.is_wished:
            signal.default_int_handler(number, frame)
        self.is_wished = True
        self._wish()
