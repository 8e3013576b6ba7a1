#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every way to sign in, and the token cache, against the sandbox: `auth.py PWH [TEST…]`."""

import http.client
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
import unittest
import urllib.parse

import common
from common import SUPPORT, PwhTest
from sdk_client import one_time_code

SEED = "ONQW4ZDCN54C243FMNXW4ZBNMZQWG5DP"
SECOND_FACTOR = "second-factor@example.com"
PASSWORD = "sandbox-password"
LOGIN = "POST /api/accesstoken/login"
CODE = "POST /api/accesstoken/complete-2fa"
REFRESH = "POST /api/accesstoken/refresh"
EXTERNAL = "POST /api/accesstoken/acquire-external"
LIST = "GET /api/webhook/subscriptions"


def await_early_window():
    """Waits until a code's window has some time left; the window's number."""
    if time.time() % 30 > 15:
        time.sleep(30 - time.time() % 30)
    return time.time() // 30


class AuthTest(PwhTest):
    def setUp(self):
        super().setUp()
        self.sandbox = None
        self.seen = 0

    def start_sandbox(self, *arguments, username="admin@example.com", tenant="SANDBOX"):
        self.sandbox = self.start("sandbox", "-v", *arguments)
        url = self.sandbox.err.wait_match(r"^pwh: sandbox on (http://\S+)$")[1]
        self.authority = urllib.parse.urlsplit(url).netloc
        self.use_server(self.authority, username, PASSWORD, tenant)

    def requests(self):
        """What the sandbox was asked since the last time, as `METHOD PATH: STATUS`. It logs before it answers, and its log is
        read in the background: a request of our own marks how far that has to be."""
        self.marks = getattr(self, "marks", 0) + 1
        mark = f"/mark-{self.marks}"
        host, _, port = self.authority.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=common.PATIENCE)
        connection.request("GET", mark)
        connection.getresponse().read()
        connection.close()
        self.sandbox.err.wait_match(rf"^pwh: GET {mark}: \d+$")
        lines = re.findall(r"^pwh: ((?:GET|POST|DELETE) \S+: \d+)$", self.sandbox.err.text(), re.M)
        lines = [line for line in lines if "/mark-" not in line]
        fresh, self.seen = lines[self.seen:], len(lines)
        return fresh

    def expect_requests(self, *expected):
        self.assertEqual(self.requests(), list(expected))

    def tokens(self):
        return json.loads((self.state / "tokens.json").read_text())["entries"]

    def age_tokens(self, seconds):
        """As if that much time had passed since the sign-in."""
        path = self.state / "tokens.json"
        content = json.loads(path.read_text())
        for entry in content["entries"]:
            entry["issued"] -= seconds * 1000
            entry["expires"] -= seconds * 1000
        path.write_text(json.dumps(content))

    def on_terminal(self, *arguments, answers=(), expect=0, **variables):
        """Runs pwh on a terminal of its own; what it wrote there."""
        answering = [each for prompt, text in answers for each in ("--answer", prompt, text)]
        done = subprocess.run([sys.executable, str(SUPPORT / "run_on_terminal.py"), *answering, "--", common.program, *arguments],
                              cwd=self.folder / "work", env={**self.environment, **variables}, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=common.PATIENCE, check=False)
        self.assertEqual(done.returncode, expect, done)
        return done.stdout.decode()


