#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`listen --store` through real sockets: what is stored, and what is printed: `store.py PWH [TEST…]`."""

import hashlib
import itertools
import json
import os
import signal
import sqlite3
import sys
import time

import common
from common import SECRET, Process, wait_until
from listen import ListenTest
from process import is_sanitized, memory_kib
from sender import Sender, message

KIB, MIB = 1 << 10, 1 << 20
HOUR_MS = 3_600_000


class StoreTest(ListenTest):
    def setUp(self):
        super().setUp()
        self.store = self.folder / "events.db"

    def storing(self, *arguments, **options):
        return self.receiver("--store", str(self.store), *arguments, **options)

    def send(self, *bodies, expect=200):
        for body in bodies:
            self.assertEqual(self.status(self.sender.send_event(body)), expect)

    def rows(self, sql="SELECT body FROM message ORDER BY id", *values):
        """What another program reads, while listen writes or not."""
        connection = sqlite3.connect(f"file:{self.store}?mode=ro", uri=True, timeout=60)
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def bodies(self):
        return [row[0] for row in self.rows()]

    def edit(self, sql, *values):
        """A change to a store that no listen uses."""
        connection = sqlite3.connect(self.store, timeout=60)
        connection.execute(sql, values)
        connection.commit()
        connection.close()

    def check_store(self):
        connection = sqlite3.connect(self.store, timeout=60)
        self.assertEqual(connection.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        for received, message_id, body in connection.execute("SELECT received, message_id, body FROM message"):
            self.assertEqual(hashlib.sha256(body).digest(), message_id)
            self.assertIsInstance(received, int)
        connection.close()

    def healthy(self):
        return self.status(self.sender.exchange(self.sender.request("GET", "/healthz"))) == 200

    def refused(self, *arguments, **variables):
        """A listen that does not start: its one line, and the hint."""
        result = self.pwh("listen", "--listen", "127.0.0.1:0", "--secret-file", self.secret_file(),
                          *(arguments or ("--store", str(self.store))), expect=1, **variables)
        self.assertEqual(result.out, "")
        self.assertRegex(result.err, r"\Apwh: .*\nhint: .*\n\Z")
        return result.err


class Stored(StoreTest):
    def test_own_folder_is_made(self):
        """The state folder before its first use; any other folder is the user's to make."""
        own = self.folder / "state-of-its-own"
        listener = self.receiver("--state-dir", str(own), "--store", str(own / "events.db"))
        self.send(message(1))
        self.assertEqual(listener.stop(), 0)
        self.assertEqual(own.stat().st_mode & 0o777, 0o700)
        self.store = own / "events.db"
        self.assertEqual(self.bodies(), [message(1)])
        self.assertIn("its folder", self.refused("--store", str(self.folder / "none" / "events.db")))

    def test_moved_while_in_use(self):
        """What nobody would find again is not promised to be kept."""
        listener = self.storing()
        self.send(message(1))
        moved = self.store.with_name("moved.db")
        self.store.rename(moved)
        wait_until(lambda: not self.healthy(), "the store to be missed")
        numbers = itertools.count(100)
        wait_until(lambda: self.status(self.sender.send_event(message(next(numbers)))) == 503, "the store to be missed")
        self.assertFalse(self.healthy())
        self.assertIn("moved or removed", listener.err.text())
        moved.rename(self.store)
        wait_until(self.healthy, "the store to be found again")
        self.send(message(3))
        self.assertEqual(listener.stop(), 0)
        self.assertIn(message(1), self.bodies())
        self.assertEqual(self.bodies()[-1], message(3))
        self.check_store()

    def test_copy_of_the_file_alone_has_what_came_a_while_ago(self):
        listener = self.storing()
        bodies = [message(number) for number in range(20)]
        self.send(*bodies)
        copy = self.folder / "copy.db"

        def is_whole():
            copy.write_bytes(self.store.read_bytes())
            connection = sqlite3.connect(f"file:{copy}?immutable=1", uri=True)
            try:
                return connection.execute("SELECT count(*) FROM message").fetchone() == (len(bodies),)
            finally:
                connection.close()

        wait_until(is_whole, "the log to be brought into the file")
        self.assertEqual(listener.stop(), 0)

    def test_trigger_that_looks_like_another(self):
        """What a trigger may hold, and a careless key would take for the end of it."""
        listener = self.storing()
        bodies = [json.dumps({"trigger": trigger, "subscriptionId": subscription, "events": []}).encode()
                  for trigger, subscription in (("A\0B", "C"), ("A", "B\0C"), ("A", "BC"), ("AB", "C"))]
        self.send(*bodies)
        self.assertEqual(listener.stop(), 0)
        self.assertEqual(self.bodies(), bodies)
        self.assertEqual(self.rows("SELECT count(DISTINCT source) FROM message"), [(4,)])

    def test_answer_comes_after_the_commit(self):
        """Whoever has the 200 finds the message in the file, at once and in another process."""
        self.storing()
        for number in range(30):
            self.send(message(number))
            self.assertEqual(self.rows("SELECT count(*), max(id) FROM message"), [(number + 1, number + 1)])
        self.assertEqual(self.bodies(), [message(number) for number in range(30)])

    def test_lines_are_what_is_stored(self):
        listener = self.storing()
        bodies = [message(1), message(2, events=[{"event": "A"}, {"event": "B", "trigger": "own"}, 5]), message(3, events=[]),
                  b'{"a": "\\u00fc",\r\n "b": 1.10}', '{"ü":"€"}'.encode(), b"[1,2]"]
        self.send(*bodies)
        lines = listener.wait_lines(7)
        stored = self.rows("SELECT received, lower(hex(message_id)), body FROM message ORDER BY id")
        self.assertEqual([body for _, _, body in stored], bodies)
        times = {message_id: received for received, message_id, _ in stored}
        for line in lines:
            received = times[line["messageId"]]
            self.assertEqual(line["receivedAt"], time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(received // 1000)) + f".{received % 1000:03}Z")
        self.assertEqual([line["messageId"] for line in lines],
                         [hashlib.sha256(bodies[at]).hexdigest() for at in (0, 1, 1, 1, 3, 4, 5)])
        self.assertEqual(listener.stop(), 0)
        self.assertEqual(listener.summary()["messages"], 6)
        self.assertEqual(self.pwh("events", "--store", str(self.store)).out, listener.out.text())
        self.check_store()

    def test_format_message_is_about_stdout_alone(self):
        listener = self.storing("--format", "message")
        self.send(b'{"a":\n1}')
        listener.out.wait_match(r'^\{"a":1\}\n')
        self.assertEqual(self.bodies(), [b'{"a":\n1}'])

    def test_columns(self):
        self.storing()
        self.send(message(1), message(2, trigger="MOVED", subscriptionId="other"), b'{"x":1}')
        self.assertEqual(self.rows("SELECT trigger, subscription FROM message JOIN source ON source.id = source ORDER BY message.id"),
                         [("FULL_TEXT_INDEXED", "9495ddbf7d4a0b9f030a3411c87f967d"), ("MOVED", "other"), ("", "")])
        self.assertEqual(self.rows("SELECT event, entity_type FROM event WHERE message = 1"), [("FullTextIndexed", "IO")])

    def test_repeats_are_not_stored_twice(self):
        for end in (signal.SIGTERM, signal.SIGKILL, signal.SIGKILL):
            listener = self.storing()
            for _ in range(2):
                self.send(*(message(number) for number in range(20)))
            listener.stop(end)
            self.assertEqual(len(self.bodies()), 20)
        listener = self.storing()
        self.send(message(3), message(20))
        self.assertEqual([line["identifiers"] for line in listener.wait_lines(1)], [[{"BatchId": "20"}]])
        listener.stop()
        self.assertEqual((listener.summary()["messages"], listener.summary()["repeated"]), (1, 1))
        self.check_store()

    def test_no_dedupe(self):
        for _ in range(2):
            listener = self.storing("--no-dedupe")
            self.send(message(1), message(1))
            listener.stop()
        self.assertEqual(self.bodies(), [message(1)] * 4)

    def test_only_wanted_triggers_and_no_checks(self):
        listener = self.storing("--trigger", "moved")
        self.send(message(1, trigger="MOVED"), message(2), message(3, trigger="PWH_CHECK"), message(4, trigger="MOVED"))
        listener.stop()
        self.assertEqual(self.bodies(), [message(1, trigger="MOVED"), message(4, trigger="MOVED")])
        self.assertEqual(listener.summary()["filtered"], 1)

    def test_where_the_setting_comes_from(self):
        other, third = self.folder / "other.db", self.folder / "third.db"
        file = self.folder / "credentials.properties"
        file.touch(0o600)
        file.write_text(f"[credentials]\nstore = {third}\n")
        for variables, arguments, expected in (({"PWH_STORE": str(other)}, ("--store", str(self.store)), self.store),
                                               ({"PWH_STORE": str(other), "PWH_CREDENTIALS": str(file)}, (), other),
                                               ({"PWH_CREDENTIALS": str(file)}, (), third)):
            listener = self.receiver(*arguments, environment={**self.environment, **variables})
            self.send(message(1))
            listener.stop()
            self.assertEqual([each.name for each in self.folder.glob("*.db")], [expected.name])
            self.assertEqual(expected.stat().st_mode & 0o777, 0o600)
            expected.unlink()

    def test_max_events(self):
        listener = self.storing("--max-events", "4")
        self.send(message(1), message(2, events=[1, 2]), message(3))
        self.assertEqual(listener.wait(), 0)
        self.assertEqual(len(listener.lines()), 4)
        self.assertEqual(self.bodies(), [message(1), message(2, events=[1, 2]), message(3)])
        # What an earlier run stored counts for it alone.
        listener = self.storing("--max-events", "1")
        self.send(message(4))
        self.assertEqual(listener.wait(), 0)
        self.assertEqual(len(listener.lines()), 1)

    def test_timeout(self):
        listener = self.storing("--max-events", "5", "--timeout", "0.5")
        self.assertEqual(listener.wait(), 8)
        self.assertEqual(self.bodies(), [])

    def test_two_at_once(self):
        self.storing()
        text = self.refused()
        self.assertIn(f"pwh: another pwh listen writes to the event store {self.store}\n", text)
        self.send(message(1))
        self.check_store()

    def test_many_that_start_at_once(self):
        arguments = ("--listen", "127.0.0.1:0", "--secret-file", self.secret_file(), "--store", str(self.store))
        runs = [self.start("listen", *arguments) for _ in range(8)]

        def settled():
            return all(each.process.poll() is not None or "listening on" in each.err.text() for each in runs)
        wait_until(settled, "each to listen or to end")
        listening = [each for each in runs if each.process.poll() is None]
        self.assertEqual(len(listening), 1, [each.err.text() for each in runs])
        for each in runs:
            if each is not listening[0]:
                self.assertEqual(each.wait(), 1)
                self.assertIn("another pwh listen writes to the event store", each.err.text())
        listening[0].stop()
        self.check_store()
        self.assertEqual([each.name for each in self.folder.glob("events.db*")], ["events.db"])

    def test_refusals_by_hour(self):
        listener = self.storing()
        before = int(time.time() // 3600)
        for _ in range(3):
            self.assertEqual(self.sender.send_event(message(1), sign="0" * 64).status, 401)
        self.assertEqual(self.sender.challenge("").status, 400)
        count = "SELECT reason, sum(count) FROM refusal GROUP BY reason ORDER BY reason"
        wait_until(lambda: self.rows(count) == [("challenge", 1), ("signature", 3)], "the counts")
        self.assertEqual(self.sender.send_event(message(1), sign="0" * 64).status, 401)
        listener.stop()
        self.assertEqual(self.rows(count), [("challenge", 1), ("signature", 4)])
        for (hour,) in self.rows("SELECT hour FROM refusal"):
            self.assertIn(hour, range(before, before + 3))
        listener = self.storing()
        self.assertEqual(self.sender.send_event(message(1), sign="0" * 64).status, 401)
        listener.stop()
        self.assertEqual(self.rows(count), [("challenge", 1), ("signature", 5)])

    def test_another_program_that_holds_the_file(self):
        """The sqlite3 shell in a transaction: 503 meanwhile, and on when it ends."""
        listener = self.storing()
        self.send(message(1))
        other = sqlite3.connect(self.store, isolation_level=None, timeout=60)
        other.execute("BEGIN IMMEDIATE")
        self.send(message(2), expect=503)
        listener.err.wait_match(r"^pwh: warning: events can't be stored, and are answered 503: .*: database is locked$")
        self.assertFalse(self.healthy())
        other.execute("ROLLBACK")
        other.close()
        wait_until(self.healthy, "health")
        self.send(message(2))
        listener.stop()
        self.assertEqual(self.bodies(), [message(1), message(2)])
        self.check_store()


class Stdout(StoreTest):
    def test_closed_while_it_runs(self):
        listener, reader = self.piped("--store", str(self.store))
        self.send(message(1))
        self.assertTrue(os.read(reader, 65536).endswith(b"\n"))
        os.close(reader)
        self.send(*(message(number) for number in range(2, 30)))
        listener.err.wait_match(r"^pwh: warning: stdout is closed: events are stored, and no longer printed$")
        self.assertTrue(self.healthy())
        self.assertEqual(listener.stop(), 0)
        self.assertEqual(listener.err.text().count("warning"), 1)
        self.assertEqual(len(self.bodies()), 29)
        self.check_store()

    def test_closed_from_the_start(self):
        """Its number is not taken by the store, into which lines would be written."""
        command = ["sh", "-c", 'exec "$0" "$@" >&-', common.program, "listen", "--listen", "127.0.0.1:0", "--secret-file",
                   self.secret_file(), "--store", str(self.store)]
        listener = Process(self, command)
        self.addCleanup(listener.end)
        self.sender = Sender(listener.err.wait_match(r"^pwh: listening on (http://\S+)$")[1], SECRET)
        self.send(*(message(number) for number in range(20)))
        self.assertEqual(listener.stop(), 0)
        self.assertEqual(len(self.bodies()), 20)
        self.check_store()

    def test_full(self):
        """It never takes a line: events are stored, and the end says what was not printed."""
        with open("/dev/full", "wb") as full:
            listener = self.storing(stdout=full)
        self.send(*(message(number) for number in range(5)))
        self.assertEqual(listener.stop(), 0)
        listener.err.wait_match(r"^pwh: warning: 5 stored messages were not printed in time\nhint: pwh events prints them$")
        self.assertEqual(len(self.bodies()), 5)

    def test_consumer_that_stops_reading(self):
        """Events go on being stored, in little memory, and all are printed when it reads again."""
        listener, reader = self.piped("--store", str(self.store), "--max-body", str(4 * MIB))
        started = memory_kib(listener.pid)
        count, padding = 100, "x" * MIB
        for number in range(count):
            self.send(message(number, padding=padding))
        grown = (memory_kib(listener.pid, "VmHWM") - started) // KIB
        print(f"a consumer that stops: {grown} MiB for {count} MiB of events", file=sys.stderr)
        if not is_sanitized(common.program):
            self.assertLess(grown, 50)
        self.assertTrue(self.healthy())
        self.assertEqual(self.rows("SELECT count(*) FROM message"), [(count,)])
        data = bytearray()
        while data.count(b"\n") < count:
            data += os.read(reader, MIB)
        self.assertEqual(listener.stop(), 0)
        os.close(reader)
        self.assertEqual([json.loads(line)["identifiers"][0]["BatchId"] for line in data.splitlines()],
                         [str(number) for number in range(count)])


class Time(StoreTest):
    def test_retain(self):
        now = int(time.time() * 1000)
        listener = self.storing()
        self.send(*(message(number, padding="x" * 20_000) for number in range(100)))
        listener.stop()
        self.edit("UPDATE message SET received = ? WHERE id <= 90", now - 73 * HOUR_MS)
        self.edit("INSERT INTO refusal (hour, reason, count) VALUES (?, 'old', 7)", now // HOUR_MS - 80)
        self.edit("INSERT INTO refusal (hour, reason, count) VALUES (?, 'new', 7)", now // HOUR_MS - 70)
        size = self.store.stat().st_size
        listener = self.storing()
        self.send(message(1000))
        listener.stop()
        self.assertEqual(len(self.bodies()), 101, "nothing is removed unless it is asked for")
        listener = self.storing("--retain", "3d")
        wait_until(lambda: len(self.bodies()) == 11, "what is old to go")
        self.send(message(1001))
        listener.stop()
        self.assertEqual(self.rows("SELECT min(id), max(id), count(*) FROM message"), [(91, 102, 12)])
        self.assertEqual(self.rows("SELECT reason FROM refusal"), [("new",)])
        print(f"--retain: {size // KIB} KiB, then {self.store.stat().st_size // KIB} KiB", file=sys.stderr)
        self.assertLess(self.store.stat().st_size, size - MIB // 2)
        self.check_store()

    def test_readers_at_the_start_of_a_clean_up(self):
        """The store is its writer's alone from the start: whoever reads meanwhile finds it sound."""
        for number in range(12):
            listener = self.storing()
            self.send(*(message(20 * number + each, padding="x" * 20_000) for each in range(20)))
            listener.stop()
            self.edit("UPDATE message SET received = received - ?", 100 * HOUR_MS)
            listener = self.storing("--retain", "3d")
            wait_until(lambda: self.rows("SELECT count(*), sum(length(body)) FROM message")[0][0] == 0, "it to go")
            self.assertEqual(listener.stop(), 0)
            self.check_store()

    def test_all_that_is_removed_is_never_numbered_again(self):
        for number in range(3):
            listener = self.storing("--retain", "1d")
            self.send(message(number))
            listener.stop()
            self.edit("UPDATE message SET received = received - ?", 48 * HOUR_MS)
            listener = self.storing("--retain", "1d")
            wait_until(lambda: not self.bodies(), "it to go")
            listener.stop()
        listener = self.storing()
        self.send(message(9))
        self.assertEqual(self.rows("SELECT id FROM message"), [(4,)])

    def test_clock_that_went_back(self):
        """Messages of the future: nothing is lost or out of order, and repeats are still known."""
        listener = self.storing()
        self.send(message(1), message(2))
        listener.stop()
        self.edit("UPDATE message SET received = received + ?", 100 * HOUR_MS)
        listener = self.storing("--retain", "1d")
        self.send(message(2), message(3), message(4))
        listener.wait_lines(2)
        listener.stop()
        self.assertEqual(self.bodies(), [message(number) for number in range(1, 5)])
        printed = self.pwh("events", "--store", str(self.store)).out.splitlines()
        self.assertEqual([json.loads(line)["identifiers"][0]["BatchId"] for line in printed], ["1", "2", "3", "4"])
        self.check_store()


if __name__ == "__main__":
    common.main()
