#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The exact requests that pwh makes, and what it makes of odd answers: `wire.py PWH [TEST…]`."""

import json
import time

import common
from common import PwhTest
from fake_preservica import LOGIN, SUBSCRIPTIONS, FakePreservica

URL = "https://hooks.example.org/preservica"


class WireTest(PwhTest):
    def setUp(self):
        super().setUp()
        self.use_fake()

    def assert_error(self, result, text):
        self.assertEqual(result.out, "")
        self.assertRegex(result.err, rf"(?m)^pwh: .*{text}")
        self.assertNotIn("the-password", result.err)

    def pwh(self, *arguments, **options):
        """Each run signs in: a token that an earlier one kept is taken away."""
        for name in ("tokens.json", "tokens.key"):
            (self.state / name).unlink(missing_ok=True)
        return super().pwh(*arguments, **options)

    def bend(self, method, path, action):
        """For every such request, however often it is tried."""
        self.fake.rules.clear()
        self.fake.rule(method, path, action, stays=True)

    def headers(self, request):
        return {name.lower(): value for name, value in request.headers}


class Login(WireTest):
    def test_list_is_a_login_and_a_get(self):
        self.pwh("list")
        self.assertEqual(self.fake.lines(), [f"POST {LOGIN}", f"GET {SUBSCRIPTIONS}"])

    def test_login_form_is_in_the_body(self):
        self.pwh("list")
        login = self.fake.requests[0]
        self.assertEqual(login.version, "HTTP/1.1")
        self.assertEqual(login.header("Content-Type"), "application/x-www-form-urlencoded")
        self.assertEqual(sorted(login.form()), [("password", "the-password"), ("tenant", "ACME"),
                                                ("username", "user@example.com")])
        self.assertIsNone(login.header("Preservica-Access-Token"))
        self.assertIsNone(login.header("Authorization"))

    def test_without_a_tenant_the_server_is_asked_for_it(self):
        del self.environment["PRESERVICA_TENANT"]
        self.pwh("list")
        self.assertEqual(sorted(self.fake.requests[0].form()),
                         [("includeUserDetails", "true"), ("password", "the-password"),
                          ("username", "user@example.com")])

    def test_form_fields_are_encoded(self):
        password = "a b&c=d+e%f;g\"h'ü€\U0001f511"
        result = self.pwh("list", expect=4, PRESERVICA_PASSWORD=password)
        self.assertEqual(dict(self.fake.requests[0].form())["password"], password)
        self.assertNotIn(password, result.err)

    def test_a_refused_login_is_not_tried_again(self):
        self.pwh("list", expect=4, PRESERVICA_PASSWORD="wrong")
        self.assertEqual(self.fake.lines(), [f"POST {LOGIN}"])

    def test_a_message_that_repeats_the_password_is_not_shown(self):
        self.bend("POST", LOGIN, 'status 401 {"message":"bad password: the-password"}')
        self.assert_error(self.pwh("list", expect=4), "refused")
        self.bend("POST", LOGIN, 'status 401 {"message":"bad password: the-password"}')
        self.assert_error(self.pwh("list", "-vv", expect=4), "refused")

    def test_second_factor_is_exit_4(self):
        for message in ("needs.2fa", "needs.2fa.setup"):
            answer = json.dumps({"message": message, "continuationToken": "cont-token"})
            self.bend("POST", LOGIN, f"status 401 {answer}")
            result = self.pwh("list", expect=4)
            self.assert_error(result, "second factor")
            self.assertNotIn("cont-token", result.err)

    def test_token_goes_into_the_header_only(self):
        self.pwh("list")
        (token,) = self.fake.tokens
        request = self.fake.requests[1]
        self.assertEqual(request.header("Preservica-Access-Token"), token)
        self.assertEqual(request.body, b"")
        for each in self.fake.requests:
            for secret in ("the-password", token, "user@example.com"):
                self.assertNotIn(secret, each.target)

    def test_headers_of_a_get(self):
        self.pwh("list")
        headers = self.headers(self.fake.requests[1])
        self.assertEqual(set(headers), {"host", "user-agent", "accept", "preservica-access-token"})
        self.assertEqual(headers["host"], self.fake.authority)
        self.assertEqual(headers["accept"], "application/json")
        self.assertRegex(headers["user-agent"], r"^pwh/\d+\.\d+\.\d+$")

    def test_trace_holds_nothing_secret(self):
        entry = self.fake.add_subscription(URL, "MOVED")
        traces = [self.pwh("-vv", "subscribe", "--trigger", "indexed", "--url", URL).err,
                  self.pwh("-vv", "list").err, self.pwh("-vv", "unsubscribe", entry["id"]).err,
                  self.pwh("-vv", "list", expect=4, PRESERVICA_PASSWORD="the-wrong-password").err]
        hidden = {"the-password", "the-wrong-password", *self.fake.tokens, *self.fake.secrets.values()}
        self.assertGreaterEqual(len(hidden), 6)
        for trace in traces:
            self.assertIn("POST", trace)
            for secret in hidden:
                self.assertNotIn(secret, trace)