class TokenCache(AuthTest):
    def test_cold_two_requests_warm_one(self):
        self.start_sandbox()
        self.pwh("list")
        self.expect_requests(f"{LOGIN}: 200", f"{LIST}: 200")
        self.pwh("list")
        self.expect_requests(f"{LIST}: 200")
        for name in ("tokens.json", "tokens.key", "tokens.lock"):
            self.assertEqual(stat.S_IMODE((self.state / name).stat().st_mode), 0o600)
        self.assertNotIn(PASSWORD, (self.state / "tokens.json").read_text())

    def test_warm_without_a_tenant_too(self):
        self.start_sandbox(tenant=None)
        self.pwh("whoami")
        self.requests()
        self.assertIn("tenant\tSANDBOX\n", self.pwh("whoami").out)
        self.expect_requests("GET /api/user/details: 200", "GET /api/entity/versiondetails/version: 200")

    def test_no_token_cache(self):
        self.start_sandbox()
        for _ in range(2):
            self.pwh("list", "--no-token-cache")
            self.expect_requests(f"{LOGIN}: 200", f"{LIST}: 200")
        self.assertFalse(self.state.exists())

    def test_wrong_password_never_succeeds(self):
        self.start_sandbox()
        self.pwh("list")
        for variables in ({"PRESERVICA_PASSWORD": "wrong"}, {"PRESERVICA_TENANT": "OTHER"}, {"PRESERVICA_USERNAME": "nobody@example.com"}):
            result = self.pwh("list", expect=4, **variables)
            self.assertIn("was refused", result.err)
        self.requests()
        self.pwh("list")
        self.expect_requests(f"{LIST}: 200")

    def test_no_password_asks_even_when_warm(self):
        self.start_sandbox()
        self.pwh("list")
        del self.environment["PRESERVICA_PASSWORD"]
        self.assertIn("no password is set", self.pwh("list", expect=4).err)

    def test_other_spelling_of_the_server_is_the_same(self):
        self.start_sandbox()
        port = self.authority.rpartition(":")[2]
        self.pwh("list", "--server", f"localhost:{port}")
        self.requests()
        self.pwh("list", "--server", f"LocalHost:{port}")
        self.expect_requests(f"{LIST}: 200")

    def test_ten_at_once_sign_in_once(self):
        self.start_sandbox()
        processes = [self.start("list", "--json") for _ in range(10)]
        for process in processes:
            self.assertEqual(process.wait(), 0, process.err.text())
            self.assertEqual(process.out.text(), "[]\n")
        self.expect_requests(*[f"{LOGIN}: 200"], *[f"{LIST}: 200"] * 10)

    def test_ten_at_once_with_a_second_factor(self):
        self.start_sandbox(username=SECOND_FACTOR)
        self.environment["PRESERVICA_2FA_TOKEN"] = SEED
        processes = [self.start("list") for _ in range(10)]
        for process in processes:
            self.assertEqual(process.wait(), 0, process.err.text())
        self.expect_requests(f"{LOGIN}: 401", f"{CODE}: 200", *[f"{LIST}: 200"] * 10)

    def test_expired_at_the_server(self):
        self.start_sandbox("--token-lifetime", "8")
        self.pwh("list")
        self.requests()
        time.sleep(8.1)
        self.pwh("list")
        self.expect_requests(f"{LIST}: 401", f"{LOGIN}: 200", f"{LIST}: 200")

    def test_expired_by_the_clock(self):
        self.start_sandbox()
        self.pwh("list")
        self.requests()
        self.age_tokens(14 * 60 + 5)
        self.pwh("list")
        self.expect_requests(f"{LOGIN}: 200", f"{LIST}: 200")
        self.assertEqual(len(self.tokens()), 1)

    def test_another_servers_tokens_are_not_sent(self):
        self.start_sandbox()
        self.pwh("list")
        self.start_sandbox()
        self.seen = 0
        self.pwh("list")
        self.expect_requests(f"{LOGIN}: 200", f"{LIST}: 200")

    def test_damaged_is_replaced(self):
        self.start_sandbox()
        for text in ("", "{", "[[[", '{"version":1,"entries":[{}]}', "\0" * 1000):
            self.state.mkdir(0o700, exist_ok=True)
            (self.state / "tokens.json").write_text(text)
            self.assertEqual(self.pwh("list").err, "pwh: no subscriptions\n")
            self.expect_requests(f"{LOGIN}: 200", f"{LIST}: 200")
            self.assertEqual(len(self.tokens()), 1)

    def test_a_link_is_not_followed(self):
        self.start_sandbox()
        self.state.mkdir(0o700)
        target = self.folder / "target"
        target.write_text("mine")
        for name in ("tokens.json", "tokens.key", "tokens.lock"):
            (self.state / name).symlink_to(target)
        self.pwh("list")
        self.assertEqual(target.read_text(), "mine")

    def test_folder_that_cannot_be_used(self):
        self.start_sandbox()
        plain = self.folder / "plain"
        plain.write_text("")
        for folder in ("/proc/self/nothing", "/sys/pwh"):
            self.assertEqual(self.pwh("list", "--state-dir", folder).err, "pwh: no subscriptions\n")
            self.expect_requests(f"{LOGIN}: 200", f"{LIST}: 200")
            self.assertRegex(self.pwh("list", "-v", "--state-dir", folder).err, "(?m)^pwh: cannot write the token cache: ")
            self.requests()

    @unittest.skipIf(os.geteuid() == 0, "root may write anywhere")
    def test_folder_that_cannot_be_written(self):
        self.start_sandbox()
        self.state.mkdir(0o500)
        self.assertEqual(self.pwh("list").err, "pwh: no subscriptions\n")

    def test_sandbox_starts_cold(self):
        self.start_sandbox()
        self.pwh("list")
        result = self.pwh("sandbox", "-v", "--", common.program, "list")
        self.assertEqual(result.err.count(f"pwh: {LOGIN}: 200\n"), 1)


