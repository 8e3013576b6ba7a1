#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`pwh sign` and `pwh verify` against Python's hmac: signing.py PWH."""

import hashlib
import hmac
import json
import os
import subprocess

import common
from common import SECRET, PATIENCE, PwhTest, Result

PREFIX = b"preservica-webhook-auth"
OTHER = "another-secret-of-the-tests-0123456789"
BODIES = {
    "empty": b"",
    "json": b'{"events":[],"trigger":"MOVED"}',
    "line breaks": b'{\r\n"a":1\n}\r\n\n',
    "NUL and control characters": bytes(range(32)),
    "every byte": bytes(range(256)),
    "no UTF-8": b'{"a":"\xff\xfe"}',
    "UTF-8": '{"a":"Zoë – 東京"}'.encode(),
    "spaces at the ends": b"  {}  ",
    "longer than a pipe": b"0123456789abcdef" * 65536,
}
# HMAC-SHA256 of RFC 4231, test case 6, has a key longer than a block; these do, too.
SECRETS = {"plain": SECRET, "longer than a block": "s" * 131, "with spaces": "  a secret with spaces  ",
           "not ASCII": "geheim-äöü-geheim", "two lines": "first line\nsecond line"}


def digest(message, secret=SECRET):
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def signature(body, secret=SECRET):
    return digest(PREFIX + body, secret)


class SigningTest(PwhTest):
    def pwh_with(self, stdin, *arguments, expect=0, **variables):
        """Runs pwh with these bytes on stdin."""
        done = subprocess.run([common.program, *arguments], cwd=self.folder / "work",
                              env={**self.environment, **variables}, input=stdin, capture_output=True,
                              timeout=PATIENCE, check=False)
        result = Result(done.returncode, done.stdout.decode(), done.stderr.decode())
        self.assertEqual(result.code, expect, result)
        for secret in (SECRET, OTHER):
            self.assertNotIn(secret, result.out + result.err)
        return result

    def file(self, data, name="body"):
        path = self.folder / "work" / name
        path.write_bytes(data)
        return name

    def store(self, *secrets, server="s.example", tenant="ACME"):
        """Secrets as `pwh subscribe` leaves them."""
        self.state.mkdir(mode=0o700, exist_ok=True)
        path = self.state / "secrets.json"
        stored = json.loads(path.read_text())["secrets"] if path.exists() else []
        for number, secret in enumerate(secrets, len(stored)):
            stored.append({"server": server, "tenant": tenant, "secret": secret, "createdAt": "2026-11-23T17:04:05.678Z",
                           "uses": [{"id": f"{number:032x}", "url": "https://h.example/", "trigger": "MOVED"}]})
        path.touch(0o600)
        path.write_text(json.dumps({"version": 1, "secrets": stored}))


