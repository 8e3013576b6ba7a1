#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The manual pages against pwh: `manuals.py PWH [TEST…]`. They say what --help says, lint finds nothing, and what
they show as examples works."""

import re
import shutil
import subprocess
from pathlib import Path

import common
import helptext
from examples import ExamplesTest

ROOT = Path(__file__).resolve().parent.parent.parent
MAN = ROOT / "man"
SECTIONS = ("NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "EXAMPLES")


def page(name):
    return (MAN / f"{name}.1").read_text("utf-8")


def section_of(text, title):
    found = re.search(rf"^\.Sh {title}\n(.*?)(?=^\.Sh |\Z)", text, re.M | re.S)
    return found[1] if found else ""


def option_of(item):
    """The names and the value of `Fl o , Fl Fl output Ar FORMAT Ns ...`."""
    names = ["--" + name if dashes else "-" + letter
             for dashes, name, letter in re.findall(r"(Fl Fl) ([a-z-]+)|Fl ([a-z])\b", item)]
    value = re.search(r"Ar (\S+)", item)
    return names, (value[1] if value else "") + ("..." if "Ns ..." in item else "")


def options_of(text):
    found = {}
    for item in re.findall(r"^\.It (Fl .*)$", text, re.M):
        names, value = option_of(item)
        found.update(dict.fromkeys(names, value))
    return found


def without_layout(text):
    """The words alone."""
    return " ".join(re.findall(r"[\w+-]+", text))


def examples_of(text):
    """The literal blocks and lines of EXAMPLES, up to its first subsection."""
    examples = section_of(text, "EXAMPLES").split("\n.Ss", 1)[0]
    return re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", examples, re.M | re.S)


class Pages(common.PwhTest):
    def pages(self):
        return {path.stem for path in MAN.glob("*.1")}

    def test_a_page_for_each_command(self):
        self.assertEqual(self.pages(), {"pwh"} | {f"pwh-{name}" for name in helptext.commands()})

    def test_names(self):
        for name, words in helptext.commands().items():
            with self.subTest(name):
                described = section_of(page(f"pwh-{name}"), "NAME")
                self.assertEqual(described, f".Nm pwh-{name}\n.Nd {words}\n")
                self.assertEqual(helptext.summary(name), words)
                listed = re.search(rf"\.It Xr pwh-{name} 1\n((?:(?!\.It|\.El).*\n)*)", page("pwh"))
                self.assertEqual(without_layout(re.sub(r"^\.Nm", "pwh", listed[1], flags=re.M)), without_layout(words))

    def test_sections(self):
        for name in self.pages():
            for title in SECTIONS:
                self.assertTrue(section_of(page(name), title), f"{name} has no {title}")

    def test_options(self):
        for name in helptext.commands():
            with self.subTest(name):
                said = helptext.options(name)
                said.pop("-h"), said.pop("--help")
                written = options_of(section_of(page(f"pwh-{name}"), "DESCRIPTION"))
                self.assertEqual({k: v.rstrip(".") for k, v in written.items()}, {k: v.rstrip(".") for k, v in said.items()})

    def test_synopsis(self):
        for name in helptext.commands():
            with self.subTest(name):
                synopsis = section_of(page(f"pwh-{name}"), "SYNOPSIS")
                shown = set(re.findall(r"Fl Fl ([a-z-]+)", synopsis))
                options = {option[2:] for option in helptext.options(name) if option.startswith("--")}
                self.assertEqual(shown | {"help", "output"}, options | {"output"})

    def test_global_options(self):
        written = options_of(section_of(page("pwh"), "DESCRIPTION"))
        self.assertEqual(written, helptext.options())

    def test_exit_codes(self):
        written = without_layout(self.rendered_exit_status("pwh"))
        for line in re.split(r"\n(?=\S)", helptext.text("exit-codes").strip()):
            self.assertIn(without_layout(line), written)
        known = set(re.findall(r"^(\d+) ", helptext.text("exit-codes"), re.M))
        self.assertEqual(set(re.findall(r"^\.It (\d)$", section_of(page("pwh"), "EXIT STATUS"), re.M)), known)
        for name in helptext.commands():
            codes = re.findall(r"^\.It (\d+)$", section_of(page(f"pwh-{name}"), "EXIT STATUS"), re.M)
            self.assertTrue(codes and set(codes) <= known, name)

    def rendered_exit_status(self, name):
        done = subprocess.run(["mandoc", "-T", "ascii", "-O", "width=300", str(MAN / f"{name}.1")], capture_output=True,
                              timeout=common.PATIENCE, check=True)
        plain = re.sub(r".\x08", "", done.stdout.decode())
        return re.search(r"^EXIT STATUS\n(.*?)^[A-Z]", plain, re.M | re.S)[1]

    def test_environment(self):
        source = (ROOT / "src/settings/settings.cpp").read_text("utf-8")
        used = set(re.findall(r'"((?:PWH|PRESERVICA)_[A-Z0-9_]+)"', source))
        self.assertIn("PWH_SECRET_FILE", used)
        written = section_of(page("pwh"), "ENVIRONMENT")
        for name in used:
            self.assertIn(f"Ev {name}", written)

    def test_lint(self):
        self.assertTrue(shutil.which("mandoc"), "mandoc is not installed (the README's line for the tests has it)")
        done = subprocess.run(["mandoc", "-T", "lint", *sorted(path.name for path in MAN.glob("*.1"))], cwd=MAN, capture_output=True,
                              timeout=common.PATIENCE, check=False)
        self.assertEqual((done.stdout.decode(), done.returncode), ("", 0))


class Examples(ExamplesTest):
    def test_every_page_has_one(self):
        for path in MAN.glob("*.1"):
            self.assertTrue(examples_of(path.read_text("utf-8")), path.name)


def add_example_tests():
    for path in sorted(MAN.glob("*.1")):
        for number, script in enumerate(examples_of(path.read_text("utf-8")), 1):
            def test(self, script=script):
                self.run_example(script.replace("\\e", "\\"))
            setattr(Examples, f"test_{path.stem.replace('-', '_')}_{number}", test)


add_example_tests()

if __name__ == "__main__":
    common.main()
