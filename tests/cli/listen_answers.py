#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The receiver: its answers and options, row by row of the contract: `listen_answers.py PWH [TEST…]`."""

import contextlib
import os
import signal
import socket

import common
from common import SECRET, port_of, readable, wait_until
from listen import ListenTest
from process import state_of
from sender import Sender, hmac_hex, message, signature


class Repeats(ListenTest):
    def test_not_printed_again(self):
        listener = self.receiver()
        for _ in range(3):
            self.assertEqual(self.status(self.sender.send_event(message(1))), 200)
        self.assertEqual(self.status(self.sender.send_event(message(1), chunk=11)), 200)
        self.assertEqual(self.status(self.sender.send_event(message(2))), 200)
        listener.stop()
        self.assertEqual(len(listener.lines()), 2)
        self.assertEqual({**listener.summary()}["repeated"], 3)

    def test_no_dedupe(self):
        listener = self.receiver("--no-dedupe")
        for _ in range(3):
            self.assertEqual(self.status(self.sender.send_event(message(1))), 200)
        listener.stop()
        self.assertEqual(len(listener.lines()), 3)

    def test_a_repeat_needs_a_signature_too(self):
        self.receiver()
        self.assertEqual(self.status(self.sender.send_event(message(1))), 200)
        self.assertEqual(self.status(self.sender.send_event(message(1), sign="0" * 64)), 401)
        self.assertEqual(self.status(self.sender.exchange(self.sender.request(body=message(1)))), 401)

    def test_repeats_that_are_sent_ahead(self):
        for arguments in ((), ("--store", str(self.folder / "events.db"))):
            listener = self.receiver(*arguments)
            with self.sender.connect() as connection:
                connection.send(self.sender.event(message(1)) * 20 + self.sender.event(message(2)))
                self.assertEqual([self.status(connection.answer()) for _ in range(21)], [200] * 21)
            self.assertEqual(listener.stop(), 0)
            self.assertEqual(len(listener.lines()), 2)
            self.assertEqual(listener.summary()["repeated"], 19)

    def test_repeat_of_one_in_hand_gets_its_answer(self):
        listener, reader = self.piped()
        # The pipe holds 64 KiB: this message's line can't be written as a whole until it is read.
        body = message(1, padding="x" * 300_000)
        with self.sender.connect() as first, self.sender.connect() as second:
            first.send(self.sender.event(body))
            wait_until(lambda: readable(reader), "the first bytes on stdout")
            second.send(self.sender.event(body))
            # Both wait: an answer before the line is out would be a promise that is not kept.
            self.assertEqual(self.status(self.sender.exchange(self.sender.request("GET", "/healthz"))), 200)
            taken = b""
            while not taken.endswith(b"\n"):
                taken += os.read(reader, 65536)
            self.assertEqual((first.answer().status, second.answer().status), (200, 200))
        listener.stop()
        self.assertEqual(os.read(reader, 65536), b"")
        os.close(reader)
        self.assertEqual(listener.summary()["repeated"], 1)


