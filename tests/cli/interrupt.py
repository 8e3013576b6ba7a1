#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Signals while pwh waits for Preservica: `interrupt.py PWH [TEST…]`. However it ends, whoever looks can find what was
made: in the output, at the server, or in the state folder."""

import json
import signal
import time

import common
from common import PwhTest
from fake_preservica import LOGIN, SUBSCRIPTIONS

URL = "https://hooks.example.org/preservica"
LONGEST = 20  # seconds; on a machine with nothing else to do it is less than one


class InterruptTest(PwhTest):
    def setUp(self):
        super().setUp()
        self.use_fake()

    def interrupt(self, number, *arguments, requests, and_then=lambda: True):
        """Starts pwh, sends the signal when so many requests have come, and returns pwh, ended by that signal."""
        pwh = self.start(*arguments)
        common.wait_until(lambda: len(self.fake.requests) >= requests and and_then(), "the request")
        begin = time.monotonic()
        self.assertEqual(pwh.stop(number), -number, pwh.err.text())
        self.assertLess(time.monotonic() - begin, LONGEST)
        return pwh

    def subscribe(self, *arguments):
        return ("subscribe", "--no-token-cache", "--url", URL, "--trigger", "moved", "--json", *arguments)

    def uses(self):
        """Secret and id of everything that the state folder knows."""
        stored = json.loads((self.state / "secrets.json").read_text())["secrets"]
        return [(each["secret"], use.get("id", "")) for each in stored for use in each["uses"]]


class Asking(InterruptTest):
    def test_ends_at_once_and_says_nothing(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            for rule, requests in ((("POST", LOGIN), 1), (("GET", SUBSCRIPTIONS), 2)):
                self.fake.requests.clear()
                self.fake.rule(*rule, "hang")
                pwh = self.interrupt(number, "list", "--no-token-cache", requests=requests)
                self.assertEqual((pwh.out.text(), pwh.err.text()), ("", ""))


class Subscribing(InterruptTest):
    def test_made_but_not_answered_is_found(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self.fake.subscriptions.clear()
            self.fake.requests.clear()
            self.fake.rule("POST", SUBSCRIPTIONS, "process-and-hold")
            pwh = self.interrupt(number, *self.subscribe(), requests=3, and_then=lambda: self.fake.subscriptions)
            (entry,) = self.fake.subscriptions
            self.assertEqual([(each["id"], each["created"]) for each in pwh.lines_as_json()], [(entry["id"], True)])
            self.assertRegex(pwh.err.text(), rf"pwh: interrupted, after {URL} was subscribed to MOVED .*{entry['id']}")
            self.assertIn((self.fake.secrets[entry["id"]], entry["id"]), self.uses())

    def test_not_made_yet_is_taken_over_later(self):
        self.fake.rule("POST", SUBSCRIPTIONS, "hang")
        pwh = self.interrupt(signal.SIGINT, *self.subscribe(), requests=3)
        self.assertEqual(pwh.out.text(), "")
        self.assertRegex(pwh.err.text(), r"interrupted while subscribing .*not subscribed yet.*\nhint: its secret is kept")
        ((secret, use),) = self.uses()
        self.assertEqual(use, "")
        # Now it comes about after all.
        entry = self.fake.add_subscription(URL, "MOVED")
        shown = json.loads(self.pwh(*self.subscribe("--ensure")).out)
        self.assertEqual([(each["id"], each["secretStored"]) for each in shown], [(entry["id"], True)])
        self.assertEqual(self.uses(), [(secret, entry["id"])])

    def test_a_server_that_hangs_for_good_does_not_delay_it(self):
        self.fake.rule("POST", SUBSCRIPTIONS, "hang")
        self.fake.on_head = lambda request: request.method == "POST" and request.path == SUBSCRIPTIONS and self.fake.rule(
            "GET", SUBSCRIPTIONS, "hang", stays=True)
        pwh = self.interrupt(signal.SIGTERM, *self.subscribe(), requests=3)
        self.assertRegex(pwh.err.text(), "interrupted while subscribing .*not known")
        self.assertEqual([use for _, use in self.uses()], [""])

    def test_what_ignores_the_signal_goes_on(self):
        self.fake.rule("POST", SUBSCRIPTIONS, "process-and-hold")
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            pwh = self.start(*self.subscribe())
        finally:
            signal.signal(signal.SIGHUP, before)
        common.wait_until(lambda: self.fake.subscriptions, "the subscription")
        pwh.send(signal.SIGHUP)
        self.fake.released.set()
        self.assertEqual(pwh.wait(), 0, pwh.err.text())


class Unsubscribing(InterruptTest):
    def test_what_was_removed_is_said(self):
        entries = [self.fake.add_subscription(URL, "MOVED") for _ in range(5)]
        self.fake.rule("DELETE", f"{SUBSCRIPTIONS}/{entries[2]['id']}", "hang")
        pwh = self.interrupt(signal.SIGINT, "unsubscribe", "--all", "--yes", "--json", requests=5)
        self.assertEqual([each["id"] for each in pwh.lines_as_json()], [each["id"] for each in entries[:2]])
        self.assertIn("pwh: interrupted: 2 of 5 subscriptions were removed", pwh.err.text())
        self.assertEqual(self.fake.subscriptions, entries[2:])


def lines_as_json(process):
    return json.loads(process.out.text())


common.Process.lines_as_json = lines_as_json

if __name__ == "__main__":
    common.main()