class Sign(SigningTest):
    def test_bodies_from_stdin_and_file(self):
        secret = self.secret_file()
        for name, body in BODIES.items():
            with self.subTest(name):
                expected = signature(body) + "\n"
                self.assertEqual(self.pwh_with(body, "sign", "--secret-file", secret).out, expected)
                self.assertEqual(self.pwh_with(body, "sign", "-", "--secret-file", secret).out, expected)
                file = self.file(body)
                self.assertEqual(self.pwh_with(b"not this", "sign", file, "--secret-file", secret).out, expected)

    def test_secrets(self):
        for name, secret in SECRETS.items():
            with self.subTest(name):
                file = self.secret_file(secret.encode() + b"\r\n")
                self.assertEqual(self.pwh_with(b"{}", "sign", "--secret-file", file).out,
                                 signature(b"{}", secret) + "\n")

    def test_where_the_secret_comes_from(self):
        self.store(SECRET)
        self.assertEqual(self.pwh_with(b"{}", "sign").out, signature(b"{}") + "\n")
        (self.folder / "work" / "credentials.properties").touch(0o600)
        self.file(f"[credentials]\nsecret.key={OTHER}\n".encode(), "credentials.properties")
        self.assertEqual(self.pwh_with(b"{}", "sign").out, signature(b"{}", OTHER) + "\n")
        file = self.secret_file("a third secret of the tests")
        self.assertEqual(self.pwh_with(b"{}", "sign", PWH_SECRET_FILE=file).out,
                         signature(b"{}", "a third secret of the tests") + "\n")
        flag = self.secret_file("a fourth secret of the tests", "fourth")
        self.assertEqual(self.pwh_with(b"{}", "sign", "--secret-file", flag, PWH_SECRET_FILE=file).out,
                         signature(b"{}", "a fourth secret of the tests") + "\n")

    def test_secret_from_stdin(self):
        self.file(b"{}")
        self.assertEqual(self.pwh_with(SECRET.encode() + b"\n", "sign", "body", "--secret-file", "-").out,
                         signature(b"{}") + "\n")
        both = self.pwh_with(SECRET.encode(), "sign", "--secret-file", "-", expect=2)
        self.assertIn("stdin", both.err)

    def test_no_secret(self):
        result = self.pwh_with(b"{}", "sign", expect=2)
        for way in ("--secret-file", "PWH_SECRET_FILE", "secret.key", "pwh subscribe"):
            self.assertIn(way, result.err)
        self.assertEqual(result.out, "")

    def test_several_stored(self):
        self.store(SECRET, OTHER)
        for arguments in (["sign"], ["sign", "--challenge", "abc"],
                          ["send", "http://127.0.0.1:9/", "--trigger", "moved"], ["check", "http://127.0.0.1:9/"]):
            with self.subTest(arguments):
                result = self.pwh_with(b"{}", *arguments, expect=2)
                self.assertIn("2 secrets are stored", result.err)
                self.assertIn("hint: give --secret-file FILE", result.err)

    def test_one_secret_of_two_subscriptions(self):
        self.store(SECRET, SECRET)
        self.assertEqual(self.pwh_with(b"{}", "sign").out, signature(b"{}") + "\n")

    def test_server_and_tenant_choose(self):
        self.store(SECRET, server="a.example")
        self.store(OTHER, server="b.example")
        self.assertEqual(self.pwh_with(b"{}", "sign", "--server", "b.example").out, signature(b"{}", OTHER) + "\n")
        self.assertEqual(self.pwh_with(b"{}", "sign", PRESERVICA_SERVER="a.example").out, signature(b"{}") + "\n")
        self.pwh_with(b"{}", "sign", "--server", "c.example", expect=2)
        self.pwh_with(b"{}", "sign", "--server", "a.example", "--tenant", "OTHER", expect=2)

    def test_file_that_is_not_there(self):
        self.assertIn("cannot read body", self.pwh_with(b"", "sign", "nowhere", "--secret-file", self.secret_file(),
                                                        expect=2).err)


class Challenge(SigningTest):
    def answer(self, code, **options):
        return self.pwh_with(b"{}", "sign", "--challenge", code, "--secret-file", self.secret_file(), **options)

    def test_answers_as_a_receiver_has_to(self):
        for code in ("abc", "4f0c2b1e-6f0a-4a7c-9d0e-3a1b2c3d4e5f", '"quoted\\"', "[a,b]", "a=b&c", "x" * 256,
                     "Preservica-Webhook-Auth", "-preservica-webhook-auth", "--version", "-v", "--secret-file"):
            with self.subTest(code):
                out = self.answer(code).out
                self.assertTrue(out.endswith("}\n"))
                self.assertEqual(json.loads(out), {"challengeCode": code, "challengeResponse": digest(code.encode())})

    def test_the_oracle_stays_closed(self):
        for code in ("preservica-webhook-auth", 'preservica-webhook-auth{"events":[]}', "", " ", "a b", "x" * 257,
                     " preservica-webhook-auth{}", "a\nb", "ä", "\x7f"):
            with self.subTest(code):
                result = self.answer(code, expect=2)
                self.assertEqual(result.out, "")
                self.assertIn("must not be signed", result.err)

    def test_the_body_is_never_signed(self):
        # A CGI program with a crafted code in the query, and an attacker's body on stdin.
        body = b'{"forged":1}'
        for arguments in (["--challenge", ""], ["--challenge="], ["--challenge", "--"], ["--challenge"]):
            with self.subTest(arguments):
                result = self.pwh_with(body, "sign", "--secret-file", self.secret_file(), *arguments, expect=2)
                self.assertEqual(result.out, "")

    def test_goes_with_no_file(self):
        self.file(b"{}")
        self.pwh_with(b"", "sign", "body", "--challenge", "abc", "--secret-file", self.secret_file(), expect=2)

    def test_reads_no_body(self):
        reader, writer = os.pipe()
        try:
            done = subprocess.run([common.program, "sign", "--challenge", "abc", "--secret-file", self.secret_file()],
                                  env=self.environment, stdin=reader, capture_output=True, timeout=PATIENCE, check=True)
        finally:
            os.close(writer)
            os.close(reader)
        self.assertEqual(json.loads(done.stdout)["challengeResponse"], digest(b"abc"))


