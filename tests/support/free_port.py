# SPDX-License-Identifier: Apache-2.0
"""Prints a loopback port that nothing listens on. It is held by nobody, but picked from the far end
of the range that the system hands out, so that nothing else is likely to take it."""

import socket

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    print(probe.getsockname()[1])
