# SPDX-License-Identifier: BSD-3-Clause
"""Test programs: how long each takes, what it reaches, what it notices."""

import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import ending

# Alone, and not beside another one: they share what a machine has once.
_ALONE = threading.Lock()
# What grows without end shall not take the machine with it.
_LIMITS = (f"--as={6 << 30}", f"--fsize={16 << 30}")


@dataclasses.dataclass
class Program:
    label: str
    path: pathlib.Path
    folder: pathlib.Path  # Where it runs.
    arguments: list
    alone: bool = False
    sanitized: bool = False  # Takes terabytes of addresses.
    flags: tuple = ()  # Of the engine, if it is a fuzz target.
    timeout: int = 0  # Seconds that Bazel gives it.
    digest: str = ""
    seconds: float = 0.0
    reached: frozenset = frozenset()

    @property
    def name(self):
        return self.label.split(":")[1]


@dataclasses.dataclass
class Outcome:
    code: int
    seconds: float
    timed_out: bool
    output: str

    @property
    def passed(self):
        return self.code == 0 and not self.timed_out

    def describe(self):
        if self.timed_out:
            return f"timed out after {self.seconds:.0f} s"
        if self.code < 0:
            return f"killed by {signal.Signals(-self.code).name}"
        return f"exit code {self.code}"


def limit_of(seconds):
    """How long a program that takes `seconds` without a mutant runs at first.

    Whether it has to be ended after that is asked with its own timeout.
    """
    return 10 + 5 * seconds


def run(program, limit, variables):
    """Runs a program as `bazel test` would, in an empty folder of its own."""
    scratch = tempfile.mkdtemp(prefix="vu_mutants.")
    environment = {
        "PATH": "/bin:/usr/bin:/usr/local/bin",
        "USER": os.environ.get("USER", "root"),
        "HOME": scratch,
        "TEST_TMPDIR": scratch,
        "TMPDIR": scratch,
        "TEST_SRCDIR": str(program.folder.parent),
        "RUNFILES_DIR": str(program.folder.parent),
        "TEST_WORKSPACE": "virtio_user",
        "TEST_TARGET": program.label,
        "GTEST_COLOR": "no",
        "GTEST_FAIL_FAST": "1",
        **variables,
    }
    try:
        if program.alone:
            with _ALONE:
                return _run(program, limit, environment)
        return _run(program, limit, environment)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _run(program, limit, environment):
    begin = time.monotonic()
    with tempfile.TemporaryFile() as output:
        memory, file = _LIMITS
        limited = ["prlimit", file]
        if not program.sanitized:
            limited.append(memory)
        timed_out = False
        with ending.started(
            [*limited, program.path, *program.arguments],
            cwd=program.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process:
            try:
                code = process.wait(limit)
            except subprocess.TimeoutExpired:
                timed_out, code = True, -signal.SIGKILL
        seconds = time.monotonic() - begin
        output.seek(0, os.SEEK_END)
        output.seek(max(0, output.tell() - 4000))
        text = output.read().decode(errors="replace")
    return Outcome(code, seconds, timed_out, text)


def digest_of(program):
    total = hashlib.sha256(program.path.read_bytes())
    total.update("\0".join(program.flags).encode())
    for argument in program.arguments:
        file = program.folder / argument
        if file.is_file():
            total.update(file.read_bytes())
    return total.hexdigest()[:16]


def run_reaching(program, limit):
    """Runs without a mutant: the outcome, and the numbers it reached."""
    with tempfile.NamedTemporaryFile(prefix="vu_reached.") as file:
        outcome = run(program, limit, {"VU_MUTANT_REACHED": file.name})
        reached = pathlib.Path(file.name).read_bytes()
    return outcome, frozenset(i for i, byte in enumerate(reached) if byte)


class Baseline:
    """What programs do without a mutant, remembered by their digests."""

    def __init__(self, file):
        self.file = file
        self.lock = threading.Lock()  # Programs are measured side by side.
        self.known = json.loads(file.read_text()) if file.exists() else {}

    def fill(self, program):
        """Times it and sees what it reaches; the failure if it fails."""
        program.digest = digest_of(program)
        known = self.known.get(f"{program.label} {program.digest}")
        if known is None:
            outcome, reached = run_reaching(program, 300)
            if not outcome.passed:
                return outcome
            known = [outcome.seconds, sorted(reached)]
            with self.lock:
                self.known[f"{program.label} {program.digest}"] = known
                self.save()
        program.seconds, program.reached = known[0], frozenset(known[1])
        return None

    def save(self):
        part = self.file.with_suffix(".part")
        part.write_text(json.dumps(self.known))
        part.replace(self.file)
