#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The systemd units, run as systemd would run them: `service.py PWH [TEST…]`. The sandboxing itself is systemd's; the
package's test (tests/package/try.sh) has systemd-analyze look at it."""

import shlex
import socket
import subprocess
from pathlib import Path

import common
from common import wait_until

UNITS = Path(__file__).resolve().parent.parent.parent / "src/service"


def setting(unit, name):
    """The values of NAME= in a unit, in their order."""
    lines = (UNITS / unit).read_text("utf-8").splitlines()
    return [line.split("=", 1)[1] for line in lines if line.startswith(f"{name}=")]


class ServiceTest(common.PwhTest):
    def setUp(self):
        super().setUp()
        self.state = self.folder / "var/lib/pwh"
        self.state.mkdir(mode=0o700, parents=True)
        del self.environment["PWH_STATE_DIR"]
        self.service = {"PATH": self.environment["PATH"], "LANG": "C.UTF-8", "HOME": "/", "STATE_DIRECTORY": str(self.state),
                        **{k: v for k, v in self.environment.items() if k.startswith(common.KEPT_VARIABLES)}}

    def command(self, unit):
        """ExecStart with the specifiers filled in."""
        line = setting(unit, "ExecStart")[0].replace("%S", str(self.folder / "var/lib"))
        words = shlex.split(line)
        self.assertEqual(words[0], "pwh")
        return [common.program, *words[1:]]

    def run_unit(self, unit, *more):
        done = subprocess.run([*self.command(unit), *more], cwd="/", env=self.service, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=common.PATIENCE, check=False)
        return common.Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start_listening(self, properties="#\n"):
        """pwh-listen.service, started by a connection to its socket."""
        credentials = self.folder / "credentials"
        credentials.mkdir(mode=0o700, exist_ok=True)
        (credentials / "credentials.properties").write_text(properties)
        passed = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(passed.close)
        self.url = f"http://127.0.0.1:{passed.getsockname()[1]}/"
        told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(told.close)
        told.bind(str(self.folder / "notify"))
        told.settimeout(common.PATIENCE)
        environment = {**self.service, "CREDENTIALS_DIRECTORY": str(credentials), "LISTEN_FDS": "1",
                       "NOTIFY_SOCKET": str(self.folder / "notify")}
        process = subprocess.Popen(
            ["bash", "-c", f'LISTEN_PID=$$ exec "$@" 3<&{passed.fileno()}', "bash", *self.command("pwh-listen.service")],
            cwd="/", env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            pass_fds=[passed.fileno()])
        errors = common.Stream(process.stderr)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertIn(b"READY=1", told.recv(1000), errors.text())
        return process, errors

    def sandbox(self):
        process = self.start("sandbox", "--listen", "127.0.0.1:0", "--emit", "20", "--trigger", "moved")
        authority = process.err.wait_match(r"^pwh: sandbox on http://(\S+)/$")[1]
        self.use_server(authority, "admin@example.com", "sandbox-password", "SANDBOX")

    def stored(self):
        return len(self.pwh("--state-dir", str(self.state), "events").out.splitlines())


class Units(ServiceTest):
    def test_roots_subscription_reaches_the_service(self):
        self.sandbox()
        process, errors = self.start_listening()
        self.pwh("--state-dir", str(self.state), "subscribe", "--trigger", "moved", "--url", self.url)
        wait_until(lambda: self.stored() > 0, "an event in the store")
        process.terminate()
        self.assertEqual(process.wait(common.PATIENCE), 0, errors.text())

    def test_a_secret_of_roots_choosing(self):
        self.start_listening(f"[credentials]\nsecret.key = {common.SECRET}\n")
        self.pwh("send", self.url, "--trigger", "moved", "--secret-file", self.secret_file())
        self.assertEqual(self.stored(), 1)

    def test_nightly(self):
        self.start_listening(f"[credentials]\nsecret.key = {common.SECRET}\n")
        self.pwh("send", self.url, "--trigger", "moved", "--count", "3", "--secret-file", self.secret_file())
        command = self.command("pwh-nightly.service")
        self.assertEqual(command[-1], "/etc/pwh/nightly")
        program = self.folder / "nightly"
        got = self.folder / "got"
        for script, code, lines in ((f"cat >>{got}; exit 7", 7, 3), (f"cat >>{got}", 0, 6), (f"cat >>{got}", 0, 6)):
            program.write_text(f"#!/bin/sh\n{script}\n")
            program.chmod(0o755)
            done = subprocess.run([*command[:-1], str(program)], cwd="/", env=self.service, stdin=subprocess.DEVNULL,
                                  capture_output=True, timeout=common.PATIENCE, check=False)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertEqual(len(got.read_text().splitlines()), lines)

    def test_status(self):
        process, _ = self.start_listening(f"[credentials]\nsecret.key = {common.SECRET}\n")
        self.assertEqual(self.run_unit("pwh-status.service").code, 9)
        self.pwh("send", self.url, "--trigger", "moved", "--secret-file", self.secret_file())
        result = self.run_unit("pwh-status.service")
        self.assertEqual((result.code, len(result.out.splitlines())), (0, 1), result)
        process.terminate()
        process.wait(common.PATIENCE)

    def test_names(self):
        """The units that are named exist, and share user and folder."""
        for unit in UNITS.glob("*.timer"):
            self.assertTrue(unit.with_suffix(".service").is_file(), unit.name)
        for unit in UNITS.glob("*.service"):
            self.assertEqual((setting(unit.name, "User"), setting(unit.name, "StateDirectory")), (["pwh"], ["pwh"]))
        self.assertEqual(setting("pwh-listen.socket", "ListenStream"), ["127.0.0.1:8080"])


if __name__ == "__main__":
    common.main()
