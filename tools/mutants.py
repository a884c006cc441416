#!/usr/bin/env python3
"""Removes security checks one at a time and demands that a test sees it.

usage: tools/mutants.py [NAME]      those whose name contains NAME; all without one
       tools/mutants.py --applies   only that each text is still there, once; builds nothing

A mutant is a file test/mutations/NAME.txt: what the check keeps out, then the lines `file:` and
`test:` (a test program and a gtest filter), then `--- old` and `--- new` with the text and what
replaces it. They are built in a copy of the tree under .cache/mutants, so that the next one costs
one compiled file and a link. Ends with status 1 when a mutant survives, does not compile, or does
not apply, or when its test fails or runs nothing without it.
"""

import dataclasses
import os
import pathlib
import re
import resource
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
COPIED = ("CMakeLists.txt", "CMakePresets.json", "layers.txt", "src", "test/conformance")
SECONDS_MAX = 300  # of one test
MEMORY_MAX = 6 << 30  # a search without an end must not take the machine with it


@dataclasses.dataclass
class Mutant:
    name: str
    about: str
    file: str
    program: str
    filter: str
    old: str
    new: str


def parse(name, text):
    form = r"# (.+)\nfile: (\S+)\ntest: (\w+) (\S+)\n--- old\n((?:.|\n)+?)\n--- new\n((?:.|\n)*)"
    found = re.fullmatch(form, text)
    if not found:
        raise ValueError(f"{name}: not '# about', file:, test:, --- old, --- new")
    return Mutant(name, *found.groups()[:5], found.group(6).removesuffix("\n"))


def read_all(root=ROOT):
    return [parse(path.stem, path.read_text())
            for path in sorted((root / "test/mutations").glob("*.txt"))]


def check(mutant, root=ROOT):
    """What keeps the mutant from being applied, or None."""
    path = root / mutant.file
    if not path.is_file():
        return f"{mutant.file} is gone"
    count = path.read_text().count(mutant.old)
    return None if count == 1 else f"its old text is {count} times in {mutant.file}"


def copy_tree(target):
    """Writes only what differs, so that ninja builds only that."""
    wanted = set()
    for name in COPIED:
        top = ROOT / name
        for path in [top] if top.is_file() else (p for p in top.rglob("*") if p.is_file()):
            to = target / path.relative_to(ROOT)
            wanted.add(to)
            content = path.read_bytes()
            if not to.is_file() or to.read_bytes() != content:
                to.parent.mkdir(parents=True, exist_ok=True)
                to.write_bytes(content)
    for folder in ("src", "test/conformance"):
        for path in list((target / folder).rglob("*")):
            if path.is_file() and path not in wanted:
                path.unlink()


def run(command, log, **more):
    with open(log, "w") as out:
        return subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, check=False,
                              stdin=subprocess.DEVNULL, **more).returncode


def build(tree, program):
    # Folders of other people share one compiler cache.
    env = dict(os.environ, CCACHE_BASEDIR=str(tree))
    jobs = os.environ.get("JOBS", "2")
    return run(["ninja", "-C", str(tree / "build/release"), "-j", jobs, program],
               tree / "build.log", env=env) == 0


def test(tree, mutant):
    """'passed', 'failed', or 'nothing' when the filter names no test."""
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    command = [str(tree / "build/release" / mutant.program), f"--gtest_filter={mutant.filter}"]
    log = tree / "test.log"
    try:
        code = run(command, log, timeout=SECONDS_MAX, preexec_fn=limit)
    except subprocess.TimeoutExpired:
        return "failed"
    if re.search(r"Running 0 tests", log.read_text(errors="replace")):
        return "nothing"
    return "passed" if code == 0 else "failed"


def judge(tree, mutant):
    """The test that saw it, or (None, why not)."""
    path = tree / mutant.file
    text = path.read_text()
    path.write_text(text.replace(mutant.old, mutant.new))
    try:
        if not build(tree, mutant.program):
            return None, f"does not compile: {tree}/build.log"
        if test(tree, mutant) == "passed":
            return None, f"SURVIVED {mutant.program} {mutant.filter}"
        return f"{mutant.program} {mutant.filter}", None
    finally:
        path.write_text(text)


def main(arguments):
    mutants = read_all()
    failures = [f"{each.name}: {why}" for each in mutants if (why := check(each))]
    if arguments == ["--applies"] or failures:
        print("\n".join(failures or [f"{len(mutants)} mutants apply"]))
        return 1 if failures else 0
    mutants = [each for each in mutants if not arguments or arguments[0] in each.name]
    if not mutants:
        sys.exit(f"no mutant is called like {arguments[0]}")
    mutants.sort(key=lambda each: (each.program, each.file))
    tree = (ROOT / ".cache/mutants/tree").resolve()
    copy_tree(tree)
    # Ninja runs it again itself when it must; each time everything is compiled again.
    if not (tree / "build/release/build.ninja").is_file() and \
            run(["cmake", "--preset", "release"], tree / "cmake.log", cwd=tree) != 0:
        sys.exit(f"cmake failed: {tree}/cmake.log")
    for program in sorted({each.program for each in mutants}):
        if not build(tree, program):
            sys.exit(f"the tree itself does not compile: {tree}/build.log")
    good = {}
    for each in mutants:
        key = (each.program, each.filter)
        good[key] = good.get(key) or test(tree, each)
        if good[key] != "passed":
            failures.append(f"{each.name}: {key[1]} {good[key]} without the mutant")
    print(f"{'removed check':<36} | test that saw it")
    for each in mutants:
        if good[each.program, each.filter] != "passed":
            continue
        seen, why = judge(tree, each)
        print(f"{each.name:<36} | {seen or why}", flush=True)
        if not seen:
            failures.append(f"{each.name}: {why}")
    print("\n".join([f"{len(mutants)} mutants, {len(failures)} failures", *failures]))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
