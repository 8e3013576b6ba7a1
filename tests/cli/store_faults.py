#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`listen --store` with files that are no store, and disks that are full: `store_faults.py PWH [TEST…]`."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys

import common
from common import SECRET, Process, wait_until
from sender import Sender, message
from store import MIB, StoreTest


class Wrong(StoreTest):
    """What a path may name instead of a store. The file stays as it was."""

    def check_refused(self, content, *, matching):
        if content is not None:
            self.store.write_bytes(content)
        text = self.refused()
        self.assertRegex(text, matching)
        self.assertIn(str(self.store), text)
        if content is not None:
            self.assertEqual(self.store.read_bytes(), content)
        self.assertFalse(list(self.folder.glob("events.db?*")), "something is left about")

    def sound(self):
        listener = self.storing()
        self.send(*(message(number, padding="x" * 3000) for number in range(100)))
        listener.stop()
        return self.store.read_bytes()

    def test_files_that_are_none(self):
        self.check_refused(b"", matching="is empty")
        self.check_refused(b"hello\n", matching="not a database")
        self.check_refused(b"x" * 100_000, matching="not a database")

    def test_foreign_database(self):
        connection = sqlite3.connect(self.store)
        connection.execute("CREATE TABLE message (id)")
        connection.commit()
        connection.close()
        self.check_refused(self.store.read_bytes(), matching="is another program's database")

    def test_later_version(self):
        self.sound()
        self.edit("PRAGMA user_version = 1000")
        self.check_refused(self.store.read_bytes(), matching="was written by a later pwh")

    def test_damaged(self):
        sound = self.sound()
        self.check_refused(sound[:len(sound) // 2], matching="malformed|damaged")
        self.check_refused(sound[:50], matching="another program's database")
        broken = bytearray(sound)
        for at in range(8192, len(sound), 40_960):
            broken[at:at + 100] = bytes(range(100))
        self.check_refused(bytes(broken), matching="malformed|damaged")
        self.store.write_bytes(sound)
        self.storing().stop()
        self.check_store()

    def test_folder(self):
        self.store.mkdir()
        self.check_refused(None, matching="is no file")

    def test_folder_that_is_missing(self):
        text = self.refused("--store", str(self.folder / "none" / "events.db"))
        self.assertRegex(text, "cannot be made: No such file or directory")

    def test_log_of_a_store_that_is_gone(self):
        listener = self.storing()
        self.send(message(1))
        listener.stop(signal.SIGKILL)
        self.store.unlink()
        log = self.folder / "events.db-wal"
        content = log.read_bytes()
        self.assertIn(f"is gone, and {log} is still there", self.refused())
        self.assertEqual(log.read_bytes(), content)
        self.assertFalse(self.store.exists())

    def test_not_writable(self):
        self.sound()
        self.store.chmod(0o444)
        self.folder.chmod(0o555)
        self.addCleanup(self.folder.chmod, 0o700)
        command = [common.program, "listen", "--listen", "127.0.0.1:0", "--store", str(self.store), "--timeout", "1"]
        user = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        environment = {**self.environment, "PWH_STATE_DIR": "/nonexistent", "HOME": "/nonexistent"}
        try:
            done = subprocess.run(command, cwd="/", env=environment, capture_output=True, timeout=common.PATIENCE, check=False, **user)
        except PermissionError:
            self.skipTest("another user may not run pwh here")
        self.assertEqual(done.returncode, 1, done)
        self.assertRegex(done.stderr.decode(), r"\Apwh: the event store .*read-?only.*\nhint: .*writable.*\n\Z")

    def test_retain_without_a_store(self):
        for arguments in (("--retain", "7d"), ("--store", str(self.store), "--retain", "soon"), ("--store", str(self.store), "--retain", "0d")):
            result = self.pwh("listen", "--listen", "127.0.0.1:0", *arguments, expect=2)
            self.assertRegex(result.err, r"\Apwh: --retain ")
        self.assertFalse(self.store.exists())


class Full(StoreTest):
    def use_up(self, listener, make_room):
        """Until there is no room: 503, and nothing that was answered 200 is lost; then on, without a restart."""
        stored = []
        for number in range(1000):
            status = self.status(self.sender.send_event(message(number, padding="x" * 30_000)))
            if status != 200:
                break
            stored.append(number)
        self.assertEqual(status, 503, "there was room for everything")
        listener.err.wait_match(r"^pwh: warning: events can't be stored, and are answered 503: the event store .*\n")
        for _ in range(3):
            self.send(message(len(stored), padding="x" * 30_000), expect=503)
            self.assertFalse(self.healthy())
        make_room()
        wait_until(self.healthy, "health")
        self.send(*(message(number, padding="x" * 30_000) for number in range(len(stored), len(stored) + 5)))
        listener.err.wait_match(r"^pwh: the event store \S+ works again$")
        listener.wait_lines(len(stored) + 5)
        self.assertEqual(listener.stop(), 0)
        self.assertEqual(self.bodies(), [message(number, padding="x" * 30_000) for number in range(len(stored) + 5)])
        self.check_store()
        warnings = listener.err.text().count("warning")
        print(f"a full disk: {len(stored)} messages, then 503 with {warnings} warning(s), then 5 more", file=sys.stderr)
        self.assertLessEqual(warnings, 3)

    def test_disk(self):
        place = self.folder / "disk"
        place.mkdir()
        mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], capture_output=True, check=False)
        if mount.returncode != 0:
            self.skipTest("may not mount a file system")
        self.addCleanup(lambda: subprocess.run(["umount", "-l", str(place)], check=True))
        self.store = place / "events.db"
        listener = self.storing()
        self.use_up(listener, lambda: subprocess.run(["mount", "-o", "remount,size=40m", str(place)], check=True))

    def test_disk_that_is_full_from_the_start(self):
        place = self.folder / "disk"
        place.mkdir()
        mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], capture_output=True, check=False)
        if mount.returncode != 0:
            self.skipTest("may not mount a file system")
        self.addCleanup(lambda: subprocess.run(["umount", "-l", str(place)], check=True))
        self.store = place / "events.db"
        filler = place / "filler"
        with open(filler, "wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass
        self.assertRegex(self.refused(), r"full|No space")
        self.assertEqual([each.name for each in place.iterdir()], ["filler"])
        subprocess.run(["mount", "-o", "remount,size=10m", str(place)], check=True)
        listener = self.storing()
        self.send(message(1))
        listener.stop()
        self.check_store()

    def test_file_that_may_not_grow(self):
        """The same by RLIMIT_FSIZE, which any user may set."""
        command = ["prlimit", f"--fsize={MIB}:", common.program, "listen", "--listen", "127.0.0.1:0", "--secret-file",
                   self.secret_file(), "--store", str(self.store)]
        listener = Process(self, command)
        self.addCleanup(listener.end)
        self.sender = Sender(listener.err.wait_match(r"^pwh: listening on (http://\S+)$")[1], SECRET)
        hard = resource.prlimit(listener.pid, resource.RLIMIT_FSIZE)[1]
        self.use_up(listener, lambda: resource.prlimit(listener.pid, resource.RLIMIT_FSIZE, (hard, hard)))


if __name__ == "__main__":
    common.main()
