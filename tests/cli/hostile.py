#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The answers to malformed and hostile requests: `hostile.py PWH [--table]`.

With --table the answers that were got are printed as a table."""

import json
import sys

import common
from common import SECRET, PwhTest
from hostile_cases import GROUPS
from sender import Sender, hmac_hex, message

table = "--table" in sys.argv and not sys.argv.remove("--table")


class Hostile(PwhTest):
    def ask(self, data):
        """The status that the bytes get, and whether the connection then still works."""
        with self.sender.connect() as connection:
            connection.send(data)
            answer = connection.answer(to_head=data.startswith(b"HEAD "))
            if answer is None:
                return None, False
            self.assert_nothing_signed(answer)
            self.assertEqual(answer.header("Connection") == "close", answer.header("Connection") is not None)
            if answer.header("Connection") == "close":
                self.assertTrue(connection.closed(), "it says that it closes, and stays open")
                return answer.status, False
            connection.send(self.sender.request("GET", "/healthz"))
            healthy = connection.answer()
            return answer.status, healthy is not None and healthy.status == 200

    def assert_nothing_signed(self, answer):
        """No refusal has a body that could hold a signature; a handshake's is of its code."""
        if answer.body:
            signed = answer.json()
            self.assertEqual(signed["challengeResponse"], hmac_hex(SECRET, signed["challengeCode"].encode()))
            self.assertFalse(signed["challengeCode"].startswith("preservica-webhook-auth"))

    def check_group(self, title, options, cases):
        listener = self.listen(*options)
        self.sender = Sender(listener.url, SECRET)
        target = options[1] if "--path" in options else "/"
        rows = []
        for what, data, status, kept in cases:
            with self.subTest(what):
                got = self.ask(data)
                rows.append((what, *got))
                self.assertEqual(got, (status, kept), listener.err.text()[-500:])
        # And after all of it, an event is an event.
        self.sender.target = target
        self.assertEqual(self.sender.send_event(message(1000)).status, 200)
        self.assertEqual(listener.stop(), 0)
        for line in listener.out.data().splitlines():
            json.loads(line) if len(line) < 300_000 else None
        self.assertNotIn(SECRET, listener.err.text())
        if table:
            print(f"\n**{title}**\n\n| request | answer | connection |\n|---|---|---|")
            for what, status, kept in rows:
                print(f"| {what} | {status or 'none'} | {'kept' if kept else 'closed'} |")

    def test_every_case(self):
        for group in GROUPS:
            self.check_group(*group)


if __name__ == "__main__":
    common.main()
