"""What a target has found: told once, kept, made small."""

import dataclasses
import hashlib
import os
import pathlib
import re
import shutil
import sys

import engine
import engine_output
import tree

MINIMIZE_SECONDS = 30
REPLAY_SECONDS = 60
UNKNOWN = "unknown"
# Without a place each input is a finding of its own, up to here.
MOST_UNKNOWN = 20


@dataclasses.dataclass
class Entry:
    finding: engine_output.Finding
    path: object  # The input.
    count: int = 1
    before: int = 0  # Bytes before it was made smaller.


def stem_of(finding, key):
    """A file's name that is the same for the same finding."""
    text = f"{finding.checker}-{finding.site}"
    words = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:60].rstrip("-")
    whole = hashlib.sha256("\0".join(key).encode()).hexdigest()
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

    def _key(self, finding, kept):
        """What is the same for the same finding."""
        if finding.site != UNKNOWN:
            return finding.name
        same = [k for k in self.entries if k[:2] == finding.name]
        digest = hashlib.sha256(kept.read_bytes()).hexdigest()
        key = (*finding.name, digest)
        full = len(same) >= MOST_UNKNOWN and key not in same
        return same[-1] if full else key

    def add(self, finding, kept):
        """Takes in a finding and its input; True if it is a new one."""
        kept = pathlib.Path(kept)
        key = self._key(finding, kept)
        if key in self.entries:
            self.entries[key].count += 1
            return False
        entry = Entry(finding, kept, before=kept.stat().st_size)
        self.entries[key] = entry
        path = self._folder / stem_of(finding, key)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if not self._has_smaller(path, kept, finding):
                shutil.copyfile(kept, path)
                self._keep_script(finding, path)
            entry.path = path
        except OSError as error:
            # It is a finding all the same, and lies where the engine left it.
            print(f"fuzz: {error}", file=sys.stderr)
        return True

    def _has_smaller(self, path, kept, finding):
        """Whether an earlier run left a smaller input of the same finding."""
        size = kept.stat().st_size
        if not path.exists() or path.stat().st_size >= size:
            return False
        log = path.with_suffix(".log")
        _, earlier, _ = replayed(self._command, path, log)
        if earlier and earlier.name == finding.name:
            return True
        # It may be the only input of something else.
        path.rename(path.with_suffix(".earlier"))
        return False

    def each(self):
        """The entries, those too that come in on the way."""
        done = 0
        while done < len(self.entries):
            yield list(self.entries.values())[done]
            done += 1

    @property
    def code(self):
        """Of the worst one."""
        return max((e.finding.code for e in self.entries.values()), default=0)

    def minimize(self, entry, stop):
        """Makes an input smaller, as long as it leads to the same finding.

        What is smaller and leads to another one is taken in as that.
        """
        if entry.finding.site == UNKNOWN:
            return  # Nothing tells whether it is the same.
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
            if finding and self._key(finding, smaller) not in self.entries:
                self.add(finding, smaller)
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
