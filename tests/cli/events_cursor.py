#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`pwh events --cursor-file`: nothing is skipped, whatever is killed when: `events_cursor.py PWH [TEST…]`."""

import json
import os
import random
import shutil
import signal
import time

import common
from common import wait_until
from stored import StoreTest, body

PIPE = 65_536  # what lies in a pipe at most


class Reader:
    """Reads the stdout of `pwh events` by hand, and keeps what it got."""

    def __init__(self, process):
        self._descriptor = process.stdout.fileno()
        self.data = b""

    def read(self, size):
        """At most so many bytes; False at the end."""
        data = os.read(self._descriptor, size)
        self.data += data
        return bool(data)

    def read_exactly(self, size):
        end = len(self.data) + size
        while len(self.data) < end and self.read(end - len(self.data)):
            pass

    def lines(self):
        """Whole ones."""
        return self.data[:self.data.rfind(b"\n") + 1].splitlines(keepends=True)


class CursorTest(StoreTest):
    def events(self, *arguments, expect=0):
        return self.run_events("--cursor-file", self.cursor, *arguments, expect=expect)

    def cursor_text(self):
        with open(self.cursor, "rb") as file:
            return file.read()

    def write_cursor(self, data):
        with open(self.cursor, "wb") as file:
            file.write(data)

    def refuse(self, code, *arguments):
        """pwh ends with that code, says something, prints nothing, and leaves the cursor file as it is."""
        before = self.cursor_text()
        done = self.run_raw("--cursor-file", self.cursor, *arguments)
        self.assertEqual((done.returncode, done.stdout), (code, b""), done.stderr)
        self.assertTrue(done.stderr.startswith(b"pwh: "), done.stderr)
        self.assertEqual(self.cursor_text(), before)
        return done.stderr.decode()


class Positions(CursorTest):
    def test_goes_on_where_it_was(self):
        self.receiver()
        self.deliver([body(0, events=3), body(1)])
        self.assertEqual(self.events(), self.lines())
        self.assertRegex(self.cursor_text(), rb"^pwh-cursor 1 [0-9a-f]{32} 3 0\n$")
        self.assertEqual(os.stat(self.cursor).st_mode & 0o7777, 0o600)
        self.assertEqual(self.events(), [])
        self.deliver([body(2, events=2)])
        self.assertEqual(self.events(), self.lines()[4:])
        self.assertEqual(self.events(), [])
        self.assertEqual([each for each in os.listdir(self.folder) if "cursor" in each], ["cursor"])

    def test_limit_within_a_message(self):
        lines = self.fill(body(each, events=each % 4) for each in range(12))
        for limit in (1, 2, 3, 5):
            taken = []
            while part := self.events("--limit", str(limit)):
                self.assertLessEqual(len(part), limit)
                taken += part
            self.assertEqual(taken, lines)
            os.unlink(self.cursor)

    def test_filters_choose_but_do_not_move_it_back(self):
        lines = self.fill(body(each, events=each % 5) for each in range(300))
        chosen = [line for line in lines if json.loads(line)["trigger"] == "MOVED"
                  and json.loads(line)["entityRef"] == "entity-3"]
        self.assertGreater(len(chosen), 2)
        taken = []
        while part := self.events("--trigger", "moved", "--entity", "entity-3", "--limit", "1"):
            taken += part
        self.assertEqual(taken, chosen)
        self.assertEqual(self.events(), [])

    def test_until_leaves_the_rest_for_the_next_run(self):
        lines = self.fill(body(each, events=each % 3) for each in range(200))
        times = sorted({json.loads(line)["receivedAt"] for line in lines})
        taken = []
        for until in (*random.sample(times, min(len(times), 5)), "2099-01-01"):
            taken += self.events("--until", until)
        self.assertEqual(taken, lines)

    def test_messages(self):
        self.fill([body(0, events=3), body(1, events=0), body(2)])
        everything = self.run_events("--export")
        self.assertEqual(self.events("--export", "--limit", "1"), everything[:1])
        self.assertEqual(self.events("--export"), everything[1:])
        self.assertEqual(self.events("--export"), [])

    def test_mode_and_symbolic_link_stay(self):
        self.fill([body(1)])
        self.write_cursor(b"")
        os.chmod(self.cursor, 0o640)
        link = str(self.folder / "link")
        os.symlink("cursor", link)
        self.assertEqual(len(self.run_events("--cursor-file", link)), 1)
        self.assertTrue(os.path.islink(link))
        self.assertEqual(os.stat(self.cursor).st_mode & 0o7777, 0o640)
        self.assertEqual(self.position(), (2, 0))


