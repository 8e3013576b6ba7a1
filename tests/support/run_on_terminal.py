#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a command on a terminal of its own: run_on_terminal.py [--columns N] [--answer PROMPT TEXT] … -- COMMAND…

What the command writes there goes to stdout. When PROMPT was seen, TEXT and Enter are typed. Exits with its code."""

import argparse
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--columns", type=int, default=80)
    parser.add_argument("--answer", nargs=2, action="append", default=[], metavar=("PROMPT", "TEXT"))
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    terminal, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, options.columns, 0, 0))
    process = subprocess.Popen(
        options.command, stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    os.close(follower)
    seen, answers = b"", list(options.answer)
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # what Linux says at the end of a terminal
            break
        if not data:
            break
        os.write(1, data.replace(b"\r\n", b"\n"))
        seen += data
        if answers and answers[0][0].encode() in seen:
            seen = b""
            os.write(terminal, answers.pop(0)[1].encode() + b"\n")
    return process.wait()


if __name__ == "__main__":
    sys.exit(main())
