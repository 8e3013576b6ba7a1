#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`pwh events` over stores that `listen` filled, against what Python makes of listen's lines: `events.py PWH [TEST…]`."""

import datetime
import json
import os
import random
import signal
import time

import common
from common import wait_until
from stored import TRIGGERS, StoreTest, body

LARGE = 17_000  # messages: more than a segment of the index holds (16,384)
USER_NAMES = {"MOVED": "moved", "FULL_TEXT_INDEXED": "indexed", "CHANGE_ASSET_VISIBILITY": "visibility-changed"}


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def shifted(text, **by):
    return (moment(text) + datetime.timedelta(**by)).isoformat().replace("+00:00", "Z")


class Wanted:
    """A choice of filters: as options, and done here."""

    def __init__(self, rng, parsed):
        self.arguments = []
        self._checks = []
        times = sorted({each["receivedAt"] for each in parsed})
        if rng.random() < 0.5:
            self._time(rng, times, "--since", lambda at, limit: at >= limit)
        if rng.random() < 0.5:
            self._time(rng, times, "--until", lambda at, limit: at < limit)
        if rng.random() < 0.6:
            triggers = rng.sample(TRIGGERS, rng.randint(1, 2))
            for each in triggers:
                self.arguments += ["--trigger", rng.choice([each, USER_NAMES[each]])]
            self._checks.append(lambda line: line.get("trigger") in triggers)
        if rng.random() < 0.5:
            entity = f"entity-{rng.randint(0, 30)}"
            self.arguments += ["--entity", rng.choice([entity, entity.upper()])]
            self._checks.append(lambda line: str(line.get("entityRef")).split("/")[-1].lower() == entity)
        self.limit = rng.choice([None, None, 1, 7, 1000])
        if self.limit:
            self.arguments += ["--limit", str(self.limit)]

    def _time(self, rng, times, option, keeps):
        # The finest step that a store tells apart, and one finer.
        limit = shifted(rng.choice(times), microseconds=rng.choice([0, 0, 1000, -1000, 1, -1]))
        self.arguments += [option, limit]
        self._checks.append(lambda line: keeps(moment(line["receivedAt"]), moment(limit)))

    def of(self, lines, parsed):
        kept = [line for line, each in zip(lines, parsed) if all(check(each) for check in self._checks)]
        return kept[:self.limit] if self.limit else kept


class Filters(StoreTest):
    def compare(self, lines, rounds):
        parsed = [json.loads(line) for line in lines]
        seed = random.randrange(1 << 32)
        rng = random.Random(seed)
        self.assertEqual(self.run_events(), lines)
        for _ in range(rounds):
            wanted = Wanted(rng, parsed)
            with self.subTest(seed=seed, arguments=wanted.arguments):
                self.assertEqual(self.run_events(*wanted.arguments), wanted.of(lines, parsed))

    def test_small_store(self):
        odd = [b'{"trigger":"MOVED"}', b'{"trigger":"MOVED","entityRef":"entity-5","events":[{"entityRef":"x"},{},"y"]}',
               b'{"trigger":"MOVED","events":[]}', b'[1,2]', b'"text"', b'{"events":[{"entityRef":"entity-7"}]}',
               b'{"trigger":"MOVED","events":[{"entity\\u0052ef":"http://x.example/api/entity/ENTITY-9","n":1e400}]}',
               b'{"trigger":"MOVED",\n "events" : [ {"entityRef":"entity-1"},\r\n{"entityRef":"entity-2"} ]}']
        self.compare(self.fill([*odd, *(body(each, events=each % 5) for each in range(60))]), 40)

    def test_store_of_more_than_a_segment(self):
        self.compare(self.fill(body(each, events=1 + each % 2) for each in range(LARGE)), 12)

    def test_messages_of_so_many_events_that_few_fill_a_segment(self):
        self.compare(self.fill(body(each, events=7000 if each % 2 else 3) for each in range(42)), 8)

    def test_while_listen_writes(self):
        self.receiver()
        self.deliver(body(each) for each in range(50))
        self.assertEqual(self.run_events(), self.lines())
        self.deliver(body(each) for each in range(50, 80))
        self.assertEqual(len(self.run_events("--limit", "79")), 79)
        self.assertEqual(self.run_events(), self.lines())

    def test_times_that_users_write(self):
        lines = self.fill(body(each) for each in range(5))
        today = json.loads(lines[0])["receivedAt"][:10]
        for since in ("1h", "7d", "2w", today, "1970-01-01", "2026-01-01T00:00:00+02:00"):
            self.assertEqual(self.run_events("--since", since), lines, since)
        self.assertEqual(self.run_events("--until", "1h"), [])
        self.assertEqual(self.run_events("--since", "2099-01-01"), [])
        for wrong in ("yesterday", "", "1", "2026-13-01", "2026-11-23T10:00:00", "-2h"):
            self.run_events(f"--since={wrong}", expect=2)
            self.run_events(f"--until={wrong}", expect=2)

    def test_entity_in_a_url(self):
        reference = "0f5a1c34-98a2-4b7e-8d3e-0123456789ab"
        url = f"https://eu.preservica.com/api/entity/{reference}"
        lines = self.fill([
            json.dumps({"n": 1, "events": [{"entityRef": url}]}).encode(),
            json.dumps({"n": 2, "events": [{"entityRef": reference.upper()}]}).encode(),
            json.dumps({"n": 3, "events": [{"entityRef": "another"}]}).encode()])
        self.assertEqual(self.run_events("--entity", reference), lines[:2])
        self.assertEqual(self.run_events("--entity", url), lines[:1])


