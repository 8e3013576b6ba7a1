#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The sandbox against peers that share no code with it: `sandbox.py PWH [TEST…]`."""

import json
import signal
import subprocess
import sys
import time
import urllib.parse

import common
from common import SECRET, SUPPORT, PwhTest, wait_until
from sdk_client import SdkClient, one_time_code

SEED = "ONQW4ZDCN54C243FMNXW4ZBNMZQWG5DP"


class SandboxTest(PwhTest):
    def sandbox(self, *arguments):
        process = self.start("sandbox", *arguments)
        self.url = process.err.wait_match(r"^pwh: sandbox on (http://\S+)$")[1]
        self.authority = urllib.parse.urlsplit(self.url).netloc
        self.client = SdkClient(self.authority)
        return process

    def receiver(self, *arguments):
        process = common.Process(self, [sys.executable, str(SUPPORT / "receiver.py"), "--secret-file", self.secret_file(), *arguments])
        self.addCleanup(process.end)
        process.url = process.err.wait_match(r"^listening on (http://\S+)$")[1]
        return process


class Api(SandboxTest):
    def test_what_an_sdk_does_at_its_start(self):
        self.sandbox()
        answer = self.client.login()
        self.assertEqual(answer.status, 200)
        login = answer.json()
        self.assertEqual((login["success"], login["user"], login["validFor"]), (True, "admin@example.com", 15))
        self.assertNotIn("tenant", login)
        self.assertRegex(self.client.version(), r"^\d+\.\d+\.\d+$")
        self.assertIn("ROLE_SDB_MANAGER_USER", self.client.api("GET", "user/details").json()["roles"])

    def test_login_without_a_tenant(self):
        self.sandbox()
        login = self.client.login(includeUserDetails="true").json()
        self.assertEqual((login["tenant"], login["tenantValue"]), ("SANDBOX", "SANDBOX"))
        self.assertEqual(self.client.login(other="x").status, 401)

    def test_refused_logins(self):
        self.sandbox()
        for fields in ({"password": "wrong"}, {"username": "nobody@example.com"}, {"tenant": "OTHER"}, {"password": ""}):
            answer = self.client.login(**fields)
            self.assertEqual(answer.status, 401, fields)
            self.assertIn("message", answer.json())

    def test_second_factor(self):
        self.sandbox()
        name = "second-factor@example.com"
        answer = self.client.login(name)
        self.assertEqual((answer.status, answer.json()["message"], answer.json()["tenant"]), (401, "needs.2fa", "SANDBOX"))
        self.assertNotIn("token", answer.json())
        token = answer.json()["continuationToken"]
        self.assertEqual(self.client.complete_2fa(name, "wrong", one_time_code(SEED)).status, 401)
        # A code of this very second may be the next one's on a slow machine: the sandbox takes neighbours, too.
        done = self.client.complete_2fa(name, token, one_time_code(SEED))
        self.assertEqual(done.status, 200)
        self.assertEqual(self.client.subscriptions().json(), [])
        self.assertEqual(self.client.complete_2fa(name, token, one_time_code(SEED)).status, 401)

    def test_second_factor_wrong_code(self):
        self.sandbox()
        name = "second-factor@example.com"
        near = {one_time_code(SEED, time.time() + shift) for shift in range(-300, 300, 10)}
        wrong = next(code for code in (f"{number:06}" for number in range(1000)) if code not in near)
        token = self.client.login(name).json()["continuationToken"]
        self.assertEqual(self.client.complete_2fa(name, token, wrong).status, 401)

    def test_second_factor_not_set_up(self):
        self.sandbox()
        answer = self.client.login("setup@example.com")
        self.assertEqual((answer.status, answer.json()["message"]), (401, "needs.2fa.setup"))

    def test_refresh(self):
        self.sandbox()
        self.client.login()
        old, old_refresh = self.client.token, self.client.refresh_token
        self.assertEqual(self.client.refresh().status, 200)
        self.assertNotEqual((self.client.token, self.client.refresh_token), (old, old_refresh))
        self.assertEqual(self.client.subscriptions().status, 200)
        self.client.refresh_token = old_refresh
        self.assertEqual(self.client.refresh().status, 401)

    def test_external_login(self):
        self.sandbox()
        found = self.pwh("sandbox", "--help").out
        shared = found.partition("shared secret for external authentication is ")[2].partition(".")[0]
        self.assertEqual(self.client.acquire_external(shared).status, 200)
        self.assertEqual(self.client.subscriptions().status, 200)
        self.assertEqual(self.client.acquire_external("wrong").status, 401)
        self.assertEqual(self.client.acquire_external(shared, moment=0).status, 401)

    def test_tokens_are_needed_and_expire(self):
        self.sandbox("--token-lifetime", "0.5")
        for token in (None, "wrong"):
            self.client.token = token
            for method, path in (("GET", "webhook/subscriptions"), ("POST", "webhook/subscriptions"), ("DELETE", "webhook/subscriptions/x"),
                                 ("GET", "user/details"), ("GET", "entity/versiondetails/version")):
                self.assertEqual(self.client.api(method, path).status, 401)
        self.client.login()
        wait_until(lambda: self.client.subscriptions().status == 401, "the token to expire")

    def test_pwh_signs_in_again(self):
        self.sandbox("--token-lifetime", "0.001")
        self.use_server(self.authority, "admin@example.com", "sandbox-password", "SANDBOX")
        # So short a token may be refused twice; what must not happen is anything but done or exit 4.
        self.assertIn(self.pwh("list", expect=None).code, (0, 4))

    def test_roles(self):
        self.sandbox()
        for name, status in (("admin@example.com", 200), ("config@example.com", 200), ("reader@example.com", 403)):
            self.client.login(name)
            self.assertEqual(self.client.subscriptions().status, status)
            self.assertEqual(self.client.api("GET", "user/details").status, 200)

    def test_wrong_requests(self):
        self.sandbox()
        self.client.login()
        for body in ("", "{", "[]", "{}", '{"url":"x"}', '{"url":"ftp://x/","triggerType":"MOVED","secret":"s"}',
                     '{"url":"http://127.0.0.1:1/","triggerType":"moved","secret":"s"}', '{"url":"http://127.0.0.1:1/","triggerType":"MOVED"}',
                     '{"url":"http://127.0.0.1:1/","triggerType":"MOVED","secret":""}', '{"url":1,"triggerType":2,"secret":3}', "[" * 50_000):
            answer = self.client.api("POST", "webhook/subscriptions", body, Content_Type="application/json")
            self.assertEqual(answer.status, 400, body[:50])
            self.assertIn("message", answer.json())
        self.assertEqual(self.client.api("GET", "webhook/other").status, 404)
        self.assertEqual(self.client.api("PUT", "webhook/subscriptions").status, 405)
        self.assertEqual(self.client.unsubscribe("0" * 32).status, 404)


