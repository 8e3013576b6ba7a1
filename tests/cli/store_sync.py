#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows with strace(1) that the write-ahead log is on disk before the 200 goes out: `store_sync.py PWH`."""

import re
import shutil
import subprocess
import sys

import common
from common import SECRET, PwhTest
from sender import Sender, message

CALLS = "trace=openat,pwrite64,fdatasync,fsync,sendmsg,sendto,write,writev"


class StoreSync(PwhTest):
    def test_log_is_synced_before_the_answer(self):
        if shutil.which("strace") is None:
            self.skipTest("strace is not installed")
        trace = self.folder / "trace"
        probe = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False)
        if probe.returncode != 0:
            self.skipTest("strace may not trace here: " + probe.stderr.decode().strip())
        store = self.folder / "events.db"
        command = ["strace", "-f", "-y", "-e", CALLS, "-e", "signal=none", "-s", "32", "-o", str(trace), common.program, "listen",
                   "--listen", "127.0.0.1:0", "--secret-file", self.secret_file(), "--store", str(store), "--max-events", "5"]
        listener = common.Process(self, command)
        self.addCleanup(listener.end)
        sender = Sender(listener.err.wait_match(r"^pwh: listening on (http://\S+)$")[1], SECRET)
        for number in range(5):
            self.assertEqual(sender.send_event(message(number)).status, 200)
        self.assertEqual(listener.wait(), 0)
        written = synced = False
        shown, first, answers = [], [], 0
        for line in trace.read_text("utf-8", "replace").splitlines():
            if "events.db-wal>" in line and "pwrite64(" in line:
                written, synced = True, False
                shown.append(line)
            elif re.search(r"f(data)?sync\(\d+<[^>]*events\.db-wal>", line):
                synced = written
                shown.append(line)
            elif '"HTTP/1.1 200' in line:
                shown.append(line)
                self.assertTrue(synced, "a 200 goes out before the log is synced:\n" + "\n".join(shown[-20:]))
                answers, written, synced = answers + 1, False, False
                first = first or shown[-12:]
        self.assertEqual(answers, 5)
        print("\n".join(line.replace(str(self.folder), "") for line in first), file=sys.stderr)


if __name__ == "__main__":
    common.main()
