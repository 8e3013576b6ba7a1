#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The exact requests of `subscribe` and `unsubscribe`, and lost answers: `wire_subscribe.py PWH [TEST…]`."""

import json

import common
from fake_preservica import LOGIN, SUBSCRIPTIONS
from wire import URL, WireTest


class Subscribe(WireTest):
    def subscribe(self, *arguments, **options):
        return self.pwh("subscribe", "--json", "--url", URL, "--trigger", "moved", *arguments, **options)

    def posts(self):
        return [each for each in self.fake.requests if (each.method, each.path) == ("POST", SUBSCRIPTIONS)]

    def test_lists_before_it_asks(self):
        self.subscribe()
        self.assertEqual(self.fake.lines(), [f"POST {LOGIN}", f"GET {SUBSCRIPTIONS}", f"POST {SUBSCRIPTIONS}"])

    def test_body(self):
        self.subscribe("--trigger", "indexed")
        first, second = self.posts()
        self.assertEqual(first.header("Content-Type"), "application/json")
        body = first.json()
        self.assertEqual(list(body), ["url", "triggerType", "secret", "includeIdentifiers"])
        self.assertEqual((body["url"], body["triggerType"], body["includeIdentifiers"]), (URL, "MOVED", "true"))
        self.assertRegex(body["secret"], "^[0-9a-f]{64}$")
        self.assertEqual(second.json(), {**body, "triggerType": "FULL_TEXT_INDEXED"})

    def test_no_identifiers(self):
        self.subscribe("--no-identifiers")
        self.assertEqual(self.posts()[0].json()["includeIdentifiers"], "false")

    def test_secret_of_a_file_is_sent_as_it_is(self):
        secret = 'sixteen+ "bytes" \\ ü € \U0001f511 trailing blank '
        self.subscribe("--secret-file", self.secret_file(secret + "\r\n\n"))
        self.assertEqual(self.posts()[0].json()["secret"], secret)
        self.assertEqual(self.stored_secrets(), [secret])

    def test_two_runs_have_different_secrets(self):
        self.subscribe()
        self.pwh("subscribe", "--url", URL + "/2", "--trigger", "moved")
        self.assertEqual(len({each.json()["secret"] for each in self.posts()}), 2)

    def test_secret_is_on_disk_before_the_request(self):
        found = []
        self.fake.on_head = lambda request: found.append((request.line, self.stored_secrets()))
        self.subscribe()
        line, stored = found[-1]
        self.assertEqual(line, f"POST {SUBSCRIPTIONS} HTTP/1.1")
        self.assertEqual(stored, [self.posts()[0].json()["secret"]])

    def test_state_folder_is_private(self):
        self.subscribe()
        self.assertEqual(self.state.stat().st_mode & 0o777, 0o700)
        for each in self.state.iterdir():
            self.assertEqual(each.stat().st_mode & 0o777, 0o600, each)
            self.assertFalse(each.name.endswith(".new"), each)

    def test_existing_is_an_error_and_nothing_is_sent(self):
        entry = self.fake.add_subscription(URL, "MOVED")
        result = self.subscribe("--trigger", "indexed", expect=1)
        self.assertIn(entry["id"], result.err)
        self.assertEqual((self.posts(), self.stored_secrets()), ([], []))

    def test_ensure_does_only_what_is_missing(self):
        entry = self.fake.add_subscription(URL, "MOVED", includeIdentifiers=False)
        result = self.subscribe("--trigger", "indexed", "--ensure")
        shown = json.loads(result.out)
        self.assertEqual([(each["triggerType"], each["created"], each["secretStored"]) for each in shown],
                         [("MOVED", False, False), ("FULL_TEXT_INDEXED", True, True)])
        self.assertEqual(shown[0], {**entry, "secretStored": False, "created": False})
        self.assertEqual(len(self.posts()), 1)

    def test_dry_run_sends_and_writes_nothing(self):
        result = self.subscribe("--dry-run")
        self.assertEqual(self.fake.lines(), [f"POST {LOGIN}", f"GET {SUBSCRIPTIONS}"])
        self.assertEqual(json.loads(result.out)[0]["created"], False)
        self.assertFalse((self.state / "secrets.json").exists())

    def test_refused_by_the_handshake(self):
        self.fake.rule("POST", SUBSCRIPTIONS, 'status 400 {"message":"challenge failed"}')
        result = self.subscribe(expect=3)
        self.assert_error(result, "handshake")
        self.assertIn(URL, result.err)
        self.assertIn(f"pwh check {URL}", result.err)
        self.assertEqual(self.stored_secrets(), [])

    def test_a_message_that_repeats_the_secret_is_not_shown(self):
        secret = "the-secret-that-comes-back"
        self.fake.rule("POST", SUBSCRIPTIONS, f'status 400 {{"message":"bad {secret}"}}')
        result = self.subscribe("--secret-file", self.secret_file(secret), "-vv", expect=3)
        self.assertNotIn(secret, result.err + result.out)

    def test_lost_answer_of_what_was_made(self):
        for action in ("process-and-drop", "process-and-status 500", "process-and-status 504", "truncated"):
            with self.subTest(action):
                self.fake.subscriptions.clear()
                self.fake.requests.clear()
                self.fake.rule("POST", SUBSCRIPTIONS, action)
                shown = json.loads(self.subscribe("-q").out)
                self.assertEqual(self.fake.lines()[1:], [f"GET {SUBSCRIPTIONS}", f"POST {SUBSCRIPTIONS}", f"GET {SUBSCRIPTIONS}"])
                entry = self.fake.subscriptions[0]
                self.assertEqual(shown, [{**entry, "secretStored": True, "created": True}])
                self.assertEqual(self.pwh("secret", entry["id"]).out.strip(), self.fake.secrets[entry["id"]])

    def test_lost_answer_of_what_was_not_made(self):
        for action in ("drop", "status 500 x"):
            with self.subTest(action):
                self.fake.requests.clear()
                self.fake.rule("POST", SUBSCRIPTIONS, action)
                self.assert_error(self.subscribe(expect=7), "")
                self.assertEqual(len(self.posts()), 1)
                self.assertEqual(self.fake.lines()[-1], f"GET {SUBSCRIPTIONS}")
        # It may still be on its way: the secret stays, and the next run settles it.
        self.assertEqual(self.stored_secrets(), [self.posts()[0].json()["secret"]])
        self.subscribe("--ensure")
        self.assertEqual(self.stored_secrets(), list(self.fake.secrets.values()))

    def test_lost_answer_times_out(self):
        self.fake.rule("POST", SUBSCRIPTIONS, "process-and-hold")
        shown = json.loads(self.subscribe("--request-timeout", "3").out)
        self.assertEqual([each["id"] for each in shown], [each["id"] for each in self.fake.subscriptions])

    def test_first_of_two_is_reported_when_the_second_fails(self):
        seen = []
        self.fake.on_event = lambda name: seen.append(name) or (
            self.fake.rule("POST", SUBSCRIPTIONS, "status 403 {}") if name == "answered" and seen.count(name) == 1 else None)
        result = self.subscribe("--trigger", "indexed", expect=5)
        self.assertEqual([each["triggerType"] for each in json.loads(result.out)], ["MOVED"])
        self.assertEqual(len(self.stored_secrets()), 1)


