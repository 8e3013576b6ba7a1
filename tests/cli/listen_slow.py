#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The receiver and time: slow senders, and a stdout that takes nothing; a minute or so: `listen_slow.py PWH [TEST…]`."""

import os

import common
from common import readable, wait_until
from listen import ListenTest
from sender import message


class Blocked(ListenTest):
    def test_stdout_that_takes_nothing(self):
        listener, reader = self.piped()
        with self.sender.connect() as first, self.sender.connect() as second:
            first.send(self.sender.event(message(1, padding="x" * 300_000)))
            wait_until(lambda: readable(reader), "the first bytes on stdout")
            second.send(self.sender.event(message(2)))
            for connection in (first, second):
                answer = connection.answer()
                self.assertEqual(answer.status, 503)
                self.assertRegex(answer.header("Retry-After"), r"^\d+$")
        self.assertEqual(self.sender.send_event(message(3)).status, 503)
        self.assertEqual(self.sender.exchange(self.sender.request("GET", "/healthz")).status, 503)
        taken = b""
        while not taken.endswith(b"\n"):
            taken += os.read(reader, 65536)
        # The one whose first byte went out was finished and is remembered; the others were forgotten.
        wait_until(lambda: self.sender.exchange(self.sender.request("GET", "/healthz")).status == 200, "health")
        self.assertEqual(self.sender.send_event(message(1, padding="x" * 300_000)).status, 200)
        self.assertEqual(self.sender.send_event(message(2)).status, 200)
        self.assertEqual(self.sender.send_event(message(3)).status, 200)
        listener.stop()
        rest = os.read(reader, 65536)
        os.close(reader)
        self.assertEqual((taken + rest).count(b"\n"), 3)

    def test_repeats_that_are_sent_ahead_while_nothing_can_be_written(self):
        listener, reader = self.piped()
        body = message(1, padding="x" * 300_000)
        with self.sender.connect() as connection:
            connection.send(self.sender.event(body) * 3)
            self.assertEqual([self.status(connection.answer()) for _ in range(3)], [503] * 3)
            taken = b""
            while not taken.endswith(b"\n"):
                taken += os.read(reader, 65536)
            wait_until(lambda: self.status(self.sender.send_event(body)) == 200, "it to be safe")
        listener.stop()
        self.assertEqual(os.read(reader, 65536), b"")
        os.close(reader)


class Slow(ListenTest):
    def test_head_that_never_ends(self):
        self.receiver()
        for data in (b"POST / HTT", b"POST / HTTP/1.1\r\nHost: x\r\nX: y\r\n"):
            with self.sender.connect() as connection:
                connection.send(data)
                answer = connection.answer()
                self.assertIn(answer.status if answer else None, (408, None))

    def test_body_that_drips(self):
        listener = self.receiver()
        data = self.sender.event(message(1))
        with self.sender.connect() as connection:
            connection.send(data[:-40])
            for at in range(len(data) - 40, len(data) - 1):
                connection.send(data[at:at + 1])
                if connection.readable(1):
                    break
            answer = connection.answer()
            self.assertIn(answer.status if answer else None, (408, None))
        listener.stop()
        self.assertEqual(listener.out.text(), "")


if __name__ == "__main__":
    common.main()
