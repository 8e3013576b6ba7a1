#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The receiver's speed beside its peers, in one run: `receiver.py PWH PWH_LOAD [--messages N] [--rounds N]`.

Distinct, signed, chunked events of about 300 bytes over 64 keep-alive connections. Server and pipe reader are pinned to one
core, the load to another. nginx (one worker) answers an empty `return 200` to the same requests; adnanh/webhook checks an HMAC
of the same body and runs /bin/true. Prints a table of rates, CPU time per request, latency and memory, and the ratios."""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CONNECTIONS = 64
SERVER_CORE, LOAD_CORE = "0", "1"
TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def wait_for_port(port):
    for _ in range(1000):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.01)
    sys.exit(f"nothing listens on port {port}")


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_kib(pid, name="VmHWM"):
    return int(re.search(rf"{name}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])


class Server:
    """A server on SERVER_CORE; `pid` is the process that does the work."""

    def start(self):
        raise NotImplementedError

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


class Pwh(Server):
    name = "pwh listen"

    def __init__(self, program, folder, *arguments):
        self.program, self.folder, self.arguments = program, folder, arguments

    def start(self):
        self.process = subprocess.Popen(
            ["taskset", "-c", SERVER_CORE, self.program, "listen", "--listen", "127.0.0.1:0", "--secret-file",
             str(self.folder / "secret"), *self.arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PWH_STATE_DIR": str(self.folder / "state")})
        self.reader = subprocess.Popen(["taskset", "-c", SERVER_CORE, "cat"], stdin=self.process.stdout,
                                       stdout=subprocess.DEVNULL)
        self.process.stdout.close()
        while not (found := re.search(rb"listening on \S+:(\d+)/", line := self.process.stderr.readline())):
            if not line:
                sys.exit("pwh listen did not start")
        self.port = int(found[1])
        self.pid = self.process.pid

    def stop(self):
        super().stop()
        self.process.stderr.close()
        self.reader.wait(30)


class Nginx(Server):
    name = "nginx, empty 200"

    def __init__(self, folder):
        self.folder = folder / "nginx"
        self.folder.mkdir()

    def start(self):
        self.port = free_port()
        (self.folder / "nginx.conf").write_text(f"""
worker_processes 1; daemon off; master_process off; pid {self.folder}/pid; error_log {self.folder}/error.log;
events {{ worker_connections 4096; }}
http {{ access_log off; client_body_temp_path {self.folder}/body; proxy_temp_path {self.folder}/p; fastcgi_temp_path {self.folder}/f;
  uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s; keepalive_requests 100000000;
  server {{ listen 127.0.0.1:{self.port} backlog=4096; location / {{ return 200; }} }} }}
