#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long pwh's client takes, against curl and gh in the same run: `client.py PWH [--runs N] [--check]`.

Needs hyperfine, curl and (for one row) gh. Prints a table; with --check, exits 1 where a target is missed. PWH should
be a release build. The times are medians: what else the machine does disturbs them least.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

SUBSCRIPTIONS = "/api/webhook/subscriptions"
RUNS = 20  # in one round


def measure(commands, runs, environment, prepare):
    """The median of each command in seconds; hyperfine runs one after the other."""
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        options = ["--prepare", prepare] if prepare else []
        subprocess.run(["hyperfine", "-N", "--warmup", "3", "--runs", str(runs), "--style", "none", "--export-json", report.name,
                        *options, *commands], env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return [result["median"] for result in json.load(report)["results"]]


def rounds(commands, runs, environment, prepare=""):
    """The medians of many short rounds, a list for each command: what else the machine does changes from round to round,
    and hits the commands of one round alike."""
    results = [measure(commands, RUNS, environment, prepare) for _ in range(max(runs // RUNS, 3))]
    return list(zip(*results))


class Sandbox:
    """`pwh sandbox` for as long as the block lasts, and what a client needs to use it."""

    def __init__(self, pwh, folder):
        self.folder = folder
        self.process = subprocess.Popen(
            [pwh, "sandbox", "--listen", "127.0.0.1:0", "--", sys.executable, "-c",
             "import json, os, sys; print(json.dumps(dict(os.environ)), flush=True); sys.stdin.read()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        variables = json.loads(self.process.stdout.readline())
        wanted = ("PRESERVICA_", "PWH_", "PATH", "HOME")
        self.environment = {name: value for name, value in variables.items() if name.startswith(wanted)}
        self.environment["PWH_STATE_DIR"] = str(folder / "state")
        self.base = f"http://{self.environment['PRESERVICA_SERVER']}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def token(self):
        form = urllib.parse.urlencode({"username": self.environment["PRESERVICA_USERNAME"],
                                       "password": self.environment["PRESERVICA_PASSWORD"],
                                       "tenant": self.environment.get("PRESERVICA_TENANT", "")})
        with urllib.request.urlopen(f"{self.base}/api/accesstoken/login", form.encode()) as answer:
            return json.load(answer)["token"]


class Table:
    """Medians over all rounds, and the median of the rounds' ratios."""

    def __init__(self):
        self.missed = []
        print(f"{'':46} {'pwh':>9} {'other':>9} {'ratio':>6} {'target':>7}")

    def row(self, what, pwh, other, target, times=1):
        ratio = statistics.median(mine / (times * theirs) for mine, theirs in zip(pwh, other))
        verdict = "" if ratio <= target else "  missed"
        print(f"{what:46} {statistics.median(pwh) * 1000:6.2f} ms {times * statistics.median(other) * 1000:6.2f} ms {ratio:6.2f} "
              f"{'≤ ' + str(target):>7}{verdict}", flush=True)
        if verdict:
            self.missed.append(what)


def start_up(table, pwh, runs, environment):
    others = ["curl --version"] + (["gh --version"] if shutil.which("gh") else [])
    version, usage, curl, *gh = rounds([f"{pwh} --version", f"{pwh} help", *others], runs, environment)
    table.row("pwh --version / curl --version", version, curl, 1.0)
    table.row("pwh help / curl --version", usage, curl, 1.0)
    if gh:
        table.row("pwh --version / gh --version", version, gh[0], 0.3)
        table.row("pwh help / gh --version", usage, gh[0], 0.3)
    else:
        print("gh is not installed: its rows are left out")


def listing(table, pwh, runs, sandbox):
    header = f"Preservica-Access-Token: {sandbox.token()}"
    curl = f"curl -s -H '{header}' {sandbox.base}{SUBSCRIPTIONS}"
    subprocess.run([pwh, "list"], env=sandbox.environment, check=True, capture_output=True)
    warm, once = rounds([f"{pwh} list", curl], runs, sandbox.environment)
    table.row("pwh list, warm token cache / curl", warm, once, 1.3)
    cold, once = rounds([f"{pwh} list --no-token-cache", curl], runs, sandbox.environment)
    table.row("pwh list, --no-token-cache / two such curls", cold, once, 1.3, times=2)
    forget = f"rm -f {sandbox.folder}/state/tokens.json"
    cold, once = rounds([f"{pwh} list", curl], runs, sandbox.environment, forget)
    table.row("pwh list, empty token cache / two such curls", cold, once, 1.3, times=2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pwh", metavar="PWH", type=Path)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    for tool in ("hyperfine", "curl"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is needed")
    pwh = str(options.pwh.resolve(strict=True))
    with tempfile.TemporaryDirectory(prefix="pwh-bench-") as folder:
        table = Table()
        environment = {"PATH": os.environ["PATH"], "HOME": folder}
        start_up(table, pwh, options.runs, environment)
        with Sandbox(pwh, Path(folder)) as sandbox:
            listing(table, pwh, options.runs, sandbox)
    return 1 if options.check and table.missed else 0


if __name__ == "__main__":
    sys.exit(main())
