"""Speaks as libFuzzer does, and finds what FAKE_ENGINE says.

  FAKE_ENGINE   what it does: pass, find (the same thing each time), find_other
                (a different one in each process), find_stray (its smaller
                input is another finding's), mute (ends badly and keeps
                nothing), leave (ends well, long before its time), idle (ends
                well, having run nothing), stay (goes on after its time, and
                ends when told to),
                deaf (goes on until it is killed), report (begins to tell of
                a finding, and is done a second after its time)

Run with a file it finds something if the file's first byte is '!', and ends
with 1 and no word if that is '%'. To merge, it
takes the files that do not, and says of the others what libFuzzer says. What a
file reaches is told in the control file, if there is one: nothing behind '=',
the letters up to a '-' behind '&', else something of its own.
"""

import hashlib
import os
import pathlib
import signal
import sys
import time


def option(name, default=""):
    """The last one counts."""
    values = [a for a in sys.argv if a.startswith(f"-{name}=")]
    return values[-1].partition("=")[2] if values else default


def tell(text):
    print(text, file=sys.stderr, flush=True)


def find(site, data):
    tell(f"finding: demo at {site}: told once")
    tell("# vuser replay script\nset pairs 1")
    tell(f"=={os.getpid()}== ERROR: libFuzzer: deadly signal")
    exact = option("exact_artifact_path")
    path = pathlib.Path(exact or option("artifact_prefix") + f"crash-{site}")
    if exact != "/dev/null":
        path.write_bytes(data)
        tell(f"artifact_prefix='x'; Test unit written to {path}")
    tell("stat::number_of_executed_units: 10")
    sys.exit(77)


def report_slowly():
    """As if frames had to be looked up, by a process that SIGINT ends."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    tell(f"=={os.getpid()}==ERROR: AddressSanitizer: heap-use-after-free on")
    time.sleep(float(option("max_total_time")) + 1.5)
    find("late", b"!late")


def merge(into, folders):
    attempts = 1
    tell("MERGE-OUTER: attempt 1")
    edges_alone = "-use_counters=0" in sys.argv
    paths = [p for folder in folders for p in folder.rglob("*")]
    there = {p.read_bytes() for p in into.rglob("*") if p.is_file()}
    for path in (p for p in paths if p.is_file()):
        if path.read_bytes() in there:
            continue  # It takes nothing that is not taken.
        if edges_alone and path.read_bytes()[:1] == b"c":
            continue  # What it takes is taken already, if not as often.
        if path.read_bytes()[:1] != b"!":
            taken = into / path.name
            if taken.exists():
                taken = into / hashlib.sha1(path.read_bytes()).hexdigest()
            taken.write_bytes(path.read_bytes())
            continue
        attempts += 1
        tell(f"MERGE-OUTER: attempt {attempts}")
        tell(f"MERGE-INNER: '{path}' caused a failure at the previous merge")
    control = option("merge_control_file")
    if control:
        write_control(pathlib.Path(control), [p for p in paths if p.is_file()])
    tell(f"MERGE-OUTER: successful in {attempts} attempt(s)")
    return 0


def write_control(control, files):
    lines = [str(len(files)), "0", *map(str, files)]
    for i, path in enumerate(files):
        data = path.read_bytes()
        reached = [int.from_bytes(data[:8], "big")]
        if data[:1] == b"=":
            reached = []
        if data[:1] == b"&":
            reached = [letter for letter in data[1:].partition(b"-")[0]]
        words = [str(it) for it in reached]
        lines += [f"STARTED {i} {len(data)}", " ".join(["FT", str(i), *words])]
        lines.append(f"COV {i}")
    control.write_text("\n".join(lines) + "\n")


def main():
    files = [a for a in sys.argv[1:] if not a.startswith("-")]
    how = os.environ["FAKE_ENGINE"]
    if "-set_cover_merge=1" in sys.argv:
        into, *folders = map(pathlib.Path, files)
        return merge(into, folders)
    if files != ["corpus"]:
        data = pathlib.Path(files[0]).read_bytes()
        if data[:1] != b"!":
            return 1 if data[:1] == b"%" else 0
        if "-minimize_crash=1" in sys.argv:
            find("smaller", b"!?" if how == "find_stray" else b"!")
        find("stray" if data == b"!?" else "it", data)
    signal.signal(signal.SIGINT, lambda *_: sys.exit(72))
    if how == "idle":
        return 0
    tell("#5\tINITED cov: 3 ft: 4 corp: 2/5b exec/s: 0 rss: 30Mb")
    tell("states: 7")
    if how in ("find", "find_stray"):
        find("it", b"!" * 9)
    if how == "find_other":
        find(option("seed"), b"!" * 9)
    if how == "report":
        report_slowly()
    if how == "deaf":
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if how == "mute":
        return 1
    if how == "leave":
        return 0
    stays = how in ("stay", "deaf")
    time.sleep(3600 if stays else float(option("max_total_time")))
    tell("#100\tDONE   cov: 5 ft: 9 corp: 3/9b lim: 4 exec/s: 50 rss: 30Mb")
    tell("stat::number_of_executed_units: 101")
    tell("stat::average_exec_per_sec:     50")
    return 0


sys.exit(main())