class Rows(ListenTest):
    def get(self, method, target="/", **options):
        return self.sender.exchange(self.sender.request(method, target, **options))

    def test_health(self):
        self.receiver()
        self.assertEqual(self.get("GET", "/healthz").status, 200)
        answer = self.get("POST", "/healthz", body=message(1))
        self.assertIn(answer.status, (401, 405))
        with self.sender.connect() as connection:
            connection.send(self.sender.request("HEAD", "/healthz"))
            self.assertEqual(connection.answer(to_head=True).status, 200)

    def test_health_without_a_secret(self):
        listener = self.listen("--stored")
        self.sender = Sender(listener.url, SECRET)
        answer = self.get("GET", "/healthz")
        self.assertEqual(answer.status, 503)
        self.assertIsNotNone(answer.header("Retry-After"))
        self.assertEqual(self.sender.send_event(message(1)).status, 503)
        self.assertEqual(self.sender.challenge("abc").status, 503)
        listener.err.wait_match("there is no secret yet")

    def test_other_methods(self):
        listener = self.receiver()
        for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "post", "PROPFIND", "FOO"):
            answer = self.get(method)
            self.assertEqual((answer.status, answer.header("Allow")), (405, "POST"), method)
        with self.sender.connect() as connection:
            connection.send(self.sender.request("HEAD"))
            self.assertEqual(connection.answer(to_head=True).status, 405)
        answer = self.get("PUT", "/", body=message(1))
        self.assertEqual(answer.status, 405)
        listener.stop()
        self.assertEqual(listener.summary()["method"], 11)

    def test_path(self):
        listener = self.receiver("--path", "/hooks/p")
        for target in ("/hooks/p", "/hooks/p?x=1", "http://other.example.org/hooks/p"):
            self.assertEqual(self.status(self.sender.send_event(message(1), target=target)), 200, target)
        for target in ("/", "/hooks", "/hooks/p/", "/hooks/pp", "/HOOKS/P", "/hooks//p", "/hooks/./p", "/hooks/%70"):
            self.assertEqual(self.status(self.sender.send_event(message(1), target=target)), 404, target)
            self.assertEqual(self.get("POST", f"{target}?challengeCode=abc").status, 404, target)
        self.assertEqual(self.get("GET", "/hooks/p").status, 405)
        self.assertEqual(self.get("GET", "/healthz").status, 200)
        self.assertEqual(self.get("POST", "/hooks/p?challengeCode=abc").status, 200)
        listener.stop()

    def test_any_path_without_the_option(self):
        self.receiver()
        for number, target in enumerate(("/", "/x", "/a/b%20c?d", "/healthz2", "*")):
            self.assertEqual(self.status(self.sender.send_event(message(number), target=target)), 200, target)

    def test_max_body(self):
        listener = self.receiver("--max-body", "100")
        small = b'{"a":"%s"}' % (b"x" * 92)
        self.assertEqual(len(small), 100)
        self.assertEqual(self.status(self.sender.send_event(small)), 200)
        self.assertEqual(self.status(self.sender.send_event(small, chunk=9)), 200)
        for options in ({}, {"chunk": 101}, {"chunk": 9}, {"chunk": 9, "piece": 1}):
            self.assertEqual(self.status(self.sender.send_event(small + b" ", **options)), 413, options)
        self.assertEqual(self.get("POST", body=b"x" * 101).status, 413)
        listener.stop()
        self.assertEqual(listener.summary()["too-large"], 5)

    def test_large_bodies_that_come_at_once(self):
        listener = self.receiver("--max-body", "16777216")
        body = message(1, padding="x" * 8_000_000)
        with self.sender.connect() as connection:
            for options in ({}, {"chunk": 3_000_000}):
                connection.send(self.sender.event(body, **options) + self.sender.event(message(2)))
                self.assertEqual([self.status(connection.answer()) for _ in range(2)], [200, 200], options)
        lines = listener.wait_lines(2)
        self.assertEqual([len(line["padding"]) if "padding" in line else 0 for line in lines], [8_000_000, 0])

    def test_an_urgent_mark_holds_nothing_up(self):
        listener = self.receiver()
        data = self.sender.event(message(1))
        with self.sender.connect() as connection:
            # All has come before any is read: a read ends at the mark, and nothing tells of the rest.
            listener.send(signal.SIGSTOP)
            wait_until(lambda: state_of(listener.pid) == "T", "it to stop")
            connection.send(data[:40])
            connection.send_urgent(b"!")
            connection.send(data[40:])
            listener.send(signal.SIGCONT)
            self.assertEqual(self.status(connection.answer()), 200)

    def test_huge_declared_bodies_are_refused_at_once(self):
        self.receiver()
        head = self.sender.request(headers=[("Preservica-Signature", "0" * 64)]).replace(b"Content-Length: 0", b"%s")
        for framing, rest in ((b"Content-Length: 99999999999", b""), (b"Content-Length: 1048577", b""),
                              (b"Transfer-Encoding: chunked", b"7fffffffffffffff\r\n"), (b"Transfer-Encoding: chunked", b"100001\r\n")):
            answer = self.sender.exchange(head % framing + rest)
            self.assertEqual((answer.status, answer.header("Connection")), (413, "close"), framing)

    def test_unsigned_requests_with_huge_bodies(self):
        self.receiver()
        head = self.sender.request().replace(b"Content-Length: 0", b"%s")
        for framing, rest in ((b"Content-Length: 99999999999", b""), (b"Transfer-Encoding: chunked", b"7fffffffffffffff\r\n")):
            answer = self.sender.exchange(head % framing + rest)
            self.assertIn(answer.status, (401, 413), framing)

    def test_head_too_large(self):
        listener = self.receiver()
        for data in (self.sender.request(headers=[("X", "y" * 100_000)]), self.sender.request(target="/" + "x" * 100_000),
                     self.sender.request(headers=[(f"X-{n}", "y" * 100) for n in range(1000)]), b"POST / HTTP/1.1\r\n" + b"X" * 100_000,
                     b"x" * 100_000):
            self.assertIn(self.status(self.sender.exchange(data)), (400, 414, 431), data[:30])
        self.assertEqual(self.sender.exchange(self.sender.request(headers=[("X", "y" * 100_000)])).status, 431)
        self.assertEqual(self.status(self.sender.send_event(message(1))), 200)
        listener.wait_lines(1)

    def hold(self, connection, number):
        """Sends an event's head, and waits for the word to go on: the request is in the server's hands."""
        head, _, body = self.sender.event(message(number), headers=[("Expect", "100-continue")]).partition(b"\r\n\r\n")
        connection.send(head + b"\r\n\r\n")
        self.assertEqual(connection.answer().status, 100)
        return body

    def test_max_connections(self):
        listener = self.receiver("--max-connections", "2")
        with self.sender.connect() as first, self.sender.connect() as second:
            bodies = [self.hold(connection, number) for number, connection in enumerate((first, second))]
            # Nobody is idle: the next is told so.
            with self.sender.connect() as third:
                answer = third.answer()
                self.assertEqual((answer.status, answer.header("Connection")), (503, "close"))
            first.send(bodies[0])
            self.assertEqual(first.answer().status, 200)
            # Now one is, and makes room. A third that was turned away may still count for a moment.
            wait_until(lambda: self.status(self.sender.send_event(message(2))) == 200, "room for one more")
            self.assertTrue(first.closed())
            second.send(bodies[1])
            self.assertEqual(second.answer().status, 200)
        listener.wait_lines(3)

    def test_a_request_that_waits_to_be_read_is_not_displaced(self):
        listener = self.receiver("--max-connections", "8")
        with contextlib.ExitStack() as connections:
            kept = [connections.enter_context(self.sender.connect()) for _ in range(8)]
            for number, connection in enumerate(kept):
                connection.send(self.sender.event(message(number)))
                self.assertEqual(connection.answer().status, 200)
            listener.send(signal.SIGSTOP)
            wait_until(lambda: state_of(listener.pid) == "T", "it to stop")
            # More than there is room for, before the others ask again.
            for _ in range(20):
                connections.enter_context(self.sender.connect())
            for number, connection in enumerate(kept):
                connection.send(self.sender.event(message(100 + number)))
            listener.send(signal.SIGCONT)
            self.assertEqual([self.status(connection.answer()) for connection in kept], [200] * 8)
        listener.wait_lines(16)

    def test_check_events_are_counted_and_not_printed(self):
        listener = self.receiver()
        self.assertEqual(self.status(self.sender.send_event(message(1, trigger="PWH_CHECK"))), 200)
        listener.stop()
        self.assertEqual(listener.out.text(), "")


