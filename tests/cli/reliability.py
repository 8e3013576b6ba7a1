#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a 200 promises, whatever is killed, full, gone or used up: `reliability.py PWH [TEST…]`."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
import uuid

import common
from common import SECRET, Process, wait_until
from listen import ListenTest
from process import cpu_seconds, descriptors, is_sanitized, memory_kib
from sender import Sender, message

KIB, MIB = 1 << 10, 1 << 20


def big(number, size):
    """A message of about so many bytes."""
    return message(number, padding="x" * size)


def numbers(data):
    """The numbers of the messages whose whole lines are in `data`, in order."""
    whole = data[:data.rfind(b"\n") + 1]
    return [uuid.UUID(json.loads(line)["entityRef"]).int for line in whole.splitlines()]


class Load:
    """Distinct signed events over several keep-alive connections, until told to stop or the receiver is gone."""

    def __init__(self, sender, connections=8, size=0):
        self._sender, self._size = sender, size
        self._lock = threading.Lock()
        self._next = 0
        self._stop = False
        self.statuses = {}  # by number; None: the connection ended without an answer
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(connections)]
        for thread in self._threads:
            thread.start()

    def _run(self):
        connection = None
        while not self._stop:
            with self._lock:
                number, self._next = self._next, self._next + 1
            try:
                connection = connection or self._sender.connect()
                connection.send(self._sender.event(big(number, self._size)))
                answer = connection.answer()
            except OSError:
                return
            with self._lock:
                self.statuses[number] = answer.status if answer else None
            if answer is None or answer.header("Connection") == "close":
                connection.close()
                connection = None
        if connection:
            connection.close()

    def answered(self, status=200):
        with self._lock:
            return {number for number, got in self.statuses.items() if got == status}

    def stop(self):
        self._stop = True
        return self.join()

    def join(self):
        for thread in self._threads:
            thread.join(common.PATIENCE)
        return self


class ReliabilityTest(ListenTest):
    def receiver(self, *arguments, limits=(), **options):
        """A receiver; `limits` are arguments of prlimit(1)."""
        command = [common.program, "listen", "--listen", "127.0.0.1:0", "--secret-file", self.secret_file(), *arguments]
        listener = Process(self, ["prlimit", *limits, *command] if limits else command, **options)
        self.addCleanup(listener.end)
        listener.url = listener.err.wait_match(r"^pwh: listening on (http://\S+)$")[1]
        self.sender = Sender(listener.url, SECRET)
        return listener

    def healthy(self):
        return self.sender.exchange(self.sender.request("GET", "/healthz")).status == 200

    def assert_no_busy_loop(self, listener, seconds=2):
        before = cpu_seconds(listener.pid)
        time.sleep(seconds)
        self.assertLess(cpu_seconds(listener.pid) - before, 0.5 * seconds, "it spins")

    def piped(self, *arguments, **options):
        """A receiver whose stdout is a pipe that nobody reads yet."""
        listener, reader = super().piped(*arguments, **options)
        self.addCleanup(lambda: reader in self.open_pipes and os.close(reader))
        self.open_pipes = {reader}
        return listener, reader

    def close_pipe(self, reader):
        self.open_pipes.discard(reader)
        os.close(reader)


