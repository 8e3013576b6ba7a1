#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The receiver through real sockets, events and answers: `listen.py PWH [TEST…]`."""

import hashlib
import hmac
import json
import os
import re

import common
from common import SECRET, PwhTest
from sender import Sender, hmac_hex, message, signature

OTHER = "another-webhook-secret-0123456789"


class ListenTest(PwhTest):
    def receiver(self, *arguments, **options):
        listener = self.listen(*arguments, **options)
        self.sender = Sender(listener.url, SECRET)
        return listener

    def piped(self, *arguments, **options):
        """A receiver whose stdout is a pipe that nobody reads yet, and the pipe."""
        reader, writer = os.pipe()
        listener = self.receiver(*arguments, stdout=writer, **options)
        os.close(writer)
        return listener, reader

    def status(self, answer):
        self.assertIsNotNone(answer, "the connection ended without an answer")
        return answer.status


class Handshake(ListenTest):
    def test_answer(self):
        listener = self.receiver()
        answer = self.sender.challenge("d1b2c3e4-0000-4000-8000-1234567890ab")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.header("Content-Type"), "application/json")
        self.assertEqual(answer.json(), {
            "challengeCode": "d1b2c3e4-0000-4000-8000-1234567890ab",
            "challengeResponse": hmac_hex(SECRET, b"d1b2c3e4-0000-4000-8000-1234567890ab")})
        listener.stop()
        self.assertEqual(listener.out.text(), "")

    def test_codes_of_any_visible_character(self):
        self.receiver()
        for code in ("a", "~!@#$%^&*()_+-=[]{}|;:'\",.<>/?`\\", "x" * 256, "preservica-webhook-aut",
                     "Preservica-webhook-auth", "xpreservica-webhook-auth{}"):
            answer = self.sender.challenge(code)
            self.assertEqual(answer.status, 200, code)
            self.assertEqual(answer.json(), {"challengeCode": code,
                                             "challengeResponse": hmac_hex(SECRET, code.encode())})

    def test_wherever_the_parameter_stands(self):
        self.receiver()
        for query in ("challengeCode=abc", "x=1&challengeCode=abc", "challengeCode=abc&y", "&&challengeCode=abc&",
                      "challenge%43ode=abc", "challengeCode=%61bc"):
            answer = self.sender.exchange(self.sender.request(target=f"/any/path?{query}"))
            self.assertEqual((answer.status, answer.json()["challengeCode"]), (200, "abc"), query)

    def test_with_a_body_or_chunked(self):
        self.receiver()
        for options in ({"body": b"{}"}, {"body": b"x" * 1000, "chunk": 7}):
            answer = self.sender.exchange(self.sender.request(target="/?challengeCode=abc", **options))
            self.assertEqual(answer.json()["challengeResponse"], hmac_hex(SECRET, b"abc"))

    def test_codes_that_are_not_signed(self):
        listener = self.receiver()
        for code in ("", "x" * 257, "a b", "a\tb", "a\nb", "ü", "\x7f", "\x00"):
            answer = self.sender.challenge(code)
            self.assertEqual((answer.status, answer.body), (400, b""), code)
        for query in ("challengeCode", "challengeCode=%zz", "challengeCode=%6", "challengeCode=a&challengeCode=a"):
            answer = self.sender.exchange(self.sender.request(target=f"/?{query}"))
            self.assertEqual((answer.status, answer.body), (400, b""), query)
        listener.err.wait_match(r"^pwh: warning: refused a request from 127\.0\.0\.1:\d+: .*challenge code.*\(400\)$", 3)
        listener.stop()
        self.assertEqual(listener.summary()["challenge"], 12)

    def test_no_handshake(self):
        self.receiver("--no-handshake")
        for code in ("abc", "", "preservica-webhook-auth{}"):
            answer = self.sender.challenge(code)
            self.assertEqual((answer.status, answer.body), (400, b""))
        self.assertEqual(self.status(self.sender.send_event(message())), 200)

    def test_first_secret_answers(self):
        self.receiver("--secret-file", self.secret_file(), "--secret-file", self.secret_file(OTHER, "other"))
        self.assertEqual(self.sender.challenge("abc").json()["challengeResponse"], hmac_hex(SECRET, b"abc"))