class Options(ListenTest):
    def test_trigger(self):
        listener = self.receiver("--trigger", "moved", "--trigger", "INDEXED")
        for number, trigger in enumerate(("MOVED", "FULL_TEXT_INDEXED", "INGEST_FAILED", "Moved")):
            self.assertEqual(self.status(self.sender.send_event(message(number, trigger=trigger))), 200)
        listener.stop()
        self.assertEqual([line["trigger"] for line in listener.lines()], ["MOVED", "FULL_TEXT_INDEXED"])
        self.assertEqual(listener.summary()["filtered"], 2)

    def test_max_events_ends_after_the_whole_message(self):
        listener = self.receiver("--max-events", "3")
        events = [{"event": str(n)} for n in range(2)]
        for number in range(2):
            self.assertEqual(self.status(self.sender.send_event(message(n=number, events=events))), 200)
        self.assertEqual(listener.wait(), 0)
        self.assertEqual(len(listener.lines()), 4)

    def test_events_that_are_filtered_or_repeated_do_not_count(self):
        listener = self.receiver("--max-events", "2", "--trigger", "moved")
        for number, trigger in ((1, "MOVED"), (1, "MOVED"), (2, "INGEST_FAILED"), (3, "MOVED")):
            self.assertEqual(self.status(self.sender.send_event(message(number, trigger=trigger))), 200)
        self.assertEqual(listener.wait(), 0)
        self.assertEqual(len(listener.lines()), 2)

    def test_max_events_with_many_senders(self):
        listener = self.receiver("--max-events", "5")
        with self.sender.connect() as connection:
            connection.send(b"".join(self.sender.event(message(number)) for number in range(20)))
            statuses = []
            while answer := connection.answer():
                statuses.append(answer.status)
        self.assertEqual(listener.wait(), 0)
        self.assertEqual(len(listener.lines()), 5)
        self.assertEqual(statuses[:5], [200] * 5)
        self.assertNotIn(200, statuses[5:])

    def test_timeout(self):
        self.assertEqual(self.receiver("--timeout", "0.2").wait(), 0)
        listener = self.receiver("--timeout", "0.2", "--max-events", "1")
        self.assertEqual(listener.wait(), 8)
        listener.err.wait_match(r"^pwh: 0 of 1 events came")

    def test_timeout_after_enough(self):
        listener = self.receiver("--timeout", "3000", "--max-events", "1")
        self.assertEqual(self.status(self.sender.send_event(message(1))), 200)
        self.assertEqual(listener.wait(), 0)

    def test_quiet(self):
        listener = self.receiver("-q")
        self.sender.send_event(message(1), sign="0" * 64)
        self.sender.send_event(message(1))
        self.assertEqual(listener.stop(), 0)
        self.assertEqual(listener.err.text(), f"pwh: listening on {listener.url}\n")

    def test_ipv6(self):
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            self.skipTest("no IPv6 here")
        listener = self.start("listen", "--listen", "[::1]:0", "--secret-file", self.secret_file())
        listener.err.wait_match(r"^pwh: listening on http://\[::1\]:\d+/$")

    def test_port_in_use(self):
        port = port_of(self.receiver().url)
        result = self.pwh("listen", "--listen", f"127.0.0.1:{port}", "--secret-file", self.secret_file(), expect=1)
        self.assertRegex(result.err, rf"^pwh: cannot listen on 127\.0\.0\.1:{port}: .*\nhint: .*\n$")

    def test_weak_secret_is_warned_of(self):
        listener = self.listen("--secret-file", self.secret_file("short-secret"))
        listener.err.wait_match(r"^pwh: warning: .*secret.*\nhint: ")
        self.assertNotIn("short-secret", listener.err.text())

    def test_nothing_secret_at_any_verbosity(self):
        listener = self.receiver("-vv")
        self.sender.challenge("abc")
        self.sender.send_event(message(1))
        self.sender.send_event(message(2), sign="0123456789abcdef" * 4)
        listener.stop()
        shown = listener.err.text() + listener.out.text()
        for hidden in (SECRET, hmac_hex(SECRET, b"abc"), signature(SECRET, message(1)), "0123456789abcdef" * 4):
            self.assertNotIn(hidden, shown)


if __name__ == "__main__":
    common.main()