""")
        self.process = subprocess.Popen(["taskset", "-c", SERVER_CORE, shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin"),
                                         "-c", str(self.folder / "nginx.conf"), "-p", str(self.folder)])
        wait_for_port(self.port)
        self.pid = self.process.pid


class Webhook(Server):
    name = "webhook, HMAC and /bin/true"

    def __init__(self, folder, secret):
        self.folder = folder
        (folder / "hooks.json").write_text(json.dumps([{
            "id": "preservica", "execute-command": "/bin/true",
            "trigger-rule": {"match": {"type": "payload-hmac-sha256", "secret": secret,
                                       "parameter": {"source": "header", "name": "X-Body-Hmac"}}}}]))

    def start(self):
        self.port = free_port()
        self.process = subprocess.Popen(["taskset", "-c", SERVER_CORE, "webhook", "-hooks", str(self.folder / "hooks.json"),
                                         "-ip", "127.0.0.1", "-port", str(self.port), "-urlprefix", ""],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_port(self.port)
        self.pid = self.process.pid


class Bench:
    def __init__(self, load, folder):
        self.load, self.folder, self.seed = load, folder, int(time.time())

    def run(self, messages, port, events=1, connections=CONNECTIONS):
        self.seed += 1
        done = subprocess.run(["taskset", "-c", LOAD_CORE, self.load, "127.0.0.1", str(port), str(self.folder / "secret"),
                               str(messages), str(connections), str(events), str(self.seed)],
                              capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def measure(self, server, messages, events=1, warm_up=2000):
        server.start()
        try:
            self.run(warm_up, server.port, events)
            before = cpu_seconds(server.pid)
            result = self.run(messages, server.port, events)
            result["cpu_us"] = (cpu_seconds(server.pid) - before) / messages * 1e6
            result["memory_mb"] = memory_kib(server.pid) / 1024
            result["anonymous_mb"] = memory_kib(server.pid, "RssAnon") / 1024
            return result
        finally:
            server.stop()


def median(results, key):
    return statistics.median(each[key] for each in results)


def row(name, results):
    statuses = {k: v for each in results for k, v in each["statuses"].items()}
    print(f"| {name} | {median(results, 'rate'):,.0f} | {median(results, 'cpu_us'):.1f} | {median(results, 'p50_us'):,.0f} | "
          f"{median(results, 'p99_us'):,.0f} | {median(results, 'memory_mb'):.1f} ({median(results, 'anonymous_mb'):.1f}) | "
          f"{median(results, 'load_cpu'):.2f} | {' '.join(statuses)} |", flush=True)


def idle_connections(server, count):
    """Memory that so many idle connections cost, each after one request."""
    import resource
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    server.start()
    try:
        time.sleep(0.5)
        before = memory_kib(server.pid, "VmRSS")
        sockets = []
        for _ in range(count):
            each = socket.create_connection(("127.0.0.1", server.port))
            each.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
            each.recv(4096)
            sockets.append(each)
        time.sleep(1.5)
        after = memory_kib(server.pid, "VmRSS")
        for each in sockets:
            each.close()
        return (after - before) / 1024
    finally:
        server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pwh")
    parser.add_argument("load")
    parser.add_argument("--messages", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="only the comparison")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pwh-bench-") as name:
        folder = Path(name)
        secret = "0123456789abcdef" * 4
        (folder / "secret").touch(0o600)
        (folder / "secret").write_text(secret + "\n")
        bench = Bench(options.load, folder)
        nginx, pwh = Nginx(folder), Pwh(options.pwh, folder)
        results = {nginx: [], pwh: []}
        for _ in range(options.rounds):  # in turn, so that a busy moment strikes both
            for server in results:
                results[server].append(bench.measure(server, options.messages))
        print("| server | requests/s | CPU us/request | p50 us | p99 us | peak MB (anonymous) | load's CPU | answers |")
        print("|---|---|---|---|---|---|---|---|")
        for server, each in results.items():
            row(server.name, each)
        if shutil.which("webhook"):
            webhook = Webhook(folder, secret)
            results[webhook] = [bench.measure(webhook, 5000, warm_up=100)]
            row(webhook.name, results[webhook])
        rate = {server: median(each, "rate") for server, each in results.items()}
        print(f"\nrate, of nginx's: {rate[pwh] / rate[nginx]:.2f} (target 0.80)")
        print(f"CPU time, of nginx's: {median(results[pwh], 'cpu_us') / median(results[nginx], 'cpu_us'):.2f} (target 1.5)")
        print(f"p99, of nginx's: {median(results[pwh], 'p99_us') / median(results[nginx], 'p99_us'):.2f} (target 3)")
        if shutil.which("webhook"):
            print(f"rate, of webhook's: {rate[pwh] / rate[webhook]:.1f} (target 10)")
        if options.quick:
            return
        print(f"10,000 idle connections: {idle_connections(Pwh(options.pwh, folder, '--max-connections', '20000'), 10_000):.1f} MB (target 60)")
        print("\n| events a message | messages | events/s | CPU us/event |")
        print("|---|---|---|---|")
        for events, messages in ((1, 100_000), (10, 30_000), (100, 10_000), (1000, 1_000)):
            result = bench.measure(Pwh(options.pwh, folder), messages, events, warm_up=100)
            print(f"| {events} | {messages:,} | {result['rate'] * events:,.0f} | {result['cpu_us'] / events:.2f} |", flush=True)
        print("\n| messages | CPU us/message | peak MB |")
        print("|---|---|---|")
        for messages in (1_000, 10_000, 100_000, 1_000_000):
            result = bench.measure(Pwh(options.pwh, folder), messages)
            print(f"| {messages:,} | {result['cpu_us']:.1f} | {result['memory_mb']:.1f} |", flush=True)


if __name__ == "__main__":
    main()
