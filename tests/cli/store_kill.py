#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL under load, again and again, with one store: `store_kill.py PWH [--kills N]`.

Every message that was answered 200 has to be in the store exactly once. After each restart the load sends again what had no
answer, and some of what had one, as Preservica does."""

import argparse
import collections
import hashlib
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from sender import Sender, message  # noqa: E402

SECRET = "a-webhook-secret-of-the-tests-0123456789"
PATIENCE = 120  # seconds; nothing that works takes so long, on any machine
CONNECTIONS = 16


class Ledger:
    """What was sent, and what was promised of it."""

    def __init__(self):
        self._lock = threading.Lock()
        self._next = 0
        self._again = collections.deque()
        self.acknowledged = set()
        self.repeats = 0  # acknowledged ones that were sent again

    def take(self):
        with self._lock:
            if self._again:
                number = self._again.popleft()
                self.repeats += number in self.acknowledged
                return number
            self._next += 1
            return self._next

    def settle(self, number, ok):
        with self._lock:
            if ok:
                self.acknowledged.add(number)
            elif number not in self.acknowledged:
                self._again.append(number)

    def repeat_some(self, count):
        with self._lock:
            latest = [number for number in range(max(1, self._next - 1000), self._next) if number in self.acknowledged]
            self._again.extend(random.sample(latest, min(count, len(latest))))

    def count(self):
        with self._lock:
            return len(self.acknowledged)

    def sent(self):
        with self._lock:
            return self._next


def load(sender, ledger):
    """One connection's messages, until the receiver is gone."""
    try:
        with sender.connect() as connection:
            while True:
                number = ledger.take()
                try:
                    connection.send(sender.event(message(number)))
                    answer = connection.answer()
                except OSError:
                    answer = None
                ledger.settle(number, answer is not None and answer.status == 200)
                if answer is None or answer.status != 200:
                    return
    except OSError:
        return


class Receiver:
    def __init__(self, program, store, secret, environment):
        began = time.monotonic()
        self.process = subprocess.Popen(
            [program, "listen", "--listen", "127.0.0.1:0", "--secret-file", secret, "--store", store],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        said = b""
        while not (found := re.search(rb"^pwh: listening on (http://\S+)$", said, re.M)):
            data = os.read(self.process.stderr.fileno(), 65536)
            if not data:
                sys.exit(f"pwh did not start again: {said.decode()}")
            said += data
        self.start_time = time.monotonic() - began
        self.url = found[1].decode()

    def end(self, number):
        self.process.send_signal(number)
        self.process.stderr.close()
        return self.process.wait(PATIENCE)


def run_and_kill(receiver, ledger, enough):
    sender = Sender(receiver.url, SECRET)
    threads = [threading.Thread(target=load, args=(sender, ledger), daemon=True) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + PATIENCE
    while ledger.count() < enough:
        if time.monotonic() > end:
            sys.exit("nothing is acknowledged any more")
        time.sleep(0.001)
    time.sleep(random.random() * 0.03)
    receiver.end(signal.SIGKILL)
    for thread in threads:
        thread.join(PATIENCE)


def check(store, ledger):
    """What is wrong with the store, as text; and how many messages it holds that had no answer."""
    connection = sqlite3.connect(store, timeout=60)
    wrong = []
    if (said := connection.execute("PRAGMA integrity_check").fetchall()) != [("ok",)]:
        wrong.append(f"integrity_check: {said}")
    numbers = {hashlib.sha256(message(number)).digest(): number for number in range(1, ledger.sent() + 1)}
    times = collections.Counter()
    last = 0
    for row, message_id, body in connection.execute("SELECT id, message_id, body FROM message ORDER BY id"):
        number = numbers.get(hashlib.sha256(body).digest())
        if number is None or hashlib.sha256(body).digest() != message_id:
            wrong.append(f"message {row} was never sent like this")
        if row <= last:
            wrong.append(f"id {row} comes after {last}")
        times[number], last = times[number] + 1, row
    connection.close()
    lost = [number for number in ledger.acknowledged if not times[number]]
    twice = [number for number, count in times.items() if count > 1]
    if lost:
        wrong.append(f"{len(lost)} acknowledged messages are lost, among them {lost[:5]}")
    if twice:
        wrong.append(f"{len(twice)} messages are there more than once, among them {twice[:5]}")
    return wrong, len(set(times) - ledger.acknowledged)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pwh")
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    random.seed(options.seed)
    program = str(Path(options.pwh).resolve(strict=True))
    ledger = Ledger()
    with tempfile.TemporaryDirectory(prefix="pwh-store-kill-") as folder:
        environment = {**os.environ, "PWH_STATE_DIR": f"{folder}/state"}
        store, secret = f"{folder}/events.db", f"{folder}/secret"
        with open(os.open(secret, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
            file.write(SECRET)
        slowest = 0.0
        for kill in range(1, options.kills + 1):
            receiver = Receiver(program, store, secret, environment)
            slowest = max(slowest, receiver.start_time)
            try:
                run_and_kill(receiver, ledger, ledger.count() + random.randrange(1, 300))
            finally:
                receiver.process.kill()
            if kill % 20 == 0 or kill == options.kills:  # in between, the log is taken over as the kill left it
                wrong, _ = check(store, ledger)
                if wrong:
                    sys.exit(f"after kill {kill} (--seed {options.seed}): " + "; ".join(wrong))
            ledger.repeat_some(20)
        # Whatever had no answer is sent once more, and the end is an orderly one.
        receiver = Receiver(program, store, secret, environment)
        run_to_end(receiver, ledger)
        wrong, unanswered = check(store, ledger)
        if receiver.end(signal.SIGTERM) != 0:
            wrong.append("the orderly end failed")
        if wrong:
            sys.exit(f"at the end (--seed {options.seed}): " + "; ".join(wrong))
    print(f"{options.kills} kills (--seed {options.seed}): {ledger.sent()} messages sent, {ledger.count()} acknowledged, "
          f"{ledger.repeats} sent again after their 200, {unanswered} stored without a 200; none lost, none twice, "
          f"integrity ok; slowest start {slowest * 1000:.0f} ms")


def run_to_end(receiver, ledger):
    sender = Sender(receiver.url, SECRET)
    for _ in range(ledger.sent()):
        number = ledger.take()
        if number == ledger.sent():  # nothing is left to repeat, and this one is new
            ledger.settle(number, sender.send_event(message(number)).status == 200)
            return
        answer = sender.send_event(message(number))
        ledger.settle(number, answer is not None and answer.status == 200)


if __name__ == "__main__":
    main()
