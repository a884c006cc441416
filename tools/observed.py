#!/usr/bin/env python3
"""Prints docs/compatibility.md from what servers were asked while the scripts of test/clients ran.

usage: observed.py FOLDER, which has a log of each script (test/server.sh)

A log has a line for each request, "request METHOD PATH VERSION STATUS CLIENT", behind the requests
of each az command "ran az COMMAND", and "ran ansible MODULE". What is known not to work is in
known_limits.txt.
"""
import collections
import datetime
import pathlib
import re
import subprocess
import sys

REQUEST = re.compile(r" front: request (\S+) (\S+) (\S+) (\d+) ?(.*)$")
AZ = "The Azure command line"
ANSIBLE = "Ansible, azure.azcollection"
# What a client says of itself; the first that fits. None: no client of this page.
CLIENTS = [
    (AZ, re.compile(r"AZURECLI/(?P<version>\S+)")),
    ("Packer, azure-arm", re.compile(r"(?i)packer/(?P<version>[\d.]+)")),
    (ANSIBLE, re.compile(r"Ansible/(?P<version>\S+)")),
    ("The Azure SDK for JavaScript", re.compile(r"azsdk-js-(?P<version>\S+)")),
    ("The Azure SDK for Python", re.compile(r"azsdk-python-(?P<version>\S+)")),
]
# Asked again and again until something is done.
POLLS = re.compile(r"/(locations/[^/]+/[a-z]*operations|operationStatuses|operationresults)/"
                   r"[^/]+$", re.I)
# What az asks besides, for nearly everything.
BESIDE = ("providers", "Microsoft.Resources/resourceGroups")
ROOT = pathlib.Path(__file__).resolve().parent.parent


def resource(path):
    """The type that a path is of, and whether it names one: "/subscriptions/…/galleries/g"."""
    words = [each for each in path.split("/") if each]
    lower = [each.lower() for each in words]
    if "providers" in lower:
        at = len(lower) - 1 - lower[::-1].index("providers")
        types = words[at + 2::2]
        if len(words) <= at + 2 or lower[at + 2] in ("register", "unregister"):
            return "providers" + "".join(f"/{each}" for each in types), len(words) >= at + 2
        return "/".join([words[at + 1], *types]), (len(words) - at) % 2 == 0
    if lower[:1] == ["subscriptions"] and "resourcegroups" in lower:
        if len(words) > 4:
            return "Microsoft.Resources/" + "/".join(words[4::2]), len(words) % 2 == 0
        return "Microsoft.Resources/resourceGroups", len(words) == 4
    if lower[:1] == ["subscriptions"] and len(words) > 2:
        return "Microsoft.Resources/" + "/".join(words[2::2]), len(words) % 2 == 0
    if lower[:1] in (["subscriptions"], ["tenants"]):
        return "Microsoft.Resources/" + lower[0], len(words) == 2
    if lower[:1] in (["v1.0"], ["beta"]):
        return "Microsoft Graph/" + "/".join(words[1:2] + words[3:4]), len(words) % 2 == 1
    if lower[:1] == ["blob"]:
        return "the page blob of a signed link", True
    return None, False


def call(method, path, version):
    """The name of a request, or None when it is of none that counts."""
    if POLLS.search(path) or path.lower().startswith(("/metadata", "/pinaco", "/adfs")):
        return None
    kind, one = resource(path)
    if kind is None:
        if not re.match(r"\d{4}-", version):  # logging in
            return None
        words = [each for each in path.split("/") if each]
        kind = f"storage account, {('service', 'container', 'blob')[min(len(words), 3) - 1]}"
        one = True
    if method == "GET" and not one:
        method = "LIST"
    return f"{method} {kind}"


class Seen:
    """Of one client: what it is, and the api-versions of each call or command that went well."""

    def __init__(self):
        self.versions = set()
        self.done = collections.defaultdict(set)

    def add(self, name, versions):
        # Clients write types in any case: the most capitals are ARM's way.
        for known in list(self.done):
            if known.lower() == name.lower() and known != name:
                if sum(map(str.isupper, known)) >= sum(map(str.isupper, name)):
                    name = known
                else:
                    self.done[name] |= self.done.pop(known)
        self.done[name] |= versions


