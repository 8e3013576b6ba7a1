# SPDX-License-Identifier: Apache-2.0
"""What the kernel says of a process, and whether a program was built with a sanitizer."""

import os
import re
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def memory_kib(pid, name="VmRSS"):
    return int(re.search(rf"^{name}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.M)[1])


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def state_of(pid):
    """The letter: R runs, S sleeps, T is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def is_sanitized(program):
    """Then memory is no measure, and a limit on address space can't be kept."""
    data = Path(program).read_bytes()
    return b"__asan_init" in data or b"__tsan_init" in data
