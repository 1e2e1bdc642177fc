"""One target being fuzzed: its processes, and what they find."""

import contextlib
import hashlib
import os
import shutil
import time

import engine
import engine_output
import findings
import tree


# How much of its time an engine that has nothing to say may leave.
SPARE_SECONDS = 3


class Session:
    """Starts with `start`; ends when `processes` is empty."""

    def __init__(self, target, command, jobs, seconds, seed):
        self.target = target
        self.jobs = jobs
        self.seconds = seconds
        self.processes = {}  # By number, from 0.
        self.findings = findings.Findings(target, command)
        self.trouble = None
        self.execs = 0  # Of the processes that have ended.
        self.elapsed = 0
        self._command = command
        self._seed = seed
        self._started = None
        self._best = engine_output.Progress()
        self._folder = tree.WORK / target
        self._draws = 0

    def manifest(self):
        flags = [word for word in self._command[1:] if word != "corpus"]
        flags = [flag for flag in flags if "artifact_prefix" not in flag]
        corpus = tree.corpus_text(self._folder / "corpus")
        return (
            f"target: {self.target}\n"
            f"commit: {tree.commit()}\n"
            f"flags: --config=fuzz; {' '.join(flags)}\n"
            f"seed: {self._seed}; {self.seconds} s,"
            f" {self.jobs} process{'es' if self.jobs > 1 else ''}\n"
            f"corpus: {corpus}"
        )

    def start(self):
        self._started = time.monotonic()
        shutil.rmtree(self._folder / "logs", ignore_errors=True)
        (self._folder / "logs").mkdir(parents=True)
        for number in range(self.jobs):
            self._launch(number, self.seconds)

    def _launch(self, number, seconds):
        # A process that takes the place of another draws anew.
        seed = (self._seed + self._draws - 1) % (2**31 - 1) + 1
        self._draws += 1
        # The last of two equal flags counts.
        self.processes[number] = engine.Process(
            [
                *self._command,
                f"-max_total_time={seconds}",
                f"-seed={seed}",
                "-print_final_stats=1",
            ],
            self._folder,
            self._folder / "logs" / f"{number + 1}.log",
        )

    def left(self):
        return self.seconds - (time.monotonic() - self._started)

    def is_late(self):
        return self.left() < -engine.late_seconds(self._command)

    def take(self, number, wanted):
        """Reads from a process; the new findings. `wanted`: to go on."""
        process = self.processes[number]
        more = process.read()
        self._note(process)
        if more:
            return []
        del self.processes[number]
        self.elapsed = time.monotonic() - self._started
        self.execs += process.progress.execs
        code = process.wait()
        found = []
        if code != 0:
            found = self._look(number, code, process)
        elif wanted:
            self._distrust(number, process)
        seconds = round(self.left())
        if code != 0 and wanted and not self.trouble and seconds > 0:
            self._launch(number, seconds)
        return found

    def _distrust(self, number, process):
        """An end without a finding, which nobody asked for."""
        log = tree.shown(self._folder / "logs" / f"{number + 1}.log")
        if process.progress.execs == 0:
            self.trouble = f"{self.target}: nothing was executed; see {log}"
        elif self.left() > SPARE_SECONDS:
            self.trouble = (
                f"{self.target}: ended by itself, {self.left():.0f} s before"
                f" its time was over; see {log}"
            )

    def _look(self, number, code, process):
        lines = list(process.lines)
        kept = engine_output.kept_input(lines)
        finding = engine_output.finding_of(lines)
        if kept is None or finding is None or not os.path.exists(kept):
            how = f"ended with code {code}"
            if process.late:
                seconds = engine.late_seconds(self._command)
                how = f"did not end within {seconds:g} s of its time"
            log = self._folder / "logs" / f"{number + 1}.log"
            self.trouble = (
                f"{self.target}: {how} and kept no"
                f" input; see {tree.shown(log)}"
            )
            return []
        self._drop_from_corpus(kept)
        return [finding] if self.findings.add(finding, kept) else []

    def _drop_from_corpus(self, kept):
        """An input that ends the process would end the next one, too."""
        with open(kept, "rb") as file:
            data = file.read()
        hashes = hashlib.sha256(data).digest()
        for path in tree.files_of(self._folder / "corpus"):
            # Other processes remove files, too.
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_size != len(data):
                    continue
                if hashlib.sha256(path.read_bytes()).digest() == hashes:
                    path.unlink()

    def _note(self, process):
        best, now = self._best, process.progress
        for name in ("coverage", "features", "corpus", "states"):
            setattr(best, name, max(getattr(best, name), getattr(now, name)))

    def summary(self):
        """Numbers of now: a name to a number."""
        running = list(self.processes.values())
        if running:
            self.elapsed = time.monotonic() - self._started
        execs = self.execs + sum(p.progress.execs for p in running)
        rate = sum(p.progress.rate for p in running)
        if not running:
            rate = round(execs / self.elapsed) if self.elapsed else 0
        return {
            "execs": execs,
            "rate": rate,
            "coverage": self._best.coverage,
            "features": self._best.features,
            "corpus": self._best.corpus,
            "states": self._best.states,
            "findings": len(self.findings.entries),
        }

    def text(self):
        """One line of them."""
        now = self.summary()
        states = f"  states {now['states']}" if now["states"] else ""
        minutes, seconds = divmod(int(self.elapsed), 60)
        passed = f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
        return (
            f"{self.target} {passed}  {now['rate']} exec/s"
            f"  coverage {now['coverage']}  features {now['features']}"
            f"  corpus {now['corpus']}{states}  findings {now['findings']}"
        )
