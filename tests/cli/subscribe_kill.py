#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`subscribe` killed at any moment loses no secret: `subscribe_kill.py PWH [TEST…]`.

Each run is killed either when the fake Preservica says that it has come to a step, or after a delay out of a sweep. Afterwards
the secret that Preservica got is in the state folder, the next run adopts the subscription, and events signed with that secret
are accepted."""

import json
import re
import signal
import threading
import time

import common
from common import PwhTest, wait_until
from fake_preservica import SUBSCRIPTIONS
from sender import Sender, message

STEPS = ("head", "body", "made", "answering", "answered")


class Killed(PwhTest):
    def setUp(self):
        super().setUp()
        self.use_fake()
        self.fake.shake_hands = True
        self.start_listener("127.0.0.1:0")
        self.sender = Sender(self.url)
        self.number = 0

    def start_listener(self, address):
        self.listener = self.start("listen", "--listen", address)
        self.url = self.listener.err.wait_match(r"^pwh: listening on (\S+)$")[1]

    def address(self):
        return self.url.removeprefix("http://").rstrip("/")

    def stop_at(self, step, start):
        """Starts something, and kills it when the fake has come to this step, which goes on only then."""
        ready, started = threading.Event(), threading.Event()
        running = []

        def on_step(name):
            if name == step and not ready.is_set():
                ready.set()
                started.wait(common.PATIENCE)  # it may come to its step before start() returns
                for each in running:
                    each.process.wait(common.PATIENCE)

        self.fake.on_event = on_step
        self.fake.on_head = lambda request: on_step("head") if request.line.startswith(f"POST {SUBSCRIPTIONS}") else None
        process = start()
        running.append(process)
        started.set()
        wait_until(ready.is_set, f"the step {step}")
        process.send(signal.SIGKILL)
        code = process.wait()
        self.settle()
        return code

    def subscribe(self):
        return self.start("subscribe", "--url", self.url, "--trigger", "moved")

    def listen_subscribe(self):
        return self.start("listen", "--listen", self.address(), "--subscribe", "moved")

    def kill_at(self, step):
        code = self.stop_at(step, self.subscribe)
        # What has its answer may have come to its end before the signal.
        self.assertIn(code, (0, -signal.SIGKILL) if step == "answered" else (-signal.SIGKILL,))

    def kill_after(self, seconds):
        process = self.subscribe()
        time.sleep(seconds)
        if process.process.poll() is None:
            process.send(signal.SIGKILL)
        code = process.wait()
        self.assertIn(code, (0, -signal.SIGKILL))
        self.settle()
        return code

    def settle(self):
        """Waits until the fake has done all that it was asked."""
        self.fake.on_event = lambda name: None
        self.fake.on_head = lambda request: None
        wait_until(lambda: self.fake.connections == 0, "the fake to be done")

    def check_nothing_is_lost(self):
        for entry in self.fake.subscriptions:
            self.assertIn(self.fake.secrets[entry["id"]], self.stored_secrets())
            self.check_event(self.fake.secrets[entry["id"]])

    def check_event(self, secret):
        self.number += 1
        self.assertEqual(self.sender.send_event(message(self.number), secret=secret).status, 200)

    def adopt(self):
        """The next run leaves one subscription whose secret is stored by its id, and nothing pending."""
        before = len(self.fake.subscriptions)
        result = self.pwh("subscribe", "--ensure", "--json", "--url", self.url, "--trigger", "moved")
        (shown,) = json.loads(result.out)
        self.assertEqual(len(self.fake.subscriptions), 1)
        self.assertEqual((shown["id"], shown["created"], shown["secretStored"]),
                         (self.fake.subscriptions[0]["id"], before == 0, True))
        secret = self.fake.secrets[shown["id"]]
        self.assertEqual(self.pwh("secret", shown["id"]).out, secret + "\n")
        self.check_event(secret)
        stored = json.loads((self.state / "secrets.json").read_text())["secrets"]
        self.assertEqual([use["id"] for each in stored for use in each["uses"]], [shown["id"]])

    def clean_up(self):
        self.pwh("unsubscribe", "--all", "--yes")
        self.assertEqual((self.fake.subscriptions, self.stored_secrets()), ([], []))
        self.fake.secrets.clear()

    def test_at_every_step(self):
        for step in STEPS * 3:
            with self.subTest(step):
                self.kill_at(step)
                self.check_nothing_is_lost()
                self.adopt()
                self.clean_up()

    def test_twice_in_a_row(self):
        for first in STEPS:
            with self.subTest(first):
                self.kill_at(first)
                if not self.fake.subscriptions:
                    self.kill_at("made")
                self.check_nothing_is_lost()
                self.adopt()
                self.clean_up()

    def test_sweep_of_delays(self):
        started = time.monotonic()
        self.pwh("subscribe", "--url", self.url, "--trigger", "moved")
        whole = time.monotonic() - started
        self.clean_up()
        runs = 30
        codes = []
        for run in range(runs):
            codes.append(self.kill_after(whole * 1.2 * run / runs))
            self.check_nothing_is_lost()
            self.adopt()
            self.clean_up()
        self.assertIn(-signal.SIGKILL, codes)

    def test_request_that_is_worked_on_after_the_next_run_has_looked(self):
        """The killed run's request is answered only after the next run's: both have one secret, so that whichever counts is stored."""
        gate = threading.Event()
        reached = threading.Event()

        def hold(name):
            if name == "body" and not reached.is_set():
                reached.set()
                gate.wait(common.PATIENCE)

        self.fake.on_event = hold
        process = self.subscribe()
        wait_until(reached.is_set, "the request")
        process.send(signal.SIGKILL)
        process.wait()
        self.pwh("subscribe", "--ensure", "--url", self.url, "--trigger", "moved")
        gate.set()
        self.settle()
        self.assertEqual(len(self.fake.subscriptions), 2)
        self.assertEqual(len(set(self.fake.secrets.values())), 1)
        self.check_nothing_is_lost()
        self.clean_up()

    def test_listen_subscribe_adopts_and_cleans_up(self):
        for step in STEPS:
            with self.subTest(step):
                self.kill_at(step)
                made = [each["id"] for each in self.fake.subscriptions]
                self.listener.stop()
                again = self.listen_subscribe()
                taken = again.err.wait_match(r"^pwh: subscribed \S+ to MOVED \(subscription ([0-9a-f]+)\)$")[1]
                self.assertEqual([each["id"] for each in self.fake.subscriptions], made or [taken])
                self.check_event(self.fake.secrets[taken])
                self.assertEqual(again.stop(), 0)
                # A plain `subscribe` wanted it to last; what `listen --subscribe` made goes with it.
                self.assertEqual([each["id"] for each in self.fake.subscriptions], made)
                self.start_listener(self.address())
                self.clean_up()

    def test_killed_listen_subscribe(self):
        for step in STEPS:
            with self.subTest(step):
                self.listener.stop()
                self.assertEqual(self.stop_at(step, self.listen_subscribe), -signal.SIGKILL)
                for entry in self.fake.subscriptions:
                    self.assertIn(self.fake.secrets[entry["id"]], self.stored_secrets())
                again = self.listen_subscribe()
                again.err.wait_match(r"^pwh: subscribed ")
                self.assertEqual(len(self.fake.subscriptions), 1)
                self.check_event(self.fake.secrets[self.fake.subscriptions[0]["id"]])
                self.assertEqual(again.stop(), 0)
                # What a killed `listen --subscribe` left behind is the next one's to remove.
                self.assertEqual((self.fake.subscriptions, self.stored_secrets()), ([], []))
                self.start_listener(self.address())

    def test_many_at_once_wait_for_each_other(self):
        triggers = ("moved", "indexed", "security-changed", "ingest-failed", "visibility-changed")
        runs = [self.start("subscribe", "--url", self.url, "--trigger", each) for each in triggers]
        for run in runs:
            self.assertEqual(run.wait(), 0, run.err.text())
        self.assertEqual(sorted(self.stored_secrets()), sorted(self.fake.secrets.values()))
        self.assertEqual(len(set(self.fake.secrets.values())), 5)
        self.check_nothing_is_lost()
        self.assertTrue(all(re.fullmatch("(pwh: waiting for another pwh that is subscribing\n)?", run.err.text()) for run in runs))

    def test_no_temporary_file_stays(self):
        self.kill_at("made")
        self.adopt()
        self.assertEqual([each.name for each in self.state.iterdir() if each.name.endswith(".new")], [])


if __name__ == "__main__":
    common.main()