class Subscriptions(SandboxTest):
    def test_handshake_and_list(self):
        self.sandbox()
        self.client.login()
        url = self.receiver().url
        answer = self.client.subscribe(url, SECRET)
        self.assertEqual(answer.status, 200)
        made = answer.json()
        self.assertEqual(list(made), ["id", "url", "triggerType", "includeIdentifiers"])
        self.assertEqual((made["url"], made["triggerType"], made["includeIdentifiers"]), (url, "MOVED", True))
        self.assertRegex(made["id"], "^[0-9a-f]{32}$")
        self.assertEqual(self.client.subscriptions().json(), [made])
        self.assertNotIn(SECRET.encode(), self.client.subscriptions().body + answer.body)
        gone = self.client.unsubscribe(made["id"])
        self.assertEqual((gone.status, gone.body), (204, b""))
        self.assertEqual(self.client.subscriptions().json(), [])

    def test_handshakes_that_fail(self):
        self.sandbox()
        self.client.login()
        for how in ("wrong", "upper", "other-code", "404", "text"):
            answer = self.client.subscribe(self.receiver("--handshake", how).url, SECRET)
            self.assertEqual((how, answer.status), (how, 400))
        self.assertEqual(self.client.subscribe(self.receiver().url, SECRET + "x").status, 400)
        self.assertEqual(self.client.subscribe("http://127.0.0.1:1/", SECRET).status, 400)
        self.assertEqual(self.client.subscriptions().json(), [])

    def test_a_url_with_a_query(self):
        self.sandbox()
        self.client.login()
        self.assertEqual(self.client.subscribe(self.receiver().url + "hook?a=b", SECRET).status, 200)

    def test_events(self):
        self.sandbox("--emit", "50")
        self.client.login()
        receiver = self.receiver()
        made = self.client.subscribe(receiver.url, SECRET).json()
        for message in receiver.wait_lines(10):
            self.assertEqual(list(message), ["subscriptionId", "timestamp", "tenant", "version", "events", "trigger"])
            self.assertEqual((message["subscriptionId"], message["tenant"], message["trigger"]), (made["id"], "SANDBOX", "MOVED"))
            self.assertRegex(message["timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}$")
            (event,) = message["events"]
            self.assertEqual((list(event), event["event"]), (["event", "entityType", "entityRef", "identifiers"], "Moved"))
            self.assertIn(event["entityType"], ("IO", "SO"))
            self.assertTrue(all(isinstance(each, dict) and len(each) == 1 for each in event["identifiers"]))
        self.assertNotIn("refused", receiver.err.text())

    def test_events_are_chunked_and_labelled(self):
        self.sandbox("--emit", "50")
        self.client.login()
        receiver = self.receiver("--show-heads")
        self.client.subscribe(receiver.url, SECRET)
        receiver.wait_lines(3)
        heads = [json.loads(line) for line in receiver.err.text().splitlines() if line.startswith("{")]
        handshake, *events = heads
        self.assertNotIn("preservica-signature", handshake)
        for head in events:
            self.assertEqual((head["transfer-encoding"], head["content-type"]), ("chunked", "application/json"))
            self.assertRegex(head["preservica-signature"], "^[0-9a-f]{64}$")
            self.assertNotIn("content-length", head)

    def test_without_identifiers(self):
        self.sandbox("--emit", "50")
        self.client.login()
        receiver = self.receiver()
        self.client.subscribe(receiver.url, SECRET, includeIdentifiers="false")
        self.assertEqual({json.dumps(message["events"][0]["identifiers"]) for message in receiver.wait_lines(3)}, {"[]"})

    def test_only_the_triggers_asked_for(self):
        self.sandbox("--emit", "50", "--trigger", "moved", "--trigger", "ingest-failed")
        self.client.login()
        receiver = self.receiver()
        for trigger in ("MOVED", "INGEST_FAILED", "FULL_TEXT_INDEXED"):
            self.client.subscribe(receiver.url, SECRET, trigger)
        triggers = {message["trigger"] for message in receiver.wait_lines(20)}
        self.assertEqual(triggers, {"MOVED", "INGEST_FAILED"})

    def test_redelivery(self):
        self.sandbox("--emit", "20")
        self.client.login()
        receiver = self.receiver("--fail-first", "3")
        self.client.subscribe(receiver.url, SECRET)
        receiver.err.wait_match("^failed$", 3)
        receiver.wait_lines(5)

    def test_pwh_receives_each_once(self):
        self.sandbox("--emit", "100")
        self.use_server(self.authority, "admin@example.com", "sandbox-password", "SANDBOX")
        listener = self.start("listen", "--listen", "127.0.0.1:0", "--subscribe", "moved", "--subscribe", "indexed", "--max-events", "40")
        self.assertEqual(listener.wait(), 0, listener.err.text())
        lines = listener.lines()
        self.assertEqual(len({line["messageId"] for line in lines}), len(lines))
        self.client.login()
        self.assertEqual(self.client.subscriptions().json(), [])

    def test_no_more_after_unsubscribing(self):
        self.sandbox("--emit", "50")
        self.client.login()
        receiver = self.receiver()
        first = self.client.subscribe(receiver.url, SECRET).json()
        receiver.wait_lines(2)
        self.assertEqual(self.client.unsubscribe(first["id"]).status, 204)
        second = self.client.subscribe(receiver.url, SECRET, "INGEST_FAILED").json()
        receiver.out.wait_match(second["id"], 5)
        # At most what was on its way comes after the answer; then only the second's.
        ids = [message["subscriptionId"] for message in receiver.lines()]
        self.assertEqual(set(ids[-3:]), {second["id"]})


class Command(SandboxTest):
    def run_under(self, *command, expect=0, arguments=(), **variables):
        return self.pwh("sandbox", *arguments, "--", *command, expect=expect, **variables)

    def test_exit_codes(self):
        for script, code in (("exit 0", 0), ("exit 1", 1), ("exit 42", 42), ("exit 255", 255), ("kill -TERM $$", 143), ("kill -KILL $$", 137), ("kill -INT $$", 130)):
            self.run_under("sh", "-c", script, expect=code)

    def test_cannot_run(self):
        self.assertRegex(self.run_under("no-such-command", expect=127).err, r"(?m)^pwh: cannot run no-such-command")
        plain = self.folder / "work" / "plain"
        plain.write_text("#!/bin/sh\n")
        self.run_under("./plain", expect=126)
        self.run_under("/", expect=126)

    def test_environment(self):
        result = self.run_under("env", PWH_URL="http://example.org/", PWH_STORE="/x", PWH_SECRET_FILE="/y", PWH_PROFILE="z",
                                PRESERVICA_2FA_TOKEN="seed", PRESERVICA_OTHER="o", OTHER="kept")
        found = dict(line.split("=", 1) for line in result.out.splitlines() if "=" in line)
        ours = {name: value for name, value in found.items() if name.startswith(("PWH_", "PRESERVICA_"))}
        self.assertEqual(set(ours), {"PRESERVICA_SERVER", "PRESERVICA_USERNAME", "PRESERVICA_PASSWORD", "PRESERVICA_TENANT", "PWH_PROTOCOL",
                                     "PWH_STATE_DIR", "PWH_CREDENTIALS"})
        self.assertEqual((ours["PWH_PROTOCOL"], ours["PRESERVICA_USERNAME"], found["OTHER"]), ("http", "admin@example.com", "kept"))
        self.assertNotEqual(ours["PWH_STATE_DIR"], str(self.state))

    def test_private_folder_is_private_empty_and_removed(self):
        script = 'stat -c %a "$PWH_STATE_DIR"; ls -A "$PWH_STATE_DIR"; cat "$PWH_CREDENTIALS"; echo x >"$PWH_STATE_DIR/file"; echo "$PWH_STATE_DIR"'
        result = self.run_under("sh", "-c", script)
        lines = result.out.splitlines()
        self.assertEqual(lines[0], "700")
        self.assertEqual([line for line in lines[1:-1] if line != "credentials.properties"], [])
        self.assertTrue(lines[-1].startswith(str(self.folder / "tmp")))
        self.assertEqual(list((self.folder / "tmp").iterdir()), [])
        self.assertFalse(self.state.exists())

    def test_folder_is_removed_whatever_happens(self):
        self.run_under("no-such-command", expect=127)
        self.run_under("sh", "-c", "kill -KILL $$", expect=137)
        self.assertEqual(list((self.folder / "tmp").iterdir()), [])

    def test_streams_are_the_commands(self):
        done = subprocess.run([common.program, "sandbox", "--", "sh", "-c", "cat; echo error >&2"], input=b"in\n", env=self.environment,
                              cwd=self.folder / "work", capture_output=True, timeout=common.PATIENCE, check=True)
        self.assertEqual(done.stdout, b"in\n")
        self.assertRegex(done.stderr, rb"^pwh: sandbox on http://127\.0\.0\.1:\d+/\nerror\n$")

    def test_options_behind_the_dashes_are_the_commands(self):
        self.assertEqual(self.run_under("echo", "--listen", "-q", "--", "--help").out, "--listen -q -- --help\n")

    def test_pwh_works_in_it(self):
        result = self.run_under("sh", "-c", f"{common.program} list --json && {common.program} list --username reader@example.com", expect=5)
        self.assertEqual(result.out, "[]\n")

    def test_ending_signals_are_forwarded(self):
        for number in (signal.SIGTERM, signal.SIGHUP):
            process = self.start("sandbox", "--", "sh", "-c", "trap 'echo caught; exit 7' TERM HUP; echo ready; for i in $(seq 2000); do sleep 0.05; done")
            process.out.wait_match("^ready$")
            self.assertEqual(process.stop(number), 7)
            self.assertEqual(process.out.text(), "ready\ncaught\n")
        self.assertEqual(list((self.folder / "tmp").iterdir()), [])

    def test_a_signal_that_ends_the_command(self):
        process = self.start("sandbox", "--", "sh", "-c", "echo ready; exec sleep 1000")
        process.out.wait_match("^ready$")
        self.assertEqual(process.stop(signal.SIGTERM), 143)

    def test_second_sigterm_kills(self):
        process = self.start("sandbox", "--", "sh", "-c", "trap 'echo caught' TERM; echo ready; for i in $(seq 2000); do sleep 0.05; done")
        process.out.wait_match("^ready$")
        process.send(signal.SIGTERM)
        process.out.wait_match("^caught$")
        self.assertEqual(process.stop(signal.SIGTERM), 137)


class Alone(SandboxTest):
    def test_prints_lines_for_a_shell(self):
        process = self.sandbox()
        process.out.wait_match("^export ", 5)
        result = subprocess.run(["sh", "-c", f'eval "$1"; exec "$2" list --json', "sh", process.out.text(), common.program], env=self.environment,
                                capture_output=True, timeout=common.PATIENCE, check=True)
        self.assertEqual(result.stdout, b"[]\n")
        for number in (signal.SIGINT,):
            self.assertEqual(process.stop(number), 0)

    def test_ends_with_a_subscription_and_messages_under_way(self):
        process = self.sandbox("--emit", "1000")
        self.client.login()
        receiver = self.receiver("--delay", "0.2")
        self.client.subscribe(receiver.url, SECRET)
        receiver.wait_lines(1)
        self.assertEqual(process.stop(signal.SIGTERM), 0)

    def test_loopback_only(self):
        for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:0"):
            self.assertIn("pwh: the sandbox does not listen on", self.pwh("sandbox", "--listen", address, "--", "true", expect=2).err)


if __name__ == "__main__":
    common.main()
