#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that includes follow src/README.md: dependencies point one way, third-party headers stay where they belong.

`layers.py ROOT`, where ROOT is the folder with src/ in it. Prints each offence; exit code 1 when there is one."""

import re
import sys
from pathlib import Path

MIDDLE = {"receiver", "sandbox", "preservica", "store", "settings"}
LOW = {"net", "text", "crypto"}
ALLOWED = {
    "main.cpp": {"app"},
    "app": {"commands"},
    "commands": MIDDLE,
    # Preservica's protocol is what the others speak; it knows none of them. The store keeps what the receiver accepts.
    "receiver": LOW | {"preservica", "store"},
    "sandbox": LOW | {"preservica"},
    "settings": LOW,
    "store": LOW,
    "preservica": LOW,
    "net": {"text", "crypto"},
    "crypto": {"text"},
    "text": set(),
    "base": {"text"},  # what is written to a terminal has to be printable
}
# A folder may use all that its own dependencies may, and base.
THIRD_PARTY = {
    "boost/": {"net"},
    "curl/": {"net"},
    "openssl/": {"crypto", "net"},
    "liboath/": {"crypto"},
    "sqlite3": {"store"},
    "nlohmann/": {"preservica", "settings", "store", "receiver", "sandbox", "commands", "app"},
    "CLI/": {"app", "commands"},
    "fmt/": None,
}
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


def reachable(folder):
    seen, waiting = {folder, "base"}, [folder]
    while waiting:
        for each in ALLOWED[waiting.pop()]:
            if each not in seen:
                seen.add(each)
                waiting.append(each)
    return seen


def offences(source):
    for path in sorted([*source.rglob("*.cpp"), *source.rglob("*.hpp")]):
        relative = path.relative_to(source)
        folder = relative.parts[0]
        if folder not in ALLOWED:
            yield f"{relative}: src/README.md knows no folder {folder}"
            continue
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            found = INCLUDE.match(line)
            if found:
                yield from (f"{relative}:{number}: {what}" for what in offence(folder, source, *found.groups()))


def offence(folder, source, own, system):
    if own is not None:
        other = own.split("/")[0]
        if "/" not in own:
            yield f'"{own}" does not say its folder'
        elif not (source / own).is_file():
            yield f'there is no "{own}" in src'
        elif other not in reachable(folder):
            yield f"{folder} must not depend on {other}"
        return
    for prefix, folders in THIRD_PARTY.items():
        if system.startswith(prefix):
            if folders is not None and folder not in folders:
                yield f"<{system}> belongs to {', '.join(sorted(folders))}"
            return
    if "/" in system and not system.startswith(("sys/", "arpa/", "netinet/", "linux/")):
        yield f"<{system}> is of no library that src/README.md names"


def documented(source):
    """The folders in the table of src/README.md."""
    return set(re.findall(r"^\| `([a-z]+)/` \|", (source / "README.md").read_text("utf-8"), re.M))


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: layers.py ROOT")
    source = Path(sys.argv[1]).resolve(strict=True) / "src"
    found = list(offences(source))
    present = {path.parent.name for path in source.glob("*/*.cpp")}
    for folder in sorted(documented(source) ^ present):
        found.append(f"src/README.md and src do not agree on the folder {folder}")
    if not present:
        found.append("there is no source in src")
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{len(present)} folders, {len(found)} offences")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
