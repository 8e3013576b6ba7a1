#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`pwh status` over stores that `listen` filled: `status.py PWH [TEST…]`."""

import json
import re
import subprocess
import sys
import time

import common
from common import SUPPORT, wait_until
from stored import StoreTest, body, signature


class StatusTest(StoreTest):
    def status(self, *arguments, expect=0, **variables):
        """The lines on stdout."""
        result = self.pwh("status", "--store", self.store, *arguments, expect=expect, **variables)
        if expect in (0, 9):
            self.assertEqual(result.err, "")
        self.err = result.err
        return result.out.splitlines()


class Local(StatusTest):
    def test_all_is_well(self):
        self.fill(body(each) for each in range(3))
        lines = self.status("--max-age", "1h")
        self.assertEqual(len(lines), 1)
        self.assertRegex(lines[0], r"^ok: 3 messages, the newest \d+ seconds? ago, 0 requests refused in 24 hours$")

    def test_while_listen_writes(self):
        self.receiver()
        self.deliver([body(1)])
        self.assertRegex(self.status()[0], "^ok: 1 message, ")

    def test_no_event_for_too_long(self):
        self.fill([body(1)])
        time.sleep(1.1)
        lines = self.status("--max-age", "1s", expect=9)
        self.assertEqual(len(lines), 1)
        self.assertRegex(lines[0], r"^no event for \d+ seconds?: the newest came at \d{4}-\d\d-\d\dT[0-9:.]{12}Z$")

    def test_no_event_at_all(self):
        self.fill([])
        self.assertEqual(self.status(), ["ok: 0 messages, 0 requests refused in 24 hours"])
        self.assertEqual(self.status("--max-age", "7d", expect=9), ["the store holds no event"])

    def refuse(self, count):
        for each in range(count):
            answer = self.sender.send_event(body(each), sign=signature("a-secret-that-nobody-has-set", body(each)))
            self.assertEqual(answer.status, 401)

    def test_refused_signatures_pile_up(self):
        listener = self.receiver()
        self.deliver([body(1)])
        self.refuse(19)
        self.assertEqual(listener.stop(), 0)
        self.assertRegex(self.status()[0], "^ok: .*, 19 requests refused in 24 hours$")
        listener = self.receiver()
        self.refuse(1)
        self.assertEqual(listener.stop(), 0)
        found = self.status(expect=9)
        self.assertEqual(len(found), 1)
        self.assertRegex(found[0], "^20 requests refused for the signature in 24 hours, 1 message accepted")
        self.assertEqual(len(self.status("--max-age", "0s", expect=9)), 2)
        listener = self.receiver()
        self.deliver(body(each) for each in range(10, 220))
        self.assertEqual(listener.stop(), 0)
        self.status()

    def test_no_store(self):
        self.status(expect=1)
        self.assertIn("pwh listen --store", self.err)

    def test_what_is_no_store(self):
        with open(self.store, "w", encoding="ascii") as file:
            file.write("this is no database\n" * 100)
        self.status(expect=1)

    def test_wrong_options(self):
        self.fill([])
        for arguments in (["--max-age", "soon"], ["--max-age", ""], ["--url", "http://x.example/"], ["--remote", "--url", ""],
                          ["--store", ""], ["extra"]):
            self.status(*arguments, expect=2)


class Remote(StatusTest):
    def setUp(self):
        super().setUp()
        self.sandbox = self.start("sandbox", "--emit", "20", "--trigger", "moved")
        self.sandbox.out.wait_match("^export PWH_PROTOCOL=")
        exports = re.findall(r"^export (\w+)='(.*)'$", self.sandbox.out.text(), re.M)
        self.environment.update(dict(exports))

    def listen_to_sandbox(self):
        """Until some events are stored; the subscription stays."""
        listener = self.start("listen", "--listen", "127.0.0.1:0", "--store", self.store, "--subscribe", "moved", "--keep")
        wait_until(lambda: listener.out.data().count(b"\n") >= 3, "events from the sandbox")
        self.assertEqual(listener.stop(), 0)
        return json.loads(listener.out.data().splitlines()[0])["subscriptionId"]

    def test_subscription_is_there_until_it_is_gone(self):
        subscription = self.listen_to_sandbox()
        url = json.loads(self.pwh("list", "--json").out)[0]["url"]
        self.assertRegex(self.status("--remote", "--max-age", "1h")[0], "^ok: ")
        self.status("--remote", "--url", url)
        self.assertEqual(self.status("--remote", "--url", url + "x", expect=9),
                         [f"Preservica has no subscription for {url}x"])
        self.pwh("unsubscribe", subscription)
        self.status()
        self.assertEqual(self.status("--remote", expect=9),
                         [f"the subscription {subscription}, which the newest MOVED events came from, "
                          "is gone at Preservica"])
        self.status("--remote", "--url", url, expect=9)

    def test_the_newest_subscription_counts(self):
        old = self.listen_to_sandbox()
        self.pwh("unsubscribe", old)
        self.assertNotEqual(self.listen_to_sandbox(), old)
        self.status("--remote")

    def test_preservica_can_not_be_asked(self):
        self.fill([body(1)])
        port = subprocess.run([sys.executable, str(SUPPORT / "free_port.py")], capture_output=True, check=True,
                              timeout=common.PATIENCE).stdout.decode().strip()
        self.status("--remote", "--retries", "0", expect=7, PRESERVICA_SERVER=f"127.0.0.1:{port}")
        self.status("--remote", expect=4, PRESERVICA_PASSWORD="wrong")
        # What is wrong here is said, whatever is wrong there.
        time.sleep(1.1)
        result = self.pwh("status", "--store", self.store, "--remote", "--max-age", "1s", expect=9,
                          PRESERVICA_PASSWORD="wrong")
        self.assertRegex(result.out, r"^no event for ")
        self.assertRegex(result.err, r"^pwh: ")

    def test_no_server(self):
        self.fill([body(1)])
        self.status("--remote", expect=2, PRESERVICA_SERVER="")


if __name__ == "__main__":
    common.main()
