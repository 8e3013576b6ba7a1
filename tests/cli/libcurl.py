#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""libcurl is loaded where it is needed, and nowhere else: `libcurl.py PWH [TEST…]`."""

from pathlib import Path

import common
from listen import ListenTest
from sender import message


class Libcurl(ListenTest):
    def spoil(self):
        """From now on the loader finds a libcurl that can't be loaded."""
        broken = self.folder / "broken"
        broken.mkdir()
        (broken / "libcurl.so.4").write_bytes(b"no library")
        self.environment["LD_LIBRARY_PATH"] = str(broken)

    def test_a_client_that_cannot_load_it_says_what_to_install(self):
        self.use_fake()
        self.spoil()
        result = self.pwh("list", expect=1)
        self.assertEqual(result.out, "")
        self.assertRegex(result.err, r"^pwh: cannot load libcurl: .*libcurl\.so\.4.*\nhint: install it: .*libcurl4\n$")
        self.assertEqual(self.fake.requests, [])

    def test_what_asks_nobody_does_without(self):
        self.spoil()
        for arguments in (("--version",), ("help",), ("sign", "--challenge", "abc", "--secret-file", self.secret_file())):
            self.pwh(*arguments)
        self.receiver()
        self.assertEqual(self.status(self.sender.send_event(message(1))), 200)

    def test_a_receiver_does_not_hold_it_in_memory(self):
        listener = self.receiver()
        self.assertEqual(self.status(self.sender.send_event(message(1))), 200)
        self.assertNotIn("libcurl", Path(f"/proc/{listener.pid}/maps").read_text())

    def test_a_receiver_that_subscribes_loads_it(self):
        self.use_fake()
        listener = self.listen("--subscribe", "moved")
        listener.err.wait_match("^pwh: subscribed")
        self.assertIn("libcurl", Path(f"/proc/{listener.pid}/maps").read_text())


if __name__ == "__main__":
    common.main()
