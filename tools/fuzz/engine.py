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
# input to finish, or to tell what it died of.
GRACE_SECONDS = 30
# Of libFuzzer, when it was interrupted.
INTERRUPTED = 72


def late_seconds(command):
    """How long after its time a process is let alone.

    An input takes up to -timeout, which is looked at now and then: at twice
    that, and some time for the report, the process has told of a hang.
    """
    flags = [it for it in command if it.startswith("-timeout=")]
    # The last of two equal flags counts.
    timeout = int(flags[-1].partition("=")[2]) if flags else 0
    return max(GRACE_SECONDS, 2 * timeout + 10)


class Process:
    """Runs `command`; its output goes to `log` and through `feed`.

    `late` if it had to be told to end, since it did not when its time was
    over.
    """

    def __init__(self, command, folder, log):
        self.progress = engine_output.Progress()
        self.lines = collections.deque(maxlen=MOST_LINES)
        self.late = False
        self._told = None  # When it was told to end.
        self._reports = False
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
        self._log.flush()
        self.feed(data)
        return bool(data)

    def feed(self, data):
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            text = line.decode(errors="replace")
            if not self.progress.feed(text):
                self.lines.append(text)
                self._reports |= engine_output.begins_report(text)
        # A line may come in pieces.
        text = self._rest.decode(errors="replace")
        self._reports |= engine_output.begins_report(text)

    def hurry(self, late):
        """Tells it to end; after a while of that, ends it.

        What tells of a finding already will end, and is not disturbed.
        """
        now = time.monotonic()
        if self._told is None:
            self._told = now
            self.late = late
            if not self._reports:
                self._child.send_signal(signal.SIGINT)
        elif now > self._told + GRACE_SECONDS:
            self.kill()

    def kill(self):
        self._told = self._told or time.monotonic()
        # To minimise, and to look up frames, it runs others.
        try:
            os.killpg(self._child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def wait(self):
        """The exit code; to be called when `read` has returned False."""
        code = self._child.wait()
        self._child.stdout.close()
        self._log.close()
        in_order = self._told and not self.late and not self._reports
        if in_order and code in (INTERRUPTED, -signal.SIGKILL):
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
