#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A scriptable Preservica: records each request exactly, and answers as a test tells it.

As a class for tests, see FakePreservica. As a program: fake_preservica.py [--rule 'METHOD PATH ACTION'] …; it
prints `port N`, then a JSON line for each request. Each rule is used once, in order; `*` after ACTION makes it stay.
"""

import argparse
import hashlib
import hmac
import http.client
import json
import socketserver
import sys
import threading
import urllib.parse
import uuid

SUBSCRIPTIONS = "/api/webhook/subscriptions"
LOGIN = "/api/accesstoken/login"
PATIENCE = 120


class Request:
    def __init__(self, line, headers):
        self.method, self.target, self.version = line.split(" ")
        self.line, self.headers, self.body = line, headers, b""

    @property
    def path(self):
        return self.target.partition("?")[0]

    def header(self, name):
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None

    def form(self):
        return urllib.parse.parse_qsl(self.body.decode(), keep_blank_values=True, strict_parsing=True)

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return self.line


class Drop(Exception):
    """The connection is to end without an answer."""


class FakePreservica:
    """Serves on a loopback port until close(). What a test may set:

    rules        (method, path, action, stays): the first that fits decides, and is used up unless it stays
    on_head      called with a request before its body is read
    on_event     called with the name of each step of a POST of a subscription: body, made, answering, answered
    shake_hands  whether the receiver is asked before a subscription is made
    """

    def __init__(self):
        self.requests = []
        self.subscriptions = []
        self.secrets = {}
        self.rules = []
        self.tokens = set()
        self.tenant = "ACME"
        self.shake_hands = False
        self.on_head = lambda request: None
        self.on_event = lambda name: None
        self.released = threading.Event()
        self.connections = 0  # one that has ended has been worked off, too
        self._lock = threading.Lock()
        fake = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                fake._serve(self.rfile, self.wfile)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 64

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.authority = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def rule(self, method, path, action, stays=False):
        self.rules.append((method, path, action, stays))

    def lines(self):
        """Method and path of each request so far."""
        return [f"{request.method} {request.target}" for request in self.requests]

    def add_subscription(self, url, trigger, **fields):
        entry = {"id": uuid.uuid4().hex, "url": url, "triggerType": trigger, "includeIdentifiers": True, **fields}
        self.subscriptions.append(entry)
        return entry

    # One connection.

    def _serve(self, rfile, wfile):
        with self._lock:
            self.connections += 1
        try:
            while (request := self._read_head(rfile)) is not None:
                self._serve_one(request, rfile, wfile)
        except (Drop, ConnectionError):
            pass
        finally:
            with self._lock:
                self.connections -= 1

    def _serve_one(self, request, rfile, wfile):
        self.on_head(request)
        request.body = self._read_body(request, rfile)
        with self._lock:
            self.requests.append(request)
            rule = self._find_rule(request)
        self._write(wfile, request, *self._answer(request, rule))

    @staticmethod
    def _read_head(rfile):
        line = rfile.readline().decode("latin-1").rstrip("\r\n")
        if not line:
            return None
        headers = []
        while (field := rfile.readline().decode("latin-1").rstrip("\r\n")):
            name, _, value = field.partition(":")
            headers.append((name, value.strip()))
        return Request(line, headers)

    @staticmethod
    def _read_body(request, rfile):
        if (request.header("Transfer-Encoding") or "").lower() != "chunked":
            return rfile.read(int(request.header("Content-Length") or 0))
        body = b""
        while size := int(rfile.readline(), 16):
            body += rfile.read(size)
            rfile.readline()
        rfile.readline()
        return body

    def _find_rule(self, request):
        for rule in self.rules:
            method, path, _, stays = rule
            if method == request.method and request.path.startswith(path):
                if not stays:
                    self.rules.remove(rule)
                return rule[2]
        return None

    def _write(self, wfile, request, status, body, headers=()):
        is_post = request.method == "POST" and request.path == SUBSCRIPTIONS
        if is_post:
            self.on_event("answering")
        head = f"HTTP/1.1 {status} Status\r\nContent-Length: {len(body)}\r\n"
        if status == 204:
            head = "HTTP/1.1 204 No Content\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers)
        wfile.write(head.encode() + b"\r\n" + body)
        wfile.flush()
        if is_post:
            self.on_event("answered")

    # What to answer.

    def _answer(self, request, action):
        """Status, body and headers; `action` bends the normal answer."""
        word, _, argument = (action or "").partition(" ")
        if word == "drop":
            raise Drop
        if word == "hang":
            self.released.wait(PATIENCE)
            raise Drop
        if word == "html":
            return 200, b"<!DOCTYPE html><html><body>Sign in</body></html>", [("Content-Type", "text/html")]
        if word == "redirect":
            return 302, b"", [("Location", argument)]
        if word == "status":
            status, _, text = argument.partition(" ")
            return int(status), text.encode(), [("Content-Type", "application/json")]
        if word == "expired":
            self.tokens.clear()
        status, body = self._normal_answer(request)
        if word == "process-and-drop":
            raise Drop
        if word == "process-and-hold":
            self.released.wait(PATIENCE)
        text = b"" if body is None else json.dumps(body).encode()
        if word == "truncated":
            text = text[:len(text) // 2]
        if word == "process-and-status":
            return int(argument), b"", []
        return status, text, [("Content-Type", "application/json")]

    def _normal_answer(self, request):
        with self._lock:
            if request.path == LOGIN:
                return self._login(request)
            if request.header("Preservica-Access-Token") not in self.tokens:
                return 401, {"message": "token expired"}
            if request.path == SUBSCRIPTIONS and request.method == "GET":
                return 200, list(self.subscriptions)
        if request.path == SUBSCRIPTIONS and request.method == "POST":
            return self._subscribe(request)
        if request.path.startswith(SUBSCRIPTIONS + "/") and request.method == "DELETE":
            wanted = urllib.parse.unquote(request.path.rpartition("/")[2])
            with self._lock:
                kept = [each for each in self.subscriptions if each["id"] != wanted]
                found = len(kept) < len(self.subscriptions)
                self.subscriptions[:] = kept
            return (204, None) if found else (404, {"message": "no such subscription"})
        return 404, {"message": "no such address"}

    def _login(self, request):
        form = dict(request.form())
        if form.get("password") != "the-password":
            return 401, {"success": False, "message": "wrong password"}
        token = str(uuid.uuid4())
        self.tokens.add(token)
        answer = {"success": True, "user": form.get("username"), "token": token,
                  "refresh-token": str(uuid.uuid4()), "validFor": 15}
        if form.get("includeUserDetails") == "true":
            answer.update(tenant=self.tenant, tenantValue=self.tenant)
        return 200, answer

    def _subscribe(self, request):
        self.on_event("body")
        wanted = request.json()
        if self.shake_hands and not self._handshake(wanted["url"], wanted["secret"]):
            return 400, {"message": "the challenge failed"}
        with self._lock:
            entry = self.add_subscription(wanted["url"], wanted["triggerType"],
                                          includeIdentifiers=wanted["includeIdentifiers"] == "true")
            self.secrets[entry["id"]] = wanted["secret"]
        self.on_event("made")
        return 200, entry

    @staticmethod
    def _handshake(url, secret):
        code = str(uuid.uuid4())
        parsed = urllib.parse.urlsplit(url)
        query = f"{parsed.query}&" if parsed.query else ""
        try:
            connection = http.client.HTTPConnection(parsed.hostname, parsed.port, timeout=PATIENCE)
            connection.request("POST", f"{parsed.path or '/'}?{query}challengeCode={code}")
            response = connection.getresponse()
            answer = json.loads(response.read())
            connection.close()
        except (OSError, ValueError, http.client.HTTPException):
            return False
        right = hmac.new(secret.encode(), code.encode(), hashlib.sha256).hexdigest()
        return response.status == 200 and answer == {"challengeCode": code, "challengeResponse": right}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rule", action="append", default=[], metavar="'METHOD PATH ACTION'")
    parser.add_argument("--subscription", action="append", default=[], metavar="JSON", help="one that is there already")
    options = parser.parse_args()
    fake = FakePreservica()
    for rule in options.rule:
        method, path, action = rule.split(" ", 2)
        fake.rule(method, path, action.removesuffix("*"), action.endswith("*"))
    fake.subscriptions += [json.loads(each) for each in options.subscription]
    print(f"port {fake.port}", flush=True)
    fake.on_head = lambda request: print(json.dumps({"method": request.method, "target": request.target}), flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    sys.exit(main())
