#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The receiver's secrets while it runs, its signals and its end: `listen_end.py PWH [TEST…]`."""

import os
import signal
import subprocess

import common
from common import SECRET, port_of, readable, wait_until
from fake_preservica import SUBSCRIPTIONS
from listen import OTHER, ListenTest
from sender import Sender, hmac_hex, message


class Ending(ListenTest):
    def test_signals(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            listener = self.receiver()
            self.assertEqual(self.status(self.sender.send_event(message(1))), 200)
            self.assertEqual(self.status(self.sender.send_event(message(1))), 200)
            self.assertEqual(self.status(self.sender.send_event(message(2), sign="0" * 64)), 401)
            self.assertEqual(self.status(self.sender.challenge("")), 400)
            self.assertEqual(listener.stop(number), 0)
            self.assertEqual(len(listener.lines()), 1)
            self.assertEqual(listener.err.text().count("pwh: accepted "), 1)
            self.assertEqual(listener.summary(), {"messages": 1, "events": 1, "repeated": 1, "filtered": 0, "refused": 2,
                                                  "signature": 1, "challenge": 1})

    def test_idle_connections_do_not_hold_it_up(self):
        listener = self.receiver()
        with self.sender.connect() as connection:
            connection.send(self.sender.event(message(1)))
            self.assertEqual(connection.answer().status, 200)
            self.assertEqual(listener.stop(), 0)
            self.assertTrue(connection.closed())

    def test_what_is_in_hand_is_answered(self):
        listener = self.receiver()
        head, _, body = self.sender.event(message(1), headers=[("Expect", "100-continue")]).partition(b"\r\n\r\n")
        with self.sender.connect() as connection:
            connection.send(head + b"\r\n\r\n")
            self.assertEqual(connection.answer().status, 100)
            listener.send(signal.SIGTERM)
            # Nobody new is let in, once it has heard.
            wait_until(self.refuses_connections, "the port to close")
            connection.send(body)
            answer = connection.answer()
        self.assertEqual(listener.wait(), 0)
        # Accepted or told to come again, but never lost after a 200.
        self.assertIn(answer.status, (200, 503))
        self.assertEqual(len(listener.lines()), answer.status == 200)

    def refuses_connections(self):
        try:
            self.sender.connect().close()
        except (ConnectionRefusedError, ConnectionResetError):  # the latter at the moment of closing
            return True
        return False

    def test_a_request_that_never_ends_does_not_hold_it_up_for_ever(self):
        listener = self.receiver()
        with self.sender.connect() as connection:
            connection.send(self.sender.event(message(1))[:-3])
            self.assertEqual(listener.stop(), 0)

    def test_second_signal_ends_at_once(self):
        listener = self.receiver()
        head, _, _ = self.sender.event(message(1), headers=[("Expect", "100-continue")]).partition(b"\r\n\r\n")
        with self.sender.connect() as connection:
            connection.send(head + b"\r\n\r\n")
            self.assertEqual(connection.answer().status, 100)
            listener.send(signal.SIGTERM)
            wait_until(self.refuses_connections, "the port to close")
            listener.send(signal.SIGINT)
            self.assertEqual(listener.wait(), 130)

    def test_stdout_closed_from_the_start(self):
        done = subprocess.run(["sh", "-c", '"$1" listen --listen 127.0.0.1:0 --secret-file "$2" --timeout 20 >&-', "sh",
                               common.program, self.secret_file()], env=self.environment, capture_output=True, timeout=common.PATIENCE)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, rb"(?m)^pwh: .*stdout")

    def test_reader_of_stdout_goes(self):
        listener, reader = self.piped()
        self.assertEqual(self.status(self.sender.send_event(message(1))), 200)
        os.close(reader)
        self.assertEqual(listener.wait(), 1)
        listener.err.wait_match(r"^pwh: stdout is closed")

    def test_what_waits_gets_503_when_stdout_closes(self):
        listener, reader = self.piped()
        with self.sender.connect() as first, self.sender.connect() as second:
            first.send(self.sender.event(message(1, padding="x" * 300_000)))
            wait_until(lambda: readable(reader), "the first bytes on stdout")
            second.send(self.sender.event(message(2)))
            os.close(reader)
            for connection in (first, second):
                answer = connection.answer()
                self.assertIn(answer.status if answer else None, (503, None))
            self.assertEqual(listener.wait(), 1)
        self.assertEqual(listener.summary()["messages"], 0)

    def test_head_takes_what_it_wants(self):
        done = subprocess.Popen(["sh", "-c", '{ "$1" listen --listen 127.0.0.1:0 --secret-file "$2"; echo "code $?" >&2; } | head -n 1', "sh",
                                 common.program, self.secret_file()], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        err = common.Stream(done.stderr)
        sender = Sender(err.wait_match(r"^pwh: listening on (http://\S+)$")[1], SECRET)
        self.assertEqual(self.status(sender.send_event(message(1))), 200)
        err.wait_match(r"^code 1$")
        self.assertEqual(done.stdout.read().count(b"\n"), 1)
        done.stdout.close()
        done.wait(common.PATIENCE)

    def test_full_disk_is_not_promised(self):
        with open("/dev/full", "wb") as full:
            listener = self.receiver(stdout=full)
            with self.sender.connect() as connection:
                connection.send(self.sender.event(message(1)))
                answer = connection.answer()
                self.assertNotEqual(answer.status if answer else None, 200)
            listener.send(signal.SIGTERM)
            listener.wait()
        self.assertEqual(listener.summary()["messages"], 0)


class Secrets(ListenTest):
    def test_sighup_rereads_the_file(self):
        path = self.secret_file()
        listener = self.receiver("-v", "--secret-file", path)
        self.assertEqual(self.status(self.sender.send_event(message(1))), 200)
        self.secret_file(OTHER)
        self.assertEqual(self.status(self.sender.send_event(message(2), secret=OTHER)), 401)
        listener.send(signal.SIGHUP)
        wait_until(lambda: self.status(self.sender.send_event(message(2), secret=OTHER)) == 200, "the new secret")
        self.assertEqual(self.status(self.sender.send_event(message(3))), 401)
        self.assertEqual(self.sender.challenge("abc").json()["challengeResponse"], hmac_hex(OTHER, b"abc"))

    def test_sighup_keeps_the_last_good_secrets(self):
        path = self.secret_file()
        listener = self.receiver("--secret-file", path)
        for spoil in (lambda: os.truncate(path, 0), lambda: os.remove(path)):
            spoil()
            before = listener.err.text().count("secrets stay")
            listener.send(signal.SIGHUP)
            listener.err.wait_match(r"^pwh: warning: the secrets stay as they were", before + 1)
            self.assertEqual(self.status(self.sender.send_event(message(before))), 200)

    def test_secret_setting_of_the_credentials_file(self):
        (self.folder / "work" / "credentials.properties").write_text(f"[credentials]\nsecret.key={SECRET}\n")
        os.chmod(self.folder / "work" / "credentials.properties", 0o600)
        listener = self.listen("--stored")
        self.assertEqual(Sender(listener.url, SECRET).send_event(message(1)).status, 200)

    def test_secret_file_of_the_environment_wins(self):
        (self.folder / "work" / "credentials.properties").write_text(f"[credentials]\nsecret.key={OTHER}\n")
        os.chmod(self.folder / "work" / "credentials.properties", 0o600)
        self.environment["PWH_SECRET_FILE"] = self.secret_file()
        listener = self.listen("--stored")
        self.assertEqual(Sender(listener.url, SECRET).send_event(message(1)).status, 200)
        self.assertEqual(Sender(listener.url, OTHER).send_event(message(2)).status, 401)


class WithServer(ListenTest):
    def setUp(self):
        super().setUp()
        self.use_fake()
        self.fake.shake_hands = True

    def subscribe(self, listener, *triggers, expect=0):
        self.pwh("subscribe", "--url", listener.url, *(f"--trigger={each}" for each in triggers), expect=expect)
        return [self.fake.secrets[each["id"]] for each in self.fake.subscriptions]


class Store(WithServer):
    """The secret store of `subscribe` on the same machine."""

    def test_a_change_is_noticed_without_a_restart(self):
        listener = self.listen("--stored")
        (secret,) = self.subscribe(listener, "moved")
        sender = Sender(listener.url, secret)
        self.assertEqual(sender.send_event(message(1)).status, 200)
        self.pwh("unsubscribe", self.fake.subscriptions[0]["id"])
        # The store is looked at when a signature does not match, and from time to time.
        wait_until(lambda: sender.send_event(message(2), sign="0" * 64).status == 503, "the secret to be gone")
        (other,) = self.subscribe(listener, "indexed")
        self.assertNotEqual(other, secret)
        self.assertEqual(sender.send_event(message(3), secret=other).status, 200)
        self.assertEqual(sender.send_event(message(4)).status, 401)
        listener.wait_lines(2)

    def test_handshake_is_answered_with_the_secret_that_is_being_subscribed(self):
        listener = self.listen("--stored")
        for trigger in ("moved", "indexed", "ingest-failed"):
            self.subscribe(listener, trigger)
        self.assertEqual(len(set(self.fake.secrets.values())), 3)
        for number, secret in enumerate(self.fake.secrets.values()):
            self.assertEqual(Sender(listener.url, secret).send_event(message(number)).status, 200)

    def test_a_damaged_store_keeps_the_last_good_secrets(self):
        listener = self.listen("--stored")
        (secret,) = self.subscribe(listener, "moved")
        sender = Sender(listener.url, secret)
        self.assertEqual(sender.send_event(message(1)).status, 200)
        (self.state / "secrets.json").write_text("{")
        self.assertEqual(sender.send_event(message(9), sign="0" * 64).status, 401)
        listener.err.wait_match(r"^pwh: warning: the secrets stay as they were")
        self.assertEqual(sender.send_event(message(2)).status, 200)

    def test_secrets_of_another_server_do_not_count(self):
        listener = self.listen("--stored")
        (secret,) = self.subscribe(listener, "moved")
        other = self.listen("--stored", environment={**self.environment, "PRESERVICA_SERVER": "127.0.0.1:1"})
        self.assertEqual(Sender(other.url, secret).send_event(message(1)).status, 503)
        without = self.listen("--stored", environment={k: v for k, v in self.environment.items() if not k.startswith("PRESERVICA")})
        self.assertEqual(Sender(without.url, secret).send_event(message(1)).status, 200)

    def test_no_secret_in_any_output(self):
        listener = self.listen("-vv", "--stored")
        (secret,) = self.subscribe(listener, "moved")
        Sender(listener.url, secret).send_event(message(1))
        listener.stop()
        self.assertNotIn(secret, listener.err.text() + listener.out.text())


class ListenSubscribe(WithServer):
    def test_subscribes_and_unsubscribes(self):
        listener = self.listen("--subscribe", "moved", "--subscribe", "indexed")
        listener.err.wait_match(r"^pwh: subscribed (\S+) to ([A-Z_]+)", 2)
        self.assertEqual([(each["url"], each["triggerType"]) for each in self.fake.subscriptions],
                         [(listener.url, "MOVED"), (listener.url, "FULL_TEXT_INDEXED")])
        for number, secret in enumerate(self.fake.secrets.values()):
            self.assertEqual(Sender(listener.url, secret).send_event(message(number)).status, 200)
        self.assertEqual(listener.stop(), 0)
        self.assertEqual((self.fake.subscriptions, self.stored_secrets()), ([], []))

    def test_one_that_can_not_be_removed_is_named(self):
        listener = self.listen("--subscribe", "moved")
        listener.err.wait_match("^pwh: subscribed")
        (subscription,) = self.fake.subscriptions
        self.fake.rule("DELETE", f"{SUBSCRIPTIONS}/{subscription['id']}", "status 403 {}", stays=True)
        self.assertEqual(listener.stop(), 5)
        self.assertIn(f"subscription {subscription['id']} is left at Preservica", listener.err.text())
        self.assertEqual(len(self.stored_secrets()), 1)

    def test_path_is_in_the_url(self):
        listener = self.listen("--subscribe", "moved", "--path", "/hook")
        listener.err.wait_match("^pwh: subscribed")
        self.assertEqual(self.fake.subscriptions[0]["url"], listener.url + "hook")

    def test_keep(self):
        listener = self.listen("--subscribe", "moved", "--keep")
        listener.err.wait_match("^pwh: subscribed")
        self.assertEqual(listener.stop(), 0)
        self.assertEqual((len(self.fake.subscriptions), len(self.stored_secrets())), (1, 1))

    def test_existing_is_adopted_and_stays(self):
        with_port = self.listen("--stored")
        self.subscribe(with_port, "moved")
        with_port.stop()
        port = port_of(with_port.url)
        again = self.start("listen", "--listen", f"127.0.0.1:{port}", "--subscribe", "moved")
        again.err.wait_match("^pwh: subscribed")
        secret = self.fake.secrets[self.fake.subscriptions[0]["id"]]
        self.assertEqual(Sender(with_port.url, secret).send_event(message(1)).status, 200)
        self.assertEqual(again.stop(), 0)
        self.assertEqual(len(self.fake.subscriptions), 1)

    def test_one_whose_secret_is_elsewhere_is_an_error(self):
        other = self.listen("--stored")
        other.stop()
        self.fake.add_subscription(other.url, "MOVED")
        port = port_of(other.url)
        result = self.pwh("listen", "--listen", f"127.0.0.1:{port}", "--subscribe", "moved", expect=1)
        self.assertIn("hint:", result.err)

    def test_refusals_end_with_their_code(self):
        for action, code in (("status 403 {}", 5), ("status 400 {}", 3), ("status 500 x", 7)):
            self.fake.rule("POST", SUBSCRIPTIONS, action)
            self.assertEqual(self.pwh("listen", "--listen", "127.0.0.1:0", "--subscribe", "moved", expect=code).out, "")
        self.pwh("listen", "--listen", "127.0.0.1:0", "--subscribe", "moved", expect=4, PRESERVICA_PASSWORD="wrong")

    def test_a_public_url_is_needed_for_a_public_server(self):
        result = self.pwh("listen", "--listen", "127.0.0.1:0", "--subscribe", "moved", "--server", "us.preservica.com", "--protocol", "https", expect=2)
        for way in ("--url", "PWH_URL", "`url`"):
            self.assertIn(way, result.err)

    def test_stopped_while_it_subscribes(self):
        self.fake.rule("POST", SUBSCRIPTIONS, "process-and-hold")
        reached = []
        self.fake.on_event = reached.append
        listener = self.listen("--subscribe", "moved")
        wait_until(lambda: "made" in reached, "the subscription to be made")
        self.assertEqual(listener.stop(), 0)
        # It could not learn what became of it; the next run adopts it and cleans up.
        self.fake.released.set()
        port = port_of(listener.url)
        if self.fake.subscriptions:
            again = self.start("listen", "--listen", f"127.0.0.1:{port}", "--subscribe", "moved")
            again.err.wait_match("^pwh: subscribed")
            self.assertEqual(again.stop(), 0)
        self.assertEqual((self.fake.subscriptions, self.stored_secrets()), ([], []))


if __name__ == "__main__":
    common.main()
