"""Tests of counts.sh: scripts that run beside each other."""
import os
import pathlib
import subprocess
import tempfile
import unittest

COUNTS = pathlib.Path(__file__).with_name("counts.sh")


def beside(scripts, *names, seconds_max=20, ci=""):
    """What run_tests_beside prints of these scripts, two at a time, and its status."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in scripts.items():
            path = pathlib.Path(folder, name)
            path.write_text(f"#!/bin/bash\n{text}\n", encoding="utf-8")
            path.chmod(0o755)
        shell = (f"set -euo pipefail; . {COUNTS}; test_seconds_max={seconds_max}; "
                 f"run_tests_beside 2 {' '.join('./' + each for each in names)}; close_counts")
        done = subprocess.run(["bash", "-c", shell], cwd=folder, capture_output=True, text=True,
                              check=False, env={**os.environ, "CI": ci})
        return done.stdout, done.returncode


class Beside(unittest.TestCase):
    def test_output_is_whole_and_in_order(self):
        # The first ends after the second, which waits for nobody.
        scripts = {"a": "echo a1; until [[ -e done ]]; do sleep 0.05; done; echo a2",
                   "b": "echo b1; echo b2; touch done"}
        shown, status = beside(scripts, "a", "b")
        self.assertEqual(status, 0)
        lines = [each for each in shown.splitlines() if each and not each.startswith("-- ")]
        self.assertEqual(lines, ["== ./a", "a1", "a2", "== ./b", "b1", "b2", "2 passed, 0 failed"])

    def test_every_way_to_end_counts(self):
        scripts = {"good": "true", "bad": "exit 3", "skips": "exit 77",
                   "counts": "echo '5 passed, 1 failed'; exit 1", "slow": "exec sleep 60"}
        shown, status = beside(scripts, *scripts, seconds_max=2)
        self.assertEqual(status, 1)
        for line in ("FAILED: ./bad (status 3)", "FAILED: ./counts (1)",
                     "FAILED: ./slow (status 124)", "6 passed, 3 failed, 1 skipped"):
            self.assertIn(line, shown.splitlines())
        self.assertIn("6 passed, 4 failed", beside(scripts, *scripts, seconds_max=2, ci="1")[0])

    def test_guests_run_one_at_a_time(self):
        guest = ": machine_steps.sh; mkdir guest || exit 1; sleep 0.3; rmdir guest"
        scripts = {"a": guest, "b": guest, "c": "true", "d": guest}
        shown, status = beside(scripts, *scripts)
        self.assertEqual((status, shown.splitlines()[-1]), (0, "4 passed, 0 failed"))


if __name__ == "__main__":
    unittest.main()