class ExpiredToken(WireTest):
    def test_one_login_and_one_repeat(self):
        self.fake.rule("GET", SUBSCRIPTIONS, "expired")
        self.pwh("list")
        self.assertEqual(self.fake.lines(), [f"POST {LOGIN}", f"GET {SUBSCRIPTIONS}"] * 2)
        first, second = (self.fake.requests[at].header("Preservica-Access-Token") for at in (1, 3))
        self.assertNotEqual(first, second)
        self.assertIn(second, self.fake.tokens)

    def test_refused_for_ever_is_exit_4(self):
        self.fake.rule("GET", SUBSCRIPTIONS, "expired", stays=True)
        self.assert_error(self.pwh("list", expect=4), "access token")
        self.assertEqual(len(self.fake.requests), 4)

    def test_a_post_is_repeated_too(self):
        self.fake.rule("POST", SUBSCRIPTIONS, "expired")
        self.pwh("subscribe", "--trigger", "moved", "--url", URL)
        self.assertEqual(self.fake.lines(), [f"POST {LOGIN}", f"GET {SUBSCRIPTIONS}", f"POST {SUBSCRIPTIONS}",
                                             f"POST {LOGIN}", f"POST {SUBSCRIPTIONS}"])
        self.assertEqual(self.fake.requests[2].body, self.fake.requests[4].body)
        self.assertEqual(len(self.fake.subscriptions), 1)


class OddAnswers(WireTest):
    def test_html(self):
        for method, path in (("POST", LOGIN), ("GET", SUBSCRIPTIONS)):
            self.bend(method, path, "html")
            result = self.pwh("list", expect=7)
            self.assert_error(result, "web page")
            self.assertIn("hint: check --server", result.err)

    def test_truncated_json(self):
        self.fake.add_subscription(URL, "MOVED")
        self.bend("POST", LOGIN, "truncated")
        self.assert_error(self.pwh("list", expect=7), "not valid JSON")
        self.bend("GET", SUBSCRIPTIONS, "truncated")
        self.assert_error(self.pwh("list", expect=7), "not valid JSON")

    def test_answers_that_are_no_list_of_subscriptions(self):
        for body in ("", "{}", "null", "1", '"text"', "[1]", "[{}]", '[{"id":1,"url":"u","triggerType":"t"}]',
                     "[" * 100_000, '[{"id":"","url":"u","triggerType":"t"}]'):
            self.bend("GET", SUBSCRIPTIONS, f"status 200 {body}")
            self.assert_error(self.pwh("list", expect=7), "cannot list")

    def test_statuses(self):
        codes = {400: 1, 403: 5, 404: 1, 408: 7, 409: 1, 429: 7, 500: 7, 502: 7, 503: 7, 504: 7}
        for status, code in codes.items():
            self.bend("GET", SUBSCRIPTIONS, f'status {status} {{"message":"so says {status}"}}')
            self.assert_error(self.pwh("list", "--retries", "0", expect=code), f"so says {status}|webhook API")

    def test_redirects_are_not_followed(self):
        other = FakePreservica()
        self.addCleanup(other.close)
        for method, path in (("POST", LOGIN), ("GET", SUBSCRIPTIONS)):
            self.bend(method, path, f"redirect http://{other.authority}{path}")
            self.assert_error(self.pwh("list", expect=7), "sends pwh on")
        self.assertEqual(other.requests, [])

    def test_control_characters_of_the_server_do_not_reach_the_terminal(self):
        self.bend("GET", SUBSCRIPTIONS, 'status 500 {"message":"\\u001b[31mred\\u0007\\nnext\\u009b"}')
        result = self.pwh("list", expect=7)
        for character in "\x1b\x07\x9b":
            self.assertNotIn(character, result.err)
        self.assertEqual(len(result.err.splitlines()), 2)

    def test_connection_dropped(self):
        for method, path in (("POST", LOGIN), ("GET", SUBSCRIPTIONS)):
            self.bend(method, path, "drop")
            self.assert_error(self.pwh("list", expect=7), "")

    def test_no_answer(self):
        self.bend("GET", SUBSCRIPTIONS, "hang")
        started = time.monotonic()
        self.assert_error(self.pwh("list", "--request-timeout", "0.5", "--retries", "0", expect=7), "")
        self.assertGreaterEqual(time.monotonic() - started, 0.5)

    def test_unknown_fields_and_triggers_survive(self):
        entry = self.fake.add_subscription(URL, "NEW_TRIGGER", created=12345678901234567890, name="ü\t€", deep={"z": [1], "a": None})
        entry["includeIdentifiers"] = "true"
        (shown,) = json.loads(self.pwh("list", "--json").out)
        self.assertEqual(shown, {**entry, "secretStored": False})
        self.assertEqual(list(shown), [*entry, "secretStored"])

    def test_tsv_is_escaped(self):
        self.fake.subscriptions.append({"id": "i\t1", "url": "http://h/a\\b\nc\td", "triggerType": "T"})
        self.assertEqual(self.pwh("list").out, "i\\t1\tT\thttp://h/a\\\\b\\nc\\td\t\tfalse\n")

    def test_no_proxy_for_loopback(self):
        self.pwh("list", http_proxy="http://127.0.0.1:1/", HTTP_PROXY="http://127.0.0.1:1/", ALL_PROXY="http://127.0.0.1:1/")

    def test_curl_settings_of_the_user_change_nothing(self):
        (self.folder / "home" / ".netrc").write_text("default login netrc-user password netrc-password\n")
        (self.folder / "home" / ".curlrc").write_text("user-agent = other\n")
        self.pwh("list")
        self.assertIsNone(self.fake.requests[0].header("Authorization"))
        self.assertRegex(self.fake.requests[0].header("User-Agent"), "^pwh/")



if __name__ == "__main__":
    common.main()