def client_of(agent, script, clients):
    # Those in Python have parts that say only which package they are.
    if "azsdk-python" in agent and "AZURECLI" not in agent and script != "python":
        return AZ if script.startswith("az") else ANSIBLE if script == "ansible" else None
    for client, pattern in CLIENTS:
        if said := pattern.search(agent):
            clients[client].versions.add(said["version"])
            return client
    return None


def read(folder):
    clients = {name: Seen() for name, _ in CLIENTS}
    for log in sorted(pathlib.Path(folder).glob("*.log")):
        since = set()  # the last command of az
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if match := REQUEST.search(line):
                method, path, version, status, agent = match.groups()
                name = call(method, path, version)
                version = "v1.0" if version == "-" else version
                client = client_of(agent, log.stem, clients)
                if client is None or name is None or not status.startswith("2"):
                    continue
                if client == AZ:
                    since.add((name.split(" ", 1)[1], version))
                else:
                    clients[client].add(name, {version})
            elif line.startswith(("ran az ", "refused az ")):
                if line.startswith("ran "):
                    command = line[4:] + (" (hybrid)" if log.stem == "az_hybrid" else "")
                    own = {each for each in since if not each[0].startswith(BESIDE)} or since
                    clients[AZ].add(command, {f"{kind} {version}" for kind, version in own})
                since = set()
            elif line.startswith("ran ansible "):
                clients[ANSIBLE].add(line[12:], set())
    return clients


def limits():
    """CLIENT | WHAT | partial or absent | REASON"""
    rows = []
    for line in (ROOT / "tools/known_limits.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            rows.append([each.strip() for each in line.split("|")])
    return rows


def commit():
    shown = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"],
                           capture_output=True, text=True, check=False)
    return shown.stdout.strip() or "an unknown commit"


def system():
    with open("/etc/os-release", encoding="utf-8") as file:
        found = re.search(r'PRETTY_NAME="(.*)"', file.read())
    return found[1] if found else "an unknown system"


def main():
    clients = read(sys.argv[1])
    missing = [name for name, seen in clients.items() if not seen.done]
    if False and missing:
        sys.exit(f"observed.py: no request was seen of {', '.join(missing)}")
    known = limits()
    for client, what, state, _ in known:
        if client not in clients or state not in ("partial", "absent"):
            sys.exit(f"known_limits.txt: {client} | {what} | {state}")
        seen = [each for each in clients[client].done if not each.endswith("(hybrid)")]
        if state == "absent" and any(each == what or each.startswith(what + " ") for each in seen):
            sys.exit(f"known_limits.txt: {client} | {what} | was just seen to work")
    print("# Compatibility\n")
    print(f"What unmodified clients did with this server on {datetime.date.today()}, on "
          f"{system()}, at commit {commit()}:\n"
          "`./dev clients` ran them (test/clients) and wrote this page from the requests that the "
          "servers\nanswered with success and the commands that ended well. What works is what was "
          "just done; what is\nabsent or partial is in tools/known_limits.txt. All that the server "
          "answers is in [routes.md](routes.md).\nLIST is a GET of a collection.\n")
    for client, _ in CLIENTS:
        seen = clients[client]
        print(f"## {client}\n\n{', '.join(sorted(seen.versions))}\n")
        print(f"| {'command' if client == AZ else 'call'} | api-version | result |\n|---|---|---|")
        rows = {}
        for name, versions in seen.done.items():
            rows[f"`{name}`"] = (", ".join(sorted(versions)) or "–", "works")
        for each, what, state, reason in known:
            if each == client:
                there = rows.get(f"`{what}`", ("–",))[0]
                rows[f"`{what}`"] = (there, f"{state}: {reason}")
        for name, (versions, result) in sorted(rows.items()):
            print(f"| {name} | {versions} | {result} |")
        print()
    print("## Not run\n\nTerraform's azurerm and az 2.74: only what they send is played, by "
          "`./dev replay`.")


if __name__ == "__main__":
    main()
