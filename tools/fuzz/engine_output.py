"""What libFuzzer and the sanitizers print, and what it means."""

import dataclasses
import re

VIOLATION, LIVENESS, CRASH = 4, 5, 6

_NUMBERS = re.compile(r"(cov|ft|corp|exec/s|rss): (\d+)")
_FRAME = re.compile(r"^\s*#\d+ 0x[0-9a-f]+ in (.+?) (/\S+?):(\d+)")
# Of a path, the part that begins in this tree.
_OURS = re.compile(
    r"^(?:.*/)?((?:virtio_user|backend_sim|fuzz|tests|cli)/[\w./-]+)$"
)
_KEPT = re.compile(r"Test unit written to (.+)")
_BEGIN = re.compile(
    r"ERROR: (\w+Sanitizer|libFuzzer): |^finding: |: runtime error: "
    r"|: CHECK failed: |Assertion .* failed"
)
# Frames of what only tells of a failure.
_TELLERS = re.compile(
    r"\b(CheckFailed|fuzz::Report|fuzz::Expect|LoadMutator::BeforeLoad|Seen"
    r"|__sanitizer_cov_load\d+)\b"
)


@dataclasses.dataclass
class Progress:
    """Where one process stands, by its last line of statistics."""

    execs: int = 0
    rate: int = 0
    coverage: int = 0
    features: int = 0
    corpus: int = 0
    states: int = 0

    def feed(self, line):
        """Takes in a line; True if there was something in it."""
        if line.startswith("states: "):
            words = line.split()
            if len(words) != 2 or not words[1].isdigit():
                return False
            self.states = max(self.states, int(words[1]))
            return True
        if line.startswith("stat::"):
            name, _, value = line[6:].partition(":")
            if name == "number_of_executed_units":
                self.execs = int(value)
            elif name == "average_exec_per_sec":
                self.rate = int(value)
            return True
        match = re.match(r"#(\d+)\s+[A-Z_a-z]+\s", line)
        numbers = dict(_NUMBERS.findall(line))
        if not match or "exec/s" not in numbers:
            return False
        self.execs = int(match[1])
        self.rate = int(numbers["exec/s"])
        self.coverage = int(numbers.get("cov", self.coverage))
        self.features = int(numbers.get("ft", self.features))
        self.corpus = int(numbers.get("corp", self.corpus))
        return True


@dataclasses.dataclass(frozen=True)
class Finding:
    """Findings are the same if checker and site are."""

    checker: str
    site: str
    text: str
    code: int
    script: str = ""  # What `vuser replay` takes, where there is one.

    @property
    def name(self):
        return (self.checker, self.site)

    @property
    def line(self):
        return f"finding: {self.checker} at {self.site}: {self.text}"


def begins_report(line):
    """Whether what follows tells of a finding."""
    return _BEGIN.search(line) is not None


def kept_input(lines):
    """The path of the input that the process died of, if it kept one."""
    for line in reversed(lines):
        match = _KEPT.search(line)
        if match and "/slow-unit-" not in match[1]:
            return match[1]
    return None


def _in_tree(path):
    match = _OURS.match(path)
    return match[1] if match else None


def _site(lines, otherwise="unknown"):
    """The innermost frame that is of this tree."""
    for line in lines:
        match = _FRAME.match(line)
        if not match or _TELLERS.search(match[1]):
            continue
        path = _in_tree(match[2])
        if path:
            return f"{path}:{match[3]}"
    return otherwise


def _expectation(lines):
    """What fuzz/finding.h tells: one line, and a script behind it."""
    for i, line in enumerate(lines):
        match = re.match(r"finding: (.+?) at (.+?): (.*)$", line)
        if not match:
            continue
        script = []
        for after in lines[i + 1 :]:
            if re.match(r"==\d+==|MS: ", after):
                break
            script.append(after)
        if not script or not script[0].startswith("# vuser replay script"):
            script = []
        return Finding(
            match[1],
            match[2],
            match[3],
            VIOLATION,
            "".join(f"{told}\n" for told in script),
        )
    return None


def _told_line(lines):
    """A failure that names its place in one line."""
    patterns = (
        ("check", r"(\S+):(\d+): CHECK failed: (.*)"),
        ("undefined-behavior", r"(\S+?):(\d+):\d+: runtime error: (.*)"),
        ("assertion", r"(\S+):(\d+): (?:.*: )?Assertion (.*) failed\."),
    )
    for i, line in enumerate(lines):
        for checker, pattern in patterns:
            match = re.match(pattern, line)
            if not match:
                continue
            path = _in_tree(match[1])
            site = f"{path}:{match[2]}" if path else _site(lines[i:])
            return Finding(checker, site, match[3], CRASH)
    return None


def _sanitizer(lines):
    for i, line in enumerate(lines):
        match = re.search(r"ERROR: (Address|Leak)Sanitizer: (.*)", line)
        if not match:
            continue
        if match[1] == "Leak":
            return Finding("leak", _site(lines[i:]), match[2], CRASH)
        checker = match[2].split()[0].rstrip(":")
        text = re.sub(r" \(?(on |at )?(unknown )?(address )?0x.*", "", match[2])
        return Finding(checker, _site(lines[i:]), text, CRASH)
    return None


def _engine(lines):
    for i, line in enumerate(lines):
        match = re.search(r"ERROR: libFuzzer: (.*)", line)
        if not match:
            continue
        site = _site(lines[i:])
        if match[1].startswith("timeout"):
            # The line says nothing: it is any one of a loop's.
            file = site.partition(":")[0]
            return Finding("timeout", file, match[1], LIVENESS)
        if match[1].startswith("out-of-memory"):
            return Finding("out-of-memory", site, match[1], CRASH)
        if match[1].startswith("fuzz target exited"):
            return Finding("exit", site, match[1], CRASH)
        return Finding("signal", site, match[1], CRASH)
    return None


def finding_of(lines):
    """What a process died of, or None if its output does not tell."""
    for look in (_expectation, _told_line, _sanitizer, _engine):
        finding = look(lines)
        if finding:
            return finding
    return None
