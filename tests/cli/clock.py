#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A wall clock that jumps, back and forward: `clock.py PWH CLOCK_LIBRARY [TEST…]`.

The library, loaded before pwh's own, adds to the wall clock what a test wants; the steady clock goes on as it does."""

import datetime
import os
import struct
import sys
import time
from pathlib import Path

import common
from common import wait_until
from fake_preservica import LOGIN
from listen import ListenTest
from process import cpu_seconds
from sender import message

DAY = 86_400
YEAR = 365 * DAY
JUMPS = (DAY, -DAY, 10 * YEAR, -10 * YEAR, 60 * YEAR, -3600, 0)

library = None


class ClockTest(ListenTest):
    def setUp(self):
        super().setUp()
        self.clock = self.folder / "clock"
        self.clock.write_bytes(bytes(8))
        self.environment.update(LD_PRELOAD=library, PWH_TEST_CLOCK=str(self.clock))

    def jump(self, seconds):
        """From now on, pwh's wall clock is that far off."""
        self.offset = seconds
        with open(self.clock, "r+b") as file:
            os.pwrite(file.fileno(), struct.pack("=q", seconds), 0)

    def assert_wall_clock(self, line):
        shown = datetime.datetime.fromisoformat(line["receivedAt"].replace("Z", "+00:00")).timestamp()
        self.assertLess(abs(shown - time.time() - self.offset), common.PATIENCE)


class Receiver(ClockTest):
    def test_events_are_accepted_and_bear_the_wall_clock(self):
        listener = self.receiver()
        for number, seconds in enumerate(JUMPS):
            self.jump(seconds)
            for body in (message(number), message(number), message(0)):  # with repeats, fresh and old
                self.assertEqual(self.status(self.sender.send_event(body)), 200)
            lines = listener.wait_lines(number + 1)
            self.assertEqual(len(lines), number + 1)
            self.assert_wall_clock(lines[number])
        self.assertEqual(listener.stop(), 0)
        self.assertEqual(listener.summary()["repeated"], 2 * len(JUMPS))

    def test_no_deadline_follows_the_wall_clock(self):
        listener = self.receiver("--timeout", "3000")
        with self.sender.connect() as kept, self.sender.connect() as slow:
            kept.send(self.sender.event(message(1)))
            self.assertEqual(kept.answer().status, 200)
            data = self.sender.event(message(2))
            slow.send(data[:30])
            for seconds in (YEAR, -YEAR, 0):
                self.jump(seconds)
                # The server looks at its deadlines twice a second.
                time.sleep(1.2)
                kept.send(self.sender.request("GET", "/healthz"))
                self.assertEqual(kept.answer().status, 200)
            slow.send(data[30:])
            self.assertIn(self.status(slow.answer()), (200, 408))  # 408: this machine is slow, too
        self.assertIsNone(listener.process.poll())
        self.assertEqual(listener.stop(), 0)

    def test_it_does_not_spin(self):
        listener = self.receiver()
        for number, seconds in enumerate((YEAR, -YEAR)):
            self.jump(seconds)
            self.assertEqual(self.status(self.sender.send_event(message(number))), 200)
            before = cpu_seconds(listener.pid)
            time.sleep(2)
            self.assertLess(cpu_seconds(listener.pid) - before, 1, "it spins")

    def test_refusals_are_logged_on(self):
        listener = self.receiver()
        for number, seconds in enumerate((-YEAR, YEAR, -YEAR), 1):
            self.jump(seconds)
            for _ in range(40):
                self.assertEqual(self.status(self.sender.send_event(message(1), sign="0" * 64)), 401)
            listener.err.wait_match(r"^pwh: warning: \d+ more refusals were not logged$", number)
        self.assertEqual(listener.stop(), 0)
        self.assertEqual(listener.summary()["signature"], 120)

    def test_stored_events_are_all_printed_in_their_order(self):
        store = str(self.folder / "store")
        listener = self.receiver("--store", store)
        for number, seconds in enumerate(JUMPS):
            self.jump(seconds)
            self.assertEqual(self.status(self.sender.send_event(message(number))), 200)
        printed = [line["messageId"] for line in listener.wait_lines(len(JUMPS))]
        self.assertEqual(listener.stop(), 0)
        self.assertEqual(len(set(printed)), len(JUMPS))
        self.jump(-YEAR)
        again = self.receiver("--store", store)
        self.assertEqual(self.status(self.sender.send_event(message(0))), 200)  # still known
        self.assertEqual(self.status(self.sender.send_event(message(100))), 200)
        (line,) = again.wait_lines(1)
        self.assertNotIn(line["messageId"], printed)
        self.assertEqual(again.stop(), 0)


class TokenCache(ClockTest):
    def logins(self):
        return sum(line == f"POST {LOGIN}" for line in self.fake.lines())

    def test_tokens_are_kept_no_longer_than_they_last(self):
        self.use_fake()
        self.pwh("list")
        self.pwh("list")
        self.assertEqual(self.logins(), 1)
        # Expired; then of the future, where nobody can tell how old they are.
        for number, seconds in enumerate((DAY, -DAY, YEAR, 0), 2):
            self.jump(seconds)
            self.pwh("list")
            self.pwh("list")
            self.assertEqual(self.logins(), number)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(f"usage: {sys.argv[0]} PWH CLOCK_LIBRARY [TEST…]")
    library = str(Path(sys.argv.pop(2)).resolve(strict=True))
    common.main()