class Export(StoreTest):
    def test_messages_as_they_came(self):
        sent = [body(1, events=3), b'{"a":1,\r\n "events": [],\n"b":"\xc3\xa9 \\u00e9 1e400"}', b"[ ]", body(2, events=0)]
        lines = self.fill([*sent, *(body(each, events=2) for each in range(10, 40))])
        messages = self.run_events("--export")
        self.assertCountEqual(messages, [each.replace(b"\r", b"").replace(b"\n", b"") + b"\n"
                                         for each in self.bodies.values()])
        in_order = list(dict.fromkeys(json.loads(line)["messageId"] for line in lines))
        with_events = [line for line in messages if not line.startswith(b'{"a"') and b'"events":[]' not in line]
        self.assertEqual([each.rstrip(b"\n") for each in with_events], [self.bodies[each] for each in in_order])

    def test_limit_and_entity(self):
        self.fill(body(each, events=4) for each in range(9))
        everything = self.run_events("--export")
        self.assertEqual(len(everything), 9)
        self.assertEqual(self.run_events("--export", "--limit", "9"), everything[:3])
        wanted = [line for line in everything if b'"entity-6"' in line]
        self.assertGreater(len(wanted), 1)
        self.assertEqual(self.run_events("--export", "--entity", "entity-6"), wanted)


class Stats(StoreTest):
    def test_counts(self):
        self.fill(body(each, events=each % 4) for each in range(100))
        expected = {}
        for each in self.bodies.values():
            message = json.loads(each)
            count = expected.setdefault(message["trigger"], [0, 0])
            count[0] += 1
            count[1] += len(message["events"])
        counted = json.loads(b"".join(self.run_events("--stats", "-o", "json")))
        found = {}
        for each in counted:
            self.assertRegex(each["day"], r"^\d{4}-\d{2}-\d{2}$")
            count = found.setdefault(each["trigger"], [0, 0])
            count[0] += each["messages"]
            count[1] += each["events"]
        self.assertEqual(found, expected)
        table = b"".join(self.run_events("--stats")).decode()
        self.assertEqual(table.splitlines()[0].split(), ["DAY", "TRIGGER", "MESSAGES", "EVENTS"])
        self.assertEqual(len(table.splitlines()), len(counted) + 1)
        moved = json.loads(b"".join(self.run_events("--stats", "-o", "json", "--trigger", "moved", "--since", "1h")))
        self.assertEqual(sum(each["messages"] for each in moved), expected["MOVED"][0])
        self.assertEqual(self.run_events("--stats", "-o", "json", "--until", "1h"), [b"[]\n"])
        self.assertEqual(self.run_events("--stats", "--until", "1h"), [])

    def test_counts_of_more_than_a_segment(self):
        self.fill(body(each, events=7000 if each % 2 else 1) for each in range(44))
        counted = json.loads(b"".join(self.run_events("--stats", "-o", "json")))
        self.assertEqual(sum(each["messages"] for each in counted), 44)
        self.assertEqual(sum(each["events"] for each in counted), 22 * 7001)


