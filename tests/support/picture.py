#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws the README's picture from a real run: `picture.py PWH FILE.svg`.

A sandbox publishes events and a receiver stores them, while the commands below run on a terminal of their own. Needs jq."""

import html
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COLUMNS = 96
PATIENCE = 120  # seconds
ON_TERMINAL = Path(__file__).resolve().parent / "run_on_terminal.py"
COMMANDS = (
    "pwh whoami",
    "pwh subscribe --trigger indexed --trigger moved --url {url}",
    "pwh check {url}",
    "pwh events --limit 4 | jq -c '{{trigger, entityRef}}'",
    "pwh events --stats",
)
WIDTH, HEIGHT, MARGIN, SIZE = 8.43, 19, 16, 14  # of a character, a line, the border, the letters
COLOURS = {31: "#ff7b72", 32: "#7ee787", 33: "#f2cc60", 34: "#79c0ff", 35: "#d2a8ff", 36: "#76e3ea", 90: "#8b949e"}
BACKGROUND, TEXT, PROMPT = "#0d1117", "#e6edf3", "#7ee787"


def wait_for(pattern, path):
    end = time.monotonic() + PATIENCE
    while not (found := re.search(pattern, path.read_text("utf-8"), re.M)):
        if time.monotonic() > end:
            sys.exit(f"waited in vain for {pattern} in {path}")
        time.sleep(0.05)
    return found


def start(command, folder, environment):
    """A process, and the file of what it says."""
    log = folder / f"{command[1]}.log"
    with open(log, "wb") as file:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment), log


def run(pwh, folder):
    """Each command with what it wrote."""
    for name in ("bin", "state"):
        (folder / name).mkdir(mode=0o700)
    (folder / "bin/pwh").symlink_to(pwh)
    environment = {"PATH": f"{folder}/bin:{os.environ['PATH']}", "HOME": str(folder), "LANG": "C.UTF-8", "TERM": "xterm-256color",
                   "PWH_STATE_DIR": str(folder / "state")}
    processes = []
    try:
        sandbox, log = start(["pwh", "sandbox", "--emit", "20"], folder, environment)
        processes.append(sandbox)
        wait_for("sandbox on ", log)
        environment.update(re.findall(r"^export (\w+)='(.*)'$", log.read_text(), re.M))
        events = folder / "state/events.db"
        listener, log = start(["pwh", "listen", "--listen", "127.0.0.1:0", "--store", str(events)], folder, environment)
        processes.append(listener)
        url = wait_for(r"listening on (\S+)", log)[1]
        for command in COMMANDS:
            command = command.format(url=url)
            if "events" in command:
                wait_for(r'(?:^.*"trigger".*\n){20}', log)
            yield command, subprocess.run(
                [sys.executable, str(ON_TERMINAL), "--columns", str(COLUMNS), "--", "sh", "-c", command],
                env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=True).stdout.decode()
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()


def pieces(line):
    """Stretches of one colour, with what the terminal would draw them in."""
    colour = TEXT
    for part in re.split(r"(\x1b\[[0-9;]*[A-Za-z])", line):
        if part.startswith("\x1b"):
            codes = [int(code or 0) for code in part[2:-1].split(";")] if part.endswith("m") else []
            for code in codes:
                colour = COLOURS.get(code, TEXT if code == 0 else colour)
        elif part:
            yield part, colour


def wrapped(shown):
    """Lines of at most COLUMNS characters, as lists of (text, colour)."""
    for line in shown:
        row, used = [], 0
        for text, colour in line:
            while used + len(text) > COLUMNS:
                cut = COLUMNS - used
                yield [*row, (text[:cut], colour)]
                row, used, text = [], 0, text[cut:]
            row.append((text, colour))
            used += len(text)
        yield row


def draw(session):
    shown = []
    for command, output in session:
        shown.append([("$ ", PROMPT), (command, TEXT)])
        shown.extend(list(pieces(line)) for line in output.splitlines())
        shown.append([])
    lines = list(wrapped(shown[:-1]))
    width, height = COLUMNS * WIDTH + 2 * MARGIN, len(lines) * HEIGHT + 2 * MARGIN
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" '
           f'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="{SIZE}">')
    yield f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>'
    for number, line in enumerate(lines):
        spans = "".join(f'<tspan fill="{colour}">{html.escape(text)}</tspan>' for text, colour in line)
        if spans:
            yield f'<text x="{MARGIN}" y="{MARGIN + HEIGHT * number + SIZE}" xml:space="preserve">{spans}</text>'
    yield "</svg>"


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: picture.py PWH FILE.svg")
    folder = Path(tempfile.mkdtemp(prefix="pwh-picture-"))
    try:
        Path(sys.argv[2]).write_text("\n".join(draw(run(Path(sys.argv[1]).resolve(strict=True), folder))) + "\n", "utf-8")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