class Ends(ReliabilityTest):
    def test_sigterm_under_load(self):
        listener = self.receiver()
        load = Load(self.sender)
        wait_until(lambda: len(load.answered()) > 300, "some events")
        self.assertEqual(listener.stop(), 0)
        load.join()
        printed = numbers(listener.out.data())
        self.assertEqual(len(printed), len(set(printed)), "an event came twice")
        self.assertEqual(set(printed), load.answered(), "what was printed was answered, and the other way round")
        self.assertLessEqual(set(load.statuses.values()), {200, 503, None})
        self.assertEqual(listener.summary()["messages"], len(printed))

    def test_sigkill_under_load(self):
        listener = self.receiver()
        load = Load(self.sender)
        wait_until(lambda: len(load.answered()) > 300, "some events")
        self.assertEqual(listener.stop(signal.SIGKILL), -signal.SIGKILL)
        load.join()
        printed = numbers(listener.out.data())
        self.assertEqual(len(printed), len(set(printed)), "an event came twice")
        self.assertLessEqual(load.answered(), set(printed), "an event that was answered 200 is lost")

    def test_consumer_that_goes_away_under_load(self):
        listener, reader = self.piped()
        load = Load(self.sender)
        taken = b""
        while taken.count(b"\n") < 300:
            taken += os.read(reader, 65536)
        self.close_pipe(reader)
        self.assertEqual(listener.wait(), 1)
        load.join()
        self.assertLessEqual(set(load.statuses.values()), {200, 503, None})
        listener.err.wait_match(r"^pwh: stdout is closed")
        printed = numbers(taken)
        self.assertEqual(len(printed), len(set(printed)))


class Blocked(ReliabilityTest):
    def test_consumer_that_stops_reading(self):
        listener, reader = self.piped("--max-body", str(4 * MIB))
        started = memory_kib(listener.pid)
        connections = [self.sender.connect() for _ in range(40)]
        for number, connection in enumerate(connections):  # 160 MiB
            threading.Thread(target=connection.send, args=(self.sender.event(big(number, 4 * MIB - KIB)),), daemon=True).start()
        statuses = [connection.answer().status for connection in connections]
        for connection in connections:
            connection.close()
        self.assertEqual(set(statuses), {503})
        self.assertEqual(self.sender.send_event(message(1000)).status, 503)
        grown = (memory_kib(listener.pid, "VmHWM") - started) / KIB
        print(f"a consumer that stops: {grown:.0f} MiB for 160 MiB of events", file=sys.stderr)
        if not is_sanitized(common.program):
            # 64 MiB of bodies on their way in, in buffers of up to twice that, and as many of events and lines; not all 320.
            self.assertLess(grown, 260)
        self.assert_no_busy_loop(listener)
        # What was begun goes on; what was not is forgotten, and taken when it comes again.
        taken = []
        reading = threading.Thread(target=lambda: taken.append(self.read_until_closed(reader)))
        reading.start()
        wait_until(self.healthy, "health")
        for number in range(len(connections)):
            self.assertEqual(self.sender.send_event(big(number, 4 * MIB - KIB)).status, 200)
        self.assertEqual(self.sender.send_event(message(1000)).status, 200)
        self.assertEqual(listener.stop(), 0)
        reading.join(common.PATIENCE)
        self.assertEqual(sorted(numbers(taken[0])), [*range(len(connections)), 1000])

    def read_until_closed(self, reader):
        data = bytearray()
        while chunk := os.read(reader, MIB):
            data += chunk
        return bytes(data)

    def test_disk_that_is_full(self):
        """stdout is a file on a small file system: it fills up, and has room again."""
        place = self.folder / "disk"
        place.mkdir()
        mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], capture_output=True, check=False)
        if mount.returncode != 0:
            self.skipTest("may not mount a file system")
        self.addCleanup(lambda: subprocess.run(["umount", "-l", str(place)], check=True))
        (place / "filler").write_bytes(bytes(200 * KIB))
        with open(place / "lines", "wb") as lines:
            listener = self.receiver(stdout=lines)
        self.fill_and_make_room(listener, (place / "lines"), lambda: (place / "filler").unlink())

    def test_file_that_may_not_grow(self):
        """The same by RLIMIT_FSIZE, which any user may set."""
        path = self.folder / "lines"
        with open(path, "wb") as lines:
            listener = self.receiver(stdout=lines, limits=[f"--fsize={100 * KIB}:"])
        everything = resource.RLIM_INFINITY
        self.fill_and_make_room(listener, path, lambda: resource.prlimit(listener.pid, resource.RLIMIT_FSIZE, (everything, everything)))

    def fill_and_make_room(self, listener, path, make_room):
        size = 30 * KIB
        answers = []
        for number in range(10):
            answers.append(self.sender.send_event(big(number, size)).status)
            if answers[-1] != 200:
                break
        self.assertEqual(answers[-1], 503, "the file is full")
        full = len(answers) - 1
        self.assert_no_busy_loop(listener)
        self.assertEqual(self.sender.send_event(message(100)).status, 503)
        self.assertFalse(self.healthy())
        make_room()
        wait_until(self.healthy, "health")
        # The one that was begun is finished and remembered, or was not begun and is taken now.
        self.assertEqual(self.sender.send_event(big(full, size)).status, 200)
        self.assertEqual(self.sender.send_event(message(100)).status, 200)
        self.assertEqual(listener.stop(), 0)
        self.assertEqual(sorted(numbers(path.read_bytes())), [*range(full + 1), 100])

    def test_dev_full(self):
        """Never any room: nothing is promised, and nothing spins."""
        with open("/dev/full", "wb") as full:
            listener = self.receiver(stdout=full)
        with self.sender.connect() as connection:
            connection.send(self.sender.event(message(1)))
            self.assert_no_busy_loop(listener)
            self.assertEqual(connection.answer().status, 503)
        self.assertFalse(self.healthy())
        listener.stop()
        self.assertEqual(listener.summary()["messages"], 0)


