"""What a target has found: told once, kept, made small."""

import dataclasses
import hashlib
import os
import re
import shutil

import engine
import engine_output
import tree

MINIMIZE_SECONDS = 30
REPLAY_SECONDS = 60


@dataclasses.dataclass
class Entry:
    finding: engine_output.Finding
    path: object  # The input.
    count: int = 1
    before: int = 0  # Bytes before it was made smaller.


def stem_of(finding):
    """A file's name that is the same for the same finding."""
    text = f"{finding.checker}-{finding.site}"
    words = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:60].rstrip("-")
    whole = hashlib.sha256("\0".join(finding.name).encode()).hexdigest()
    return f"{words}-{whole[:8]}"


def without_corpus(command):
    """The engine's command but for what belongs to a run of its own."""
    own = re.compile("corpus$|-(artifact_prefix|max_total_time)=")
    return [word for word in command if not own.match(word)]


def replayed(engine_command, path, log, stop=lambda: False):
    """What the input leads to: (exit code, finding or None, lines)."""
    command = [*without_corpus(engine_command), str(path)]
    command.append("-exact_artifact_path=/dev/null")
    code, lines = engine.run(command, path.parent, log, REPLAY_SECONDS, stop)
    if code == 0:
        return 0, None, lines
    return code, engine_output.finding_of(lines), lines


class Findings:
    """Of one target; `command` is the engine's."""

    def __init__(self, target, command):
        self.target = target
        self.entries = {}
        self._command = command
        self._folder = tree.WORK / target / "findings"

    def add(self, finding, kept):
        """Takes in a finding and its input; True if it is a new one."""
        entry = self.entries.get(finding.name)
        if entry:
            entry.count += 1
            return False
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / stem_of(finding)
        shutil.copyfile(kept, path)
        self.entries[finding.name] = Entry(
            finding, path, before=path.stat().st_size
        )
        self._keep_script(finding, path)
        return True

    @property
    def code(self):
        """Of the worst one."""
        return max((e.finding.code for e in self.entries.values()), default=0)

    def minimize(self, entry, stop):
        """Makes an input smaller, as long as it leads to the same finding."""
        log = entry.path.with_suffix(".log")
        scratch = tree.WORK / self.target / "minimized"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        engine.run(
            [
                *without_corpus(self._command),
                "-minimize_crash=1",
                f"-max_total_time={MINIMIZE_SECONDS}",
                # The engine runs itself by a shell: words without spaces.
                "-artifact_prefix=./",
                os.path.relpath(entry.path, scratch),
            ],
            scratch,
            log,
            MINIMIZE_SECONDS,
            stop,
        )
        for smaller in sorted(
            scratch.iterdir(), key=lambda path: path.stat().st_size
        ):
            if smaller.stat().st_size >= entry.path.stat().st_size:
                break
            _, finding, _ = replayed(self._command, smaller, log, stop)
            if finding and finding.name == entry.finding.name:
                shutil.copyfile(smaller, entry.path)
                self._keep_script(finding, entry.path)
                break
        shutil.rmtree(scratch)

    def lines_about(self, entry):
        """What to do with a finding."""
        size = entry.path.stat().st_size
        smaller = f", {entry.before} before" if size < entry.before else ""
        yield entry.finding.line
        yield (
            f"  seen {entry.count} time{'s' if entry.count > 1 else ''};"
            f" input of {size} bytes{smaller}"
        )
        yield f"  ./vuser fuzz {self.target} {tree.typed(entry.path)}"
        script = entry.path.with_suffix(".script")
        if script.exists():
            yield f"  ./vuser replay {tree.typed(script)}"
            yield f"  ./vuser shrink {tree.typed(script)}"

    def _keep_script(self, finding, path):
        script = path.with_suffix(".script")
        script.unlink(missing_ok=True)
        if finding.script:
            script.write_text(finding.script)