class Unsubscribe(WireTest):
    def test_lists_and_deletes(self):
        entry = self.fake.add_subscription(URL, "MOVED")
        kept = self.fake.add_subscription(URL, "FULL_TEXT_INDEXED")
        result = self.pwh("unsubscribe", entry["id"], "--json")
        self.assertEqual(self.fake.lines(), [f"POST {LOGIN}", f"GET {SUBSCRIPTIONS}", f"DELETE {SUBSCRIPTIONS}/{entry['id']}"])
        self.assertEqual(self.fake.requests[-1].body, b"")
        self.assertEqual(json.loads(result.out), [{**entry, "secretStored": False}])
        self.assertEqual(self.fake.subscriptions, [kept])

    def test_odd_ids_stay_one_segment(self):
        odd = "a/../b?x=1&y#z %"
        self.fake.subscriptions.append({"id": odd, "url": URL, "triggerType": "MOVED"})
        self.pwh("unsubscribe", odd)
        self.assertEqual(self.fake.requests[-1].target, f"{SUBSCRIPTIONS}/a%2F..%2Fb%3Fx%3D1%26y%23z%20%25")
        self.assertEqual(self.fake.subscriptions, [])

    def test_gone_meanwhile_is_exit_6_after_the_others(self):
        entries = [self.fake.add_subscription(URL, trigger) for trigger in ("MOVED", "FULL_TEXT_INDEXED")]
        self.fake.rule("DELETE", f"{SUBSCRIPTIONS}/{entries[0]['id']}", "status 404 {}")
        result = self.pwh("unsubscribe", "--all", "--yes", "--json", expect=6)
        self.assertEqual([each["id"] for each in json.loads(result.out)], [entries[1]["id"]])

    def test_first_failure_decides_the_code(self):
        entries = [self.fake.add_subscription(URL, trigger) for trigger in ("MOVED", "FULL_TEXT_INDEXED", "INGEST_FAILED")]
        self.fake.rule("DELETE", f"{SUBSCRIPTIONS}/{entries[0]['id']}", "status 403 {}")
        self.fake.rule("DELETE", f"{SUBSCRIPTIONS}/{entries[1]['id']}", "status 500 x")
        result = self.pwh("unsubscribe", "--all", "--yes", expect=5)
        self.assertEqual(len(result.out.splitlines()), 1)

    def test_secret_is_kept_where_nothing_was_removed(self):
        self.pwh("subscribe", "--url", URL, "--trigger", "moved")
        entry = self.fake.subscriptions[0]
        self.fake.rule("DELETE", SUBSCRIPTIONS, "status 500 x")
        self.pwh("unsubscribe", entry["id"], expect=7)
        self.assertEqual(len(self.stored_secrets()), 1)
        self.pwh("unsubscribe", entry["id"])
        self.assertEqual(self.stored_secrets(), [])


if __name__ == "__main__":
    common.main()