class Events(ListenTest):
    def test_line(self):
        listener = self.receiver()
        body = message(7)
        self.assertEqual(self.status(self.sender.send_event(body, chunk=50)), 200)
        (line,) = listener.wait_lines(1)
        self.assertEqual(listener.out.data().count(b"\n"), 1)
        self.assertRegex(line["receivedAt"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(line["messageId"], hashlib.sha256(body).hexdigest())
        sent = json.loads(body)
        (event,) = sent.pop("events")
        self.assertEqual(list(line), ["receivedAt", "messageId", *sent, *event])
        self.assertEqual({**sent, **event}, {name: line[name] for name in (*sent, *event)})

    def test_every_framing(self):
        listener = self.receiver()
        framings = [{}, {"chunk": 1}, {"chunk": 16}, {"chunk": 100_000}, {"piece": 1}, {"piece": 1, "chunk": 3},
                    {"piece": 7, "chunk": 1000}, {"name": "preservica-signature"}, {"name": "PRESERVICA-SIGNATURE"},
                    {"headers": [("Expect", "x"), ("X-Long", "v" * 4000)]}]
        for number, options in enumerate(framings):
            self.assertEqual(self.status(self.sender.send_event(message(number), **options)), 200, options)
        lines = listener.wait_lines(len(framings))
        self.assertEqual([line["identifiers"] for line in lines], [[{"BatchId": str(at)}] for at in range(len(framings))])

    def test_chunk_extensions_and_trailers(self):
        listener = self.receiver()
        body = message(1)
        head = self.sender.event(body, chunk=10).split(b"\r\n\r\n")[0]
        chunks = b"%X;name=value\r\n%s\r\n0\r\nPreservica-Signature: trailer\r\nX-More: 1\r\n\r\n" % (len(body), body)
        self.assertEqual(self.status(self.sender.exchange(head + b"\r\n\r\n" + chunks)), 200)
        listener.wait_lines(1)

    def test_expect_100_continue(self):
        listener = self.receiver()
        data = self.sender.event(message(1), headers=[("Expect", "100-continue")])
        head, _, body = data.partition(b"\r\n\r\n")
        with self.sender.connect() as connection:
            connection.send(head + b"\r\n\r\n")
            self.assertEqual(connection.answer().status, 100)
            connection.send(body)
            self.assertEqual(connection.answer().status, 200)
        listener.wait_lines(1)

    def test_several_events_and_none(self):
        listener = self.receiver()
        for events in ([{"event": "A", "n": 1}, {"event": "B", "trigger": "own", "tenant": None}, 5, "x", None, [1]], []):
            self.assertEqual(self.status(self.sender.send_event(message(events=events))), 200)
        self.assertEqual(self.status(self.sender.send_event(message(9))), 200)
        lines = listener.wait_lines(7)
        self.assertEqual([line.get("event") for line in lines], ["A", "B", None, None, None, None, "FullTextIndexed"])
        self.assertEqual((lines[1]["trigger"], lines[1]["tenant"]), ("own", None))
        self.assertEqual([line["value"] for line in lines[2:6]], [5, "x", None, [1]])
        listener.stop()
        summary = listener.summary()
        self.assertEqual((summary["messages"], summary["events"]), (3, 7))

    def test_reserved_names_are_ours(self):
        listener = self.receiver()
        body = message(1, receivedAt="x", messageId="y", events=[{"messageId": "z", "received\\u0041t": 1, "event": "E"}])
        self.sender.send_event(body)
        (line,) = listener.wait_lines(1)
        self.assertEqual(line["messageId"], hashlib.sha256(body).hexdigest())
        self.assertRegex(line["receivedAt"], r"^2\d{3}-")
        text = listener.out.text()
        self.assertEqual((text.count('"messageId"'), text.count('"receivedAt"')), (1, 1))

    def test_messages_without_events(self):
        listener = self.receiver()
        bodies = [b'{"a":1}', b"{}", b'{"events":5,"b":2}', b"[1,2]", b'"text"', b"17", b"null"]
        for body in bodies:
            self.assertEqual(self.status(self.sender.send_event(body)), 200, body)
        lines = listener.wait_lines(len(bodies))
        ids = [hashlib.sha256(body).hexdigest() for body in bodies]
        self.assertEqual([line.pop("messageId") for line in lines], ids)
        for line in lines:
            del line["receivedAt"]
        self.assertEqual(lines[:3], [{"a": 1}, {}, {"events": 5, "b": 2}])

    def test_values_come_out_as_they_went_in(self):
        listener = self.receiver()
        values = [b"12345678901234567890123456789.10e+400", b"-0.0", b"1E5", b'"\\u00fc\\/\\ud83d\\udd11 \\ud800"',
                  '"ü€\U0001f511 \u2028\x7f"'.encode(), b'{"x":{"y":[ ]},"x":2}', b"1.10", b'"a\\nb"']
        for value in values:
            self.sender.send_event(b'{"trigger":"T","dup":1,"dup":2,"events":[{"value":%s}]}' % value)
        listener.out.wait_match(r"^.*\n", len(values))
        for line, value in zip(listener.out.data().splitlines(), values):
            self.assertTrue(line.endswith(b'"trigger":"T","dup":1,"dup":2,"value":%s}' % value), (line, value))

    def test_line_breaks_between_tokens(self):
        listener = self.receiver()
        body = json.dumps(json.loads(message(3)), indent=2).replace("\n", "\r\n").encode()
        self.assertEqual(self.status(self.sender.send_event(body)), 200)
        (line,) = listener.wait_lines(1)
        self.assertEqual(line["identifiers"], [{"BatchId": "3"}])
        self.assertEqual(line["messageId"], hashlib.sha256(body).hexdigest())
        self.assertNotIn(b"\r", listener.out.data())

    def test_format_message(self):
        listener = self.receiver("--format", "message")
        bodies = [b'{"events": [1, 2],\n "a" : "\\u00fc" }\r\n', b' [1,\n2] ', message(1)]
        for body in bodies:
            self.assertEqual(self.status(self.sender.send_event(body)), 200)
        listener.out.wait_match(r"^.*\n", 3)
        expected = b"".join(body.replace(b"\r", b"").replace(b"\n", b"") + b"\n" for body in bodies)
        self.assertEqual(listener.out.data(), expected)

    def test_body_of_any_size_up_to_the_limit(self):
        listener = self.receiver()
        body = message(1, padding="x" * (1 << 20))
        body = body.replace(b"x" * (len(body) - (1 << 20)), b"", 1)
        self.assertEqual(len(body), 1 << 20)
        for options in ({}, {"chunk": 9999}):
            self.assertEqual(self.status(self.sender.send_event(body, **options)), 200)
            self.assertEqual(self.status(self.sender.send_event(body + b" ", **options)), 413)
        listener.wait_lines(1)

    def test_keep_alive_and_pipelining(self):
        listener = self.receiver()
        with self.sender.connect() as connection:
            for number in range(3):
                connection.send(self.sender.event(message(number)))
                self.assertEqual(connection.answer().status, 200)
            connection.send(b"".join(self.sender.event(message(number), chunk=40) for number in range(3, 50)) +
                            self.sender.request(target="/?challengeCode=abc") + self.sender.event(message(50), sign="0" * 64) +
                            self.sender.event(message(51), headers=[("Connection", "close")]) + self.sender.event(message(52)))
            statuses = [connection.answer().status for _ in range(50)]
            self.assertEqual(statuses, [200] * 48 + [401, 200])
            self.assertTrue(connection.closed())
        lines = listener.wait_lines(51)
        self.assertEqual([line["identifiers"][0]["BatchId"] for line in lines], [str(n) for n in (*range(50), 51)])

    def test_half_closed_connection_gets_its_answer(self):
        self.receiver()
        with self.sender.connect() as connection:
            connection.send(self.sender.event(message(1)))
            connection.finish_sending()
            self.assertEqual(self.status(connection.answer()), 200)

    def test_http_1_0(self):
        listener = self.receiver()
        data = self.sender.event(message(1)).replace(b"HTTP/1.1", b"HTTP/1.0")
        with self.sender.connect() as connection:
            connection.send(data)
            self.assertEqual(connection.answer().status, 200)
            self.assertTrue(connection.closed())
        listener.wait_lines(1)


class Signatures(ListenTest):
    def test_non_ascii_over_utf8_and_over_latin1(self):
        listener = self.receiver()
        text = message(1).decode().replace("BRAMA", "Bräma ÿ")
        body = text.encode()
        self.assertEqual(self.status(self.sender.send_event(body)), 200)
        other = text.replace("6.10", "6.11")
        self.assertEqual(self.status(self.sender.send_event(other.encode(), sign=signature(SECRET, other.encode("latin-1")))), 200)
        lines = listener.wait_lines(2)
        self.assertEqual([line["tenant"] for line in lines], ["Bräma ÿ"] * 2)

    def test_text_beyond_latin1_is_not_signed_otherwise(self):
        self.receiver()
        text = message(1).decode().replace("BRAMA", "B€")
        for lossy in (text.encode("latin-1", "replace"), text.encode("cp1252"), text.encode("utf-16")):
            self.assertEqual(self.status(self.sender.send_event(text.encode(), sign=signature(SECRET, lossy))), 401)
        self.assertEqual(self.status(self.sender.send_event(text.encode())), 200)

    def test_latin1_body_on_the_wire(self):
        listener = self.receiver()
        body = message(1).decode().replace("BRAMA", "Bräma").encode("latin-1")
        self.assertIn(self.status(self.sender.send_event(body)), (200, 400))
        listener.stop()

    def test_wrong_signatures(self):
        listener = self.receiver()
        body = message(1)
        right = signature(SECRET, body)
        wrong = ["0" * 64, right[:-1], right + "0", "", right[:-1] + "g", signature(OTHER, body), hmac_hex(SECRET, body),
                 right + "," + right, "sha256=" + right, f'"{right}"', right[:32] + " " + right[32:],
                 hashlib.sha256(body).hexdigest(), hmac.new(SECRET.encode(), body, "md5").hexdigest(), "\xfc" * 64]
        for sign in wrong:
            answer = self.sender.send_event(body, sign=sign)
            self.assertEqual((answer.status, answer.body), (401, b""), sign)
        for changed in (body + b" ", body[:-1], body.replace(b"BRAMA", b"brama"), b""):
            self.assertEqual(self.status(self.sender.send_event(changed, sign=right)), 401)
        self.assertEqual(self.status(self.sender.exchange(self.sender.request(body=body))), 401)
        listener.err.wait_match(r"^pwh: warning: refused a request from 127\.0\.0\.1:\d+: .*signature.*\(401\)$")
        listener.stop()
        self.assertEqual((listener.summary()["signature"], listener.out.text()), (19, ""))

    def test_upper_case_signature(self):
        listener = self.receiver()
        answer = self.sender.send_event(message(1), sign=signature(SECRET, message(1)).upper())
        self.assertIn(answer.status, (200, 401))
        listener.stop()

    def test_two_signatures(self):
        listener = self.receiver()
        right = signature(SECRET, message(1))
        for first, second, status in ((right, right, 200), (right, "0" * 64, 401), ("0" * 64, right, 401)):
            answer = self.sender.send_event(message(1), sign=first, headers=[("preservica-SIGNATURE", second)])
            self.assertEqual(answer.status, status)
        listener.wait_lines(1)

    def test_right_signature_whatever_the_query_says(self):
        listener = self.receiver()
        for number, query in enumerate(("challengeCode=abc", "challengeCode=preservica-webhook-auth", "challengeCode=",
                                        "challengeCode=a&challengeCode=b", "x=%zz")):
            answer = self.sender.send_event(message(number), target=f"/?{query}")
            self.assertEqual((answer.status, answer.body), (200, b""), query)
        listener.wait_lines(5)

    def test_wrong_signature_with_a_challenge_is_a_handshake(self):
        listener = self.receiver()
        answer = self.sender.send_event(message(1), sign="0" * 64, target="/?challengeCode=abc")
        self.assertEqual(answer.json()["challengeResponse"], hmac_hex(SECRET, b"abc"))
        listener.stop()
        self.assertEqual(listener.out.text(), "")

    def test_several_secrets(self):
        listener = self.receiver("--secret-file", self.secret_file(), "--secret-file", self.secret_file(OTHER, "other"))
        self.assertEqual(self.status(self.sender.send_event(message(1))), 200)
        self.assertEqual(self.status(self.sender.send_event(message(2), secret=OTHER)), 200)
        self.assertEqual(self.status(self.sender.send_event(message(3), secret="third")), 401)
        listener.wait_lines(2)

    def test_not_json(self):
        listener = self.receiver()
        bodies = [b"", b"no", b"{", b'{"a":1,}', b"[1]]", b'{"a":1} x', b"{'a':1}", b"\xff", b'"\xff"', b'{"a":01}', b'"\n"', b"NaN",
                  b"\xef\xbb\xbf{}", b"[" * 100_000]
        for body in bodies:
            self.assertEqual(self.status(self.sender.send_event(body)), 400, body[:20])
        listener.err.wait_match(re.escape(hashlib.sha256(b"no").hexdigest()))
        listener.stop()
        self.assertEqual((listener.summary()["not-json"], listener.out.text()), (len(bodies), ""))


if __name__ == "__main__":
    common.main()
