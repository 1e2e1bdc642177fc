"""One process of the engine, and what it has said so far."""

import collections
import os
import signal
import subprocess
import time

import engine_output
import tree

# Of an end; a script of 64 operations and two stacks fit.
MOST_LINES = 2000
# A process that was told to end, or whose time is over, may still have an
# input to finish.
GRACE_SECONDS = 15
# Of libFuzzer, when it was interrupted.
INTERRUPTED = 72


class Process:
    """Runs `command`; its output goes to `log` and through `feed`."""

    def __init__(self, command, folder, log):
        self.progress = engine_output.Progress()
        self.lines = collections.deque(maxlen=MOST_LINES)
        self._told_to_end = False
        self._rest = b""
        self._log = open(log, "ab")
        # A session of its own: a Ctrl-C is the caller's to pass on.
        self._child = subprocess.Popen(
            command,
            cwd=folder,
            env=tree.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        os.set_blocking(self._child.stdout.fileno(), False)

    def fileno(self):
        return self._child.stdout.fileno()

    def read(self):
        """Takes in what there is; False once there will be no more."""
        try:
            data = os.read(self.fileno(), 1 << 16)
        except BlockingIOError:
            return True
        self._log.write(data)
        self.feed(data)
        return bool(data)

    def feed(self, data):
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            text = line.decode(errors="replace")
            if not self.progress.feed(text):
                self.lines.append(text)

    def interrupt(self):
        self._told_to_end = True
        self._signal(signal.SIGINT)

    def kill(self):
        self._told_to_end = True
        self._signal(signal.SIGKILL)

    def _signal(self, number):
        # To minimise, it runs others.
        try:
            os.killpg(self._child.pid, number)
        except ProcessLookupError:
            pass

    def wait(self):
        """The exit code; to be called when `read` has returned False."""
        code = self._child.wait()
        self._child.stdout.close()
        self._log.close()
        if self._told_to_end and code in (INTERRUPTED, -signal.SIGKILL):
            return 0
        return code


def run(command, folder, log, seconds, stop=lambda: False):
    """A process to its end, or to that of the time: (code or None, lines)."""
    process = Process(command, folder, log)
    ends = time.monotonic() + seconds
    try:
        while process.read():
            if time.monotonic() > ends or stop():
                process.kill()
                process.wait()
                return None, list(process.lines)
            time.sleep(0.01)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process.wait(), list(process.lines)
