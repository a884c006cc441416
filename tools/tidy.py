#!/usr/bin/env python3
"""Checks the house rules that a compiler does not: layers, doors, lengths, words.

usage: tools/tidy.py [ROOT]

Prints one line a finding, `file:line: error: what`, and ends with status 1 when there is an error.
Warnings do not fail. Each rule is a function that yields (line, message) for one file;
tools/tidy_test.py proves that each can fail.
"""

import pathlib
import re
import sys

LINES_MAX = 450
LINES_GOOD = 400
COLUMNS_MAX = 100
SCRIPT_LINES_MAX = 40  # of an end-to-end script
OPEN_ROOMS = ("base", "os")  # every header of theirs is a door
CODE = (".h", ".cc")
SCRIPTS = (".py", ".sh")
NO_NOTES = "no notes to oneself: make it an error at run time and a row in docs/gaps.md"

# A word that may not occur in code, why, and the files that may use it all the same.
BANNED = [
    (r"std::w?regex", "std::regex is slow and overflows the stack; parse by hand", None),
    (r"\bsleep_(for|until)\b|\bu?sleep\s*\(", "no sleeping: wait for what you wait for",
     r"src/app/waiting\.cc$"),  # the one place where the client pauses between two tries
    (r"(?<![\w.>])s?rand\s*\(", "chance comes from base/clock.h Random", None),
    (r"\brandom_device\b|\bmt19937", "chance comes from base/clock.h Random", r"base/clock\.cc$"),
    (r"(system|steady|high_resolution)_clock::now|(?<![\w.>])(std::)?time\s*\(\s*(nullptr|NULL|0)",
     "time comes from base/clock.h Clock", r"base/clock\.cc$|_bench\.cc$"),
    (r"\bco_(await|yield|return)\b", "no coroutines with g++ 12: docs/decisions/threads.md", None),
    (r"\busing namespace std;", "name what you use", None),
    (r"#\s*include\s*<format>", "g++ 12 has no std::format; use fmt", None),
]


def read_layers(text):
    """{room: [rooms it may include]} of layers.txt, and what is wrong with it."""
    layers, findings = {}, []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        room, _, below = line.partition(":")
        for lower in below.split():
            if lower not in layers:
                findings.append((number, f"{room} names {lower}, which is not above this line"))
        layers[room] = below.split()
    return layers, findings


def without_comments(text):
    """The code with comments and literals blanked; lines stay where they are."""
    comments = r"//[^\n]*|/\*(?:.|\n)*?\*/"
    literals = r'R"\((?:.|\n)*?\)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\''
    pattern = f"{literals}|{comments}"
    blank = lambda match: "\n" * match.group().count("\n")
    return re.sub(pattern, blank, text)


def check_includes(path, text, layers):
    """A room includes its own headers, the doors of rooms below, any header of open rooms below."""
    room = path.parts[1]
    if room not in layers:
        yield 1, f"room {room} is not in layers.txt"
        return
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*"([^"]*)"', line)
        if not match:
            continue
        other, _, header = match.group(1).partition("/")
        if not header:
            yield number, f'"{other}": name headers from src/, as in "{room}/{other}"'
        elif other == room or other in ("gtest", "gmock"):
            continue
        elif other not in layers:
            yield number, f"{other} is no room; include outside libraries with <>"
        elif other not in layers[room]:
            yield number, f"{room} may not include {other} (layers.txt)"
        elif other not in OPEN_ROOMS and header != f"{other}.h":
            yield number, f"{other}/{header} is not the door of {other}, which is {other}/{other}.h"


def check_words(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        if re.search(r"\b(TODO|FIXME|XXX)\b", line):
            yield number, NO_NOTES
    for number, line in enumerate(without_comments(text).splitlines(), 1):
        for pattern, why, allowed in BANNED:
            if re.search(pattern, line) and not (allowed and re.search(allowed, path.as_posix())):
                yield number, why


def check_lines(path, text):
    lines = text.splitlines()
    if len(lines) > LINES_MAX:
        yield len(lines), f"{len(lines)} lines; split it by idea (at most {LINES_MAX})"
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX:
            yield number, f"{len(line)} columns (at most {COLUMNS_MAX})"


def check_opening(path, text, has_header):
    """A file opens with a sentence about itself; x.cc beside x.h may leave it to x.h."""
    excused = has_header or re.search(r"_(test|bench|fuzz)\.cc$", path.name)
    if not excused and not text.startswith("//"):
        yield 1, "open with a comment that says what this file is"
    if path.suffix == ".h" and "#pragma once" not in text:
        yield 1, "a header needs #pragma once"


def check_script(path, text):
    lines = text.splitlines()
    if path.parts[:2] == ("test", "e2e") and path.suffix == ".sh" and len(lines) > SCRIPT_LINES_MAX:
        yield len(lines), f"{len(lines)} lines; an end-to-end script has at most {SCRIPT_LINES_MAX}"
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX:
            yield number, f"{len(line)} columns (at most {COLUMNS_MAX})"
        if re.search(r"\b(TODO|FIXME)\b", line) and path.name not in ("tidy.py", "tidy_test.py"):
            yield number, NO_NOTES


def check_doors(rooms_with_code, headers):
    for room in sorted(rooms_with_code):
        if room not in OPEN_ROOMS and f"{room}/{room}.h" not in headers:
            yield f"src/{room}", f"the room has no door {room}/{room}.h"


def tidy(root):
    """(errors, warnings, files looked at), as printable lines."""
    errors, warnings = [], []
    layers, findings = read_layers((root / "layers.txt").read_text())
    errors += [f"layers.txt:{number}: error: {what}" for number, what in findings]
    files = sorted(p for p in root.glob("src/*/**/*") if p.suffix in CODE)
    for file in files:
        path, text = file.relative_to(root), file.read_text(errors="replace")
        found = [*check_includes(path, text, layers), *check_words(path, text),
                 *check_lines(path, text),
                 *check_opening(path, text, file.suffix == ".cc" and
                                file.with_suffix(".h").exists())]
        errors += [f"{path}:{number}: error: {what}" for number, what in found]
        count = text.count("\n")
        if LINES_GOOD < count <= LINES_MAX:
            warnings.append(f"{path}:{count}: warning: {count} lines; {LINES_GOOD} is a good limit")
    scripts = sorted(p for top in ("tools", "test") for p in root.glob(f"{top}/**/*")
                     if p.suffix in SCRIPTS)
    for file in scripts:
        path = file.relative_to(root)
        errors += [f"{path}:{number}: error: {what}"
                   for number, what in check_script(path, file.read_text(errors="replace"))]
    names = {file.relative_to(root / "src").as_posix() for file in files}
    rooms = {name.split("/")[0] for name in names}
    errors += [f"{room}: error: {what}" for room, what in check_doors(rooms & set(layers), names)]
    return errors, warnings, len(files) + len(scripts)


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parents[1]
    errors, warnings, count = tidy(root)
    for line in warnings + errors:
        print(line)
    print(f"tidy: {count} files, {len(errors)} errors, {len(warnings)} warnings")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
