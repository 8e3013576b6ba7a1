# SPDX-License-Identifier: Apache-2.0
"""What the tests of `events` and `status` share: a store that `listen` filled, and what has to be in it."""

import hashlib
import json
import subprocess

import common
from common import PATIENCE, SECRET, PwhTest, wait_until
from sender import Sender, signature

CONNECTIONS = 32
TRIGGERS = ("MOVED", "FULL_TEXT_INDEXED", "CHANGE_ASSET_VISIBILITY")


def body(number, events=1, trigger=None, **fields):
    """A message, different for each number, with so many events; each entity comes again and again."""
    entries = [{"event": "Any", "entityType": "IO", "entityRef": f"entity-{(number * 3 + each) % 29}", "n": each}
               for each in range(events)]
    return json.dumps({"subscriptionId": "9495ddbf7d4a0b9f030a3411c87f967d", "number": number, "events": entries,
                       "trigger": trigger or TRIGGERS[number % len(TRIGGERS)], **fields},
                      separators=(",", ":")).encode()


def events_in(message):
    """How many lines a message makes."""
    parsed = json.loads(message)
    events = parsed.get("events") if isinstance(parsed, dict) else None
    return len(events) if isinstance(events, list) else 1


class StoreTest(PwhTest):
    def setUp(self):
        super().setUp()
        self.printed = self.folder / "printed"
        self.counted = self.seen = self.expected = 0  # bytes and lines of listen's stdout, and lines it will have
        self.store = str(self.folder / "events.db")
        self.cursor = str(self.folder / "cursor")
        self.bodies = {}

    def receiver(self, *arguments, store=None, **options):
        """A `listen` with the store, whose lines go to the file that lines() reads."""
        with open(self.printed, "ab") as out:
            listener = self.listen("--store", store or self.store, *arguments, stdout=out, **options)
        self.sender = Sender(listener.url, SECRET)
        return listener

    def deliver(self, bodies):
        """Sends all, many at a time; each has to be accepted, and printed."""
        bodies = list(bodies)
        connections = [self.sender.connect() for _ in range(min(CONNECTIONS, len(bodies)))]
        for at in range(0, len(bodies), len(connections) or 1):
            batch = bodies[at:at + len(connections)]
            for connection, each in zip(connections, batch):
                self.bodies[hashlib.sha256(each).hexdigest()] = each
                connection.send(self.sender.event(each))
            for connection, _ in zip(connections, batch):
                self.assertEqual(connection.answer().status, 200)
        for connection in connections:
            connection.close()
        self.expected += sum(map(events_in, bodies))
        wait_until(self.all_printed, "the lines of listen, which follow the answers")

    def all_printed(self):
        with open(self.printed, "rb") as file:
            file.seek(self.counted)
            data = file.read()
        self.counted += len(data)
        self.seen += data.count(b"\n")
        return self.seen >= self.expected

    def fill(self, bodies, **options):
        """A store with these messages; returns its lines, as `listen` printed them."""
        listener = self.receiver(**options)
        self.deliver(bodies)
        self.assertEqual(listener.stop(), 0)
        return self.lines()

    def lines(self):
        return self.printed.read_bytes().splitlines(keepends=True)

    def run_events(self, *arguments, expect=0, stdin=subprocess.DEVNULL):
        """`pwh events` to its end; its lines."""
        done = self.run_raw(*arguments, stdin=stdin)
        self.assertEqual(done.returncode, expect, done.stderr.decode())
        return done.stdout.splitlines(keepends=True)

    def run_raw(self, *arguments, stdin=subprocess.DEVNULL, **options):
        command = [common.program, "events", "--store", self.store, *arguments]
        return subprocess.run(command, cwd=self.folder / "work", env=self.environment, stdin=stdin,
                              capture_output=True, timeout=PATIENCE, check=False, **options)

    def popen(self, *arguments, **options):
        """`pwh events`, with its stdout as a pipe that the test reads as it likes."""
        command = [common.program, "events", "--store", self.store, *arguments]
        process = subprocess.Popen(command, cwd=self.folder / "work", env=self.environment, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, **options)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()

    def position(self):
        """What the cursor file says: a message, and how many of its events are taken."""
        try:
            with open(self.cursor, encoding="ascii") as file:
                words = file.read().split()
        except FileNotFoundError:
            return None
        return (int(words[3]), int(words[4])) if words else None

    def wait_position(self, position):
        wait_until(lambda: self.position() == position, f"the cursor at {position}")


__all__ = ["CONNECTIONS", "SECRET", "TRIGGERS", "StoreTest", "body", "common", "signature"]
