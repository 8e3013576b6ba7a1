#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Preservica's side of the webhook protocol by raw sockets: handshakes and signed events, in whatever framing a test asks for.

As a program: sender.py URL --secret-file FILE [--challenge CODE | --body FILE] [--chunk BYTES] [--count N];
it prints the status of each answer, and the body of a handshake's."""

import argparse
import hashlib
import hmac
import json
import select
import socket
import sys
import urllib.parse
import uuid

PREFIX = b"preservica-webhook-auth"
PATIENCE = 120  # seconds; only a receiver that hangs takes so long


def hmac_hex(secret, message):
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def signature(secret, body):
    """Of an event: over the bytes that `body` is, or those of its UTF-8."""
    return hmac_hex(secret, PREFIX + (body.encode() if isinstance(body, str) else body))


def message(number=0, trigger="FULL_TEXT_INDEXED", **fields):
    """A published message as Preservica writes it, different for each number."""
    return json.dumps({
        "subscriptionId": "9495ddbf7d4a0b9f030a3411c87f967d", "timestamp": "2023-10-11T10:52:42.469",
        "tenant": "BRAMA", "version": "6.10",
        "events": [{"event": "FullTextIndexed", "entityType": "IO",
                    "entityRef": str(uuid.UUID(int=number)), "identifiers": [{"BatchId": str(number)}]}],
        "trigger": trigger, **fields}, separators=(",", ":")).encode()


def chunked(body, size):
    """The body in chunks of so many bytes."""
    pieces = [body[at:at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body!r}"


class Connection:
    """One TCP connection; every answer has to come within PATIENCE."""

    def __init__(self, host, port):
        self._socket = socket.create_connection((host, port), PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._file.close()
        self._socket.close()

    def send(self, data, piece=None):
        """All at once, or in pieces of so many bytes."""
        try:
            for at in range(0, len(data), piece or len(data) or 1):
                self._socket.sendall(data[at:at + (piece or len(data))])
        except (BrokenPipeError, ConnectionResetError):
            pass  # the other side has answered and closed; what it said can be read

    def send_urgent(self, byte):
        self._socket.send(byte, socket.MSG_OOB)

    def finish_sending(self):
        self._socket.shutdown(socket.SHUT_WR)

    def readable(self, seconds):
        """Whether an answer, or the end, comes within that time."""
        return bool(select.select([self._socket], [], [], seconds)[0])

    def answer(self, to_head=False):
        """The next answer; none where the connection ends without one."""
        try:
            start = self._file.readline()
            if not start:
                return None
            headers = []
            while (line := self._file.readline().decode("latin-1").rstrip("\r\n")):
                name, _, value = line.partition(":")
                headers.append((name, value.strip()))
            answer = Answer(int(start.split()[1]), headers, b"")
            if not to_head and answer.status not in (100, 204):
                answer.body = self._file.read(int(answer.header("Content-Length") or 0))
            return answer
        except ConnectionResetError:
            return None

    def closed(self):
        """Waits for the other side to close; False when something else came."""
        try:
            return self._file.read(1) == b""
        except ConnectionResetError:
            return True


class Sender:
    def __init__(self, url, secret=""):
        parsed = urllib.parse.urlsplit(url)
        self.host, self.port = parsed.hostname, parsed.port or 80
        self.target = parsed.path + (f"?{parsed.query}" if parsed.query else "")
        self.secret = secret

    def connect(self):
        return Connection(self.host, self.port)

    def request(self, method="POST", target=None, headers=(), body=b"", chunk=None):
        """A request's bytes; `headers` stand beside Host and the framing."""
        lines = [f"{method} {target or self.target} HTTP/1.1", f"Host: {self.host}:{self.port}"]
        lines += [f"{name}: {value}" for name, value in headers]
        if chunk:
            framing, body = "Transfer-Encoding: chunked", chunked(body, chunk)
        else:
            framing = f"Content-Length: {len(body)}"
        return "\r\n".join([*lines, framing, "", ""]).encode("latin-1") + body

    def event(self, body, secret=None, name="Preservica-Signature", sign=None, **options):
        """A signed event's bytes."""
        if sign is None:
            sign = signature(self.secret if secret is None else secret, body)
        headers = [("Content-Type", "application/json"), (name, sign), *options.pop("headers", ())]
        return self.request(headers=headers, body=body, **options)

    def exchange(self, data, piece=None):
        """Sends these bytes on a connection of their own, and returns the answer."""
        with self.connect() as connection:
            connection.send(data, piece)
            return connection.answer()

    def send_event(self, body, piece=None, **options):
        return self.exchange(self.event(body, **options), piece)

    def challenge(self, code):
        joint = "&" if "?" in self.target else "?"
        target = f"{self.target}{joint}challengeCode={urllib.parse.quote(code, safe='')}"
        return self.exchange(self.request(target=target))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--secret-file", required=True)
    parser.add_argument("--challenge", metavar="CODE")
    parser.add_argument("--body", metavar="FILE")
    parser.add_argument("--chunk", type=int, metavar="BYTES", help="chunks of this size, instead of Content-Length")
    parser.add_argument("--trigger", default="FULL_TEXT_INDEXED")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--from", type=int, default=1, dest="first")
    options = parser.parse_args()
    with open(options.secret_file, encoding="utf-8") as file:
        sender = Sender(options.url, file.read().rstrip("\r\n"))
    if options.challenge is not None:
        answer = sender.challenge(options.challenge)
        print(answer.status, answer.body.decode())
        return
    for number in range(options.first, options.first + options.count):
        body = message(number, options.trigger)
        if options.body:
            with open(options.body, "rb") as file:
                body = file.read()
        print(sender.send_event(body, chunk=options.chunk).status)


if __name__ == "__main__":
    sys.exit(main())