class Ends(StoreTest):
    def test_no_store(self):
        done = self.run_raw()
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"pwh listen --store", done.stderr)
        self.assertFalse(os.path.exists(self.store))

    def test_no_event(self):
        self.fill([])
        self.assertEqual(self.run_events(), [])
        self.assertEqual(self.run_events("--export", "--trigger", "moved"), [])

    def test_default_store_is_in_the_state_folder(self):
        self.store = str(self.state / "events.db")
        self.state.mkdir()
        self.fill([body(1)])
        self.assertEqual(self.pwh("events").out.encode().splitlines(keepends=True), self.lines())
        elsewhere = str(self.folder / "moved.db")
        self.assertEqual(self.pwh("events", expect=1, PWH_STORE=elsewhere).out, "")
        os.rename(self.store, elsewhere)
        self.assertEqual(self.pwh("events", PWH_STORE=elsewhere).out.encode().splitlines(keepends=True), self.lines())

    def test_reader_goes_away(self):
        self.fill(body(each) for each in range(3000))
        for arguments in ([], ["--follow"]):
            process = self.popen(*arguments)
            self.assertEqual(len(os.read(process.stdout.fileno(), 100)), 100)
            process.stdout.close()
            self.assertEqual(process.wait(common.PATIENCE), -signal.SIGPIPE)
            self.assertEqual(process.stderr.read(), b"")

    def test_stdout_that_takes_nothing(self):
        self.fill([body(1)])
        for place, mode in (("/dev/full", "wb"), ("/dev/null", "rb")):
            with open(place, mode) as stdout:
                process = common.Process(self, [common.program, "events", "--store", self.store], stdout=stdout)
            self.assertEqual(process.wait(), 1)
            self.assertIn("cannot write to stdout", process.err.text())

    def test_file_as_stdout(self):
        lines = self.fill(body(each) for each in range(3000))
        with open(self.folder / "copy", "wb") as stdout:
            process = common.Process(self, [common.program, "events", "--store", self.store, "--cursor-file",
                                            self.cursor], stdout=stdout)
        self.assertEqual(process.wait(), 0)
        self.assertEqual((self.folder / "copy").read_bytes(), b"".join(lines))
        self.assertEqual(self.position(), (3001, 0))


class Follow(StoreTest):
    def follow(self, *arguments):
        self.receiver()
        self.deliver([body(0)])
        reader = self.start("events", "--store", self.store, "--follow", *arguments)
        reader.wait_lines(1)
        return reader

    def test_new_events_come_soon(self):
        reader = self.follow()
        latencies = []
        for number in range(1, 21):
            self.deliver([body(number)])
            sent = time.monotonic()
            reader.wait_lines(number + 1)
            latencies.append(time.monotonic() - sent)
        # The best of many: a machine with other work is slow now and then.
        self.assertLess(min(latencies), 0.2)
        self.assertEqual(reader.out.data(), b"".join(self.lines()))
        self.assertEqual(reader.stop(), -signal.SIGTERM)
        self.assertIn("interrupted after 21 events", reader.err.text())

    def test_waiting_costs_nothing(self):
        reader = self.follow()

        def cpu_seconds():
            with open(f"/proc/{reader.process.pid}/stat", encoding="ascii") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

        before = cpu_seconds()
        time.sleep(3)
        self.assertLess(cpu_seconds() - before, 0.15)

    def test_timeout(self):
        self.receiver()
        self.deliver([body(0, events=3)])
        self.assertEqual(self.run_events("--follow", "--timeout", "2"), self.lines())
        self.assertEqual(self.run_events("--timeout", "1000"), self.lines())
        self.assertEqual(self.run_events("--follow", "--until", "1h"), [])

    def test_timeout_while_nobody_reads(self):
        self.fill(body(each) for each in range(3000))
        process = self.popen("--timeout", "0.5")
        self.assertEqual(process.wait(common.PATIENCE), 0)

    def test_limit(self):
        reader = self.follow("--limit", "5")
        self.deliver([body(1, events=3), body(2, events=3)])
        self.assertEqual(reader.wait(), 0)
        self.assertEqual(reader.out.data(), b"".join(self.lines()[:5]))

    def test_reader_goes_away_while_nothing_comes(self):
        self.receiver()
        self.deliver([body(0)])
        process = self.popen("--follow")
        os.read(process.stdout.fileno(), 10_000)
        process.stdout.close()
        self.assertEqual(process.wait(common.PATIENCE), -signal.SIGPIPE)

    def test_filters(self):
        reader = self.follow("--trigger", TRIGGERS[0], "--entity", "entity-0")
        self.deliver(body(each, events=3) for each in range(1, 200))
        wanted = [line for line in self.lines() if json.loads(line)["trigger"] == TRIGGERS[0]
                  and json.loads(line)["entityRef"] == "entity-0"]
        self.assertGreater(len(wanted), 1)
        wait_until(lambda: reader.out.data() == b"".join(wanted), "the filtered lines")
        self.assertEqual(reader.stop(signal.SIGINT), -signal.SIGINT)


if __name__ == "__main__":
    common.main()
