"""Tests of observed.py: the table is what the logs say, and nothing more."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

OBSERVED = pathlib.Path(__file__).with_name("observed.py")
AGENTS = {"az": "AZURECLI/2.45.0 (DEB) azsdk-python-azure-mgmt-compute/29.0.0",
          "packer": "Packer/1.6.6 (+https://www.packer.io/)",
          "ansible": "azsdk-python-azure-mgmt-resource/22.0.0 Ansible/2.14.18",
          "node": "azsdk-js-arm-compute/22.1.0", "python": "azsdk-python-azure-mgmt-compute/29.0.0"}
GALLERY = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/galleries/g"


def request(method, path, version, status, agent):
    said = f"request {method} {path} {version} {status} {agent}"
    return f"2026-01-01T00:00:00.000 debug   front: {said}"


def page(**more):
    """What is printed when each client lists galleries, and of these lines besides."""
    with tempfile.TemporaryDirectory() as folder:
        for name, agent in AGENTS.items():
            lines = [request("GET", GALLERY.removesuffix("/g"), "2022-03-03", 200, agent)]
            lines += ["ran az sig list"] if name == "az" else []
            pathlib.Path(folder, f"{name}.log").write_text(
                "\n".join(lines + more.get(name, [])), encoding="utf-8")
        return subprocess.run([sys.executable, OBSERVED, folder], capture_output=True, text=True,
                              check=False)


class Observed(unittest.TestCase):
    def test_calls_and_commands_with_their_versions(self):
        shown = page(node=[request("PUT", GALLERY.lower(), "2021-07-01", 201, AGENTS["node"]),
                           request("PUT", GALLERY, "2022-03-03", 200, AGENTS["node"])]).stdout
        for row in ("| `az sig list` | Microsoft.Compute/galleries 2022-03-03 | works |",
                    "| `LIST Microsoft.Compute/galleries` | 2022-03-03 | works |",
                    "| `PUT Microsoft.Compute/galleries` | 2021-07-01, 2022-03-03 | works |"):
            self.assertIn(row, shown.splitlines())

    def test_what_was_refused_does_not_work(self):
        shown = page(az=[request("PUT", GALLERY, "2022-03-03", 403, AGENTS["az"]),
                         "refused az sig create"],
                     node=[request("DELETE", GALLERY, "2022-03-03", 409, AGENTS["node"]),
                           request("PATCH", GALLERY, "2022-03-03", 200, "node")]).stdout
        self.assertNotIn("DELETE", shown)
        self.assertNotIn("PATCH", shown)
        self.assertNotIn("works", next(each for each in shown.splitlines() if "sig create" in each))

    def test_what_is_known_to_be_absent_must_be(self):
        for command in ("az resource move", "az vm create"):
            done = page(az=[f"ran {command}"])
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("was just seen to work", done.stderr)
        self.assertEqual(page(az=["ran az vm create (hybrid)"]).returncode, 0)


if __name__ == "__main__":
    unittest.main()
