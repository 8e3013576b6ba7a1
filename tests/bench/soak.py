#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The receiver at full load among slow, broken and hostile clients: `soak.py PWH PWH_LOAD [--seconds N]`.

Every event that was answered 200 has to be on stdout exactly once, memory and descriptors have to stay flat, and SIGTERM has
to end it cleanly. Prints a summary; fails where something of this does not hold. Memory is not judged in a build with a
sanitizer."""

import argparse
import collections
import json
import multiprocessing
import os
import random
import re
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "support"), str(TESTS / "cli")]

from common import SECRET  # noqa: E402
from hostile_cases import BODIES, CHALLENGES, CHUNKS, FIELDS, LENGTHS, METHODS, NO_HTTP, REQUEST_LINE, SIGNATURES  # noqa: E402
from process import cpu_seconds, descriptors, is_sanitized, memory_kib  # noqa: E402
from sender import Sender  # noqa: E402

CONNECTIONS = 32
ROUND = 20_000  # messages of one run of the load
CAREFUL = 0xFFFF_0000  # the first half of the references of events that clients here send
LINE_START = b'{"receivedAt":"'
CLOSED = "closed as idle"


def reference(client, number):
    return f"{CAREFUL + client:08x}-0000-4000-8000-{number:012x}"


def event(client, number):
    return json.dumps({"trigger": "MOVED", "events": [{"event": "Moved", "entityRef": reference(client, number)}]}).encode()


# --- the clients, each for itself until told to stop; each returns what it did -------------------------------------------

class Client:
    """`step()` until the end; `done` counts what came of it."""

    def __init__(self, number, url, stop):
        self.number, self.stop = number, stop
        self.sender = Sender(url, SECRET)
        self.random = random.Random(number)
        self.done = collections.Counter()
        self.accepted = []  # references of events that were answered 200
        self.sent = 0

    def run(self):
        while not self.stop.is_set():
            try:
                self.step()
            except OSError as error:
                self.done[f"failed: {type(error).__name__}"] += 1
                time.sleep(0.01)

    def next_event(self):
        self.sent += 1
        return event(self.number, self.sent), reference(self.number, self.sent)

    def expect(self, answer, *statuses):
        """Notes the answer. None: while it was on its way, the connection was closed to make room, as an idle one may be."""
        if answer is None:
            self.done[CLOSED] += 1
            return None
        self.done[f"{answer.status}" if answer.status in statuses else f"wrong answer {answer.status}"] += 1
        return answer.status


class Careful(Client):
    """A good one; each event twice, as Preservica may: the second is a repeat."""

    def step(self):
        with self.sender.connect() as connection:
            for _ in range(20):
                body, name = self.next_event()
                for _ in range(2):
                    connection.send(self.sender.event(body, chunk=self.random.choice([1, 7, 1000])))
                    status = self.expect(connection.answer(), 200)
                    if status is None:
                        return
                if status == 200:
                    self.accepted.append(name)
                time.sleep(0.005)


class Dripping(Client):
    """Signed events, a few bytes at a time; some are given up."""

    def step(self):
        body, name = self.next_event()
        data = self.sender.event(body, chunk=11)
        with self.sender.connect() as connection:
            while data and not self.stop.is_set():
                if self.random.random() < 0.005:
                    self.done["given up"] += 1
                    return
                connection.send(data[:9])
                data = data[9:]
                time.sleep(0.02)
            if not data and self.expect(connection.answer(), 200) == 200:
                self.accepted.append(name)


class Broken(Client):
    """Half requests that end in a reset or a close, and answers that nobody waits for."""

    def step(self):
        body, _ = self.next_event()
        data = self.sender.event(body, sign="0" * 64)  # so that none can be accepted
        with socket.create_connection((self.sender.host, self.sender.port)) as connection:
            connection.sendall(data[:self.random.randrange(1, len(data))] if self.random.random() < 0.7 else data * 20)
            if self.random.random() < 0.5:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.done["broken off"] += 1
        time.sleep(0.002)


class Hostile(Client):
    """Each case of hostile_cases.py that takes no long time."""

    cases = [case for group in (NO_HTTP, REQUEST_LINE, FIELDS, LENGTHS, CHUNKS, METHODS, SIGNATURES, CHALLENGES, BODIES)
             for case in group if case[2] != 200 and len(case[1]) < 100_000]

    def step(self):
        _, data, status, _ = self.random.choice(self.cases)
        with self.sender.connect() as connection:
            connection.send(data)
            self.expect(connection.answer(to_head=data.startswith(b"HEAD ")), status)
        time.sleep(0.002)


class Huge(Client):
    """Chunks that claim a lot and bodies that never end, unsigned and with a signature that is wrong."""

    def step(self):
        with self.sender.connect() as connection:
            if self.random.random() < 0.5:
                head = self.sender.request(body=b"x", chunk=1).partition(b"\r\n\r\n")[0]
                connection.send(head + b"\r\n\r\n7fffffffffffffff\r\n" + b"x" * 100_000)
                self.expect(connection.answer(), 413)
            else:
                data = self.sender.event(b"x" * 900_000, sign="0" * 64, chunk=100_000)
                connection.send(data[:self.random.randrange(len(data))])
                self.done["huge, given up"] += 1
        time.sleep(0.1)


class Flood(Client):
    """Many connections at once, which idle, some after a request."""

    def step(self):
        flood = []
        try:
            for _ in range(500):
                connection = socket.create_connection((self.sender.host, self.sender.port), 10)
                flood.append(connection)
                if self.random.random() < 0.2:
                    connection.sendall(self.sender.request("GET", "/healthz"))
            self.done["floods"] += 1
            time.sleep(self.random.random())
        finally:
            for connection in flood:
                connection.close()
        time.sleep(1)


CLIENTS = [Careful, Careful, *[Dripping] * 12, Broken, Broken, Hostile, Hostile, Huge, Flood]


def run_clients(url, stop, results):
    clients = [kind(number, url, stop) for number, kind in enumerate(CLIENTS)]
    threads = [threading.Thread(target=client.run) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = collections.defaultdict(collections.Counter)
    for client in clients:
        counts[type(client).__name__].update(client.done)
    results.put((dict(counts), [name for client in clients for name in client.accepted]))


# --- the receiver's other end --------------------------------------------------------------------------------------------

class Printed(threading.Thread):
    """Reads stdout, and notes which events came."""

    PATTERN = re.compile(rb'"entityRef":"([0-9a-f]{8})-0000-4000-8000-([0-9a-f]{12})"')

    def __init__(self, pipe):
        super().__init__(daemon=True)
        self.pipe = pipe
        self.lines = self.twice = self.malformed = 0
        self.loads = collections.defaultdict(lambda: bytearray(ROUND))
        self.others = set()

    def run(self):
        rest = b""
        while data := os.read(self.pipe.fileno(), 1 << 20):
            whole, _, rest = (rest + data).rpartition(b"\n")
            if whole:
                self.take(whole)
        self.malformed += bool(rest)

    def take(self, text):
        lines = text.split(b"\n")
        self.lines += len(lines)
        self.malformed += sum(not line.startswith(LINE_START) or not line.endswith(b"}") for line in lines)
        json.loads(lines[0])  # one of each batch in full
        found = self.PATTERN.findall(text)
        self.malformed += len(found) != len(lines)
        for seed, number in found:
            self.note(int(seed, 16), int(number, 16))

    def note(self, seed, number):
        if seed >= CAREFUL:
            name = reference(seed - CAREFUL, number)
            self.twice += name in self.others
            self.others.add(name)
        else:
            self.twice += self.loads[seed][number]
            self.loads[seed][number] = 1


class Watch(threading.Thread):
    """Looks at memory and descriptors, twice a second."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.stop, self.samples = pid, threading.Event(), []

    def run(self):
        while not self.stop.wait(0.5):
            self.samples.append((memory_kib(self.pid, "RssAnon") / 1024, descriptors(self.pid)))

    def part(self, at, of, column):
        size = max(1, len(self.samples) // of)
        return statistics.median(sample[column] for sample in self.samples[at * size:(at + 1) * size])


class Soak:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.failures = []
        secret = folder / "secret"
        secret.touch(0o600)
        secret.write_text(SECRET)
        self.secret = str(secret)

    def check(self, holds, what):
        if not holds:
            self.failures.append(what)

    def start(self):
        self.err = open(self.folder / "stderr", "w+b")
        self.process = subprocess.Popen(
            [self.options.pwh, "listen", "--listen", "127.0.0.1:0", "--secret-file", self.secret, "--max-connections", "400"],
            stdout=subprocess.PIPE, stderr=self.err, env={**os.environ, "PWH_STATE_DIR": str(self.folder / "state")})
        self.pid = self.process.pid
        while not (found := re.search(r"^pwh: listening on (http://[\d.]+:(\d+)/)$", self.stderr(), re.M)):
            if self.process.poll() is not None:
                sys.exit(f"pwh listen did not start:\n{self.stderr()}")
            time.sleep(0.05)
        self.url, self.port = found[1], found[2]
        self.printed = Printed(self.process.stdout)
        self.printed.start()

    def stderr(self):
        return (self.folder / "stderr").read_text("utf-8", "backslashreplace")

    def load(self):
        """Runs of the load until the time is over: how many messages, and their seeds."""
        end, seed, seconds, slowest = time.monotonic() + self.options.seconds, 0, 0.0, 0
        while time.monotonic() < end:
            seed += 1
            done = subprocess.run([self.options.load, "127.0.0.1", self.port, self.secret, str(ROUND), str(CONNECTIONS), "1", str(seed)],
                                  capture_output=True, text=True, check=False)
            if done.returncode != 0:
                self.check(False, f"the load failed: {done.stderr}")
                break
            report = json.loads(done.stdout)
            seconds += report["seconds"]
            slowest = max(slowest, report["max_us"])
            self.check(report["statuses"] == {"200": ROUND}, f"load {seed} was answered {report['statuses']}")
        self.rounds, self.rate, self.slowest = seed, seed * ROUND / max(seconds, 0.001), slowest / 1000

    def wait_for_quiet(self, descriptors_before):
        """What clients left behind is closed in time."""
        end = time.monotonic() + 90
        while descriptors(self.pid) > descriptors_before and time.monotonic() < end:
            time.sleep(0.2)
        left = descriptors(self.pid) - descriptors_before
        self.check(left <= 0, f"{left} descriptors are left open")

    def run(self):
        self.start()
        first = Sender(self.url, SECRET).send_event(event(len(CLIENTS), 0))
        self.check(first.status == 200, "the first event is accepted")
        time.sleep(0.5)
        before = descriptors(self.pid)
        context = multiprocessing.get_context("fork")
        stop, results = context.Event(), context.Queue()
        clients = context.Process(target=run_clients, args=(self.url, stop, results), daemon=True)
        clients.start()
        watch = Watch(self.pid)
        watch.start()
        started, cpu = time.monotonic(), cpu_seconds(self.pid)
        self.load()
        self.seconds, self.cpu = time.monotonic() - started, cpu_seconds(self.pid) - cpu
        stop.set()
        counts, accepted = results.get(timeout=120)
        clients.join()
        watch.stop.set()
        watch.join()
        self.wait_for_quiet(before)
        self.peak = memory_kib(self.pid, "VmHWM") / 1024
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self.printed.join(60)
        self.check(code == 0, f"it ended with {code}")
        self.judge(watch, counts, set(accepted))
        return 0 if not self.failures else 1

    def judge(self, watch, counts, accepted):
        printed = self.printed
        loaded = sum(sum(marks) for marks in printed.loads.values())
        self.check(loaded == self.rounds * ROUND, f"of {self.rounds * ROUND} events of the load {loaded} were printed")
        self.check(accepted <= printed.others, f"{len(accepted - printed.others)} events were answered 200 and not printed")
        self.check(printed.twice == 0, f"{printed.twice} events were printed twice")
        self.check(printed.malformed == 0, f"{printed.malformed} lines are malformed")
        wrong = {f"{kind}: {what}": n for kind, each in counts.items() for what, n in each.items() if what.startswith("wrong")}
        self.check(not wrong, f"answers that are wrong: {wrong}")
        for kind, each in counts.items():
            closed, all_answers = each[CLOSED], sum(each.values())
            self.check(closed <= 3 + all_answers / 100, f"{kind}: {closed} of {all_answers} got no answer")
        early, late = watch.part(1, 4, 0), watch.part(3, 4, 0)
        if not is_sanitized(self.options.pwh):
            self.check(late < early * 1.2 + 4, f"memory grew from {early:.1f} to {late:.1f} MiB")
        text = self.stderr()
        self.check("Sanitizer" not in text, f"a sanitizer found something:\n{text[-3000:]}")
        self.check(SECRET not in text, "the secret is in the log")
        self.check(len(text) < 10_000 + 300 * self.seconds, f"{len(text)} bytes of log")
        self.report(watch, counts, accepted, early, late, text)

    def report(self, watch, counts, accepted, early, late, text):
        print(f"{self.seconds:.0f} s, {self.rounds * ROUND:,} events by the load at {self.rate:,.0f}/s (slowest answer "
              f"{self.slowest:.0f} ms), {len(accepted):,} by other good clients")
        print(f"printed {self.printed.lines:,} lines: {self.printed.twice} twice, {self.printed.malformed} malformed")
        print(f"memory (anonymous) {early:.1f} MiB in the second quarter, {late:.1f} MiB in the last; peak {self.peak:.1f} MiB in all")
        print(f"descriptors {watch.part(1, 4, 1):.0f} in the second quarter, {watch.part(3, 4, 1):.0f} in the last, none left open; "
              f"CPU {100 * self.cpu / self.seconds:.0f} %; {len(text):,} bytes of log")
        for kind, each in counts.items():
            print(f"{kind.lower()}: " + ", ".join(f"{what} {count:,}" for what, count in sorted(each.items())))
        print(text.splitlines()[-1])
        for failure in self.failures:
            print(f"FAILED: {failure}")
        if not self.failures:
            print("every answer 200 was kept, none twice")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pwh")
    parser.add_argument("load", metavar="PWH_LOAD")
    parser.add_argument("--seconds", type=float, default=600)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pwh-soak-") as folder:
        soak = Soak(options, Path(folder))
        try:
            return soak.run()
        finally:
            if soak.process.poll() is None:
                soak.process.kill()


if __name__ == "__main__":
    sys.exit(main())
