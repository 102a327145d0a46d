"""How a training is stopped from outside: Ctrl-C, SIGTERM, or a terminal that was closed."""

import mmap
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = [getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP")]
AGAIN = 0.5  # seconds after which a signal is one more, and no echo of the first


class Stop:
    """The wish that the training end, known to all processes that are forked from this one.

    While steps are taken, a signal is a wish, which is looked at after each step: so all workers
    end after the same step, with weights that are whole. One more ends at once, with
    KeyboardInterrupt, as does the first one at any other time.
    """

    def __init__(self) -> None:
        self.shared = mmap.mmap(-1, 1)  # the number of the signal, or 0
        self.process = os.getpid()
        self.training = False
        self.heard: float | None = None  # when, in this process

    @property
    def asked(self) -> bool:
        return self.shared[0] != 0

    def ask(self) -> None:
        """Wish it without a signal."""
        self.shared[0] = self.shared[0] or signal.SIGINT

    @property
    def by(self) -> str:
        """What asked for it."""
        number = self.shared[0]
        return signal.Signals(number).name if number not in (0, signal.SIGINT) else "Ctrl-C"

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Within `with stop.listening():` the signals come here, but for those that this process
        was started to ignore (nohup)."""
        before = self.listen()
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def after_a_step(self) -> Iterator[None]:
        """Within it, the first signal is a wish."""
        self.training = True
        try:
            yield
        finally:
            self.training = False

    def listen(self) -> dict[Any, Any]:
        """Let the signals come here, and give back what they did before."""
        if threading.current_thread() is not threading.main_thread():
            return {}  # Python allows it in no other thread
        handlers = {number: signal.getsignal(number) for number in SIGNALS if number is not None}
        mine = {
            n: handler for n, handler in handlers.items() if handler not in (signal.SIG_IGN, None)
        }
        for number in mine:
            signal.signal(number, self._hear)
        return mine

    def _hear(self, number: int, frame: Any) -> None:
        now = time.monotonic()
        if self.heard is None:
            self.heard = now
            self.shared[0] = number
            at_once = not self.training
        else:  # of workers, the process that started them decides
            at_once = now - self.heard > AGAIN and os.getpid() == self.process
        if at_once:
            raise KeyboardInterrupt(self.by)
