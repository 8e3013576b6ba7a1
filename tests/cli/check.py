#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`pwh check` and `pwh send` against pwh's receiver, and against receivers with faults: check.py PWH."""

import fcntl
import hashlib
import hmac
import http.server
import json
import os
import re
import socket
import struct
import subprocess
import termios
import threading
import time
import urllib.parse

import common
from common import SECRET, PwhTest

PREFIX = b"preservica-webhook-auth"
ALL = ["url", "secret", "handshake", "event", "content-length", "repeat", "non-ascii", "wrong-signature",
       "no-signature", "oracle", "time"]


def digest(message, secret=SECRET):
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


class Receiver(http.server.BaseHTTPRequestHandler):
    """A right one. Subclasses have the faults."""

    protocol_version = "HTTP/1.1"
    received = None  # a list of (headers, body) for each accepted event
    connections = None  # the addresses they came from

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.body = self.read_body()
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        if "challengeCode" in query:
            return self.on_challenge(query["challengeCode"][0])
        right = digest(PREFIX + self.body)
        if hmac.compare_digest(right, self.headers.get("Preservica-Signature", "")):
            return self.on_event()
        return self.on_bad_signature()

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def on_challenge(self, code):
        if code.startswith(PREFIX.decode()):
            return self.answer(400)
        return self.sign(code)

    def sign(self, code):
        return self.answer(200, json.dumps({"challengeCode": code, "challengeResponse": digest(code.encode())}))

    def on_event(self):
        self.received.append((dict(self.headers), self.body))
        self.connections.add(self.client_address)
        return self.answer(200)

    def on_bad_signature(self):
        return self.answer(401)

    def answer(self, status, body="", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def hang(self):
        """Until the other side goes away."""
        self.close_connection = True
        self.connection.settimeout(common.PATIENCE)
        self.connection.recv(1)


class Reference(Receiver):
    """Falls for the oracle, ignores bodies that are not chunked, and never answers a bad signature."""

    def on_challenge(self, code):
        return self.sign(code)

    def on_bad_signature(self):
        return self.hang()

    def read_body(self):
        return super().read_body() if self.headers.get("Transfer-Encoding") else b""


class EndpointTest(PwhTest):
    def setUp(self):
        super().setUp()
        self.environment["PWH_SECRET_FILE"] = self.secret_file()

    def serve(self, behaviour=Receiver, **members):
        """The URL of such a receiver, which runs until the test ends."""
        self.received, self.connections = [], set()
        members |= {"received": self.received, "connections": self.connections}
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Served", (behaviour,), members))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_port}/"

    def closed_port(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return f"http://127.0.0.1:{free.getsockname()[1]}/"

    def silent(self):
        """A URL that takes connections, and says nothing."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"

    def on_terminal(self, *arguments, columns=100):
        """What the command writes to a terminal."""
        terminal, follower = os.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen([common.program, *arguments], cwd=self.folder / "work", stdin=subprocess.DEVNULL,
                                   env={**self.environment, "TERM": "xterm"}, stdout=follower, stderr=follower)
        self.addCleanup(process.kill)
        os.close(follower)
        data = b""
        try:
            while piece := os.read(terminal, 65536):
                data += piece
        except OSError:  # what Linux says at the end of a terminal
            pass
        os.close(terminal)
        process.wait(common.PATIENCE)
        return data.decode().replace("\r\n", "\n")


class Check(EndpointTest):
    def check(self, *arguments, expect=0, **variables):
        """Verdicts and explanations by name."""
        result = self.pwh("check", *arguments, expect=expect, **variables)
        self.assertNotIn(SECRET, result.out + result.err)
        rows = [line.split("\t") for line in result.out.splitlines()]
        self.assertTrue(all(len(row) == 4 and row[2].isdigit() for row in rows), result.out)
        self.names = [row[0] for row in rows]
        self.error = result.err
        return {row[0]: row[1] for row in rows}, {row[0]: row[3] for row in rows}

    def assert_failed(self, verdicts, *names):
        self.assertEqual({name for name, verdict in verdicts.items() if verdict == "fail"}, set(names))
        self.assertRegex(self.error, rf"^pwh: the endpoint failed {len(names)} of \d+ checks")

    def test_listen_passes_and_prints_nothing(self):
        listener = self.listen()
        verdicts, _ = self.check(listener.url)
        self.assertEqual(verdicts, dict.fromkeys(ALL, "pass"))
        self.assertEqual(self.names, ALL)
        self.assertEqual(self.error, "")
        self.assertEqual(listener.stop(), 0)
        self.assertEqual(listener.out.data(), b"")

    def test_listen_with_a_path_and_a_query(self):
        listener = self.listen("--path", "/hook")
        self.check(listener.url + "hook?from=preservica")
        verdicts, _ = self.check(listener.url, expect=3)
        self.assertEqual(verdicts["event"], "fail")

    def test_listen_without_handshakes(self):
        verdicts, texts = self.check(self.listen("--no-handshake").url, expect=3)
        self.assert_failed(verdicts, "handshake")
        self.assertIn("--no-handshake", texts["handshake"])

    def test_a_right_receiver_in_another_language(self):
        verdicts, _ = self.check(self.serve())
        self.assertEqual(verdicts, dict.fromkeys(ALL, "pass"))
        headers, body = self.received[0]
        self.assertEqual(headers["Transfer-Encoding"], "chunked")
        self.assertEqual(headers["Content-Type"], "application/json")
        self.assertEqual(json.loads(body)["trigger"], "PWH_CHECK")
        lower = {name for headers, _ in self.received for name in headers}
        self.assertIn("preservica-signature", lower)

    def test_the_reference_receiver(self):
        verdicts, texts = self.check(self.serve(Reference), "--request-timeout", "2", expect=3)
        self.assert_failed(verdicts, "content-length", "wrong-signature", "no-signature", "oracle")
        self.assertIn("OPEN TO FORGERY", texts["oracle"])
        self.assertIn("change the secret", texts["oracle"])
        self.assertIn("did not finish its answer within 2 s", texts["wrong-signature"])

    def test_a_receiver_that_closes_without_an_answer(self):
        def on_bad_signature(self):
            self.close_connection = True
        for version in ("HTTP/1.0", "HTTP/1.1"):
            with self.subTest(version):
                url = self.serve(on_bad_signature=on_bad_signature, protocol_version=version)
                verdicts, texts = self.check(url, expect=3)
                self.assert_failed(verdicts, "wrong-signature", "no-signature")
                self.assertIn("closed the connection without an answer", texts["wrong-signature"])

    def test_a_limit_on_the_length_of_codes_does_not_help(self):
        def on_challenge(self, code):
            return self.sign(code) if len(code) <= 80 else self.answer(400)
        verdicts, _ = self.check(self.serve(on_challenge=on_challenge), expect=3)
        self.assert_failed(verdicts, "oracle")

    def test_a_receiver_that_looks_at_the_encoded_code(self):
        def on_challenge(self, code):
            return self.answer(400) if PREFIX.decode() in self.path else self.sign(code)
        verdicts, texts = self.check(self.serve(on_challenge=on_challenge), expect=3)
        self.assert_failed(verdicts, "oracle")
        self.assertIn("every character escaped", texts["oracle"])

    def test_an_oracle_under_another_secret(self):
        url = self.serve(on_challenge=Receiver.sign)
        verdicts, texts = self.check(url, "--secret-file", self.secret_file("x" * 32, "other"), expect=3)
        self.assert_failed(verdicts, "handshake", "event", "content-length", "oracle")
        self.assertIn("seems OPEN TO FORGERY", texts["oracle"])
        self.assertIn("another secret", texts["event"])

    def test_a_receiver_that_ignores_chunked_bodies(self):
        def read_body(self):
            body = Receiver.read_body(self)
            return b"" if self.headers.get("Transfer-Encoding") else body
        verdicts, texts = self.check(self.serve(read_body=read_body), expect=3)
        self.assertEqual(verdicts["event"], "fail")
        self.assertEqual(verdicts["content-length"], "pass")
        self.assertIn("does not read chunked bodies", texts["event"])

    def test_a_receiver_that_verifies_nothing(self):
        verdicts, texts = self.check(self.serve(on_bad_signature=Receiver.on_event), expect=3)
        self.assert_failed(verdicts, "wrong-signature", "no-signature")
        self.assertIn("forged", texts["wrong-signature"])

    def test_errors_of_the_receiver(self):
        verdicts, texts = self.check(self.serve(on_event=lambda self: self.answer(500)), expect=3)
        self.assert_failed(verdicts, "event", "content-length")
        self.assertIn("status 500", texts["event"])
        self.assertEqual(verdicts["repeat"], "warn")

    def test_redirects(self):
        def answer(self, status, *_):
            return Receiver.answer(self, 308, Location="https://h.example/there")
        verdicts, texts = self.check(self.serve(answer=answer), expect=3)
        for name in ("handshake", "event", "content-length", "wrong-signature"):
            self.assertEqual(verdicts[name], "fail")
            self.assertIn("redirects (status 308) to https://h.example/there", texts[name])

    def test_nobody_there(self):
        verdicts, texts = self.check(self.closed_port(), expect=3)
        self.assertEqual(self.names, ["url", "secret", "handshake"])
        self.assertIn("cannot connect", texts["handshake"])
        self.assertIn("the others were not tried", self.error)

    def test_silence_is_given_up_soon(self):
        begin = time.monotonic()
        verdicts, _ = self.check(self.silent(), "--request-timeout", "0.3", expect=3)
        self.assert_failed(verdicts, "handshake", "event")
        self.assertLess(time.monotonic() - begin, common.PATIENCE / 2)

    def test_something_that_is_not_http(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def greet():
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with peer:
                    peer.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                    peer.recv(4096)

        threading.Thread(target=greet, daemon=True).start()
        self.check(f"http://127.0.0.1:{listener.getsockname()[1]}/", expect=3)

    def test_a_weak_secret_gets_a_warning(self):
        listener = self.listen("--secret-file", self.secret_file("short", "weak"))
        verdicts, texts = self.check(listener.url, "--secret-file", str(self.folder / "weak"))
        self.assertEqual(verdicts["secret"], "warn")
        self.assertNotIn("short\n", texts["secret"] + "\n")

    def test_the_url_setting(self):
        listener = self.listen()
        self.check(PWH_URL=listener.url)
        (self.folder / "work" / "credentials.properties").touch(0o600)
        (self.folder / "work" / "credentials.properties").write_text(f"[credentials]\nurl={listener.url}\n")
        self.check()

    def test_usage_errors(self):
        for arguments in ((), ("ftp://h.example/",), ("h.example",), ("http://user:pw@h.example/",),
                          ("http://h.example/#part",), ("http://h.example/", "-o", "xml"), ("http://a/", "http://b/")):
            with self.subTest(arguments):
                result = self.pwh("check", *arguments, expect=2)
                self.assertEqual(result.out, "")
                self.assertNotIn(":pw@", result.err)
        missing = self.pwh("check", expect=2).err
        for way in ("URL", "PWH_URL", "`url`"):
            self.assertIn(way, missing)

    def test_json(self):
        listener = self.listen()
        for option in (["--json"], ["-o", "json"]):
            rows = json.loads(self.pwh("check", listener.url, *option).out)
            self.assertEqual([row["check"] for row in rows], ALL)
            self.assertEqual({row["verdict"] for row in rows}, {"pass"})
            self.assertTrue(all(isinstance(row["milliseconds"], int) and row["explanation"] for row in rows))

    def test_the_exchange_shows_no_secret_and_no_signature(self):
        url = self.serve(on_challenge=Receiver.sign)
        result = self.pwh("check", url, "-vv", expect=3)
        self.assertIn("> POST ", result.err)
        self.assertNotRegex(result.out + result.err, "[0-9a-f]{64}")
        self.assertNotIn(SECRET, result.err)

    def test_a_terminal_gets_words_and_colour(self):
        url = self.serve(on_challenge=Receiver.sign)
        shown = self.on_terminal("check", url, columns=100)
        self.assertRegex(shown, r"\x1b\[32mpass\x1b\[0m  event ")
        self.assertRegex(shown, r"\x1b\[31mfail\x1b\[0m  oracle ")
        plain = self.on_terminal("check", url, "--no-color", columns=100)
        self.assertNotIn("\x1b[3", plain)
        table = re.sub(r"asking: request \d+ of \d+|\r\x1b\[K", "", plain.split("pwh: ")[0])
        self.assertTrue(all(len(line) <= 100 for line in table.splitlines()), table)
        self.assertIn("change the secret", re.sub(r"\s+", " ", table))


class Send(EndpointTest):
    def send(self, url, *arguments, **options):
        arguments = arguments if "--data" in arguments else ("--trigger", "indexed", *arguments)
        return self.pwh("send", url, *arguments, **options)

    def test_one_message_as_preservica_sends_it(self):
        url = self.serve()
        result = self.send(url, "--entity", "one", "--entity", "two", "--type", "SO", "--identifier", "BatchId=42",
                           "--identifier", "note=a=b")
        self.assertEqual((result.out, result.err), ("200\t1\n", ""))
        (headers, body), = self.received
        self.assertEqual(headers["Transfer-Encoding"], "chunked")
        self.assertEqual(headers["Content-Type"], "application/json")
        self.assertNotIn("Expect", headers)
        message = json.loads(body)
        self.assertEqual(list(message), ["subscriptionId", "timestamp", "tenant", "version", "events", "trigger"])
        self.assertEqual(message["trigger"], "FULL_TEXT_INDEXED")
        identifiers = [{"BatchId": "42"}, {"note": "a=b"}]
        self.assertEqual(message["events"], [
            {"event": "FullTextIndexed", "entityType": "SO", "entityRef": ref, "identifiers": identifiers}
            for ref in ("one", "two")])

    def test_options_before_the_url(self):
        url = self.serve()
        self.pwh("send", "--trigger", "moved", "--entity", "one", "--identifier", "a=b", url)
        self.assertEqual(json.loads(self.received[0][1])["trigger"], "MOVED")

    def test_listen_takes_them(self):
        listener = self.listen()
        result = self.send(listener.url, "--count", "200")
        self.assertEqual(result.out, "200\t200\n")
        self.assertRegex(result.err, r"\Apwh: sent 200 messages in [0-9.]+ s: [0-9.]+ per second; latency "
                                     r"p50 [0-9.]+ m?s, p90 [0-9.]+ m?s, p99 [0-9.]+ m?s, max [0-9.]+ m?s; "
                                     r"answers 200: 200\n\Z")
        lines = listener.wait_lines(200)
        self.assertEqual(len({line["messageId"] for line in lines}), 200)
        self.assertEqual(len({line["entityRef"] for line in lines}), 200)
        self.assertEqual(len({line["timestamp"] for line in lines}), 200)
        self.assertEqual(self.send(listener.url, "--count", "3", "-q").err, "")

    def test_one_connection_for_all(self):
        url = self.serve()
        self.send(url, "--count", "50")
        self.assertEqual((len(self.received), len(self.connections)), (50, 1))

    def test_given_entities_make_distinct_messages_too(self):
        url = self.serve()
        self.send(url, "--count", "20", "--entity", "one")
        self.assertEqual(len({body for _, body in self.received}), 20)

    def test_rate(self):
        url = self.serve()
        begin = time.monotonic()
        self.send(url, "--count", "6", "--rate", "10")
        self.assertGreaterEqual(time.monotonic() - begin, 0.5)
        self.assertEqual(len(self.received), 6)

    def test_data_goes_as_it_is(self):
        url = self.serve()
        for number, data in enumerate((b"", b"no json\r\n\0", bytes(range(256)), b"x" * 3_000_000)):
            path = self.folder / "data"
            path.write_bytes(data)
            self.send(url, "--data", str(path))
            self.assertEqual(self.received[number][1], data)
        self.pwh("send", url, "--data", str(path), "--trigger", "indexed", "--count", "2")
        self.assertEqual([body for _, body in self.received[-2:]], [data, data])

    def test_refusals(self):
        url = self.serve(on_event=lambda self: self.answer(503))
        result = self.send(url, expect=3)
        self.assertEqual(result.out, "503\t1\n")
        self.assertRegex(result.err, r"\Apwh: the endpoint answered with status 503\nhint: .*pwh check")
        result = self.send(url, "--secret-file", self.secret_file("another secret of ours", "other"), expect=3)
        self.assertEqual(result.out, "401\t1\n")

    def test_some_refusals_of_many(self):
        def on_event(self):
            self.received.append(self.body)
            return self.answer(500 if len(self.received) % 4 == 0 else 202)
        result = self.send(self.serve(on_event=on_event), "--count", "8", expect=3)
        self.assertEqual(result.out, "202\t6\n500\t2\n")
        self.assertIn("answers 202: 6, 500: 2\n", result.err)
        self.assertIn("pwh: 2 of 8 messages were not accepted; the first: the endpoint answered with status 500\n",
                      result.err)

    def test_a_redirect_is_not_followed(self):
        there = self.serve()
        taken = self.received
        result = self.send(self.serve(on_event=lambda self: self.answer(307, Location=there)), expect=3)
        self.assertEqual((result.out, taken), ("307\t1\n", []))
        self.assertIn("a redirect", result.err)

    def test_nobody_there(self):
        result = self.send(self.closed_port(), "--count", "1000", expect=3)
        self.assertEqual(result.out, "no-answer\t1\n")
        self.assertIn("the rest was not sent", result.err)
        self.assertIn("cannot connect", result.err)

    def test_silence_is_given_up(self):
        result = self.send(self.serve(on_event=Receiver.hang), "--count", "1000", "--request-timeout", "0.05", expect=3)
        self.assertEqual(result.out, "no-answer\t10\n")

    def test_an_interrupt_still_gives_the_summary(self):
        sender = self.start("send", self.serve(), "--trigger", "indexed", "--count", "100000", "--rate", "50")
        common.wait_until(lambda: len(self.received) >= 3, "three messages")
        self.assertEqual(sender.stop(), -15)
        self.assertRegex(sender.out.text(), r"\A200\t\d+\n\Z")
        self.assertRegex(sender.err.text(), r"pwh: sent \d+ messages in .*\npwh: interrupted after \d+ of 100000 messages")

    def test_a_terminal_sees_progress(self):
        shown = self.on_terminal("send", self.serve(), "--trigger", "indexed", "--count", "10", "--rate", "10")
        self.assertRegex(shown, r"sending \d+ of 10")

    def test_usage_errors(self):
        url = "http://127.0.0.1:9/"
        data = self.secret_file("{}", "data")
        for arguments in ((url,), (url, "--trigger", "no-such"), (url, "--trigger", "moved", "--type", "XX"),
                          (url, "--trigger", "moved", "--identifier", "no-value"),
                          (url, "--trigger", "moved", "--identifier", "=v"), (url, "--trigger", "moved", "--entity", ""),
                          (url, "--trigger", "moved", "--count", "0"), (url, "--trigger", "moved", "--count", "-1"),
                          (url, "--trigger", "moved", "--rate", "0"), (url, "--trigger", "moved", "--rate", "nan"),
                          (url, "--data", data, "--entity", "one"), (url, "--data", data, "--identifier", "a=b"),
                          (url, "--data", data, "--type", "SO"), (url, "--data", data, "--trigger", "no-such"),
                          (url, "--data", "/nowhere"), (url, "--data", "-", "--secret-file", "-"),
                          ("--trigger", "moved"), ("ftp://h/", "--trigger", "moved")):
            with self.subTest(arguments):
                result = self.pwh("send", *arguments, expect=2)
                self.assertEqual(result.out, "")

    def test_other_triggers_go_with_a_warning(self):
        url = self.serve()
        result = self.pwh("send", url, "--trigger", "NEW_IN_NINE")
        self.assertIn("warning: pwh does not know the trigger NEW_IN_NINE", result.err)
        self.assertEqual(json.loads(self.received[0][1])["events"][0]["event"], "NewInNine")


if __name__ == "__main__":
    common.main()
