# SPDX-License-Identifier: Apache-2.0
"""Runs the examples of the manual pages and of the README: for real, against the sandbox and a receiver."""

import re
import subprocess

import common

PUBLIC_URL = "https://hooks.example.org/preservica"
SERVICE_STATE = "/var/lib/pwh"

# What a reader of an example has: a receiver that stores, its secret, a subscription, and an event in the store.
BEFORE = """
set -eu -o pipefail
receiver=
trap 'test -z "$receiver" || kill $receiver' EXIT
(umask 077; pwh secret >webhook-secret)
export PWH_SECRET_FILE=$PWD/webhook-secret
pwh listen --listen 127.0.0.1:0 --store "$PWH_STATE_DIR/events.db" >events.jsonl 2>listen.log &
receiver=$!
until grep -q 'listening on' listen.log; do kill -0 $receiver; sleep 0.05; done
url=$(sed -n 's/^pwh: listening on //p' listen.log)
pwh -q subscribe --trigger visibility-changed --url "$url" >subscribed
until test -s events.jsonl; do kill -0 $receiver; sleep 0.05; done
"""

STUBS = {
    "systemctl": "exit 0",  # the receiver of BEFORE is the service
    "cloudflared": "exit 0",
}


class ExamplesTest(common.PwhTest):
    def run_example(self, script):
        """Fails the test where a command in it fails."""
        tools = self.folder / "bin"
        tools.mkdir(exist_ok=True)
        if not (tools / "pwh").exists():
            (tools / "pwh").symlink_to(common.program)
        for name, body in STUBS.items():
            (tools / name).write_text(f"#!/bin/sh\n{body}\n")
            (tools / name).chmod(0o755)
        # Where the receiver that is shown subscribes itself, its own address takes the place of the public one.
        script = re.sub(rf"(pwh listen.* --subscribe.*) --url {PUBLIC_URL}", r"\1", script)
        script = script.replace(PUBLIC_URL, '"$url"').replace(SERVICE_STATE, '"$PWH_STATE_DIR"')
        file = self.folder / "example.sh"
        file.write_text(BEFORE + script)
        environment = {**self.environment, "PATH": f"{tools}:{self.environment['PATH']}"}
        done = subprocess.run(
            ["pwh", "sandbox", "--emit", "40", "--", "bash", str(file)], cwd=self.folder / "work", env=environment,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=common.PATIENCE, check=False)
        what = f"{script}\nexit code {done.returncode}\n{done.stdout.decode()}\n{done.stderr.decode()}"
        self.assertEqual(done.returncode, 0, what)
        return done.stdout.decode()