class Refusals(CursorTest):
    def test_another_store(self):
        self.fill([body(1)])
        self.events()
        self.store = str(self.folder / "other.db")
        self.fill([body(2)])
        self.assertIn("another event store", self.refuse(2))
        self.refuse(2, "--follow")
        self.refuse(2, "--", "touch", str(self.folder / "ran"))
        self.assertFalse((self.folder / "ran").exists())

    def test_store_of_yesterday(self):
        self.fill(body(each) for each in range(3))
        shutil.copy(self.store, self.folder / "backup.db")
        self.fill(body(each) for each in range(3, 6))
        self.events()
        self.store = str(self.folder / "backup.db")
        self.assertIn("backup", self.refuse(2))

    def test_what_is_no_cursor(self):
        self.fill([body(1)])
        for text in (b"hello\n", b"\n", b"pwh-cursor 1 x 1 0\n", b"pwh-cursor 2 " + b"0" * 32 + b" 1 0\n", b"\0" * 100):
            self.write_cursor(text)
            self.refuse(2)
        for place in ("/dev/null", str(self.folder), str(self.folder / "missing" / "cursor"), ""):
            self.run_events("--cursor-file", place, expect=2)

    def test_two_at_once(self):
        self.receiver()
        self.deliver([body(1)])
        follower = self.start("events", "--store", self.store, "--follow", "--cursor-file", self.cursor)
        follower.wait_lines(1)
        for _ in range(2):
            done = self.run_raw("--cursor-file", self.cursor)
            self.assertEqual((done.returncode, done.stdout), (1, b""))
            self.assertIn(b"another pwh events uses the cursor file", done.stderr)
            self.wait_position((2, 0))  # it was replaced: the lock has to be on the new one
        self.assertEqual(follower.stop(), -signal.SIGTERM)
        self.assertEqual(self.events(), [])