class UsedUp(ReliabilityTest):
    def test_few_descriptors_from_the_start(self):
        listener = self.receiver(limits=["--nofile=160:160"])
        listener.err.wait_match(r"^pwh: warning: only 160 descriptors are allowed: at most \d+ connections at once$")
        idle = [self.sender.connect() for _ in range(400)]
        for number in range(50):
            self.assertEqual(self.sender.send_event(message(number)).status, 200)
        for connection in idle:
            connection.close()
        listener.stop()
        self.assertEqual(listener.summary()["messages"], 50)

    def test_descriptors_that_run_out(self):
        """The limit falls below what is open: no spinning, and recovery without a restart."""
        listener = self.receiver()
        with self.sender.connect() as kept:
            kept.send(self.sender.event(message(1)))
            self.assertEqual(kept.answer().status, 200)
            before = descriptors(listener.pid)
            busy = self.sender.connect()
            busy.send(self.sender.event(message(2))[:-4])
            wait_until(lambda: descriptors(listener.pid) > before, "the second connection")
            resource.prlimit(listener.pid, resource.RLIMIT_NOFILE, (5, self.hard_limit(listener)))
            waiting = [self.sender.connect() for _ in range(20)]
            for number, connection in enumerate(waiting, 10):
                connection.send(self.sender.event(message(number)))
            self.assert_no_busy_loop(listener)
            busy.send(self.sender.event(message(2))[-4:])
            self.assertEqual(busy.answer().status, 200, "one that was open goes on")
            busy.close()
        resource.prlimit(listener.pid, resource.RLIMIT_NOFILE, (1000, self.hard_limit(listener)))
        for connection in waiting:
            self.assertEqual(connection.answer().status, 200)
            connection.close()
        self.assertEqual(self.sender.send_event(message(100)).status, 200)
        listener.stop()
        self.assertEqual(sorted(numbers(listener.out.data())), [1, 2, *range(10, 30), 100])

    @staticmethod
    def hard_limit(listener):
        return resource.prlimit(listener.pid, resource.RLIMIT_NOFILE)[1]

    def test_little_memory(self):
        """Huge bodies where the address space has no room for them: refused, and smaller ones are still taken."""
        if is_sanitized(common.program):
            self.skipTest("a sanitizer needs its address space")
        listener = self.receiver("--max-body", str(64 * MIB), stdout=subprocess.DEVNULL)
        limit = memory_kib(listener.pid, "VmSize") * KIB + 24 * MIB
        resource.prlimit(listener.pid, resource.RLIMIT_AS, (limit, limit))
        statuses = set()
        for number, size in enumerate([MIB, 12 * MIB, 30 * MIB, 60 * MIB, 12 * MIB, MIB], 100):
            answer = self.sender.send_event(big(number, size))
            statuses.add(answer.status if answer else None)
        self.assertLessEqual(statuses, {200, 413, 503})
        self.assertIn(200, statuses)
        self.assertTrue(statuses & {413, 503}, "the limit is met")
        for number in range(20):
            self.assertEqual(self.sender.send_event(message(number)).status, 200)
        self.assertEqual(listener.stop(), 0)

    def test_bytes_in_hand(self):
        """Many big bodies that never end: not more than 64 MiB are kept, the others hear 503."""
        listener = self.receiver()
        started = memory_kib(listener.pid)
        body = big(1, MIB - 2 * KIB)
        connections = [self.sender.connect() for _ in range(100)]
        for connection in connections:
            connection.send(self.sender.event(body)[:-1])
        refused = [connection for connection in connections if connection.readable(0.2)]
        self.assertGreaterEqual(len(refused), 30)
        self.assertLess(len(refused), 50)
        for connection in refused:
            answer = connection.answer()
            self.assertEqual(answer.status, 503)
            self.assertRegex(answer.header("Retry-After"), r"^\d+$")
        self.assertEqual(self.sender.send_event(big(2, 500 * KIB)).status, 503, "there is no room for another")
        grown = (memory_kib(listener.pid, "VmHWM") - started) / KIB
        print(f"bytes in hand: {grown:.0f} MiB for 64 MiB", file=sys.stderr)
        if not is_sanitized(common.program):
            self.assertLess(grown, 160)
        for connection in connections:
            connection.close()
        wait_until(lambda: self.sender.send_event(big(2, 500 * KIB)).status == 200, "room again")
        listener.stop()
        self.assertEqual(numbers(listener.out.data()), [2])

    def test_ten_thousand_idle_connections(self):
        count = 10_000
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if hard < count + 500:
            self.skipTest(f"the hard limit allows only {hard} descriptors")
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        listener = self.receiver("--max-connections", "20000")
        self.assertEqual(self.sender.send_event(message(1)).status, 200)
        before = memory_kib(listener.pid)
        request = self.sender.request("GET", "/healthz")
        idle = []
        for _ in range(count):
            connection = self.sender.connect()
            connection.send(request)
            self.assertEqual(connection.answer().status, 200)
            idle.append(connection)
        self.assertGreater(descriptors(listener.pid), count)
        for number in range(2, 102):
            self.assertEqual(self.sender.send_event(message(number)).status, 200)
        grown = (memory_kib(listener.pid) - before) / KIB
        print(f"10,000 idle connections: {grown:.1f} MiB", file=sys.stderr)
        if not is_sanitized(common.program):
            self.assertLess(grown, 60)
        for connection in idle:
            connection.close()
        self.assertEqual(listener.stop(), 0)
        self.assertEqual(listener.summary()["messages"], 101)


class Logs(ReliabilityTest):
    def test_a_flood_of_refusals_fills_no_disk(self):
        listener = self.receiver()
        count = 2000
        request = self.sender.request(body=b"{}")
        with self.sender.connect() as connection:
            for _ in range(count):
                connection.send(request)
                self.assertEqual(connection.answer().status, 401)
        listener.err.wait_match(r"^pwh: warning: \d+ more refusals were not logged$")
        logged = len(re.findall(r"^pwh: warning: refused a request from ", listener.err.text(), re.M))
        self.assertLess(logged, 200)
        self.assertEqual(self.sender.send_event(message(1)).status, 200)
        listener.stop()
        self.assertEqual(listener.summary()["signature"], count)
        text = listener.err.text()
        self.assertEqual(logged_and_left_out(text), count, text)
        self.assertNotIn(SECRET, text)


def logged_and_left_out(text):
    logged = len(re.findall(r"^pwh: warning: refused a request from ", text, re.M))
    left_out = sum(int(count) for count in re.findall(r"^pwh: warning: (\d+) more refusals were not logged$", text, re.M))
    return logged + left_out


if __name__ == "__main__":
    common.main()
