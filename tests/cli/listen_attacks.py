#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The receiver under attack: the signing oracle, and framing that could be read in two ways: `listen_attacks.py PWH [TEST…]`."""

import re
import urllib.parse

import common
from common import SECRET
from listen import ListenTest
from sender import PREFIX, hmac_hex, message

FORGED = '{"trigger":"MOVED","events":[{"entityRef":"x"}]}'
CODE = PREFIX.decode() + FORGED


def every_percent(text, upper=False):
    return "".join(f"%{byte:02X}" if upper else f"%{byte:02x}" for byte in text.encode())


def spellings():
    """Queries that decode, in one reader or another, to a code that signs FORGED."""
    plain = urllib.parse.quote(FORGED, safe="")
    prefix = PREFIX.decode()
    coded = urllib.parse.quote(CODE, safe="")
    values = [prefix + plain, urllib.parse.quote(CODE, safe="{}:,[]"), coded, every_percent(CODE), every_percent(CODE, True),
              "%70" + prefix[1:] + plain, prefix[:-1] + "%68" + plain, prefix[:11] + "%2d" + prefix[12:] + plain,
              prefix[:11] + "%2D" + prefix[12:] + plain, coded.lower(), prefix, prefix + "%7B%7D", coded + "+", "+" + coded,
              "%20" + coded, "%00" + coded, coded + "%00", coded + "%0a", prefix + "%00" + plain, urllib.parse.quote(coded, safe=""),
              every_percent(coded), "%ef%bb%bf" + coded, "%u0070" + coded[1:], "%EF%BD%90" + coded[1:], prefix.upper() + plain,
              prefix + urllib.parse.quote(FORGED + " " * 200), prefix + "x" * 300, prefix + "x" * 60_000, "\\" + coded, '"' + coded + '"',
              "%c1%b0" + coded[1:]]
    for value in values:
        yield f"challengeCode={value}"
    for name in ("%63hallengeCode", "challenge%43ode", every_percent("challengeCode"), every_percent("challengeCode", True),
                 "challengecode", "CHALLENGECODE", "challengeCode[]", "+challengeCode", "challengeCode+", "challengeCode%00",
                 "challengeCode%20", "amp;challengeCode"):
        yield f"{name}={coded}"
    for query in ("challengeCode=abc&challengeCode={}", "challengeCode={}&challengeCode=abc", "challengeCode={0}&challengeCode={0}",
                  "challengeCode=abc;challengeCode={}", "challengeCode={};challengeCode=abc", "x=1;challengeCode={}",
                  "challengeCode=&challengeCode={}", "challengeCode&challengeCode={}", "challengeCode=abc&challenge%43ode={}",
                  "challenge%43ode=abc&challengeCode={}", "?challengeCode={}", "a?challengeCode={}", "challengeCode={}#", "#challengeCode={}",
                  "challengeCode=abc%26challengeCode={}", "challengeCode=={}", "challengeCode=abc,{}", "challengeCode={},abc",
                  "=&challengeCode={}", "&challengeCode={}&", "challengeCode%3D{}", "challengeCode:{}"):
        yield query.format(coded)


