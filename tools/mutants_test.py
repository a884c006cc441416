#!/usr/bin/env python3
"""Every removed check of test/mutations still applies, and what does not is told."""

import pathlib
import tempfile
import unittest

import mutants

TEXT = "# about\nfile: src/a.cc\ntest: a_test A.*\n--- old\nif (bad) return;\n--- new\n\n"


class MutantsTest(unittest.TestCase):
    def why(self, code):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "src").mkdir()
            (root / "src/a.cc").write_text(code)
            return mutants.check(mutants.parse("a", TEXT), root)

    def test_those_of_the_tree_apply(self):
        found = mutants.read_all()
        self.assertGreater(len(found), 30)
        self.assertEqual([each.name for each in found if mutants.check(each)], [])

    def test_a_text_must_be_there_exactly_once(self):
        self.assertIsNone(self.why("if (bad) return;\n"))
        self.assertIn("0 times", self.why("if (good) return;\n"))
        self.assertIn("2 times", self.why("if (bad) return;\n" * 2))

    def test_refuses_a_file_of_another_form(self):
        with self.assertRaises(ValueError):
            mutants.parse("a", "file: src/a.cc\n")


if __name__ == "__main__":
    unittest.main()