class SecondFactor(AuthTest):
    def setUp(self):
        super().setUp()
        self.start_sandbox(username=SECOND_FACTOR)

    def test_from_the_seed(self):
        self.pwh("list", PRESERVICA_2FA_TOKEN=SEED)
        self.expect_requests(f"{LOGIN}: 401", f"{CODE}: 200", f"{LIST}: 200")

    def test_as_the_file_has_it(self):
        path = self.folder / "work" / "credentials.properties"
        path.touch(0o600)
        path.write_text(f"[credentials]\nserver={self.authority}\nusername={SECOND_FACTOR}\npassword={PASSWORD}\n"
                        f"tenant=SANDBOX\ntwoFactorToken={SEED.lower()}\n")
        for name in [name for name in self.environment if name.startswith("PRESERVICA_")]:
            del self.environment[name]
        self.assertEqual(self.pwh("list", "--json").out, "[]\n")

    def test_tenant_from_the_login(self):
        del self.environment["PRESERVICA_TENANT"]
        self.assertIn("tenant\tSANDBOX\n", self.pwh("whoami", PRESERVICA_2FA_TOKEN=SEED).out)

    def test_missing(self):
        result = self.pwh("list", expect=4)
        self.assertRegex(result.err, f"^pwh: {SECOND_FACTOR} at [0-9.:]+ needs a second factor to sign in\nhint: .*PRESERVICA_2FA_TOKEN.*\n$")
        self.assertNotIn("Code", self.on_terminal("list", "--no-input", expect=4))

    def test_seed_that_is_none(self):
        for seed in ("123456", "not-base32"):
            result = self.pwh("list", expect=2, PRESERVICA_2FA_TOKEN=seed)
            self.assertIn("pwh: the seed of the second factor is not base32\nhint: ", result.err)
            self.assertNotIn(seed, result.err)

    def test_wrong_seed(self):
        result = self.pwh("list", expect=4, PRESERVICA_2FA_TOKEN="GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
        self.assertIn("the second factor of second-factor@example.com at", result.err)
        self.expect_requests(f"{LOGIN}: 401", f"{CODE}: 401", f"{LOGIN}: 401", f"{CODE}: 401")

    def test_used_code_waits_for_the_next(self):
        for _ in range(4):
            window = await_early_window()
            self.pwh("list", "--no-token-cache", PRESERVICA_2FA_TOKEN=SEED)
            self.requests()
            result = self.pwh("list", "--no-token-cache", PRESERVICA_2FA_TOKEN=SEED)
            if result.err != "pwh: no subscriptions\n" or time.time() // 30 == window:
                break
            self.requests()  # the window ended between the two
        self.assertRegex(result.err, r"^pwh: the code of the second factor was refused, .*; waiting \d+ s for the next one\n")
        self.expect_requests(f"{LOGIN}: 401", f"{CODE}: 401", f"{LOGIN}: 401", f"{CODE}: 200", f"{LIST}: 200")

    def test_interrupted_while_it_waits(self):
        await_early_window()
        process = self.start("subscribe", "--trigger", "moved", "--url", "http://127.0.0.1:1/", "--no-token-cache",
                             environment={**self.environment, "PRESERVICA_2FA_TOKEN": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"})
        wait = int(process.err.wait_match("waiting ([0-9]+) s")[1])
        started = time.monotonic()
        self.assertIn(process.stop(signal.SIGINT), (130, -signal.SIGINT))
        self.assertLess(time.monotonic() - started, max(wait - 1, 5))

    def test_refresh_saves_a_code(self):
        self.environment["PRESERVICA_2FA_TOKEN"] = SEED
        self.pwh("list")
        self.requests()
        self.age_tokens(12 * 60)
        self.pwh("list")
        self.expect_requests(f"{REFRESH}: 200", f"{LIST}: 200")
        self.pwh("list")
        self.expect_requests(f"{LIST}: 200")

    def test_refresh_that_fails_leaves_the_token(self):
        self.environment["PRESERVICA_2FA_TOKEN"] = SEED
        self.pwh("list")
        path = self.state / "tokens.json"
        content = json.loads(path.read_text())
        content["entries"][0]["refreshToken"] = "used"
        path.write_text(json.dumps(content))
        self.age_tokens(12 * 60)
        self.requests()
        self.pwh("list")
        self.expect_requests(f"{REFRESH}: 401", f"{LIST}: 200")
        self.pwh("list")
        self.expect_requests(f"{LIST}: 200")

    def test_not_set_up(self):
        result = self.pwh("list", expect=4, PRESERVICA_USERNAME="setup@example.com")
        self.assertIn("has to set up a second factor first\nhint: sign in to Preservica's web interface", result.err)

    def test_nothing_secret_in_the_exchange(self):
        result = self.pwh("list", "-vv", PRESERVICA_2FA_TOKEN=SEED)
        shown = result.out + result.err
        for secret in (PASSWORD, SEED, self.tokens()[0]["token"], self.tokens()[0]["refreshToken"]):
            self.assertNotIn(secret, shown)
        self.assertEqual(len(re.findall("continuationToken=\\*\\*\\*&twoFactorToken=\\*\\*\\*", shown)), 1)


class Terminal(AuthTest):
    def test_password_and_code_are_asked(self):
        self.start_sandbox(username=SECOND_FACTOR)
        del self.environment["PRESERVICA_PASSWORD"]
        # A code of the last second of its window is taken, too: the sandbox accepts neighbours.
        text = self.on_terminal("list", answers=((f"Password for {SECOND_FACTOR}: ", PASSWORD),
                                                 (f"Code of the second factor for {SECOND_FACTOR}: ", one_time_code(SEED))))
        self.assertNotIn(PASSWORD, text)
        self.expect_requests(f"{LOGIN}: 401", f"{CODE}: 200", f"{LIST}: 200")

    def test_password_is_asked_when_warm(self):
        self.start_sandbox()
        self.pwh("list")
        self.requests()
        del self.environment["PRESERVICA_PASSWORD"]
        self.on_terminal("list", answers=(("Password for", PASSWORD),))
        self.expect_requests(f"{LIST}: 200")
        self.on_terminal("list", answers=(("Password for", "wrong"),), expect=4)
        self.expect_requests(f"{LOGIN}: 401")

    def test_wrong_code_is_asked_again(self):
        self.start_sandbox(username=SECOND_FACTOR)
        near = {one_time_code(SEED, time.time() + shift) for shift in range(-300, 300, 10)}
        wrong = next(each for each in (f"{number:06}" for number in range(1000)) if each not in near)
        right = one_time_code(SEED)
        text = self.on_terminal("list", answers=(("Code of", "no code"), ("Code of", wrong), ("Code of", right)))
        self.assertIn("a code has 6 digits", text)
        self.assertIn("wait for the next one", text)
        self.expect_requests(f"{LOGIN}: 401", f"{CODE}: 401", f"{LOGIN}: 401", f"{CODE}: 200", f"{LIST}: 200")

    def test_whoami_is_a_table(self):
        self.start_sandbox()
        text = self.on_terminal("whoami")
        self.assertRegex(text, r"(?m)^Server +127\.0\.0\.1:\d+$")
        self.assertRegex(text, r"(?m)^Webhooks +allowed$")


class SharedSecret(AuthTest):
    WARNING = "pwh: warning: Preservica is removing the sign-in with a shared secret\n"

    def setUp(self):
        super().setUp()
        self.start_sandbox()

    def test_flag(self):
        result = self.pwh("list", "--shared-secret", PRESERVICA_PASSWORD="sandbox-shared-secret")
        self.assertTrue(result.err.startswith(self.WARNING), result)
        self.expect_requests(f"{EXTERNAL}: 200", f"{LIST}: 200")
        self.pwh("list", "--shared-secret", PRESERVICA_PASSWORD="sandbox-shared-secret")
        self.expect_requests(f"{LIST}: 200")

    def test_file(self):
        path = self.folder / "work" / "credentials.properties"
        path.touch(0o600)
        path.write_text("[credentials]\nauthentication = shared-secret\npassword = sandbox-shared-secret\n")
        del self.environment["PRESERVICA_PASSWORD"]
        self.assertIn(self.WARNING, self.pwh("list").err)
        path.write_text("[credentials]\nauthentication = other\n")
        self.pwh("list", expect=2)

    def test_only_when_chosen(self):
        self.pwh("list", expect=4, PRESERVICA_PASSWORD="sandbox-shared-secret")
        self.expect_requests(f"{LOGIN}: 401")
        self.pwh("list", "--shared-secret", expect=4)
        self.expect_requests(f"{EXTERNAL}: 401")

    def test_tokens_are_told_apart(self):
        self.pwh("list")
        self.requests()
        self.pwh("list", "--shared-secret", expect=4)
        self.expect_requests(f"{EXTERNAL}: 401")

    def test_needs_the_tenant(self):
        del self.environment["PRESERVICA_TENANT"]
        result = self.pwh("list", "--shared-secret", expect=2, PRESERVICA_PASSWORD="sandbox-shared-secret")
        self.assertIn("needs the tenant", result.err)

    def test_never_on_the_wire(self):
        result = self.pwh("list", "-vv", "--shared-secret", PRESERVICA_PASSWORD="sandbox-shared-secret")
        self.assertNotIn("sandbox-shared-secret", result.out + result.err)


class Whoami(AuthTest):
    def setUp(self):
        super().setUp()
        self.start_sandbox()

    def test_lines(self):
        result = self.pwh("whoami")
        self.assertEqual(result.out, f"server\t{self.authority}\nversion\t8.1.0\nuser\tadmin@example.com\ntenant\tSANDBOX\n"
                                     "roles\tROLE_SDB_ACCESS_USER,ROLE_SDB_MANAGER_USER\nwebhookAdministration\ttrue\n")
        self.assertEqual(result.err, "")

    def test_json(self):
        for arguments in (("--json",), ("-o", "json")):
            self.assertEqual(json.loads(self.pwh("whoami", *arguments, PRESERVICA_USERNAME="config@example.com").out), {
                "server": self.authority, "version": "8.1.0", "user": "config@example.com", "tenant": "SANDBOX",
                "roles": ["ROLE_SDB_ACCESS_USER", "ROLE_SDB_CONFIG_MANAGER_USER"], "webhookAdministration": True})

    def test_without_the_role(self):
        result = self.pwh("whoami", "--json", expect=5, PRESERVICA_USERNAME="reader@example.com")
        self.assertIs(json.loads(result.out)["webhookAdministration"], False)
        self.assertRegex(result.err, r"^pwh: no role of reader@example\.com allows webhook administration\nhint: ask an administrator .*ROLE_SDB_.*\n$")
        self.assertIn("`pwh whoami` shows yours", self.pwh("list", expect=5, PRESERVICA_USERNAME="reader@example.com").err)

    def test_sources(self):
        path = self.folder / "work" / "credentials.properties"
        path.touch(0o600)
        path.write_text(f"[credentials]\ntwoFactorToken={SEED}\nsecret.key=a-webhook-secret-of-32-characters\ntenant=FILE\n")
        del self.environment["PRESERVICA_PASSWORD"]
        path.write_text(path.read_text() + f"password={PASSWORD}\n")
        result = self.pwh("whoami", "-v", "--username", "admin@example.com")
        for line in (f"server: {self.authority} (from PRESERVICA_SERVER)", "username: admin@example.com (from --username)",
                     "tenant: SANDBOX (from PRESERVICA_TENANT)", "password: set (from password in ./credentials.properties)",
                     "2FA seed: set (from twoFactorToken in ./credentials.properties)", "authentication: password (default)",
                     "webhook secret: set (from secret.key in ./credentials.properties)", "protocol: http (from PWH_PROTOCOL)",
                     f"state folder: {self.state} (from PWH_STATE_DIR)", "URL of the receiver: not set"):
            self.assertIn(f"pwh: {line}\n", result.err)
        for secret in (PASSWORD, SEED, "a-webhook-secret-of-32-characters"):
            self.assertNotIn(secret, result.out + result.err)
        self.assertEqual(len(result.out.splitlines()), 6)

    def test_sources_are_told_where_the_sign_in_fails(self):
        result = self.pwh("whoami", "-v", expect=4, PRESERVICA_PASSWORD="wrong")
        self.assertIn("pwh: password: set (from PRESERVICA_PASSWORD)\n", result.err)
        self.assertNotIn("wrong\n", result.err)
        del self.environment["PRESERVICA_SERVER"]
        self.assertIn("pwh: server: not set\n", self.pwh("whoami", "-v", expect=2).err)


if __name__ == "__main__":
    common.main()
