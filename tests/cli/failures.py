#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every class of failure that pwh can meet on its way to Preservica: `failures.py PWH [TEST…]`.

Each is provoked for real, by a server on the loopback that answers as told, with certificates that openssl makes for
the run. `failures.py PWH --table` prints how each was provoked, what pwh said, and its exit code.
"""

import json
import re
import socket
import ssl
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import common
from common import PwhTest

SUBSCRIPTIONS = "/api/webhook/subscriptions"
LOGIN = {"success": True, "user": "u", "token": "0c0ffee0-token", "refresh-token": "r", "validFor": 15, "tenant": "ACME"}
URL = "https://hooks.example.org/preservica"
PATIENCE = 60
HTML = "<!DOCTYPE html><html><body><form>Sign in</form></body></html>"


def answer(status, body=b"", content_type="application/json", headers=()):
    if not isinstance(body, (bytes, str)):
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode()
    head = [f"HTTP/1.1 {status} Status", f"Content-Type: {content_type}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Cut(bytes):
    """An answer after which the connection ends."""


class Server:
    """Answers each request with what `plan(method, path)` gives: bytes, CLOSE, HOLD, or None for what a Preservica
    without subscriptions answers. With `tls`, an SSL context, it speaks https; a proxy's CONNECT is answered with `connect`, and what follows a 200 is
    served as if it had come straight here."""

    HOLD, CLOSE = object(), object()

    def __init__(self, plan=None, tls=None, connect=None):
        self.plan = plan or (lambda method, path: None)
        self.tls, self.connect = tls, connect
        self.requests = []  # method and path of each
        self.released = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self.authority = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.released.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            with connection:
                connection.settimeout(PATIENCE)
                if self.connect is not None:
                    self._read(connection.makefile("rb"))
                    connection.sendall(self.connect)
                    if b" 200 " not in self.connect:
                        return
                if self.tls is not None:
                    connection = self.tls.wrap_socket(connection, server_side=True)
                with connection:
                    if self.tls is None and connection.recv(1, socket.MSG_PEEK) == b"\x16":  # a TLS hello
                        connection.sendall(answer(400, HTML, "text/html"))
                    else:
                        self._talk(connection)
        except (OSError, ValueError):  # what the client does with us is the client's affair
            pass

    def _talk(self, connection):
        stream = connection.makefile("rb")
        while (request := self._read(stream)) is not None:
            self.requests.append(" ".join(request))
            reply = self.plan(*request)
            if reply is None:
                reply = answer(200, LOGIN if request[1].endswith("/login") else [])
            if reply is self.HOLD:
                self.released.wait(PATIENCE)
            if reply in (self.HOLD, self.CLOSE):
                return
            connection.sendall(reply)
            if isinstance(reply, Cut):
                return

    @staticmethod
    def _read(stream):
        line = stream.readline().decode("latin-1").split()
        if len(line) != 3:
            return None
        length = 0
        while (field := stream.readline().decode("latin-1").strip()):
            name, _, value = field.partition(":")
            if name.lower() == "content-length":
                length = int(value)
        stream.read(length)
        return line[0], line[1]


class Certificates:
    """An authority of our own, and certificates by it."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.ca = self.folder / "ca.pem"
        self._openssl("req", "-x509", *self._new_key("ca"), "-out", self.ca, "-subj", "/CN=an authority", "-days", "9")

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=PATIENCE)

    def _new_key(self, name):
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.folder / f"{name}.key")

    def context(self, name, alternative="IP:127.0.0.1", days=9):
        request, extension, leaf = (self.folder / f"{name}.{suffix}" for suffix in ("csr", "ext", "pem"))
        extension.write_text(f"subjectAltName={alternative}\n")
        self._openssl("req", *self._new_key(name), "-out", request, "-subj", "/CN=a server")
        self._openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.folder / "ca.key",
                      "-days", days, "-extfile", extension, "-out", leaf)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(leaf, self.folder / f"{name}.key")
        return context


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def on_list(reply):
    """A plan: the login works, and everything else is answered with `reply`."""
    return lambda method, path: None if path.endswith("/login") else reply


def on_login(reply):
    return lambda method, path: reply if path.endswith("/login") else None


def on_post(reply):
    return lambda method, path: reply if (method, path) == ("POST", SUBSCRIPTIONS) else None


class Provoked:
    """How one failure was provoked, and what is expected of pwh."""

    def __init__(self, how, code, message, hint, plan=None, arguments=("list",), https=False, variables=None, **server):
        self.how, self.code, self.message, self.hint = how, code, message, hint
        self.plan, self.arguments, self.https = plan, arguments, https
        self.variables = variables or (lambda port: {})
        self.server = server


TRUSTED = ("--cacert", "{ca}", "list")
PROXIED = "preservica.invalid"


