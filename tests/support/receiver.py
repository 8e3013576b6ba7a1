#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A receiver that shares no code with pwh: answers handshakes, verifies events, and writes their bodies to stdout.

stderr has the line `listening on URL`, and one for each refused event. --handshake says how a handshake is answered."""

import argparse
import hashlib
import hmac
import http.server
import json
import sys
import threading
import time
import urllib.parse

PREFIX = b"preservica-webhook-auth"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lock = threading.Lock()
    options = None
    secret = b""
    failures_left = 0

    def log_message(self, *_):
        pass

    def do_POST(self):
        if self.options.show_heads:
            print(json.dumps({name.lower(): value for name, value in self.headers.items()}), file=sys.stderr, flush=True)
        body = self.read_body()
        time.sleep(self.options.delay)
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query, keep_blank_values=True)
        if "challengeCode" in query:
            return self.answer_handshake(query["challengeCode"][0])
        return self.take_event(body)

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def answer_handshake(self, code):
        how = self.options.handshake
        response = hmac.new(self.secret, code.encode(), hashlib.sha256).hexdigest()
        fields = {"challengeCode": code, "challengeResponse": response}
        if how == "wrong":
            fields["challengeResponse"] = "0" * 64
        elif how == "upper":
            fields["challengeResponse"] = response.upper()
        elif how == "other-code":
            fields["challengeCode"] = code + "x"
        elif how == "404":
            return self.answer(404)
        elif how == "text":
            return self.answer(200, response.encode(), "text/plain")
        return self.answer(200, json.dumps(fields).encode(), "application/json")

    def take_event(self, body):
        right = hmac.new(self.secret, PREFIX + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(self.headers.get("Preservica-Signature", "").encode(), right.encode()):
            with self.lock:
                print("refused: wrong signature", file=sys.stderr, flush=True)
            return self.answer(401)
        with self.lock:
            fails = Handler.failures_left > 0
            Handler.failures_left -= fails
            # Without a lock around both, lines of two events could mix.
            print("failed" if fails else body.decode(), file=sys.stderr if fails else sys.stdout, flush=True)
        return self.answer(500 if fails else 200)

    def answer(self, status, body=b"", content_type=None):
        self.send_response(status)
        if content_type:
            self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--secret-file", required=True)
    parser.add_argument("--handshake", default="right",
                        choices=("right", "wrong", "upper", "other-code", "404", "text"))
    parser.add_argument("--fail-first", type=int, default=0, metavar="K", help="answer the first K events with 500")
    parser.add_argument("--show-heads", action="store_true", help="each request's headers on stderr, as JSON")
    parser.add_argument("--delay", type=float, default=0, metavar="S")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    with open(options.secret_file, "rb") as file:
        Handler.secret = file.read().rstrip(b"\r\n")
    Handler.options, Handler.failures_left = options, options.fail_first
    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    print(f"listening on http://127.0.0.1:{server.server_port}/", file=sys.stderr, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
