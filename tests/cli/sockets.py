#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where the receiver listens: TLS, Unix sockets, sockets and notifications of systemd: `sockets.py PWH [TEST…]`."""

import fcntl
import os
import resource
import signal
import socket
import ssl
import stat
import subprocess

import common
from common import PATIENCE, SECRET, port_of, wait_until
from sender import PREFIX, hmac_hex, message


def request(body, close=False):
    """A signed event in raw bytes."""
    return (b"POST / HTTP/1.1\r\nHost: h\r\nPreservica-Signature: %s\r\nContent-Length: %d\r\n%s\r\n%s" %
            (hmac_hex(SECRET, PREFIX + body).encode(), len(body), b"Connection: close\r\n" if close else b"", body))


def status(connection, data):
    connection.sendall(data)
    return int(connection.recv(65536).split()[1])


class SocketsTest(common.PwhTest):
    def certificate(self, name):
        """A certificate for localhost that is its own authority."""
        paths = [str(self.folder / f"{name}.{kind}") for kind in ("crt", "key")]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost",
                        "-keyout", paths[1], "-out", paths[0]], check=True, capture_output=True, timeout=PATIENCE)
        os.chmod(paths[1], 0o600)
        return paths

    def receiver(self, *arguments, **options):
        return self.start("listen", "--secret-file", self.secret_file(), *arguments, **options)

    def ready(self, listener):
        return listener.err.wait_match(r"^pwh: listening on (\S+)$")[1]


class Tls(SocketsTest):
    def start_tls(self, certificate, key, *arguments):
        listener = self.receiver("--listen", "127.0.0.1:0", "--tls-cert", certificate, "--tls-key", key, *arguments)
        url = self.ready(listener)
        self.assertTrue(url.startswith("https://127.0.0.1:"), url)
        return listener, port_of(url)

    def connect(self, port, authority, **versions):
        context = ssl.create_default_context(cafile=authority)
        for name, value in versions.items():
            setattr(context, name, value)
        return context.wrap_socket(socket.create_connection(("127.0.0.1", port), PATIENCE), server_hostname="localhost")

    def test_events_under_tls(self):
        certificate, key = self.certificate("one")
        listener, port = self.start_tls(certificate, key)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.connect(port, certificate, minimum_version=version, maximum_version=version) as connection:
                for _ in range(3):
                    body = message(len(listener.lines()) + 1)
                    self.assertEqual(status(connection, request(body)), 200)
                    listener.wait_lines(len(listener.lines()))
        self.assertEqual(listener.stop(), 0)
        self.assertGreaterEqual(len(listener.lines()), 2)

    def test_a_large_body_and_pieces(self):
        certificate, key = self.certificate("one")
        listener, port = self.start_tls(certificate, key)
        body = b'{"a":"' + b"x" * 900_000 + b'"}'
        data = request(body)
        with self.connect(port, certificate) as connection:
            for at in range(0, len(data), 40_000):
                connection.sendall(data[at:at + 40_000])
            self.assertEqual(int(connection.recv(65536).split()[1]), 200)
        listener.wait_lines(1)

    def test_old_versions_and_plain_text_are_refused(self):
        certificate, key = self.certificate("one")
        listener, port = self.start_tls(certificate, key)
        client = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
                                stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False)
        self.assertNotEqual(client.returncode, 0)
        self.assertIn(b"alert protocol version", client.stdout + client.stderr)
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as plain:
            plain.sendall(request(message(1)))
            try:
                self.assertNotIn(b"200", plain.recv(100))
            except ConnectionResetError:
                pass
        self.assertEqual(listener.stop(), 0)
        self.assertEqual(listener.lines(), [])

    def test_reload_keeps_connections(self):
        certificate, key = self.certificate("one")
        listener, port = self.start_tls(certificate, key, "-v")
        first = certificate + ".first"
        os.rename(certificate, first)
        with self.connect(port, first) as connection:
            self.assertEqual(status(connection, request(message(1))), 200)
            self.certificate("one")
            listener.send(signal.SIGHUP)
            listener.err.wait_match("read the certificate again")
            self.assertEqual(status(connection, request(message(2))), 200)
            with self.connect(port, certificate) as fresh:
                self.assertEqual(status(fresh, request(message(3))), 200)
            with self.assertRaises(ssl.SSLError):
                self.connect(port, first)
            # One that can't be read changes nothing.
            os.truncate(certificate, 10)
            listener.send(signal.SIGHUP)
            listener.err.wait_match("the certificate stays as it was: --tls-cert")
            self.assertEqual(status(connection, request(message(4))), 200)
        listener.wait_lines(4)

    def test_wrong_files(self):
        certificate, key = self.certificate("one")
        _, other_key = self.certificate("two")
        for arguments, words in ((("--tls-cert", certificate), "belong together"),
                                 (("--tls-cert", certificate, "--tls-key", other_key), "is not the key of"),
                                 (("--tls-cert", key, "--tls-key", key), "--tls-cert"),
                                 (("--tls-cert", certificate, "--tls-key", certificate), "--tls-key"),
                                 (("--tls-cert", "missing", "--tls-key", key), "--tls-cert missing")):
            result = self.pwh("listen", "--listen", "127.0.0.1:0", "--secret-file", self.secret_file(), *arguments, expect=2)
            self.assertIn(words, result.err)
            if "missing" not in words:
                self.assertIn("hint: ", result.err)

    def test_a_key_that_others_can_read(self):
        certificate, key = self.certificate("one")
        os.chmod(key, 0o644)
        listener, _ = self.start_tls(certificate, key)
        listener.err.wait_match(r"^pwh: warning: the key file .* can be read by others$")


