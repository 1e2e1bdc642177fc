"""Runs sessions side by side, and shows how they stand."""

import selectors
import shutil
import signal
import sys
import time

REDRAW_SECONDS = 0.2
LINE_SECONDS = 10
# Back to the first column, and nothing left of what stood there.
ERASE = "\r\x1b[K"


class Screen:
    """Standard error: one line that changes, or one from time to time."""

    def __init__(self, out=sys.stderr):
        self._out = out
        self._live = out.isatty()
        self._drawn = time.monotonic()
        self._turn = 0

    def line(self, text):
        """For good."""
        self._erase()
        print(text, flush=True)

    def show(self, sessions):
        now = time.monotonic()
        every = REDRAW_SECONDS if self._live else LINE_SECONDS
        if now - self._drawn < every:
            return
        self._drawn = now
        if not self._live:
            for session in sessions:
                print(session.text(), file=self._out, flush=True)
            return
        # Of several, each for two seconds.
        self._turn += 1
        session = sessions[int(self._turn * every / 2) % len(sessions)]
        width = shutil.get_terminal_size().columns
        self._out.write(ERASE + session.text()[: width - 1])
        self._out.flush()

    def end(self):
        self._erase()

    def _erase(self):
        if self._live:
            self._out.write(ERASE)
            self._out.flush()


class Interrupt:
    """The first SIGINT, SIGTERM or SIGHUP asks for an end."""

    def __init__(self):
        self.seen = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._on_signal)
        # Of an asynchronous command of a shell it may be ignored.
        signal.signal(signal.SIGINT, self._on_signal)

    def _on_signal(self, number, frame):
        self.seen = True


def _select(sessions):
    """Waits for output, a little; pairs of a session and a number."""
    with selectors.DefaultSelector() as selector:
        for session in sessions:
            for number, process in session.processes.items():
                selector.register(
                    process, selectors.EVENT_READ, (session, number)
                )
        return [key.data for key, _ in selector.select(REDRAW_SECONDS)]


def _hurry(sessions, interrupt):
    """Ends what has to end by now."""
    for session in sessions:
        if interrupt.seen or session.is_late():
            for process in session.processes.values():
                process.hurry(late=not interrupt.seen)


def watch(sessions, screen, interrupt):
    """To the end of all of them."""
    try:
        for session in sessions:
            session.start()
        while any(session.processes for session in sessions):
            for session, number in _select(sessions):
                wanted = not interrupt.seen
                for finding in session.take(number, wanted):
                    screen.line(finding.line)
            _hurry(sessions, interrupt)
            running = [s for s in sessions if s.processes]
            if running:
                screen.show(running)
    finally:
        for session in sessions:
            for process in session.processes.values():
                process.kill()
    screen.end()
