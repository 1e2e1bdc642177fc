"""The arguments of `./vuser fuzz`."""

import dataclasses
import re

USAGE = """\
usage: ./vuser fuzz TARGET|all [--time T] [--jobs J] [--seed S]
                    [--clean | --empty]
       ./vuser fuzz TARGET|all --distil
       ./vuser fuzz TARGET FILE...

  --time T   how long: 90 or 90s, 10m, 1h (default: 60); of `all`, for all
             targets together
  --jobs J   processes at a time, which share a corpus (default: 1)
  --seed S   of the first process, the next has S + 1 (default: drawn)
  --clean    delete the corpus of earlier runs: begin with the seeds alone
  --empty    delete it, and begin with nothing at all
  --distil   put what adds coverage into fuzz/corpus/TARGET
  FILE...    run these inputs, each once

Corpora, logs and findings are kept in build/fuzz/TARGET. Ctrl-C ends a run with
the verdict so far. Exit code: 0 no finding, 1 it could not be done or was
interrupted, 2 usage, 4 something did not hold, 5 an input did not end, 6 crash.
"""

MOST_JOBS = 256
MOST_SECONDS = 30 * 24 * 3600
MOST_SEED = 2**31 - 1
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


class UsageError(Exception):
    """What is wrong with the arguments; names the value."""


@dataclasses.dataclass
class Options:
    targets: list
    is_all: bool = False
    seconds: int = 60
    jobs: int = 1
    seed: int = None
    clean: bool = False
    empty: bool = False
    distil: bool = False
    files: list = dataclasses.field(default_factory=list)


def seconds_of(text):
    match = re.fullmatch(r"([0-9]{1,9})([smh]?)", text)
    seconds = int(match[1]) * UNITS[match[2]] if match else 0
    if not 1 <= seconds <= MOST_SECONDS:
        raise UsageError(
            f"--time {text}: a time is 90, 90s, 10m or 1h; at least a second"
            " and at most 30 days"
        )
    return seconds


def number_of(option, text, most):
    if not re.fullmatch(r"[0-9]{1,10}", text) or not 1 <= int(text) <= most:
        raise UsageError(f"{option} {text}: a whole number from 1 to {most}")
    return int(text)


def _set(options, name, value):
    if name == "--time":
        options.seconds = seconds_of(value)
    elif name == "--jobs":
        options.jobs = number_of(name, value, MOST_JOBS)
    else:
        options.seed = number_of(name, value, MOST_SEED)


def _check(options, given, known):
    if options.is_all:
        options.targets = known
    if options.files and options.is_all:
        raise UsageError(f"{options.files[0]}: of which target is this?")
    if options.files and given:
        raise UsageError(f"{given[0]}: not with files, which run once")
    others = [name for name in given if name != "--distil"]
    if options.distil and others:
        raise UsageError(f"{others[0]}: not with --distil")
    if options.clean and options.empty:
        raise UsageError("--empty: says more than --clean; one of the two")


def parse(arguments, known):
    """Options out of arguments; `known` are the names of the targets."""
    words, given = [], []
    options = Options(targets=[])
    rest = list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name in ("--time", "--jobs", "--seed"):
            if not equals and not rest:
                raise UsageError(f"{name}: a value is missing")
            _set(options, name, value if equals else rest.pop(0))
        elif name in ("--clean", "--empty", "--distil") and not equals:
            setattr(options, name[2:], True)
        elif name.startswith("-"):
            raise UsageError(f"{name}: no such option")
        else:
            words.append(name + equals + value)
            continue
        given.append(name)
    names = " ".join(known)
    if not words:
        raise UsageError(f"a target is missing: all, or one of {names}")
    options.is_all = words[0] == "all"
    if not options.is_all and words[0] not in known:
        raise UsageError(f"{words[0]}: no such target: all, or one of {names}")
    options.targets = [words[0]]
    options.files = words[1:]
    _check(options, given, known)
    return options