class Pipes(CursorTest):
    """What is taken is what the reader of the pipe has read."""

    def start_reader(self, *arguments):
        process = self.popen("--cursor-file", self.cursor, *arguments)
        return process, Reader(process)

    def test_only_what_was_read_is_taken(self):
        lines = self.fill(body(each) for each in range(2000))
        process, reader = self.start_reader()
        for count in (1, 7, 500):
            reader.read_exactly(len(b"".join(lines[:count])) + 5 - len(reader.data))
            self.wait_position((count + 1, 0))
        process.kill()
        process.wait()
        self.assertEqual(self.events(), lines[500:])

    def test_reader_dies_after_any_number_of_bytes(self):
        lines = self.fill(body(each, events=each % 4) for each in range(1500))
        total = len(b"".join(lines))
        done = 0
        for _ in range(12):
            process, reader = self.start_reader(*random.choice(([], ["--follow"])))
            wanted = random.choice((0, 1, random.randrange(1000), random.randrange(PIPE), random.randrange(total // 6)))
            reader.read_exactly(min(wanted, max(len(b"".join(lines[done:])) - 1, 0)))
            process.stdout.close()
            self.assertEqual(process.wait(common.PATIENCE), 1)
            self.assertIn(b"who reads stdout is gone", process.stderr.read())
            read = reader.lines()
            self.assertEqual(read, lines[done:done + len(read)])
            done += len(read)
        self.assertEqual(self.events(), lines[done:])

    def test_waits_for_the_last_line_to_be_read(self):
        lines = self.fill(body(each) for each in range(3))
        process, reader = self.start_reader()
        reader.read_exactly(len(lines[0]))
        self.wait_position((2, 0))
        self.assertIsNone(process.poll())
        reader.read_exactly(len(b"".join(lines[1:])))
        self.assertEqual(process.wait(common.PATIENCE), 0)
        self.assertEqual(self.position(), (4, 0))

    def test_signal_saves_what_was_read(self):
        lines = self.fill(body(each) for each in range(2000))
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            process, reader = self.start_reader()
            reader.read_exactly(len(lines[0]) * 3 + 10)
            process.send_signal(number)
            self.assertEqual(process.wait(common.PATIENCE), -number)
            self.assertEqual(self.position(), (len(reader.lines()) + 1, 0))
            os.unlink(self.cursor)

    def test_killed_at_any_moment(self):
        lines = self.fill(body(each, events=each % 4) for each in range(4000))
        done = 0
        seed = random.randrange(1 << 32)
        rng = random.Random(seed)
        for _ in range(60):
            process, reader = self.start_reader(*rng.choice(([], ["--follow"], ["--limit", "700"])))
            end = time.monotonic() + rng.uniform(0, 0.2)
            while time.monotonic() < end and common.readable(process.stdout, 0.01):
                if not reader.read(rng.randrange(1, 5000)):
                    break
            process.kill()
            process.wait()
            if rng.random() < 0.5:  # a reader that lives on takes the rest out of the pipe
                while reader.read(PIPE):
                    pass
            read = reader.lines()
            # What came is a stretch of the events that begins no later than where the last one ended.
            first = next((at for at in range(done, -1, -1) if lines[at:at + len(read)] == read), None)
            self.assertIsNotNone(first, f"seed {seed}: not a stretch of the events before {done}")
            done = max(done, first + len(read))
            if self.position():
                self.assertLessEqual(self.index_of(self.position()), done, f"seed {seed}: the cursor skips")
            if done > len(lines) - 1000:
                done = 0
                os.unlink(self.cursor)
        rest = self.events()
        self.assertEqual(rest, lines[len(lines) - len(rest):])
        self.assertLessEqual(len(lines) - len(rest), done, f"seed {seed}")

    def index_of(self, position):
        """How many events are before it: messages have 0, 1, 2, 3, 0, … events."""
        whole = position[0] - 1
        return sum(each % 4 for each in range(4)) * (whole // 4) + sum(range(whole % 4)) + position[1]


class Commands(CursorTest):
    def run_shell(self, script, *arguments, expect=0):
        done = self.run_raw("--cursor-file", self.cursor, *arguments, "--", "/bin/sh", "-c", script)
        self.assertEqual(done.returncode, expect, done.stderr)
        return done

    def log(self):
        try:
            return (self.folder / "work" / "log").read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return []

    def wait_log(self, count):
        wait_until(lambda: len(self.log()) == count, f"{count} lines handed over")

    def test_gets_the_lines_and_moves_the_cursor(self):
        self.receiver()
        self.deliver(body(each, events=2) for each in range(5))
        done = self.run_shell("cat >>log; echo said")
        self.assertEqual((done.stdout, done.stderr), (b"said\n", b""))
        self.assertEqual(self.log(), self.lines())
        self.assertEqual(self.position(), (6, 0))
        self.deliver([body(9)])
        self.run_shell("cat >>log")
        self.assertEqual(self.log(), self.lines())

    def test_nothing_new_starts_nothing(self):
        self.fill([body(1)])
        self.events()
        self.run_raw("--cursor-file", self.cursor, "--", "/nonexistent").check_returncode()
        self.run_shell("touch ran", "--trigger", "moved")
        self.assertFalse((self.folder / "work" / "ran").exists())
        os.unlink(self.cursor)
        self.run_shell("touch ran", "--since", "2099-01-01")
        self.assertFalse((self.folder / "work" / "ran").exists())

    def test_failure_at_any_line(self):
        lines = self.fill(body(each, events=2) for each in range(4))
        for count in range(len(lines) + 1):
            script = f"n=0; while [ $n -lt {count} ] && IFS= read -r line; do n=$((n + 1)); done; exit {10 + count}"
            done = self.run_shell(script, "-q", expect=10 + count)
            self.assertEqual(done.stderr, b"pwh: the command ended with %d: its events come again\n" % (10 + count))
            self.assertIn(self.position(), (None, (1, 0)))
        done = self.run_shell("cat >>log; kill -KILL $$", expect=128 + signal.SIGKILL)
        self.assertEqual(done.stderr, b"pwh: the command was ended by signal 9: its events come again\n")
        self.run_shell("cat >>log")
        self.assertEqual(self.log(), [*lines, *lines])

    def test_codes_of_what_can_not_run(self):
        self.fill([body(1)])
        for command, code in (("/nonexistent", 127), ("/dev/null", 126)):
            done = self.run_raw("--cursor-file", self.cursor, "--", command)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(b"pwh: cannot run", done.stderr)
        self.assertEqual(len(self.events()), 1)

    def test_takes_a_part(self):
        lines = self.fill(body(each, events=3) for each in range(5))
        # The shell reads byte by byte, so what it has taken is known.
        script = "for i in 1 2; do IFS= read -r line && printf '%s\\n' \"$line\" >>log; done; exit 0"
        warnings = 0
        while len(self.log()) < len(lines):
            before = len(self.log())
            done = self.run_shell(script)
            warnings += b"events unread; they come again" in done.stderr
            self.assertGreater(len(self.log()), before)
        self.assertEqual(self.log(), lines)
        self.assertEqual(warnings, (len(lines) - 1) // 2)
        self.assertEqual(self.events(), [])

    def test_reads_nothing(self):
        lines = self.fill(body(each) for each in range(3000))
        done = self.run_shell("exit 0")
        self.assertIn(b"events unread; they come again", done.stderr)
        self.run_shell("exec 0<&-; exit 7", expect=7)
        done = self.run_shell("exit 0", "--follow", expect=1)
        self.assertIn(b"which is all that it got", done.stderr)
        self.assertEqual(self.events(), lines)

    def test_without_a_cursor_file(self):
        lines = self.fill(body(each) for each in range(100))
        for _ in range(2):
            done = self.run_raw("--limit", "7", "--", "cat")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"".join(lines[:7]), b""))
        self.assertEqual(self.run_raw("--", "false").returncode, 1)

    def test_follow_runs_it_for_each_batch(self):
        self.receiver()
        self.deliver([body(0), body(1)])
        follower = self.start("events", "--store", self.store, "--follow", "--cursor-file", self.cursor, "--",
                              "/bin/sh", "-c", "cat >>log; echo run >>runs; test ! -e stop")
        for number in range(2, 8):
            self.wait_log(2 * number - 2)
            self.deliver([body(number, events=2)])
        self.wait_log(14)
        self.wait_position((9, 0))
        self.assertEqual(self.log(), self.run_events())
        self.assertEqual((self.folder / "work" / "runs").read_text(), 7 * "run\n")
        (self.folder / "work" / "stop").touch()
        self.deliver([body(9)])
        self.assertEqual(follower.wait(), 1)
        self.assertEqual(self.position(), (9, 0))

    def test_follow_goes_on_after_a_part(self):
        lines = self.fill(body(each, events=2) for each in range(6))
        follower = self.start("events", "--store", self.store, "--follow", "--cursor-file", self.cursor, "--",
                              "/bin/sh", "-c", "IFS= read -r line; printf '%s\\n' \"$line\" >>log")
        self.wait_log(len(lines))
        self.wait_position((7, 0))
        self.assertEqual(follower.stop(), -signal.SIGTERM)
        self.assertEqual(self.log(), lines)

    def test_killed_at_any_moment(self):
        lines = self.fill(body(each, events=each % 3) for each in range(60))
        script = "while IFS= read -r line; do printf '%s\\n' \"$line\" >>log; done"
        for _ in range(25):
            process = self.popen("--cursor-file", self.cursor, "--limit", "20", "--", "/bin/sh", "-c", script)
            time.sleep(random.uniform(0, 0.08))
            process.kill()
            process.wait()
            process.stdout.read()  # until the command has ended, too
        while self.run_raw("--cursor-file", self.cursor, "--limit", "20", "--", "/bin/sh", "-c", script) and \
                self.position()[0] <= 60:
            pass
        log = self.log()
        # Nothing is skipped: taken in order of their first coming, the events are all of them.
        self.assertEqual(list(dict.fromkeys(log)), list(dict.fromkeys(lines)))

    def test_signal_is_passed_on(self):
        self.fill([body(1)])
        process = self.popen("--cursor-file", self.cursor, "--", "/bin/sh", "-c",
                             "trap 'echo got; exit 0' TERM; cat; echo ready; while :; do sleep 0.01; done")
        reader = Reader(process)
        while b"ready" not in reader.data:
            self.assertTrue(reader.read(1000))
        process.send_signal(signal.SIGTERM)
        while reader.read(1000):
            pass
        self.assertIn(b"got", reader.data)
        self.assertEqual(process.wait(common.PATIENCE), -signal.SIGTERM)
        self.assertEqual(self.position(), (2, 0))

    def test_timeout_ends_the_input(self):
        lines = self.fill(body(each) for each in range(3))
        done = self.run_raw("--follow", "--timeout", "2", "--cursor-file", self.cursor, "--", "cat")
        self.assertEqual((done.returncode, done.stdout), (0, b"".join(lines)), done.stderr)

    def test_large_batch(self):
        lines = self.fill(body(each, events=3) for each in range(3000))
        done = self.run_raw("--cursor-file", self.cursor, "--", "cat")
        self.assertEqual((done.returncode, done.stdout), (0, b"".join(lines)))
        self.assertEqual(self.position(), (3001, 0))


if __name__ == "__main__":
    common.main()
