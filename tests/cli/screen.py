#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What stands on a screen: 80 columns, any locale, a terminal that can do little, no colour: `screen.py PWH [TEST…]`."""

import re
import subprocess
import sys

import common
import helptext
from common import SUPPORT

ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
WIDTH = 80
UTF8 = ({"LANG": "C.UTF-8"}, {"LANG": "de_DE.utf8"}, {"LANG": "C", "LC_CTYPE": "C.UTF-8"}, {"LANG": "", "LC_ALL": "no_SUCH.UTF-8"})
ASCII = ({"LANG": "C"}, {"LANG": "de_DE.UTF-8", "LC_ALL": "POSIX"}, {"LANG": "C.UTF-8", "LC_CTYPE": "C"}, {"LANG": "no_SUCH.locale"},
         {"LANG": ""})


class ScreenTest(common.PwhTest):
    def setUp(self):
        super().setUp()
        self.environment["TERM"] = "xterm-256color"
        sandbox = self.start("sandbox", "--listen", "127.0.0.1:0")
        authority = sandbox.err.wait_match(r"^pwh: sandbox on http://(\S+)/$")[1]
        self.use_server(authority, "admin@example.com", "sandbox-password", "SANDBOX")
        self.state.mkdir(mode=0o700)
        self.store = str(self.state / "events.db")
        self.url = self.listen("--stored", "--store", self.store).url
        self.pwh("subscribe", "--trigger", "visibility-changed", "--trigger", "security-changed", "--url", self.url)
        self.pwh("send", self.url, "--trigger", "security-changed", "--count", "2000")  # check's wrong signatures must not be many beside them

    def shown(self, *arguments, expect=0, **variables):
        """What a person sees on a terminal of 80 columns."""
        done = subprocess.run(
            [sys.executable, "-B", str(SUPPORT / "run_on_terminal.py"), "--columns", str(WIDTH), "--", common.program, *arguments],
            cwd=self.folder / "work", env={**self.environment, "PYTHONCOERCECLOCALE": "0", **variables}, stdin=subprocess.DEVNULL,
            capture_output=True, timeout=common.PATIENCE, check=False)
        self.assertEqual((done.returncode, done.stderr), (expect, b""), done.stdout)
        return done.stdout.decode()

    def commands(self):
        """What writes tables and lines for a person, and the exit code of each."""
        yield ("list",), 0
        yield ("whoami",), 0
        yield ("check", self.url), 0
        yield ("events", "--stats"), 0
        yield ("status",), 0
        yield ("unsubscribe", "--trigger", "security-changed", "--dry-run"), 0
        yield ("list", "--trigger", "NEW_TRIGGER"), 0
        yield ("status", "--max-age", "0.001s"), 2
        yield ("list", "--trigger", "frobnicate"), 2


class Screen(ScreenTest):
    def test_help_fits(self):
        for topic in ("", "exit-codes", *helptext.commands()):
            for line in helptext.text(*([topic] if topic else [])).splitlines():
                self.assertLessEqual(len(line), WIDTH, f"{topic}: {line}")
                self.assertTrue(line.isascii(), f"{topic}: {line}")

    def test_tables_fit(self):
        for command, code in self.commands():
            if code == 0 and command[-1] != "NEW_TRIGGER":
                for line in self.shown(*command).splitlines():
                    self.assertLessEqual(len(ESCAPE.sub("", line)), WIDTH, line)

    def test_any_locale(self):
        """The words are the same in all; what pwh draws is ASCII where the locale is not UTF-8's."""
        drawn = 0
        for command, code in self.commands():
            drawing, plain = (self.shown_alike(command, code, locales) for locales in (UTF8, ASCII))
            self.assertTrue(plain.isascii(), plain)
            if drawing.isascii():
                self.assertEqual(drawing, plain)
            else:
                drawn += 1
        self.assertGreater(drawn, 0)

    def shown_alike(self, command, code, locales):
        texts = {steady(self.shown(*command, expect=code, **{"LC_ALL": "", "LC_CTYPE": "", **locale})) for locale in locales}
        self.assertEqual(len(texts), 1, command)
        return texts.pop()

    def test_colour_says_nothing_alone(self):
        coloured = 0
        for command, code in self.commands():
            plain = self.shown(*command, expect=code, TERM="dumb")
            bright = self.shown(*command, expect=code)
            coloured += bright != ESCAPE.sub("", bright)
            self.assertEqual(steady(ESCAPE.sub("", bright)), steady(plain))
        self.assertGreater(coloured, 0)

    def test_without_colour(self):
        for command, code in self.commands():
            for variables in ({"TERM": "dumb"}, {"NO_COLOR": "1"}, {"NO_COLOR": "0"}):
                self.assertNotIn("\x1b", self.shown(*command, expect=code, **variables))
            self.assertNotIn("\x1b", self.shown("--no-color", *command, expect=code))


def steady(text):
    """Without the figures and times that are others each time, and what makes room for them."""
    return re.sub(r"\s+", " ", re.sub(r"\d+(\.\d+)?( m?s\b)?", "N", text))


if __name__ == "__main__":
    common.main()