class Verify(SigningTest):
    def verify(self, body, given, *arguments, **options):
        return self.pwh_with(body, "verify", "--signature", given, "--secret-file", self.secret_file(),
                             *arguments, **options)

    def test_right_ones(self):
        for name, body in BODIES.items():
            for form in (str.lower, str.upper):
                with self.subTest(name, form=form.__name__):
                    result = self.verify(body, form(signature(body)))
                    self.assertEqual(result.out + result.err, "")
                    file = self.file(body)
                    self.verify(b"not this", form(signature(body)), file)

    def test_says_so_when_asked(self):
        result = self.verify(b"{}", signature(b"{}"), "-v")
        self.assertEqual((result.out, result.err), ("", "pwh: the signature matches\n"))

    def test_wrong_ones(self):
        right = signature(b"{}")
        for given in (signature(b"{} "), digest(b"{}"), signature(b"{}", OTHER), "0" * 64,
                      right[:-1] + ("0" if right[-1] != "0" else "1")):
            with self.subTest(given):
                result = self.verify(b"{}", given, expect=3)
                self.assertRegex(result.err, r"\Apwh: the signature does not match\nhint: ")
                self.assertNotIn(given, result.err)
                self.assertEqual(result.out, "")

    def test_malformed_ones(self):
        right = signature(b"{}")
        for given in ("", "x", right[:-1], right + "0", " " + right, right + "\n", "0x" + right, right[:-1] + "g",
                      "[" + right + "]"):
            with self.subTest(given):
                self.assertIn("does not match: it is not 64 hex digits", self.verify(b"{}", given, expect=3).err)

    def test_latin1_form_is_accepted_as_listen_does(self):
        body = '{"a":"é"}'
        self.verify(body.encode(), signature(body.encode("latin-1")))
        self.verify('{"a":"東"}'.encode(), signature(b'{"a":"?"}'), expect=3)

    def test_signature_is_required(self):
        self.pwh_with(b"{}", "verify", "--secret-file", self.secret_file(), expect=2)

    def test_any_of_several_stored(self):
        self.store(SECRET, OTHER)
        for secret in (SECRET, OTHER):
            self.pwh_with(b"{}", "verify", "--signature", signature(b"{}", secret))
        self.pwh_with(b"{}", "verify", "--signature", signature(b"{}", "a third"), expect=3)

    def test_a_named_secret_is_the_only_one(self):
        self.store(OTHER)
        self.verify(b"{}", signature(b"{}", OTHER), expect=3)

    def test_no_secret(self):
        self.pwh_with(b"{}", "verify", "--signature", signature(b"{}"), expect=2)

    def test_what_sign_prints(self):
        secret = self.secret_file()
        for body in BODIES.values():
            given = self.pwh_with(body, "sign", "--secret-file", secret).out.strip()
            self.verify(body, given)
            self.verify(body + b"\n", given, expect=3)


if __name__ == "__main__":
    common.main()
