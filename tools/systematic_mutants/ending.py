# SPDX-License-Identifier: BSD-3-Clause
"""What a run leaves behind when it is ended: nothing."""

import contextlib
import os
import signal
import subprocess
import threading

# The backstop, should this process be killed: a program dies with it.
_DIE_TOO = ("setpriv", "--pdeathsig", "KILL")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(RuntimeError):
    """The run is being ended; what a program did says nothing."""


class _Groups:
    """The process groups of the programs that run."""

    def __init__(self):
        # A signal may come while the main thread holds it.
        self.lock = threading.RLock()
        self.running = set()
        self.ended = False

    @contextlib.contextmanager
    def started(self, command, **options):
        """A program in a group of its own, which does not outlive the block."""
        with self.lock:
            self.check()
            process = subprocess.Popen(
                [*_DIE_TOO, *command], start_new_session=True, **options
            )
            self.running.add(process.pid)
        try:
            yield process
        finally:
            with self.lock:
                self.running.discard(process.pid)
                _kill(process.pid)
            process.wait()
        self.check()

    def check(self):
        if self.ended:
            raise Ended("the run was ended")

    def end(self):
        with self.lock:
            self.ended = True
            for group in self.running:
                _kill(group)


_GROUPS = _Groups()
started = _GROUPS.started


def _kill(group):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _on_signal(number, frame):
    del number, frame
    _GROUPS.end()
    raise KeyboardInterrupt


def watch_signals():
    """From here on a signal ends the programs, and then us."""
    for number in _SIGNALS:
        # What runs under nohup goes on.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _on_signal)


def forget_signals():
    """Of a process that was forked: they end it as they would any other."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)


@contextlib.contextmanager
def workers(executor):
    """An executor; after an error it begins nothing more."""
    try:
        yield executor
    except BaseException:
        executor.shutdown(cancel_futures=True)
        raise
    executor.shutdown()
