#!/usr/bin/env python3
"""Proves that each rule of tools/tidy.py can fail, and that clean code passes."""

import pathlib
import tempfile
import unittest

import tidy

LAYERS = "base:\nos: base\nkv: base os\nmodel: base kv\n"
CLEAN = "// What this file is.\n#pragma once\n"


def errors_of(files, layers=LAYERS):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "layers.txt").write_text(layers)
        for name, text in {"src/kv/kv.h": CLEAN, "src/model/model.h": CLEAN, **files}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return tidy.tidy(root)


class TidyTest(unittest.TestCase):
    def refuses(self, files, what, layers=LAYERS):
        errors, _, _ = errors_of(files, layers)
        self.assertTrue(any(what in error for error in errors), f"{what!r} not in {errors}")

    def accepts(self, files):
        self.assertEqual(errors_of(files)[0], [])

    def code(self, line):
        return {"src/kv/a.cc": f"// What this is.\n{line}\n"}

    def test_accepts_clean_code(self):
        self.accepts(self.code('#include "kv/kv.h"\n#include "os/files.h"\n#include "base/x.h"'))

    def test_refuses_a_room_that_is_not_below(self):
        self.refuses(self.code('#include "model/model.h"'), "may not include model")

    def test_refuses_an_open_room_that_is_not_below(self):
        self.refuses({"src/model/a.cc": '// A.\n#include "os/files.h"\n'}, "may not include os")

    def test_refuses_a_header_that_is_not_a_door(self):
        self.refuses({"src/model/a.cc": '// A.\n#include "kv/inner.h"\n'}, "not the door of kv")

    def test_accepts_a_test_that_looks_inside_its_own_room(self):
        self.accepts({"src/kv/a_test.cc": '#include "kv/inner.h"\n'})

    def test_refuses_a_test_that_looks_inside_another_room(self):
        self.refuses({"src/model/a_test.cc": '#include "kv/inner.h"\n'}, "not the door of kv")

    def test_refuses_a_header_without_its_room(self):
        self.refuses(self.code('#include "kv.h"'), "name headers from src/")

    def test_refuses_an_outside_library_that_looks_like_a_room(self):
        self.refuses(self.code('#include "zstd/zstd.h"'), "zstd is no room")

    def test_refuses_an_unknown_room(self):
        self.refuses({"src/attic/a.cc": "// A.\n"}, "room attic is not in layers.txt")

    def test_refuses_a_room_without_a_door(self):
        self.refuses({"src/arm/a.cc": "// A.\n"}, "no door arm/arm.h", LAYERS + "arm: base\n")

    def test_refuses_layers_that_look_up(self):
        self.refuses({}, "which is not above", "base: kv\nkv:\nmodel: kv\n")

    def test_refuses_long_files_and_lines(self):
        self.refuses(self.code("int a;\n" * 450), "split it by idea")
        self.refuses(self.code("//" + "x" * 99), "101 columns")

    def test_only_warns_of_a_file_a_little_too_long(self):
        errors, warnings, _ = errors_of(self.code("int a;\n" * 410))
        self.assertEqual((errors, len(warnings)), ([], 1))

    def test_refuses_a_file_that_does_not_say_what_it_is(self):
        self.refuses({"src/kv/a.cc": "int a;\n"}, "open with a comment")
        self.accepts({"src/kv/a_test.cc": "int a;\n"})
        self.accepts({"src/kv/kv.cc": "int a;\n"})

    def test_refuses_a_header_without_a_guard(self):
        self.refuses({"src/kv/a.h": "// A.\n"}, "#pragma once")

    def test_refuses_notes_to_oneself(self):
        for word in ("TODO", "FIXME", "XXX"):
            self.refuses(self.code(f"// {word}: later"), "notes to oneself")
        self.accepts(self.code('auto name = "a.XXXXXX";'))
        self.refuses({"test/e2e/a.sh": "# TODO: later\n"}, "notes to oneself")

    def test_refuses_banned_words(self):
        for line in ("std::regex r;", "std::this_thread::sleep_for(s);", "usleep(1);", "sleep (1);",
                     "int a = rand();", "std::rand();", "std::random_device d;", "co_await x;",
                     "auto t = std::chrono::system_clock::now();", "time(nullptr);",
                     "auto t = steady_clock::now();", "using namespace std;", "#include <format>"):
            with self.subTest(line=line):
                self.assertEqual(len(errors_of(self.code(line))[0]), 1)

    def test_accepts_banned_words_where_they_mean_something_else(self):
        for line in ("// calls rand() never", 'auto s = "sleep_for";', "operand(1);", "x.time(0);",
                     "generator.rand();", "may_sleep(1);",
                     "using namespace std::string_view_literals;"):
            with self.subTest(line=line):
                self.accepts(self.code(line))

    def test_lets_the_clock_and_the_benches_ask_the_time(self):
        text = "// A.\nauto t = steady_clock::now();\n"
        self.accepts({"src/base/clock.cc": text, "src/kv/kv_bench.cc": text})

    def test_refuses_a_long_script(self):
        self.refuses({"test/e2e/a.sh": "true\n" * 41}, "at most 40")
        self.accepts({"test/clients/a.sh": "true\n" * 41})


if __name__ == "__main__":
    unittest.main()