def proxied(port):
    return {"PRESERVICA_SERVER": PROXIED, "https_proxy": f"http://127.0.0.1:{port}"}


def provoked():
    def dead_proxy(_):
        return proxied(free_port())

    def dead(_):
        return {"PRESERVICA_SERVER": f"127.0.0.1:{free_port()}"}

    subscribe = ("subscribe", "--trigger", "moved", "--url", URL)
    return [
        Provoked("a name that DNS cannot have", 7, r"cannot find the address of a{64}\.invalid:443", "DNS", https=True,
                 variables=lambda port: {"PRESERVICA_SERVER": f"{'a' * 64}.invalid"}),
        Provoked("a port where nothing listens", 7, r"cannot connect to 127\.0\.0\.1:\d+: .*refused", "--server",
                 variables=dead),
        Provoked("TLS: an authority that is not trusted", 7, "authority that this machine does not know", "--cacert",
                 https=True, tls="good"),
        Provoked("TLS: expired", 7, "has expired", "clock", arguments=TRUSTED, https=True, tls="expired"),
        Provoked("TLS: for another host", 7, "is for another host name", "--server", arguments=TRUSTED, https=True,
                 tls="other"),
        Provoked("TLS: a server that speaks plain HTTP", 7, "no TLS connection", "https", https=True),
        Provoked("TLS: only 1.1", 7, "no TLS connection", "https", arguments=TRUSTED, https=True, tls="old"),
        Provoked("TLS: --cacert holds no certificate", 7, "no certificates can be read", "--cacert",
                 arguments=("--cacert", "{empty}", "list"), https=True, tls="good"),
        Provoked("TLS: --cacert does not exist", 2, "cannot read the CA certificates", "--cacert",
                 arguments=("--cacert", "{folder}/none.pem", "list"), https=True, tls="good"),
        Provoked("no answer within --request-timeout", 7, "did not finish its answer within 1 s", "--request-timeout",
                 plan=on_list(Server.HOLD), arguments=("list", "--request-timeout", "1")),
        Provoked("a proxy that is not there", 7, "cannot reach the proxy", "https_proxy", https=True, variables=dead_proxy),
        Provoked("a proxy that wants a password", 7, r"proxy did not let pwh connect to preservica\.invalid:443 \(status 407",
                 "https_proxy", https=True, variables=proxied, connect=b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"),
        Provoked("a proxy that reads TLS", 7, "authority that this machine does not know", "https_proxy", https=True,
                 variables=proxied, tls="other", connect=b"HTTP/1.1 200 OK\r\n\r\n"),
        Provoked("closes without an answer", 7, "closed the connection without an answer", "try again",
                 plan=on_list(Server.CLOSE)),
        Provoked("stops amid its answer", 7, "before its answer was complete", "try again",
                 plan=on_list(Cut(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n["))),
        Provoked("no HTTP at all", 7, "not HTTP", "port", plan=on_login(Cut(b"220 mail.example.org ESMTP\r\n"))),
        Provoked("an answer of 40 MB", 7, "answered with more than", "server you mean", plan=on_list(answer(200, b" " * 40_000_000))),
        Provoked("a login page in HTML", 7, "a web page, not with JSON", "--server", plan=on_login(answer(200, HTML, "text/html"))),
        Provoked("a web page for the list", 7, "a web page, not with JSON", "--server", plan=on_list(answer(200, HTML, "text/html"))),
        Provoked("truncated JSON", 7, "not valid JSON", "--server", plan=on_list(answer(200, '[{"id":"45'))),
        Provoked("JSON that is no list", 7, "not a list", "-vv", plan=on_list(answer(200, {"subscriptions": []}))),
        Provoked("a subscription without an id", 7, "no subscription with id", "-vv", plan=on_list(answer(200, [{"url": URL}]))),
        Provoked("JSON nested a million deep", 7, "not valid JSON", "--server", plan=on_list(answer(200, "[" * 1_000_000))),
        Provoked("a redirection", 7, r"sends pwh on to another address, at elsewhere\.invalid \(status 302\)", "--server",
                 plan=on_list(answer(302, headers=["Location: https://elsewhere.invalid/login"]))),
        Provoked("401 to the login", 4, "the login of .* was refused: Bad credentials", "PRESERVICA_PASSWORD",
                 plan=on_login(answer(401, {"message": "Bad credentials"}))),
        Provoked("401 to every token", 4, "does not accept the access token", "PRESERVICA_PASSWORD",
                 plan=on_list(answer(401, {"message": "expired"}))),
        Provoked("403 to the list", 5, "not allowed", "ROLE_SDB_MANAGER_USER", plan=on_list(answer(403, {"message": "Forbidden"}))),
        Provoked("404 to the list", 1, "no webhook API", "version", plan=on_list(answer(404, HTML, "text/html"))),
        Provoked("404 to a DELETE", 6, "there is no subscription 4583", "pwh list", arguments=("unsubscribe", "4583"),
                 plan=lambda method, path: None if path.endswith("/login") else answer(404, {}) if method == "DELETE" else
                 answer(200, [{"id": "4583", "url": URL, "triggerType": "MOVED"}])),
        Provoked("409 to a subscription", 1, "conflicts with what the server has already.*: Exists", "pwh list", arguments=subscribe,
                 plan=on_post(answer(409, {"message": "Exists"}))),
        Provoked("400 to a subscription", 3, "did not pass the handshake: challenge failed", f"pwh check {URL}", arguments=subscribe,
                 plan=on_post(answer(400, {"message": "challenge failed"}))),
        Provoked("429", 7, "try again later", "wait 3600 seconds", plan=on_list(answer(429, headers=["Retry-After: 3600"]))),
        Provoked("500 with a message", 7, r"the server fails \(status 500\): Out of disk", "later",
                 plan=on_list(answer(500, {"message": "Out of disk"}))),
        Provoked("503 with a web page", 7, r"the server fails \(status 503\)$", "later", plan=on_list(answer(503, HTML, "text/html"))),
        Provoked("418", 1, r"refused the request \(status 418\)", "-vv", plan=on_list(answer(418))),
        Provoked("a message that would drive the terminal", 7, r"Bad  \]0;title  \\x9b2J", "later",
                 plan=on_list(answer(500, {"message": "Bad \x1b]0;title\x07 \x9b2J"}))),
        Provoked("the answer to subscribe is lost, nothing was made", 7, "cannot tell whether .* was subscribed to MOVED: .*closed the connection",
                 "--ensure", arguments=subscribe,
                 plan=on_post(Server.CLOSE)),
    ]


class Surroundings:
    """Certificates and files for all of them, and a way to run one."""

    def __init__(self, test):
        self.test = test
        folder = test.folder / "certificates"
        folder.mkdir()
        certificates = Certificates(folder)
        self.contexts = {"good": certificates.context("good"), "expired": certificates.context("expired", days=-1),
                         "other": certificates.context("other", "DNS:other.example.org"),
                         "proxied": certificates.context("proxied", f"DNS:{PROXIED}")}
        self.contexts["old"] = old = certificates.context("old")
        old.set_ciphers("DEFAULT:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is old is the point
            old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1
        (folder / "empty.pem").touch()
        self.names = {"{ca}": str(certificates.ca), "{empty}": str(folder / "empty.pem"), "{folder}": str(folder)}

    def server(self, each):
        options = dict(each.server)
        if "tls" in options:
            options["tls"] = self.contexts[options["tls"]]
        return Server(each.plan, **options)

    def arguments(self, each):
        arguments = list(each.arguments)
        for name, text in self.names.items():
            arguments = [argument.replace(name, text) for argument in arguments]
        return arguments

    def run(self, each):
        server = self.server(each)
        try:
            self.test.use_server(server.authority)
            variables = {"PWH_PROTOCOL": "https" if each.https else "http", **each.variables(server.port)}
            return self.test.pwh("--retries", "0", *self.arguments(each), expect=None, **variables)
        finally:
            server.close()


def error_and_hint(result):
    error = re.findall(r"^pwh: (.*)$", result.err, re.M)
    hint = re.findall(r"^hint: (.*)$", result.err, re.M)
    return error[-1] if error else "", hint[-1] if hint else ""


class EveryFailure(PwhTest):
    def test_each_has_its_code_message_and_hint(self):
        surroundings = Surroundings(self)
        for each in provoked():
            with self.subTest(each.how):
                result = surroundings.run(each)
                error, hint = error_and_hint(result)
                self.assertEqual(result.code, each.code, result)
                self.assertRegex(error, each.message)
                self.assertIn(each.hint, hint)
                self.assertEqual(result.out, "")
                self.assertRegex(result.err, r"\Apwh: [^\n]+\nhint: [^\n]+\n\Z", "one line and one hint")
                self.assertNotRegex(result.err, "the-password|0c0ffee0|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
                self.assertNotRegex(result.err, "(?i)curl|nlohmann|json.exception|parse error")


class WhatWorks(PwhTest):
    """The same servers, set up right: so that the failures above are not the only thing that can happen."""

    def test_an_own_authority(self):
        surroundings = Surroundings(self)
        works = Provoked("", 0, "", "", arguments=TRUSTED, https=True, tls="good")
        self.assertEqual(surroundings.run(works).code, 0)

    def test_a_proxy(self):
        surroundings = Surroundings(self)
        works = Provoked("", 0, "", "", arguments=("-v", *TRUSTED), https=True, variables=proxied, tls="proxied",
                         connect=b"HTTP/1.1 200 OK\r\n\r\n")
        result = surroundings.run(works)
        self.assertEqual(result.code, 0, result)
        self.assertIn("going through the proxy that the environment variable https_proxy names", result.err)

    def test_a_redirection_is_not_followed(self):
        target = Server()
        self.addCleanup(target.close)
        for status in (301, 302, 303, 307, 308):
            reply = answer(status, headers=[f"Location: http://{target.authority}/api/accesstoken/login"])
            for plan in (on_login(reply), on_list(reply)):
                server = Server(plan)
                self.use_server(server.authority)
                self.pwh("list", expect=7)
                server.close()
        self.assertEqual(target.requests, [])


class Retries(PwhTest):
    def serve(self, *replies):
        """Login works; what else is asked gets these answers, the last of them again and again."""
        left = list(replies)

        def plan(method, path):
            if path.endswith("/login"):
                return None
            return left.pop(0) if len(left) > 1 else left[0]
        server = Server(plan)
        self.addCleanup(server.close)
        self.use_server(server.authority)
        return server

    def calls(self, server):
        return [line for line in server.requests if not line.endswith("/login")]

    def test_a_get_is_repeated_until_it_succeeds(self):
        for status in (429, 502, 503, 504):
            server = self.serve(answer(status), answer(200, []))
            result = self.pwh("-v", "list")
            self.assertEqual(self.calls(server), [f"GET {SUBSCRIPTIONS}"] * 2)
            self.assertRegex(result.err, rf"status {status}; trying again in 0\.\d s \(repeat 1 of 3\)")

    def test_how_often_is_an_option(self):
        for count in (0, 1):
            server = self.serve(answer(503))
            self.pwh("list", "--retries", str(count), expect=7)
            self.assertEqual(len(self.calls(server)), count + 1)
        for wrong in ("-1", "x", "1.5", ""):
            self.pwh("list", "--retries", wrong, expect=2)

    def test_other_failures_are_not_repeated(self):
        for status, code in ((400, 1), (403, 5), (404, 1), (500, 7)):
            server = self.serve(answer(status))
            self.pwh("list", expect=code)
            self.assertEqual(len(self.calls(server)), 1)

    def test_retry_after_is_waited_for(self):
        server = self.serve(answer(503, headers=["Retry-After: 2"]), answer(200, []))
        result = self.pwh("-v", "list")
        self.assertIn("trying again in 2.0 s", result.err)
        self.assertEqual(len(self.calls(server)), 2)

    def test_a_retry_after_that_is_too_long_is_not(self):
        server = self.serve(answer(503, headers=["Retry-After: 61"]))
        self.pwh("list", expect=7)
        self.assertEqual(len(self.calls(server)), 1)

    def test_a_login_is_never_sent_twice(self):
        for reply in (answer(503), answer(429), Cut(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")):
            server = Server(on_login(reply))
            self.use_server(server.authority)
            self.pwh("list", expect=7)
            self.assertEqual(server.requests, ["POST /api/accesstoken/login"])
            server.close()

    def test_a_login_that_was_not_sent_is_tried_again(self):
        self.use_server(f"127.0.0.1:{free_port()}")
        result = self.pwh("-v", "list", "--retries", "1", expect=7)
        self.assertRegex(result.err, r"refused.*; trying again in 0\.\d s \(repeat 1 of 1\)")

    def test_a_delete_whose_answer_was_lost_counts_as_done(self):
        entry = {"id": "4583", "url": URL, "triggerType": "MOVED"}
        cut = Cut(b"HTTP/1.1 204 No Con")
        server = self.serve(answer(200, [entry]), cut, answer(404, {}))
        result = self.pwh("unsubscribe", "4583", "--request-timeout", "3", "--json")
        self.assertEqual(self.calls(server)[1:], [f"DELETE {SUBSCRIPTIONS}/4583"] * 2)
        self.assertEqual([each["id"] for each in json.loads(result.out)], ["4583"])


def print_table():
    """Runs them all in a test's folder, and prints what came of it."""
    rows = []

    class Table(PwhTest):
        def runTest(self):
            surroundings = Surroundings(self)
            for each in provoked():
                result = surroundings.run(each)
                error, hint = error_and_hint(result)
                rows.append((each.how, re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", error), hint, result.code))
    Table().run(common.unittest.TestResult())
    print("| how provoked | message | hint | exit code |\n|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(str(cell).replace("|", "\\|").replace("a" * 64, "aaa…") for cell in row) + " |")


if __name__ == "__main__":
    if "--table" in sys.argv:
        sys.argv.remove("--table")
        common.program = str(Path(sys.argv[1]).resolve(strict=True))
        print_table()
    else:
        common.main()
