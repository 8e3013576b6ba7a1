#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many subscriptions, many pwh at once, narrow terminals: `scale.py PWH [TEST…]`."""

import fcntl
import json
import os
import re
import struct
import subprocess
import termios
import threading
import unicodedata
from pathlib import Path

import common
from common import PwhTest
from fake_preservica import SUBSCRIPTIONS

URL = "https://hooks.example.org/preservica"
MOST_MEMORY = 96 << 20  # bytes, for ten thousand subscriptions


def width(text):
    """Columns on a terminal, as Unicode has it."""
    return sum(0 if unicodedata.combining(c) or unicodedata.category(c) == "Cf" else
               2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def instrumented():
    """Whether the program was built with a sanitizer, whose memory is not ours to bound."""
    return re.search(rb"__(asan|tsan)_init", Path(common.program).read_bytes()) is not None


class ScaleTest(PwhTest):
    def setUp(self):
        super().setUp()
        self.use_fake()
        self.connections = set()
        self.fake.on_head = lambda request: self.connections.add(threading.get_ident())

    def on_terminal(self, *arguments, columns=80):
        """What pwh writes on a terminal of its own, both streams."""
        terminal, follower = os.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        pwh = subprocess.Popen([common.program, *arguments], cwd=self.folder / "work", start_new_session=True,
                               env={**self.environment, "TERM": "xterm"}, stdin=follower, stdout=follower, stderr=follower)
        os.close(follower)
        pieces = []
        try:
            while piece := os.read(terminal, 65536):
                pieces.append(piece)
        except OSError:  # what Linux says at the end of a terminal
            pass
        os.close(terminal)
        shown = b"".join(pieces).replace(b"\r\n", b"\n").decode()
        self.assertEqual(pwh.wait(common.PATIENCE), 0, shown)
        return shown


class ManyProcesses(ScaleTest):
    def test_ten_ensure_at_once(self):
        command = [common.program, "subscribe", "--ensure", "-q", "--json", "--url", URL, "--trigger", "moved", "--trigger", "indexed"]
        running = [subprocess.Popen(command, cwd=self.folder / "work", env=self.environment, stdin=subprocess.DEVNULL,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(10)]
        outputs = [process.communicate(timeout=common.PATIENCE) for process in running]
        self.assertEqual([process.returncode for process in running], [0] * 10, outputs)
        self.assertEqual([err for _, err in outputs], [b""] * 10)
        made = {each["triggerType"]: each["id"] for each in self.fake.subscriptions}
        self.assertEqual(len(self.fake.subscriptions), 2)
        shown = [json.loads(out) for out, _ in outputs]
        for each in shown:
            self.assertEqual({one["triggerType"]: one["id"] for one in each}, made)
            self.assertEqual({one["secretStored"] for one in each}, {True})
        self.assertEqual(sum(one["created"] for each in shown for one in each), 2)
        self.assertEqual(set(self.stored_secrets()), set(self.fake.secrets.values()))
        self.assertEqual(len(self.stored_secrets()), 1)


class UnsubscribeMany(ScaleTest):
    def setUp(self):
        super().setUp()
        self.entries = [self.fake.add_subscription(URL, "MOVED") for _ in range(1000)]

    def fail(self, index, status):
        self.fake.rule("DELETE", f"{SUBSCRIPTIONS}/{self.entries[index]['id']}", f"status {status} x")

    def test_goes_on_and_reports(self):
        for index, status in ((3, 500), (500, 403), (999, 500)):
            self.fail(index, status)
        result = self.pwh("unsubscribe", "--all", "--yes", expect=7)
        left = [self.entries[index]["id"] for index in (3, 500, 999)]
        self.assertEqual([each["id"] for each in self.fake.subscriptions], left)
        self.assertEqual([line.split("\t")[0] for line in result.out.splitlines()],
                         [each["id"] for each in self.entries if each["id"] not in left])
        for each in left:
            self.assertIn(each, result.err)
        self.assertTrue(result.err.endswith("pwh: 997 of 1000 subscriptions were removed\n"), result.err)
        self.assertEqual(len(self.connections), 1)

    def test_progress_on_a_terminal_only(self):
        slow = self.fake.on_head
        paused = []

        def pause(request):
            slow(request)
            if request.method == "DELETE" and len(paused) < 8:
                paused.append(request)
                threading.Event().wait(0.1)
        self.fake.on_head = pause
        shown = self.on_terminal("unsubscribe", "--all", "--yes")
        self.assertRegex(shown, r"\r\x1b\[Kremoving subscription \d+ of 1000")
        self.assertRegex(shown, r"\r\x1b\[KID +TRIGGER", "the line is wiped before the result")
        self.assertEqual(shown.count("MOVED"), 1000)
        for _ in range(3):
            self.fake.add_subscription(URL, "MOVED")
        paused.clear()
        self.assertEqual(self.pwh("unsubscribe", "--all", "--yes").err, "")
        for _ in range(3):
            self.fake.add_subscription(URL, "MOVED")
        paused.clear()
        self.assertNotIn("removing", self.on_terminal("unsubscribe", "--all", "--yes", "-q"))

    def test_a_server_that_is_gone_is_not_asked_a_thousand_times(self):
        self.fake.rule("DELETE", SUBSCRIPTIONS, "drop", stays=True)
        result = self.pwh("unsubscribe", "--all", "--yes", "--retries", "0", expect=7)
        self.assertEqual(sum(line.startswith("DELETE") for line in self.fake.lines()), 3)
        self.assertTrue(result.err.endswith("pwh: 0 of 1000 subscriptions were removed\n"), result.err)


class ListMany(ScaleTest):
    URLS = ("https://hooks.example.org/preservica", "https://例え.example/受信/プレザービカ", "https://h.example/e\u0301te\u0301",
            "https://h.example/" + "langer-pfad/" * 12, "https://h.example/🎉")

    def fill(self, count):
        for number in range(count):
            self.fake.add_subscription(self.URLS[number % len(self.URLS)], "CHANGED_SECURITY_DESCRIPTOR" if number % 7 == 0 else "MOVED")

    def assert_table(self, text, columns):
        lines = text.splitlines()
        self.assertEqual(len(lines), len(self.fake.subscriptions) + 1)
        self.assertLessEqual(max(map(width, lines)), columns)
        starts = [match.start() for match in re.finditer(r"\S+", lines[0])]
        for line in lines[1:]:
            at, places = 0, {}
            for c in line:
                places.setdefault(at, c)
                at += width(c)
            for start in starts[1:]:
                self.assertEqual(places.get(start - 1), " ", line)
                self.assertNotEqual(places.get(start, " "), " ", line)

    def test_table_fits_the_terminal(self):
        self.fill(50)
        for columns in (60, 80, 132):
            self.assert_table(self.on_terminal("list", columns=columns), columns)

    def test_ten_thousand(self):
        self.fill(10_000)
        for arguments, lines in (((), 10_000), (("-o", "table"), 10_001)):
            process = subprocess.Popen([common.program, "list", *arguments], cwd=self.folder / "work",
                                       env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
            self.assertTrue(common.readable(process.stdout, common.PATIENCE))
            # It has all of it by now, and waits for us to read more than a pipe holds.
            status = Path(f"/proc/{process.pid}/status").read_text()
            out, _ = process.communicate(timeout=common.PATIENCE)
            self.assertEqual(process.returncode, 0)
            self.assertEqual(len(out.decode().splitlines()), lines)
            if not instrumented():
                self.assertLess(int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024, MOST_MEMORY)
        self.assert_table(self.on_terminal("list", columns=100), 100)
        self.assertEqual(json.loads(self.pwh("list", "--json").out),
                         [{**each, "secretStored": False} for each in self.fake.subscriptions])

    def test_control_characters_do_not_reach_the_terminal(self):
        nasty = "https://h.example/\x1b]0;title\x07\x9b2J\u202egro.live\x7f\r\x08"
        self.fake.add_subscription(nasty, "MOVED\x1b[2J", note="\x9b\u2066\x7f")
        for form in ("table", "tsv", "json"):
            shown = self.on_terminal("list", "-o", form, columns=200)
            self.assertNotRegex(shown.replace("\n", ""), "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
        self.assertEqual(json.loads(self.on_terminal("list", "--json")), [{**self.fake.subscriptions[0], "secretStored": False}])
        # Scripts get the API's values.
        self.assertIn("\x1b]0;title\x07\x9b2J\u202egro.live\x7f", self.pwh("list").out)


if __name__ == "__main__":
    common.main()
