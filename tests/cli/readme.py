#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the README's own code: `readme.py PWH [TEST…]`. What builds pwh is run by the CI itself."""

import re
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

import common
from examples import ExamplesTest

ROOT = Path(__file__).resolve().parent.parent.parent
TEXT = (ROOT / "README.md").read_text("utf-8")
SANDBOX = {"server": "$PRESERVICA_SERVER", "username": "$PRESERVICA_USERNAME", "password": "$PRESERVICA_PASSWORD"}
MOST_LINES = 150  # three screens
MOST_COLUMNS = 132  # but for commands and tables


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.M | re.S)


def commands_in(picture):
    texts = ["".join(text.itertext()) for text in xml.etree.ElementTree.parse(picture).getroot()]
    return [re.sub(r":\d+/", ":PORT/", text) for text in texts if text.startswith("$ ")]


class Readme(ExamplesTest):
    def test_every_kind_of_block_is_known(self):
        self.assertEqual(set(re.findall(r"^```(\w+)$", TEXT, re.M)), {"sh", "ini", "nginx"})
        self.assertEqual(len(re.findall(r"^\*\*\d\. ", TEXT, re.M)), 5)

    def test_size(self):
        lines = TEXT.splitlines()
        self.assertLessEqual(len(lines), MOST_LINES)
        for line in lines:
            self.assertTrue(len(line) <= MOST_COLUMNS or line.startswith(("sudo apt-get", "|", "pwh ", "![")), line)

    def test_installing(self):
        """Both commands install the same, but for what only tests need."""
        one, two = (set(re.search(r"--no-install-recommends ([a-z0-9. +-]+?) &&", line)[1].split())
                    for line in TEXT.splitlines() if line.startswith("sudo apt-get"))
        self.assertLess(one, two)

    def test_credentials(self):
        file, = blocks("ini")
        keys = dict(line.split(" = ", 1) for line in file.splitlines() if " = " in line)
        self.assertEqual(set(keys), set(SANDBOX))
        for key, value in keys.items():
            file = file.replace(f"{key} = {value}", f"{key} = {SANDBOX[key]}")
        shown = self.run_example(
            f"umask 077\ncat >credentials.properties <<END\n{file}END\n"
            "env -u PRESERVICA_SERVER -u PRESERVICA_USERNAME -u PRESERVICA_PASSWORD -u PRESERVICA_TENANT -u PWH_CREDENTIALS "
            "pwh whoami --json\n")
        self.assertIn('"webhookAdministration": true', shown)

    def test_picture(self):
        """What the script draws today has the commands of the picture that the README shows."""
        drawn = self.folder / "drawn.svg"
        subprocess.run([sys.executable, str(common.SUPPORT / "picture.py"), common.program, str(drawn)],
                       env=self.environment, check=True, timeout=common.PATIENCE)
        self.assertEqual(commands_in(drawn), commands_in(ROOT / "man/pwh.svg"))

    def test_links(self):
        for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
            if "://" not in target:
                self.assertTrue((ROOT / target).is_file(), target)


def add_block_tests():
    number = 0
    for script in blocks("sh"):
        if script.startswith("sudo apt-get"):
            continue
        number += 1

        def test(self, script=script):
            self.run_example(script)
        setattr(Readme, f"test_block_{number}", test)
    assert number == 5


add_block_tests()

if __name__ == "__main__":
    common.main()