class UnixSocket(SocketsTest):
    def connect(self, path):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        connection.connect(path)
        return connection

    def test_events_and_mode(self):
        path = str(self.folder / "listen.sock")
        listener = self.receiver("--listen", f"unix:{path}")
        self.assertEqual(self.ready(listener), f"unix:{path}")
        info = os.stat(path)
        self.assertTrue(stat.S_ISSOCK(info.st_mode))
        self.assertEqual(stat.S_IMODE(info.st_mode), 0o660)
        with self.connect(path) as connection:
            self.assertEqual(status(connection, request(message(1))), 200)
        listener.wait_lines(1)
        self.assertEqual(listener.stop(), 0)
        self.assertFalse(os.path.exists(path))

    def test_stale_files_are_replaced_and_others_are_not(self):
        path = str(self.folder / "listen.sock")
        stale = socket.socket(socket.AF_UNIX)
        stale.bind(path)
        stale.close()
        listener = self.receiver("--listen", f"unix:{path}")
        self.ready(listener)
        result = self.pwh("listen", "--listen", f"unix:{path}", "--secret-file", self.secret_file(), expect=1)
        self.assertIn("another program uses it", result.err)
        with self.connect(path) as connection:
            self.assertEqual(status(connection, request(message(1))), 200)
        listener.stop()
        with open(path, "w", encoding="utf-8") as file:
            file.write("precious")
        result = self.pwh("listen", "--listen", f"unix:{path}", "--secret-file", self.secret_file(), expect=1)
        self.assertIn("a file that is no socket", result.err)
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), "precious")

    def test_paths_that_can_not_be(self):
        for path, code in (("x" * 200, 2), ("", 2), (str(self.folder / "missing" / "sock"), 2)):
            result = self.pwh("listen", "--listen", f"unix:{path}", "--secret-file", self.secret_file(), expect=code)
            self.assertIn("hint: ", result.err)


class Systemd(SocketsTest):
    def start_passed(self, *passed):
        """pwh with these sockets as descriptors 3, 4, … as sd_listen_fds(3) has it: the pid is known only after exec."""
        self.environment["LISTEN_FDS"] = str(len(passed))
        moves = "".join(f" {3 + i}<&{each}" for i, each in enumerate(passed))
        script = f'LISTEN_PID=$$ exec "$@"{moves}'
        process = subprocess.Popen(["bash", "-c", script, "bash", common.program, "listen", "--secret-file", self.secret_file()],
                                   env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, pass_fds=passed)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process, common.Stream(process.stderr)

    def high(self, passed):
        """The same socket under a number that the moves do not overwrite."""
        self.addCleanup(passed.close)
        number = fcntl.fcntl(passed.fileno(), fcntl.F_DUPFD, 50)
        self.addCleanup(os.close, number)
        return number

    def test_passed_sockets_are_used(self):
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        ports = [each.getsockname()[1] for each in sockets]
        process, err = self.start_passed(*map(self.high, sockets))
        self.assertEqual(err.wait_match(r"listening on http://127\.0\.0\.1:(\d+)/")[1], str(ports[0]))
        for number, port in enumerate(ports):
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
                self.assertEqual(status(connection, request(message(number))), 200)
        process.terminate()
        self.assertEqual(process.wait(PATIENCE), 0)

    def test_a_descriptor_that_does_not_listen(self):
        process, err = self.start_passed(self.high(socket.socket()))
        self.assertEqual(process.wait(PATIENCE), 2)
        err.wait_match("descriptor 3, passed by systemd, is no stream socket that listens")

    def test_notifications(self):
        path = str(self.folder / "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(path)
            notify.settimeout(PATIENCE)
            self.environment["NOTIFY_SOCKET"] = path
            listener = self.receiver("--listen", "127.0.0.1:0")
            self.assertEqual(notify.recv(100), b"READY=1")
            self.ready(listener)
            listener.stop()
            self.assertEqual(notify.recv(100), b"STOPPING=1")


class Descriptors(SocketsTest):
    def limited(self, soft, hard, *arguments):
        script = f"ulimit -Sn {soft}; ulimit -Hn {hard}; exec \"$@\""
        process = common.Process(self, ["bash", "-c", script, "bash", common.program, "listen", "--listen", "127.0.0.1:0",
                                        "--secret-file", self.secret_file(), *arguments])
        self.addCleanup(process.end)
        return process

    def test_the_limit_is_raised(self):
        listener = self.limited(100, 4096)
        self.ready(listener)
        limit = resource.prlimit(listener.process.pid, resource.RLIMIT_NOFILE)
        self.assertGreaterEqual(limit[0], 1000)
        self.assertNotIn("warning", listener.err.text())

    def test_a_limit_that_is_too_low_is_said_and_kept(self):
        listener = self.limited(150, 150)
        url = self.ready(listener)
        self.assertRegex(listener.err.text(), r"warning: only 150 descriptors are allowed: at most 86 connections at once")
        port = port_of(url)
        # More idle connections than there are descriptors: each new one displaces the longest idle.
        held = [socket.create_connection(("127.0.0.1", port), PATIENCE) for _ in range(300)]
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
            self.assertEqual(status(connection, request(message(1))), 200)
        for each in held:
            each.close()
        listener.wait_lines(1)


if __name__ == "__main__":
    common.main()
