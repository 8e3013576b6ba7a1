# SPDX-License-Identifier: Apache-2.0
"""What `pwh help` says, for the tests that compare it with the manual pages and the completions."""

import re
import subprocess

import common

OPTION = re.compile(r"^  (-\S+)(?: (\S+))?(?:  |$)", re.M)
COMMAND = re.compile(r"^  ([a-z]+)  +(\S.*)$", re.M)


def text(*topic):
    done = subprocess.run([common.program, "help", *topic], capture_output=True, timeout=common.PATIENCE, check=True)
    return done.stdout.decode()


def section(help_text, title):
    found = re.search(rf"^{title}:\n((?:  .*\n)*)", help_text, re.M)
    return found[1] if found else ""


def options(*topic):
    """Each name of each option, with what stands for its value ('' for a flag)."""
    found = {}
    for names, value in OPTION.findall(section(text(*topic), "Options")):
        for name in names.split(","):
            found[name] = value
    return found


def commands():
    """Every command but help, with the words on it."""
    joined = re.sub(r"\n {8,}", " ", text())
    return {name: words for name, words in COMMAND.findall(section(joined, "Subcommands")) if name != "help"}


def summary(command):
    return text(command).split("\n", 1)[0]
