#!/usr/bin/env python3
"""Writes the table of what real clients did, from the output of the scripts in test/clients.

usage: observed.py <LOG >docs/clients-observed.md
"""
import collections
import datetime
import re
import subprocess
import sys

CLIENTS = {
    "az": ("The Azure command line", "azure-cli"),
    "python": ("The Azure SDK for Python", "python3-azure"),
    "ansible": ("Ansible's azure.azcollection", "ansible"),
    "node": ("The Azure SDK for JavaScript", "nodejs"),
    "packer": ("Packer's azure-arm", "packer"),
}


def version(package):
    shown = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package],
                           capture_output=True, text=True, check=False)
    return shown.stdout or "unknown version"


def command(words):
    """The words before the first argument: "sig create" of "sig create -g rg"."""
    kept = []
    for word in words:
        if word.startswith(("-", "/", "@", "(")):
            break
        kept.append(word)
    return " ".join(kept)


def observed(lines):
    found = collections.defaultdict(set)
    for line in lines:
        words = re.sub(r"\(.*\)$", "", line.strip()).split()
        if len(words) > 2 and words[0] == "ok:" and words[1] in CLIENTS:
            found[words[1]].add(command(words[2:]))
    return found


def main():
    found = observed(sys.stdin)
    print("# Clients observed\n")
    print(f"What `./dev clients` saw on {datetime.date.today()}: unmodified clients against this "
          "server. What is\nnot here was not run; [compatibility.md](compatibility.md) has what is "
          "answered.\n")
    print("| client | version | what worked |\n|---|---|---|")
    for client, (name, package) in CLIENTS.items():
        if found[client]:
            done = ", ".join(f"`{each}`" for each in sorted(found[client]))
            print(f"| {name} | {package} {version(package)} | {done} |")


if __name__ == "__main__":
    main()