class Oracle(ListenTest):
    def setUp(self):
        super().setUp()
        self.listener = self.receiver()

    def assert_nothing_signed(self, answer, what):
        """Whatever an answer holds, none of it may be the signature of an event."""
        if answer is None:
            return
        self.assertIn(answer.status, (400, 401, 404, 405, 413, 431, 200), what)
        for found in re.findall(rb"[0-9a-fA-F]{64}", answer.body + repr(answer.headers).encode()):
            code = answer.json()["challengeCode"]
            self.assertFalse(code.encode().startswith(PREFIX), what)
            self.assertEqual(found.decode(), hmac_hex(SECRET, code.encode()), what)
        self.assertNotIn(hmac_hex(SECRET, CODE.encode()).encode(), answer.body.lower(), what)
        self.assertNotIn(hmac_hex(SECRET, PREFIX).encode(), answer.body.lower(), what)

    def test_the_plain_attack_is_refused(self):
        answer = self.sender.challenge(CODE)
        self.assertEqual((answer.status, answer.body), (400, b""))
        self.listener.err.wait_match(r"^pwh: warning: .*attempt to have a forged event signed \(400\)$")

    def test_every_spelling(self):
        queries = list(spellings())
        self.assertGreater(len(queries), 60)
        for query in queries:
            if re.search(r"[\x00-\x20\x7f-\uffff]", query):
                continue
            answer = self.sender.exchange(self.sender.request(target=f"/?{query}"))
            self.assert_nothing_signed(answer, query)
            # The answer to a forged event with what was got must be a refusal.
            for found in re.findall(rb"[0-9a-fA-F]{64}", answer.body if answer else b""):
                self.assertEqual(self.status(self.sender.send_event(FORGED.encode(), sign=found.decode())), 401, query)
        self.assertEqual(self.listener.out.text(), "")

    def test_every_target_form_and_method(self):
        coded = urllib.parse.quote(CODE, safe="")
        host = f"{self.sender.host}:{self.sender.port}"
        targets = [f"http://{host}/?challengeCode={coded}", f"http://{host}?challengeCode={coded}", f"HTTP://other/?challengeCode={coded}",
                   f"*?challengeCode={coded}", f"{host}?challengeCode={coded}", f"?challengeCode={coded}", f"//x/?challengeCode={coded}",
                   f"/x?challengeCode={coded}", f"/x/../?challengeCode={coded}", f"/;challengeCode={coded}", f"/%3fchallengeCode={coded}",
                   f"/?challengeCode={coded}#fragment", f"/#?challengeCode={coded}", f"/healthz?challengeCode={coded}"]
        for target in targets:
            for method in ("POST", "GET", "PUT", "PATCH", "QUERY"):
                answer = self.sender.exchange(self.sender.request(method, target))
                self.assert_nothing_signed(answer, (method, target))

    def test_in_the_body_and_the_headers(self):
        coded = urllib.parse.quote(CODE, safe="")
        for content_type in ("application/x-www-form-urlencoded", "application/json", "text/plain"):
            for body in (f"challengeCode={coded}", '{"challengeCode":%s}' % repr(CODE).replace("'", '"'), CODE):
                for target in ("/", "/?challengeCode=abc", f"/?challengeCode={coded}"):
                    answer = self.sender.exchange(self.sender.request(
                        target=target, body=body.encode(), headers=[("Content-Type", content_type), ("challengeCode", CODE),
                                                                    ("X-Original-URL", f"/?challengeCode={coded}")]))
                    self.assert_nothing_signed(answer, (target, body))

    def test_with_a_wrong_signature(self):
        for query in spellings():
            if re.search(r"[\x00-\x20\x7f-\uffff]", query):
                continue
            answer = self.sender.send_event(FORGED.encode(), sign="0" * 64, target=f"/?{query}")
            self.assert_nothing_signed(answer, query)

    def test_raw_bytes_in_the_target(self):
        for raw in (CODE.encode(), b"\xff" + CODE.encode(), PREFIX + b"\x00", PREFIX + b"\t{}", PREFIX + b"\x7f", b"\x0c" + PREFIX):
            with self.subTest(raw), self.sender.connect() as connection:
                connection.send(b"POST /?challengeCode=" + raw + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
                connection.finish_sending()
                self.assert_nothing_signed(connection.answer(), raw)

    def test_a_signature_got_by_a_handshake_signs_no_event(self):
        code = "0" * 36
        got = self.sender.challenge(code).json()["challengeResponse"]
        for body in (code.encode(), b"", b"{}"):
            self.assertEqual(self.status(self.sender.send_event(body, sign=got)), 401)


class Framing(ListenTest):
    """What a proxy could read differently is refused, and the connection ends: nothing behind it is taken for a request."""

    def setUp(self):
        super().setUp()
        self.listener = self.receiver()
        self.host = f"Host: {self.sender.host}:{self.sender.port}"

    def refused(self, data, statuses=(400,)):
        """Behind it comes a signed event, which must not be taken."""
        with self.sender.connect() as connection:
            connection.send(data + self.sender.event(message(99)))
            connection.finish_sending()
            answer = connection.answer()
            self.assertIsNotNone(answer, data)
            self.assertIn(answer.status, statuses, data)
            self.assertEqual(answer.header("Connection"), "close", data)
            self.assertTrue(connection.closed(), data)

    def tearDown(self):
        self.assertEqual(self.listener.process.poll(), None)
        self.assertEqual(self.status(self.sender.send_event(message(1))), 200)
        lines = self.listener.wait_lines(1)
        self.assertEqual([line["identifiers"] for line in lines], [[{"BatchId": "1"}]])

    def head(self, *fields, start="POST / HTTP/1.1", host=True):
        lines = [start, *([self.host] if host else []), *fields]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"

    def test_lengths_that_contradict(self):
        for fields in (("Content-Length: 5", "Transfer-Encoding: chunked"), ("Transfer-Encoding: chunked", "Content-Length: 5"),
                       ("Content-Length: 5", "Content-Length: 5"), ("Content-Length: 5", "Content-Length: 6"),
                       ("Content-Length: 5", "content-length: 5")):
            self.refused(self.head(*fields) + b"0\r\n\r\n")

    def test_lengths_that_are_none(self):
        for value in ("5, 5", "5,6", "-1", "+5", "0x5", "5 5", "five", "", "5;", "18446744073709551616", "99999999999999999999999", "5.0", "\xb2"):
            self.refused(self.head(f"Content-Length: {value}") + b"hello", (400, 413))

    def test_transfer_encodings(self):
        for value in ("gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "identity", "chunked, identity", "xchunked", "chunked;q=1",
                      '"chunked"', "", "chun ked", "chunked,", ",chunked", "\x0bchunked", "chunkéd"):
            self.refused(self.head(f"Transfer-Encoding: {value}") + b"0\r\n\r\n")
        self.refused(self.head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + b"0\r\n\r\n")
        self.refused(self.head("Transfer-Encoding: chunked", "Transfer-Encoding: gzip") + b"0\r\n\r\n")

    def test_chunked_in_http_1_0(self):
        self.refused(self.head("Transfer-Encoding: chunked", start="POST / HTTP/1.0") + b"0\r\n\r\n")

    def test_chunk_sizes(self):
        signed = f"Preservica-Signature: {'0' * 64}"
        for size in (b"x", b"", b" 2", b"-2", b"+2", b"0x2", b"2 ", b"2\t", b"g", b"2\r", b"10000000000000002", b"ffffffffffffffffff", b"2,", b"\x002",
                     b"2;a=\"\r", b"2;\x00"):
            with self.subTest(size):
                self.refused(self.head("Transfer-Encoding: chunked", signed) + size + b"\r\n{}\r\n0\r\n\r\n", (400, 413))

    def test_chunk_ends(self):
        signed = f"Preservica-Signature: {'0' * 64}"
        for body in (b"2\n{}\r\n0\r\n\r\n", b"2\r\n{}\n0\r\n\r\n", b"2\r\n{}0\r\n\r\n", b"2\r\n{}xx0\r\n\r\n", b"2\r\n{}\r\n0\n\r\n", b"2\r\n{}\r\n0\r\n\n",
                     b"1\r\n{}\r\n0\r\n\r\n", b"2\r{}\r\n0\r\n\r\n"):
            with self.subTest(body):
                self.refused(self.head("Transfer-Encoding: chunked", signed) + body)

    def test_line_ends(self):
        good = self.head("Content-Length: 0")
        for data in (good.replace(b"\r\n", b"\n"), good.replace(b"\r\n", b"\n", 1), good.replace(b"\r\n\r\n", b"\n\n"), good.replace(b"\r\n\r\n", b"\r\n\n"),
                     good.replace(b"\r\n", b"\r", 1), good.replace(b"\r\n", b"\r\r\n", 1), self.head("X: a\rb", "Content-Length: 0"),
                     self.head("X: a\nb", "Content-Length: 0"), self.head("X: a\nContent-Length: 5", "Content-Length: 0"),
                     self.head("X: a\rContent-Length: 5", "Content-Length: 0"), self.head("X\r: a", "Content-Length: 0")):
            with self.subTest(data):
                self.refused(data)

    def test_control_characters(self):
        for bad in ("\x00", "\x01", "\x08", "\x0b", "\x0c", "\x1f", "\x7f"):
            for data in (self.head(f"X: a{bad}b", "Content-Length: 0"), self.head(f"X{bad}: a", "Content-Length: 0"),
                         self.head("Content-Length: 0", start=f"POST /{bad} HTTP/1.1"), self.head(f"X: {bad}", "Content-Length: 0"),
                         self.head("Content-Length: 0", start=f"PO{bad}ST / HTTP/1.1"), self.head(f"Content-Length: 0{bad}")):
                with self.subTest(data):
                    self.refused(data)

    def test_fields(self):
        for field in ("Content-Length : 5", "Content-Length\t: 5", " Content-Length: 5", "\tX: y", "X : y", ": y", "X", "X y: z", "X: a\r\n b", "X: a\r\n\tb",
                      "X:\r\n a", "Content-Length:\r\n 0", "Transfer-Encoding:\r\n chunked", "X(a): y", "X,: y", "X@: y", "\xfc: y"):
            with self.subTest(field):
                self.refused(self.head(field, "Content-Length: 0"))
                self.refused(self.head("Content-Length: 0", field))

    def test_hosts(self):
        self.refused(self.head("Content-Length: 0", host=False))
        self.refused(self.head("Host: other", "Content-Length: 0"))
        self.refused(self.head(self.host.lower(), "Content-Length: 0"))

    def test_start_lines(self):
        for start in ("POST  / HTTP/1.1", "POST /  HTTP/1.1", " POST / HTTP/1.1", "POST / HTTP/1.1 ", "POST / x HTTP/1.1", "POST /\tHTTP/1.1", "POST\t/ HTTP/1.1",
                      "POST /", "POST", "/ HTTP/1.1", "POST HTTP/1.1", "POST / http/1.1", "POST / HTTP/1.1.1", "POST / HTTP/x", "POST / FTP/1.1", "POST / HTTP/11",
                      "P\xd6ST / HTTP/1.1", "POST / HTTP/1,1", "(POST) / HTTP/1.1"):
            with self.subTest(start):
                self.refused(self.head("Content-Length: 0", start=start), (400, 505))

    def test_versions(self):
        for version in ("1.2", "2.0", "0.9", "3.0", "1.9"):
            self.refused(self.head("Content-Length: 0", start=f"POST / HTTP/{version}"), (400, 505))
        self.refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505))

    def test_what_is_no_http(self):
        hello = bytes.fromhex("16030100f8010000f40303") + b"\x5a" * 240
        for data in (hello, b"\x00" * 100, b"SSH-2.0-OpenSSH_9.2\r\n", b"\xff" * 100 + b"\r\n\r\n", b"EHLO example.org\r\n", b"\r\n" * 50 + b"x\r\n\r\n",
                     b"{}\r\n\r\n", b"GET\r\n\r\n", b"*1\r\n$4\r\nPING\r\n"):
            with self.subTest(data[:20]):
                self.refused(data, (400, 505))

    def test_empty_lines_before_a_request(self):
        """RFC 9112 lets a server skip them; a proxy may pass them on. Either way, what follows is one request or none."""
        with self.sender.connect() as connection:
            connection.send(b"\r\n" + self.sender.request(target="/?challengeCode=abc"))
            answer = connection.answer()
            self.assertIn(answer.status if answer else None, (200, 400, None))

    def test_smuggled_requests_are_not_seen(self):
        body = self.sender.event(message(50))
        for data in (self.sender.request(body=body), self.sender.request(body=body, chunk=len(body)), self.sender.request("PUT", body=body)):
            answer = self.sender.exchange(data)
            self.assertIn(answer.status, (401, 405))


if __name__ == "__main__":
    common.main()
