#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The event store's speed, in one run: `store.py PWH PWH_LOAD PWH_FILL [--folder DIR] [--stored N] [--messages N]`.

`listen --store` beside nginx's empty 200, as receiver.py has it (DIR has to be on a real disk), over 64 and over 1,024
connections: with 64, no more than 64 messages can be in one commit, so the disk's fdatasync, which is measured too, sets the
limit. Then the same with N messages (10 million) in the store; then what `pwh events` takes to read that store."""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from receiver import Bench, Nginx, Pwh, median, row  # noqa: E402

CONNECTIONS = (64, 1024)


class Storing(Pwh):
    def __init__(self, program, folder, store, name):
        super().__init__(program, folder, "--store", str(store), "--max-connections", "4000")
        self.name = name


def fdatasync_ms(folder):
    """The median time of an fdatasync after overwriting 24 KiB, as a commit of 64 messages does."""
    path, times = folder / "sync", []
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    os.pwrite(fd, b"x" * 24576 * 200, 0)
    os.fsync(fd)
    for i in range(200):
        start = time.perf_counter()
        os.pwrite(fd, b"y" * 24576, i * 24576)
        os.fdatasync(fd)
        times.append(time.perf_counter() - start)
    os.close(fd)
    path.unlink()
    return 1000 * statistics.median(times)


def rates(bench, options, folder, stored):
    nginx = Nginx(folder)
    rates = {}
    print("| server | requests/s | CPU us/request | p50 us | p99 us | peak MB (anonymous) | load's CPU | answers |")
    print("|---|---|---|---|---|---|---|---|")
    for connections in CONNECTIONS:
        bench.connections = connections
        servers = {
            "nginx": nginx,
            "new": Storing(options.pwh, folder, folder / f"new{connections}.db", f"pwh --store, new, {connections} connections"),
            "full": Storing(options.pwh, folder, stored, f"pwh --store, {options.stored:,} stored, {connections} connections"),
        }
        nginx.name = f"nginx, empty 200, {connections} connections"
        results = {name: [] for name in servers}
        for _ in range(options.rounds):
            for name, server in servers.items():
                results[name].append(bench.measure(server, options.messages))
        for name, server in servers.items():
            row(server.name, results[name])
            rates[connections, name] = median(results[name], "rate")
    for connections in CONNECTIONS:
        print(f"{connections} connections: rate, of nginx's: {rates[connections, 'new'] / rates[connections, 'nginx']:.2f} new, "
              f"{rates[connections, 'full'] / rates[connections, 'nginx']:.2f} with {options.stored:,} stored (target 0.45); "
              f"full to new: {rates[connections, 'full'] / rates[connections, 'new']:.2f} (target 1)")


class ManyBench(Bench):
    connections = 64

    def run(self, messages, port, events=1, connections=None):
        return super().run(messages, port, events, connections or self.connections)


def first_byte(command):
    """Seconds until the first line."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    process.stdout.readline()
    first = time.perf_counter() - start
    process.kill()
    process.wait()
    process.stdout.close()
    return first


def whole(command):
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    counter = subprocess.Popen(["wc", "-l"], stdin=process.stdout, stdout=subprocess.PIPE, text=True)
    process.stdout.close()
    lines = int(counter.communicate()[0])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command} ended with {process.returncode}")
    return lines, time.perf_counter() - start, usage.ru_maxrss / 1024


def reading(options, stored):
    events = [options.pwh, "events", "--store", str(stored)]
    middle, last = options.stored // 2, options.stored
    print("\n| command | figure | target |")
    print("|---|---|---|")
    lines, seconds, memory = whole([*events, "--limit", str(min(2_000_000, options.stored))])
    print(f"| events into a pipe | {lines / seconds:,.0f} events/s, {memory:.1f} MB | 500,000; 64 MB |")
    for age in ("45d", "1h"):
        times = [first_byte([*events, "--since", age]) for _ in range(5)]
        print(f"| events --since {age}, to the first line | {1000 * statistics.median(times):.0f} ms | 50 |")
    for name, number in (("middle", middle), ("first", 1), ("last", last)):
        times = []
        for _ in range(5):
            lines, seconds, memory = whole([*events, "--entity", f"00000001-0000-4000-8000-{number:012x}"])
            if lines != 1:
                sys.exit(f"--entity of event {number} gave {lines} lines")
            times.append(seconds)
        print(f"| events --entity, the {name} of {options.stored:,}, whole run | {1000 * statistics.median(times):.0f} ms, {memory:.1f} MB | 200 |")
    lines, seconds, memory = whole([*events, "--trigger", "ingest-failed"])
    print(f"| events --trigger, one in a thousand ({lines:,}), whole run | {seconds:.2f} s, {memory:.1f} MB | |")
    lines, seconds, memory = whole([*events, "--stats", "-o", "json"])
    print(f"| events --stats, whole run | {1000 * seconds:.0f} ms, {memory:.1f} MB | |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pwh")
    parser.add_argument("load")
    parser.add_argument("fill")
    parser.add_argument("--folder", default=".", help="where the stores are made, on a real disk")
    parser.add_argument("--stored", type=int, default=10_000_000)
    parser.add_argument("--messages", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", metavar="STORE", help="use this store for the filled one, and make it if it is not there")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with tempfile.TemporaryDirectory(prefix="pwh-bench-", dir=options.folder) as name:
        folder = Path(name)
        (folder / "secret").touch(0o600)
        (folder / "secret").write_text("0123456789abcdef" * 4 + "\n")
        stored = Path(options.keep) if options.keep else folder / "stored.db"
        if not stored.exists():
            filled = json.loads(subprocess.run([options.fill, str(stored), str(options.stored)], check=True, capture_output=True).stdout)
            print(f"filled with {filled['messages']:,} messages in {filled['seconds']:.0f} s; file {stored.stat().st_size:,} bytes, "
                  f"{stored.stat().st_size / filled['body_bytes']:.2f} of the bodies (target 2.2), "
                  f"{stored.stat().st_size / filled['messages']:,.0f} MB for a million")
        print(f"fdatasync of 24 KiB: {fdatasync_ms(folder):.2f} ms\n", flush=True)
        reading(options, stored)
        print()
        rates(ManyBench(options.load, folder), options, folder, stored)


if __name__ == "__main__":
    main()
