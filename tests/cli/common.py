# SPDX-License-Identifier: Apache-2.0
"""What the tests that talk to a running pwh share: a clean folder and environment, and pwh as a process."""

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

SUPPORT = Path(__file__).resolve().parent.parent / "support"
sys.path.insert(0, str(SUPPORT))

from fake_preservica import FakePreservica  # noqa: E402

PATIENCE = 120  # seconds; nothing that works takes so long, on any machine
SECRET = "a-webhook-secret-of-the-tests-0123456789"
KEPT_VARIABLES = ("ASAN_", "UBSAN_", "LSAN_", "TSAN_", "LLVM_PROFILE_FILE", "GCOV_")

program = None


def main():
    """`python3 FILE PWH [unittest's arguments]`."""
    global program
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(f"usage: {sys.argv[0]} PWH [TEST…]")
    program = sys.modules["common"].program = str(Path(sys.argv.pop(1)).resolve(strict=True))
    unittest.main(module="__main__", verbosity=1)


def wait_until(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain: {what}")
        time.sleep(0.01)


def readable(descriptor, seconds=0):
    """Whether something can be read there, or will within that time."""
    return bool(select.select([descriptor], [], [], seconds)[0])


def port_of(url):
    """The port of a receiver's http://ADDRESS:PORT/."""
    return int(url.rstrip("/").rpartition(":")[2])


class Stream:
    """Reads a pipe's lines in the background, so that they can be waited for."""

    def __init__(self, pipe):
        self._data = b""
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def _read(self, pipe):
        with pipe:
            while data := os.read(pipe.fileno(), 65536):
                with self._changed:
                    self._data += data
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def text(self):
        with self._changed:
            return self._data.decode("utf-8", "backslashreplace")

    def data(self):
        with self._changed:
            return self._data

    def wait_end(self):
        self._thread.join(PATIENCE)

    def wait_match(self, pattern, count=1):
        """Until so many matches are there; the last of them."""
        expression = re.compile(pattern, re.M)
        end = time.monotonic() + PATIENCE
        with self._changed:
            while True:
                found = list(expression.finditer(self._data.decode("utf-8", "backslashreplace")))
                if len(found) >= count:
                    return found[count - 1]
                if self._ended or time.monotonic() > end:
                    raise AssertionError(f"not {count} times {pattern!r} in:\n{self._data.decode()}")
                self._changed.wait(1)


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return f"exit code {self.code}\nstdout: {self.out}\nstderr: {self.err}"


class PwhTest(unittest.TestCase):
    """One test: an empty folder (kept and named when the test fails), and no settings but the test's."""

    maxDiff = None

    def run(self, result=None):
        self.folder = Path(tempfile.mkdtemp(prefix="pwh-test-"))
        count = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > count:
            print(f"kept: {self.folder} ({self.id()})", file=sys.stderr)
        else:
            shutil.rmtree(self.folder)
        return result

    def setUp(self):
        self.state = self.folder / "state"
        for name in ("home", "work", "tmp"):
            (self.folder / name).mkdir()
        kept = {k: v for k, v in os.environ.items() if k.startswith(KEPT_VARIABLES)}
        self.environment = {**kept, "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.folder / "home"),
                            "TMPDIR": str(self.folder / "tmp"), "LANG": "C.UTF-8",
                            "PWH_STATE_DIR": str(self.state), "PYTHONDONTWRITEBYTECODE": "1"}

    def use_server(self, authority, username="user@example.com", password="the-password", tenant="ACME"):
        self.environment.update(PRESERVICA_SERVER=authority, PRESERVICA_USERNAME=username,
                                PRESERVICA_PASSWORD=password, PWH_PROTOCOL="http")
        if tenant:
            self.environment["PRESERVICA_TENANT"] = tenant

    def use_fake(self):
        """A fake Preservica for as long as the test runs, and the settings that lead to it."""
        self.fake = FakePreservica()
        self.addCleanup(self.fake.close)
        self.use_server(self.fake.authority)

    def secret_file(self, secret=SECRET, name="secret"):
        path = self.folder / name
        path.touch(0o600)
        path.write_bytes(secret.encode() if isinstance(secret, str) else secret)
        return str(path)

    def stored_secrets(self):
        """The texts of the secrets that the state folder holds."""
        try:
            return [each["secret"] for each in json.loads((self.state / "secrets.json").read_text())["secrets"]]
        except FileNotFoundError:
            return []

    def pwh(self, *arguments, expect=0, **variables):
        """Runs pwh to its end."""
        done = subprocess.run([program, *arguments], cwd=self.folder / "work", env={**self.environment, **variables},
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False)
        result = Result(done.returncode, done.stdout.decode(), done.stderr.decode())
        if expect is not None:
            self.assertEqual(result.code, expect, result)
        return result

    def start(self, *arguments, **options):
        process = Process(self, [program, *arguments], **options)
        self.addCleanup(process.end)
        return process

    def listen(self, *arguments, **options):
        """A receiver that is ready, with SECRET unless told otherwise."""
        if not any(each in ("--secret-file", "--subscribe", "--stored") for each in arguments):
            arguments = ("--secret-file", self.secret_file(), *arguments)
        arguments = [each for each in arguments if each != "--stored"]
        listener = self.start("listen", "--listen", "127.0.0.1:0", *arguments, **options)
        listener.url = listener.err.wait_match(r"^pwh: listening on (http://\S+)$")[1]
        return listener


class Process:
    """A pwh that runs; its streams can be waited for."""

    def __init__(self, test, command, stdout=subprocess.PIPE, environment=None, stdin=subprocess.DEVNULL):
        self._test = test
        self.process = subprocess.Popen(command, cwd=test.folder / "work", env=environment or test.environment,
                                        stdin=stdin, stdout=stdout, stderr=subprocess.PIPE)
        self.pid = self.process.pid
        self.out = Stream(self.process.stdout) if stdout == subprocess.PIPE else None
        self.err = Stream(self.process.stderr)

    def wait_lines(self, count):
        """The parsed lines of stdout, once there are so many."""
        if count:
            self.out.wait_match(r"^.*\n", count)
        return self.lines()

    def lines(self):
        return [json.loads(line) for line in self.out.data().splitlines()]

    def send(self, number):
        self.process.send_signal(number)

    def wait(self):
        """Its exit code, with both streams read to their end."""
        code = self.process.wait(PATIENCE)
        self.err.wait_end()
        if self.out:
            self.out.wait_end()
        return code

    def stop(self, number=signal.SIGTERM):
        self.send(number)
        return self.wait()

    def summary(self):
        """The numbers of the line on the way out, the refusals by reason among them."""
        found = self.err.wait_match(
            r"^pwh: accepted (\d+) messages \((\d+) events\), repeated (\d+), filtered (\d+), refused (\d+)(.*)$")
        names = ("messages", "events", "repeated", "filtered", "refused")
        numbers = {name: int(found[at]) for at, name in enumerate(names, 1)}
        return {**numbers, **{name: int(count) for name, count in re.findall(r"([a-z-]+) (\d+)", found[6])}}

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
