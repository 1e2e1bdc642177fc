# SPDX-License-Identifier: BSD-3-Clause
"""The mutated copy of the tree: written once, built once."""

import concurrent.futures
import fnmatch
import hashlib
import os
import pathlib
import pickle
import re
import subprocess

import candidates
import ending
import options
import schemata

_PARSE = ["-x", "c++", "-std=c++23", "-I.", "-D_GLIBCXX_ASSERTIONS"]
_HERE = pathlib.Path(__file__).resolve().parent
# Mutated text need not be free of warnings, nor what reads it, and a constant
# that became a choice between two narrows. Each file has the same flags in
# every run: what reads no mutated header comes out of Bazel's cache.
_FLAGS = [
    r"--per_file_copt=^virtio_user/.*\.cc$@-w,-Wno-narrowing,-g0",
    "--copt=-Wno-maybe-uninitialized",
]
_ERROR = re.compile(r"^(\S*?)(virtio_user/\S+?):(\d+):(\d+): (.*)$")


# What decides how the copy looks.
_MAKERS = (
    "candidates.py",
    "effects.py",
    "mutant.py",
    "schemata.py",
    "shapes.py",
    "source_text.py",
    "switch.inc",
)


class BuildError(RuntimeError):
    pass


def files_of(root):
    """What the tree is made of, without what builds and tools leave behind."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [
            it
            for it in folders
            if it not in (".git", "build", "coverage", "__pycache__")
            and not it.startswith("bazel-")
        ]
        found += [pathlib.Path(folder, it).relative_to(root) for it in names]
    return sorted(str(it) for it in found if not it.name.startswith("bazel-"))


def is_mutated(path, pattern):
    return (
        path.startswith("virtio_user/")
        and not path.startswith("virtio_user/dpdk/")
        and path.endswith((".h", ".cc"))
        and fnmatch.fnmatchcase(path, pattern)
    )


def digest(root, mutated):
    """Of what the mutants are made from, and of how."""
    total = hashlib.sha256()
    for path in [_HERE / it for it in _MAKERS] + [root / it for it in mutated]:
        total.update(path.name.encode() + b"\0" + path.read_bytes())
    return total.hexdigest()[:16]


def find_all(root, paths, jobs):
    """All mutants of some files, numbered, and the sources by path."""
    os.chdir(root)
    found, sources = [], {}
    processes = concurrent.futures.ProcessPoolExecutor(
        jobs, initializer=ending.forget_signals
    )
    with ending.workers(processes) as pool:
        arguments = [_PARSE] * len(paths)
        for path, (some, source) in zip(
            paths, pool.map(candidates.find, paths, arguments)
        ):
            found += some
            sources[path] = source
    for number, one in enumerate(found, start=1):
        one.number = number
    return found, sources


class Workspace:
    """`folder`/tree is the copy; `folder` keeps what is known of it.

    Mutated is what lies in virtio_user/, dpdk/ aside, and fits the pattern.
    """

    def __init__(self, root, folder, pattern, jobs, say):
        self.root = root
        self.tree = folder / "tree"
        self.jobs = jobs
        self.say = say
        self.files = files_of(root)
        self.mutated = {it for it in self.files if is_mutated(it, pattern)}
        if not self.mutated:
            raise options.UsageError(
                f"--files {pattern}: fits no file of virtio_user/ (dpdk/"
                " aside); a pattern is as in 'virtio_user/os/*.cc'"
            )
        self.digest = digest(root, sorted(self.mutated))
        self.state = folder / f"{self.digest}.pickle"
        self.rendered = {}
        self.load()

    def load(self):
        kept = self.kept()
        if kept:
            self.mutants, self.sources, self.stillborn = kept
            return
        paths = sorted(self.mutated)
        self.say(f"looking for mutants in {len(paths)} files")
        self.mutants, self.sources = find_all(self.root, paths, self.jobs)
        self.stillborn = set()
        self.save()

    def kept(self):
        """What was found in an earlier run, None if that cannot be read."""
        if not self.state.exists():
            return None
        try:
            with open(self.state, "rb") as file:
                return pickle.load(file)
        except (pickle.UnpicklingError, EOFError):
            self.say(f"{self.state} is damaged, and made anew")
            return None

    def save(self):
        self.state.parent.mkdir(parents=True, exist_ok=True)
        part = self.state.with_suffix(".part")
        with open(part, "wb") as file:
            pickle.dump((self.mutants, self.sources, self.stillborn), file)
        part.replace(self.state)

    def living(self):
        return [it for it in self.mutants if it.number not in self.stillborn]

    def write(self):
        """Brings the copy up to date; what is equal is not touched."""
        switch = (_HERE / "switch.inc").read_text()
        switch = switch.replace("@COUNT@", str(len(self.mutants)))
        by_path = {}
        for one in self.living():
            by_path.setdefault(one.path, []).append(one)
        for path in self.files:
            if path in self.mutated:
                mutated = schemata.render(
                    self.sources[path],
                    by_path.get(path, []),
                    switch,
                    path.endswith(".h"),
                )
                self.rendered[path] = mutated
                content = mutated.text.encode("latin-1")
            else:
                content = (self.root / path).read_bytes()
            self.put(path, content)
        self.remove_others(set(self.files))

    def put(self, path, content):
        to = self.tree / path
        mode = (self.root / path).stat().st_mode & 0o777
        if to.exists() and to.read_bytes() == content:
            return
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(content)
        to.chmod(mode)

    def remove_others(self, wanted):
        for path in files_of(self.tree):
            if path not in wanted:
                (self.tree / path).unlink()

    def bazel(self, command, *arguments, check=False, **options):
        words = ["bazel", command, *arguments]
        with subprocess.Popen(
            words, cwd=self.tree, text=True, **options
        ) as process:
            try:
                out, err = process.communicate()
            except KeyboardInterrupt:
                # Told, it ends what its server does.
                process.terminate()
                process.wait()
                raise
        if check and process.returncode != 0:
            raise subprocess.CalledProcessError(
                process.returncode, words, out, err
            )
        return subprocess.CompletedProcess(
            words, process.returncode, out, err
        )

    def query(self, expression, output="label"):
        return self.bazel(
            "query",
            "--noshow_progress",
            f"--output={output}",
            expression,
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ).stdout.splitlines()

    def build(self, targets, options=()):
        """Builds; mutants that do not compile are taken out on the way."""
        while True:
            self.write()
            done = self.bazel(
                "build",
                "--keep_going",
                "--noshow_progress",
                "--noshow_loading_progress",
                *_FLAGS,
                *options,
                *targets,
                stderr=subprocess.PIPE,
            )
            if done.returncode == 0:
                return
            blamed = self.blamed(done.stderr)
            if not blamed:
                raise BuildError(done.stderr[-8000:])
            self.say(f"{len(blamed)} mutants do not compile")
            self.stillborn |= blamed
            self.save()

    def blamed(self, log):
        """The mutants that errors, or notes next to them, lie in."""
        blamed, nearby, unexplained = set(), set(), False
        for line in log.splitlines():
            found = _ERROR.match(line)
            if not found:
                if re.search(r":\d+:\d+: (fatal )?error: ", line):
                    unexplained = True
                continue
            _, path, row, column, what = found.groups()
            if path not in self.rendered:
                continue
            numbers = set(self.rendered[path].blame(int(row), int(column)))
            is_error = re.match(r"(fatal )?error: ", what)
            # "required from here" is where somebody uses what is wrong.
            if not is_error and not what.startswith("note: "):
                continue
            # Some errors name the switch that is no constant.
            named = re.findall(r"vu_mutants::On\((\d+)\)", what)
            numbers.update(map(int, named))
            (blamed if is_error else nearby).update(numbers)
        return blamed or (nearby if unexplained or nearby else blamed)
