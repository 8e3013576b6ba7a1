# SPDX-License-Identifier: Apache-2.0
"""Malformed and hostile requests, each with the answer that it has to get: data for hostile.py.

A case is (what it is, its bytes, the status, whether the connection is kept)."""

import urllib.parse

from common import SECRET
from sender import PREFIX, chunked, hmac_hex, message, signature

HOST = b"Host: receiver.example\r\n"
KEPT, CLOSED = True, False
MAX_BODY = 1 << 20
FORGED = PREFIX.decode() + '{"events":[]}'


def raw(fields=b"", body=b"", start=b"POST / HTTP/1.1", host=HOST):
    return start + b"\r\n" + host + fields + b"\r\n" + body


def empty(target, method="POST", fields=b""):
    return raw(fields + b"Content-Length: 0\r\n", start=f"{method} {target} HTTP/1.1".encode("latin-1"))


def in_chunks(body):
    return raw(b"Transfer-Encoding: chunked\r\n", body)


def signed(body, value=None, name="Preservica-Signature", fields=b""):
    value = signature(SECRET, body) if value is None else value
    return raw(fields + f"{name}: {value}\r\nContent-Length: {len(body)}\r\n".encode(), body)


def challenge(code):
    return empty(f"/?challengeCode={code}")


NO_HTTP = [
    ("TLS to a port without TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64)), 400, CLOSED),
    ("an SSH banner", b"SSH-2.0-OpenSSH_9.2p1\r\n", 400, CLOSED),
    ("SOCKS 5", b"\x05\x01\x00", 400, CLOSED),
    ("the PROXY protocol", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + empty("/"), 400, CLOSED),
    ("zero bytes", bytes(100), 400, CLOSED),
    ("words", b"hello there\r\n\r\n", 400, CLOSED),
    ("an empty line", b"\r\n" + empty("/healthz", "GET"), 400, CLOSED),
    ("HTTP/0.9", b"GET /\r\n", 400, CLOSED),
    ("HTTP/1.2", raw(start=b"GET / HTTP/1.2"), 505, CLOSED),
    ("the HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, CLOSED),
    ("HTTP/3.0", raw(start=b"POST / HTTP/3.0"), 505, CLOSED),
    ("`http/1.1` in small letters", raw(start=b"POST / http/1.1"), 400, CLOSED),
    ("`HTTP/1.1x`", raw(start=b"POST / HTTP/1.1x"), 400, CLOSED),
]

REQUEST_LINE = [
    ("two spaces before the target", raw(start=b"POST  / HTTP/1.1"), 400, CLOSED),
    ("a tab for a space", raw(start=b"POST\t/ HTTP/1.1"), 400, CLOSED),
    ("no target", raw(start=b"POST HTTP/1.1"), 400, CLOSED),
    ("a method that is no token", raw(start=b"PO(ST / HTTP/1.1"), 400, CLOSED),
    ("NUL in the target", raw(start=b"POST /a\x00b HTTP/1.1"), 400, CLOSED),
    ("DEL in the target", raw(start=b"POST /a\x7fb HTTP/1.1"), 400, CLOSED),
    ("a space in the target", raw(start=b"POST /a b HTTP/1.1"), 400, CLOSED),
    ("a target of 20,000 characters", empty("/" + "a" * 20_000), 431, CLOSED),
    ("a method of 20,000 characters", raw(start=b"A" * 20_000 + b" / HTTP/1.1"), 431, CLOSED),
]

FIELDS = [
    ("no Host", raw(b"Content-Length: 0\r\n", host=b""), 400, CLOSED),
    ("two Host, equal", raw(HOST + b"Content-Length: 0\r\n"), 400, CLOSED),
    ("two Host that differ", raw(b"Host: other.example\r\nContent-Length: 0\r\n"), 400, CLOSED),
    ("white space before a colon", raw(b"Content-Length : 0\r\n"), 400, CLOSED),
    ("white space before the first name", raw(b"Content-Length: 0\r\n", host=b" " + HOST), 400, CLOSED),
    ("a folded line", raw(b"X: a\r\n b\r\nContent-Length: 0\r\n"), 400, CLOSED),
    ("a line without a colon", raw(b"nonsense\r\n"), 400, CLOSED),
    ("a name that is empty", raw(b": x\r\n"), 400, CLOSED),
    ("a name that is no token", raw(b"X(y): x\r\n"), 400, CLOSED),
    ("NUL in a value", raw(b"X: a\x00b\r\n"), 400, CLOSED),
    ("a bell in a value", raw(b"X: a\x07b\r\n"), 400, CLOSED),
    ("a bare CR in a value", raw(b"X: a\rContent-Length: 0\r\n"), 400, CLOSED),
    ("bare LF for every line end", raw(b"Content-Length: 0\r\n").replace(b"\r\n", b"\n"), 400, CLOSED),
    ("bare LF for one line end", raw(b"X: a\nContent-Length: 0\r\n"), 400, CLOSED),
    ("a field of 17,000 bytes", raw(b"X: " + b"a" * 17_000 + b"\r\n"), 431, CLOSED),
    ("3,000 fields", raw(b"X: a\r\n" * 3_000), 431, CLOSED),
]

LENGTHS = [
    ("`Content-Length` and `Transfer-Encoding`", raw(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"), 400, CLOSED),
    ("`Transfer-Encoding` and `Content-Length`", raw(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n"), 400, CLOSED),
    ("`Content-Length` twice, equal", raw(b"Content-Length: 1\r\n" * 2, b"x"), 400, CLOSED),
    ("`Content-Length` twice, different", raw(b"Content-Length: 1\r\nContent-Length: 2\r\n", b"xy"), 400, CLOSED),
    ("`Content-Length: 1, 1`", raw(b"Content-Length: 1, 1\r\n", b"x"), 400, CLOSED),
    ("`Content-Length: +1`", raw(b"Content-Length: +1\r\n", b"x"), 400, CLOSED),
    ("`Content-Length: -1`", raw(b"Content-Length: -1\r\n"), 400, CLOSED),
    ("`Content-Length: 0x1`", raw(b"Content-Length: 0x1\r\n", b"x"), 400, CLOSED),
    ("`Content-Length: 1 1`", raw(b"Content-Length: 1 1\r\n", b"x"), 400, CLOSED),
    ("`Content-Length:`", raw(b"Content-Length:\r\n"), 400, CLOSED),
    ("`Content-Length` of 2^64", raw(b"Content-Length: 18446744073709551616\r\n"), 400, CLOSED),
    ("`Content-Length` of 2^64 - 1", raw(b"Content-Length: 18446744073709551615\r\n"), 413, CLOSED),
    ("`Content-Length` one over `--max-body`", raw(b"Content-Length: %d\r\n" % (MAX_BODY + 1)), 413, CLOSED),
    ("`Transfer-Encoding: gzip`", raw(b"Transfer-Encoding: gzip\r\n"), 400, CLOSED),
    ("`Transfer-Encoding: gzip, chunked`", raw(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"), 400, CLOSED),
    ("`Transfer-Encoding: chunked, identity`", raw(b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n"), 400, CLOSED),
    ("`Transfer-Encoding: chunked` twice", raw(b"Transfer-Encoding: chunked\r\n" * 2, b"0\r\n\r\n"), 400, CLOSED),
    ("`Transfer-Encoding: xchunked`", raw(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"), 400, CLOSED),
    ("`Transfer-Encoding: \\vchunked`", raw(b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n"), 400, CLOSED),
    ("`Transfer-Encoding: chunked` under HTTP/1.0",
     raw(b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", b"POST / HTTP/1.0"), 400, CLOSED),
]

CHUNKS = [
    ("chunk size `0x5`", in_chunks(b"0x5\r\nhello\r\n0\r\n\r\n"), 400, CLOSED),
    ("chunk size `-5`", in_chunks(b"-5\r\nhello\r\n0\r\n\r\n"), 400, CLOSED),
    ("chunk size ` 5`", in_chunks(b" 5\r\nhello\r\n0\r\n\r\n"), 400, CLOSED),
    ("chunk size `5 `", in_chunks(b"5 \r\nhello\r\n0\r\n\r\n"), 400, CLOSED),
    ("no chunk size", in_chunks(b"\r\nhello\r\n0\r\n\r\n"), 400, CLOSED),
    ("a chunk of 2^64 - 1 bytes", in_chunks(b"ffffffffffffffff\r\n"), 413, CLOSED),
    ("a chunk size of 17 digits", in_chunks(b"10000000000000005\r\nhello\r\n0\r\n\r\n"), 400, CLOSED),
    ("a chunk one over `--max-body`", in_chunks(b"%x\r\n" % (MAX_BODY + 1)), 413, CLOSED),
    ("chunks that grow over `--max-body`", in_chunks(chunked(b"x" * (MAX_BODY + 1), 60_000)), 413, CLOSED),
    ("chunks of one byte, 300,000 of them, unsigned", in_chunks(chunked(b"x" * 300_000, 1)), 401, KEPT),
    ("chunk lines that end in LF", in_chunks(b"5\nhello\n0\n\n"), 400, CLOSED),
    ("a chunk longer than its size", in_chunks(b"3\r\nhello\r\n0\r\n\r\n"), 400, CLOSED),
    ("a bare CR in a chunk's line", in_chunks(b"5;a\rb\r\nhello\r\n0\r\n\r\n"), 400, CLOSED),
    ("NUL in the quotes of a chunk extension", in_chunks(b'5;a="\x00"\r\nhello\r\n0\r\n\r\n'), 400, CLOSED),
    ("LF in the quotes of a chunk extension", in_chunks(b'5;a="\n"\r\nhello\r\n0\r\n\r\n'), 400, CLOSED),
    ("a chunk extension of 20,000 bytes", in_chunks(b"5;a=" + b"b" * 20_000 + b"\r\nhello\r\n0\r\n\r\n"), 400, CLOSED),
    ("a trailer without a colon", in_chunks(b"0\r\nnonsense\r\n\r\n"), 400, CLOSED),
    ("`Content-Length` as a trailer", in_chunks(b"0\r\nContent-Length: 5\r\n\r\n"), 400, CLOSED),
    ("trailers of 20,000 bytes", in_chunks(b"0\r\n" + b"X: a\r\n" * 3_400 + b"\r\n"), 400, CLOSED),
]

METHODS = [
    ("GET", empty("/", "GET"), 405, KEPT),
    ("HEAD", empty("/", "HEAD"), 405, KEPT),
    ("PUT, signed", signed(message(1)).replace(b"POST", b"PUT", 1), 405, KEPT),
    ("`post` in small letters", empty("/", "post"), 405, KEPT),
    ("OPTIONS *", empty("*", "OPTIONS"), 405, KEPT),
    ("CONNECT, as to a proxy", empty("other.example:443", "CONNECT"), 405, KEPT),
    ("TRACE", empty("/", "TRACE"), 405, KEPT),
    ("GET with a challenge", empty("/?challengeCode=abc", "GET"), 405, KEPT),
]

SIGNATURES = [
    ("no signature", raw(b"Content-Length: 2\r\n", b"{}"), 401, KEPT),
    ("an empty signature", signed(message(2), ""), 401, KEPT),
    ("a signature of 63 digits", signed(message(2), signature(SECRET, message(2))[:-1]), 401, KEPT),
    ("a signature of 65 digits", signed(message(2), signature(SECRET, message(2)) + "0"), 401, KEPT),
    ("`sha256=` before it", signed(message(2), "sha256=" + signature(SECRET, message(2))), 401, KEPT),
    ("a signature with white space within", signed(message(2), "0" * 32 + " " + "0" * 31), 401, KEPT),
    ("the right one twice in one field", signed(message(2), ", ".join([signature(SECRET, message(2))] * 2)), 401, KEPT),
    ("a wrong one, then the right one", signed(message(2), fields=b"Preservica-Signature: " + b"0" * 64 + b"\r\n"), 401, KEPT),
    ("under another secret", signed(message(2), signature("another-secret-of-the-tests", message(2))), 401, KEPT),
    ("of another body", signed(message(2), signature(SECRET, message(3))), 401, KEPT),
    ("over the body without the prefix", signed(message(2), hmac_hex(SECRET, message(2))), 401, KEPT),
    ("in a trailer", in_chunks(chunked(message(2), 99)[:-2] + b"Preservica-Signature: "
                               + signature(SECRET, message(2)).encode() + b"\r\n\r\n"), 401, KEPT),
    ("in the query", empty(f"/?Preservica-Signature={signature(SECRET, b'')}"), 401, KEPT),
    ("`Expect: 100-continue` without a signature", raw(b"Expect: 100-continue\r\nContent-Length: 5\r\n"), 401, CLOSED),
    ("an upgrade to a web socket", empty("/", fields=b"Connection: upgrade\r\nUpgrade: websocket\r\n"), 401, KEPT),
]

CHALLENGES = [
    ("the signing oracle", challenge(urllib.parse.quote(FORGED)), 400, KEPT),
    ("… as it is", challenge('preservica-webhook-auth{"events":[]}'), 400, KEPT),
    ("… every character encoded", challenge("".join(f"%{byte:02x}" for byte in FORGED.encode())), 400, KEPT),
    ("… with an encoded name", empty("/?challenge%43ode=" + urllib.parse.quote(FORGED)), 400, KEPT),
    ("… behind a harmless code", empty("/?challengeCode=abc&challengeCode=" + urllib.parse.quote(FORGED)), 400, KEPT),
    ("… before a harmless code", empty(f"/?challengeCode={urllib.parse.quote(FORGED)}&challengeCode=abc"), 400, KEPT),
    ("… with a wrong signature", empty("/?challengeCode=" + urllib.parse.quote(FORGED),
                                       fields=b"Preservica-Signature: " + b"0" * 64 + b"\r\n"), 400, KEPT),
    ("… the prefix alone", challenge(PREFIX.decode()), 400, KEPT),
    ("… in a body", raw(b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 37\r\n",
                        b"challengeCode=" + PREFIX), 401, KEPT),
    ("an empty code", challenge(""), 400, KEPT),
    ("a code of 257 characters", challenge("a" * 257), 400, KEPT),
    ("a code with a space", challenge("a+b"), 400, KEPT),
    ("a code with a line break", challenge("a%0d%0ab"), 400, KEPT),
    ("a code outside ASCII", challenge("%C3%A4"), 400, KEPT),
    ("a code with a broken escape", challenge("a%4"), 400, KEPT),
    ("the same code twice", empty("/?challengeCode=abc&challengeCode=abc"), 400, KEPT),
]

BODIES = [
    ("signed, no body", signed(b""), 400, KEPT),
    ("signed, not JSON", signed(b"events=1"), 400, KEPT),
    ("signed, half a message", signed(message(4)[:-1]), 400, KEPT),
    ("signed, something behind the message", signed(message(4) + b"{}"), 400, KEPT),
    ("signed, not UTF-8", signed(b'{"a":"\xff"}'), 400, KEPT),
    ("signed, an overlong UTF-8 slash", signed(b'{"a":"\xc0\xaf"}'), 400, KEPT),
    ("signed, NUL behind the message", signed(message(4) + b"\0"), 400, KEPT),
    ("signed, a byte order mark", signed(b"\xef\xbb\xbf" + message(4)), 400, KEPT),
    ("signed, 500,000 opening brackets", signed(b"[" * 500_000), 400, KEPT),
    ("signed, an array 500,000 levels deep", signed(b"[" * 500_000 + b"]" * 500_000), 200, KEPT),
    ("signed, 100,000 members of one name", signed(b"{" + b",".join([b'"a":1'] * 100_000) + b"}"), 200, KEPT),
    ("signed, a number of 1,000,000 digits", signed(b"[" + b"1" * 1_000_000 + b"]"), 200, KEPT),
]

AT_A_PATH = [  # with --path /hook --no-handshake
    ("another path", empty("/other"), 404, KEPT),
    ("the path with a slash behind it", empty("/hook/"), 404, KEPT),
    ("the path in capitals", empty("/HOOK"), 404, KEPT),
    ("the path, encoded", empty("/%68ook"), 404, KEPT),
    ("dots that lead to the path", empty("/x/../hook"), 404, KEPT),
    ("two slashes before it", empty("//hook"), 404, KEPT),
    ("a path without a slash", empty("hook"), 404, KEPT),
    ("GET at the path", empty("/hook", "GET"), 405, KEPT),
    ("POST to the health check", empty("/healthz"), 405, KEPT),
    ("an absolute target, unsigned", empty("http://other.example/hook"), 401, KEPT),
    ("a handshake with `--no-handshake`", empty("/hook?challengeCode=abc"), 400, KEPT),
]

GROUPS = [  # (title, options of the receiver, cases)
    ("No HTTP, or another version", (), NO_HTTP),
    ("Request line", (), REQUEST_LINE),
    ("Header fields", (), FIELDS),
    ("Lengths and codings", (), LENGTHS),
    ("Chunks", (), CHUNKS),
    ("Methods", (), METHODS),
    ("Signatures", (), SIGNATURES),
    ("Challenges", (), CHALLENGES),
    ("Bodies", (), BODIES),
    ("With `--path /hook --no-handshake`", ("--path", "/hook", "--no-handshake"), AT_A_PATH),
]
