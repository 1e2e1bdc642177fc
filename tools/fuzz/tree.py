"""The tree: its targets, its builds, and where a target's things are kept."""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# `build` may be a link to where there is more room.
WORK = (ROOT / "build" / "fuzz").resolve()
CORPORA = ROOT / "fuzz" / "corpus"
LEFT_OUT = ROOT / "fuzz" / "left_out"

QUIET = ["--ui_event_filters=-info,-stdout"]


class Trouble(Exception):
    """Why it cannot be done."""


def targets():
    """One file is one target."""
    return sorted(path.stem for path in (ROOT / "fuzz").glob("*_fuzz.cc"))


def _bazel(*arguments, config=("--config=fuzz",)):
    quiet = QUIET
    if not sys.stderr.isatty():
        quiet = QUIET + ["--noshow_progress", "--noshow_loading_progress"]
    command = ["bazel", arguments[0], *config, *quiet, *arguments[1:]]
    if subprocess.run(command, cwd=ROOT, stdout=sys.stderr).returncode != 0:
        raise Trouble("the build failed: " + " ".join(command))


def build(names):
    """Installs what is missing, and makes `WORK/NAME/command` of each name."""
    setup = [str(ROOT / "tools" / "setup.sh"), "build", "fuzz"]
    if subprocess.run(setup, stdout=sys.stderr).returncode != 0:
        raise Trouble("what is missing could not be installed")
    print("vuser: building (some minutes the first time)", file=sys.stderr)
    _bazel("build", *(f"//fuzz:{name}_run" for name in names))
    for name in names:
        (WORK / name).mkdir(parents=True, exist_ok=True)
        script = WORK / name / "command"
        _bazel("run", f"--script_path={script}", f"//fuzz:{name}_run")


def build_generator():
    """Makes `WORK/make_corpus`, as it is without an engine."""
    script = WORK / "make_corpus"
    WORK.mkdir(parents=True, exist_ok=True)
    _bazel("run", f"--script_path={script}", "//fuzz:make_corpus", config=())


def write_seeds(name, folder):
    """All that is generated, whether or not a corpus has it."""
    folder.mkdir(parents=True)
    command = [str(WORK / "make_corpus"), name, str(folder), str(folder)]
    if subprocess.run(command, stdout=subprocess.DEVNULL).returncode != 0:
        raise Trouble(f"{name}: //fuzz:make_corpus failed")


def left_out_list(name):
    """Which of these the corpus is without; no file: none."""
    return LEFT_OUT / f"{name}.list"


@contextlib.contextmanager
def held(names):
    """Nobody else works in the folders of these targets meanwhile."""
    with contextlib.ExitStack() as stack:
        for name in names:
            (WORK / name).mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context(open(WORK / name / "lock", "w"))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Trouble(
                    f"{name}: another ./vuser fuzz is at work in"
                    f" {shown(WORK / name)}: wait until it has ended"
                ) from error
        yield


def prepared(name, *arguments):
    """Makes the working folder ready; the engine's command, word by word."""
    return _command(name, "--print", *arguments)


def command_alone(name):
    """As `prepared`, and leaves the folder as it is."""
    return _command(name, "--print_only")


def _command(name, *arguments):
    command = [
        str(WORK / name / "command"),
        f"--fuzzing_output_root={WORK}",
        *arguments,
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise Trouble(f"{name}: fuzz/run.sh failed")
    return done.stdout.splitlines()


def environment():
    """Of the target, whose checks are its own (fuzz/sanitizer_options.cc)."""
    return {
        **{
            name: value
            for name, value in os.environ.items()
            if name not in ("ASAN_OPTIONS", "LSAN_OPTIONS")
        },
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "ASAN_SYMBOLIZER_PATH": "/usr/bin/llvm-symbolizer-19",
        "VUSER_TELL_STATES": "1",
    }


def commit():
    """The commit, and whether the tree differs from it."""

    def git(*arguments):
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return done.stdout.strip() if done.returncode == 0 else None

    try:
        head = git("rev-parse", "--short=12", "HEAD")
        if head is None:
            return "unknown"
        return head + (" and changes" if git("status", "--porcelain") else "")
    except FileNotFoundError:
        return "unknown"


def files_of(folder):
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.rglob("*") if path.is_file())


def corpus_text(folder):
    """Count, size, and a hash that names do not change."""
    digests, size = [], 0
    for path in files_of(folder):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue  # Of a run that goes on: an engine removed it.
        size += len(data)
        digests.append(hashlib.sha256(data).hexdigest())
    whole = hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()
    return f"{len(digests)} inputs, {size} bytes, hash {whole[:16]}"


def shown(path):
    """A path as somebody at the top of the tree would type it."""
    path = pathlib.Path(path).resolve()
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def typed(path):
    """The same, as a word of a shell."""
    return shlex.quote(shown(path))
