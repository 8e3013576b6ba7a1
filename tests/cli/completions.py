#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Completion inside real shells: `completions.py PWH [TEST…]`. bash and zsh run on a pseudo terminal, where a key
writes all that could stand at the cursor into the line; fish says it by itself."""

import os
import pty
import re
import select
import shutil
import socket
import subprocess
import time
from pathlib import Path

import common
import helptext

COMPLETIONS = Path(__file__).resolve().parent.parent.parent / "completions"
TRIGGERS = {"indexed", "moved", "security-changed", "ingest-failed", "visibility-changed"}
IDS = {"0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"}
ELSEWHERE = "00000000000000000000000000000000"

BASH = r"""
PS1='REA''DY> '
bind 'set enable-bracketed-paste off'
bind '"\C-t": insert-completions'
"""
ZSH = r"""
PS1='REA''DY> '
unsetopt PROMPT_SP PROMPT_CR
autoload -Uz compinit && compinit -u -D
zle -C all-matches complete-word _generic
zstyle ':completion:all-matches:*' completer _all_matches _complete
zstyle ':completion:all-matches:*' insert yes
bindkey -e
bindkey '^T' all-matches
unset zle_bracketed_paste
"""


class OnTerminal:
    """A shell on a pseudo terminal."""

    def __init__(self, test, command):
        self._output = b""
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.chdir(test.folder / "work")
            os.execvpe(command[0], command, {**test.environment, "TERM": "dumb"})
        test.addCleanup(self._end)
        self._await(rb"READY> $")

    def _end(self):
        os.kill(self._pid, 9)
        os.waitpid(self._pid, 0)
        os.close(self._terminal)

    def _await(self, pattern):
        end = time.monotonic() + common.PATIENCE
        while not re.search(pattern, self._output):
            if time.monotonic() > end:
                raise AssertionError(f"waited in vain for {pattern}: {self._output!r}")
            if select.select([self._terminal], [], [], 1)[0]:
                self._output += os.read(self._terminal, 65536)

    def complete(self, line):
        """The words that stand in the line once all that fits was written at its end."""
        self._output = b""
        before = b"printf '<%s>\\n' BEGIN "
        os.write(self._terminal, line.encode() + b"\x14" + b"\x01" + before + b"\x05 END\r")
        self._await(rb"<END>\r?\n[^\n]*READY> $")
        words = re.findall(r"^<(.*)>\r*$", self._output.decode(), re.M)
        return words[words.index("BEGIN") + 1:words.index("END")]


class Fish:
    def __init__(self, test):
        self._test = test

    def complete(self, line):
        script = f"source {COMPLETIONS}/pwh.fish; complete -C {shell_quote(line)}"
        done = subprocess.run(["fish", "--no-config", "-c", script], cwd=self._test.folder / "work", env=self._test.environment,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=common.PATIENCE, check=False)
        self._test.assertEqual(done.stderr.decode(), "")
        return line.split()[:len(line.split()) - (not line.endswith(" "))] + \
            [each.split("\t")[0] for each in done.stdout.decode().splitlines()]


def shell_quote(text):
    return "'" + text.replace("'", "\\'") + "'"


class CompletionTest(common.PwhTest):
    def setUp(self):
        super().setUp()
        tools = self.folder / "bin"
        tools.mkdir()
        (tools / "pwh").symlink_to(common.program)
        (tools / "a-tool-of-the-test").symlink_to("/bin/true")
        self.environment["PATH"] = f"{tools}:{self.environment['PATH']}"
        self.environment["PWH_STATE_DIR"] = str(self.state)

    def shells(self):
        """Each shell with its own file loaded."""
        (self.folder / "bashrc").write_text(f"{BASH}. {COMPLETIONS}/pwh.bash\n")
        folder = self.folder / "zsh"
        folder.mkdir()
        (folder / ".zshrc").write_text(f"fpath=({COMPLETIONS} $fpath)\n{ZSH}")
        self.environment["ZDOTDIR"] = str(folder)
        for name in ("bash", "zsh", "fish"):
            self.assertTrue(shutil.which(name), f"{name} is not installed (the README's line for the tests has it)")
        return {
            "bash": OnTerminal(self, ["bash", "--noprofile", "--rcfile", str(self.folder / "bashrc"), "-i"]),
            "zsh": OnTerminal(self, ["zsh", "-d", "-i"]),
            "fish": Fish(self),
        }

    def expect(self, line, wanted):
        """Every shell offers this at the end of the line."""
        typed = line.split()[:len(line.split()) - (not line.endswith(" "))]
        for name, shell in self.all_shells.items():
            with self.subTest(shell=name, line=line):
                words = shell.complete(line)
                home = self.environment["HOME"]
                self.assertEqual([word.replace(home, "~") for word in words[:len(typed)]], [word.replace(home, "~") for word in typed])
                offered = {re.sub(r"^--[a-z-]+=", "", word).rstrip("/") for word in words[len(typed):]}
                self.assertEqual(offered, set(wanted))


class Completions(CompletionTest):
    def setUp(self):
        super().setUp()
        self.all_shells = self.shells()

    def test_commands(self):
        self.expect("pwh ", [*helptext.commands(), "help"])
        self.expect("pwh -q --server localhost uns", ["unsubscribe"])
        self.expect("pwh help ", [*helptext.commands(), "help", "exit-codes"])

    def test_global_options(self):
        self.expect("pwh -", helptext.options())

    def test_every_option_of_every_command(self):
        common_options = set(helptext.options()) - {"--version"}
        for command in helptext.commands():
            self.expect(f"pwh {command} -", {*helptext.options(command), *common_options})

    def test_triggers(self):
        for line in ("pwh list --trigger ", "pwh subscribe --trigger moved --trigger ", "pwh list --trigger=",
                     "pwh listen --subscribe ", "pwh send http://127.0.0.1:1/ --trigger ", "pwh sandbox --trigger "):
            self.expect(line, TRIGGERS)

    def test_choices(self):
        self.expect("pwh list -o ", ["table", "json", "tsv"])
        self.expect("pwh list --output=", ["table", "json", "tsv"])
        self.expect("pwh list --output=j", ["json"])
        self.expect("pwh listen --format ", ["event", "message"])
        self.expect("pwh send --type ", ["IO", "SO", "CO"])
        self.expect("pwh --protocol ", ["https", "http"])
        self.expect("pwh list --protocol=", ["https", "http"])

    def test_files(self):
        work = self.folder / "work"
        (work / "secret-file").touch()
        (work / "secret-folder").mkdir()
        self.expect("pwh listen --secret-file secret-fi", ["secret-file"])
        self.expect("pwh listen --secret-file=secret-fi", ["secret-file"])
        self.expect("pwh verify secret-fi", ["secret-file"])
        self.expect("pwh --state-dir secret-", ["secret-folder"])

    def test_commands_behind_dashes(self):
        self.expect("pwh sandbox --emit 5 -- a-tool-of-the", ["a-tool-of-the-test"])
        self.expect("pwh sandbox -- pwh list -o ", ["table", "json", "tsv"])

    def test_nothing_where_nothing_is_known(self):
        # What follows would be guessed; fish is asked alone, as bash and zsh then leave the line as it is.
        for line in ("pwh frobnicate ", "pwh list --url ", "pwh list -- ", "pwh secret 1 "):
            self.assertEqual(self.all_shells["fish"].complete(line), line.split(), line)


class Stored(CompletionTest):
    """Profiles and subscriptions: from files alone."""

    def setUp(self):
        super().setUp()
        self.all_shells = self.shells()
        self.state.mkdir(mode=0o700)
        uses = [f'{{"id": "{each}", "url": "https://x.example/", "trigger": "MOVED"}}' for each in sorted(IDS)]
        secret = '{{"server": "{}", "tenant": "T", "secret": "s", "createdAt": "2026-01-01T00:00:00Z", "uses": [{}]}}'
        pending = '{"url": "https://x.example/", "trigger": "INGEST_FAILED"}'
        other = f'{{"id": "{ELSEWHERE}", "url": "https://y.example/", "trigger": "MOVED"}}'
        (self.state / "secrets.json").write_text('{{"version": 1, "secrets": [{}, {}]}}'.format(
            secret.format("127.0.0.1:9", ", ".join([*uses, pending])), secret.format("other.example", other)))
        self.files = sorted(self.folder.rglob("*"))

    def test_subscriptions(self):
        self.expect("pwh unsubscribe ", {*IDS, ELSEWHERE})
        self.expect("pwh secret ", {*IDS, ELSEWHERE})
        self.expect("pwh --server 127.0.0.1:9 unsubscribe ", IDS)
        self.expect("pwh unsubscribe 0123456789abcdef0123456789abcdef --server=127.0.0.1:9 ", IDS - {"0123456789abcdef0123456789abcdef"})
        self.expect("pwh unsubscribe 01", [min(IDS)])
        self.assertEqual([each for each in sorted(self.folder.rglob("*")) if "home" not in each.parts and each.name != ".zcompdump"],
                         [each for each in self.files if "home" not in each.parts])

    def test_state_folder_on_the_line(self):
        moved = self.folder / "home" / "elsewhere"
        self.state.rename(moved)
        self.expect(f"pwh unsubscribe --state-dir {moved} f", [max(IDS)])
        self.expect("pwh --state-dir ~/elsewhere secret f", [max(IDS)])

    def test_profiles(self):
        (self.folder / "work" / "credentials.properties").write_text("[credentials]\nserver=a\n[production]\nserver=b\n")
        self.expect("pwh --profile ", ["credentials", "production"])
        self.expect("pwh list --profile=pro", ["production"])
        other = self.folder / "other.properties"
        other.write_text("[test]\nserver=c\n")
        self.expect(f"pwh --credentials {other} list --profile ", ["test"])


class Asking(CompletionTest):
    """What the shells ask: pwh __complete."""

    def ask(self, *words, **variables):
        done = self.pwh("__complete", *words, **variables)
        self.assertEqual(done.err, "")
        return done.out.splitlines()

    def test_it_is_in_no_help(self):
        self.assertNotIn("__complete", helptext.text())

    def test_what_is_wrong_is_not_told(self):
        self.state.mkdir()
        (self.state / "secrets.json").write_text("no JSON")
        for variables in ({}, {"PWH_CREDENTIALS": "/does/not/exist"}, {"PRESERVICA_SERVER": "http://x/y"}, {"PWH_PROFILE": "x"}):
            self.assertEqual(self.ask("unsubscribe", "", **variables), ["values"])
            self.assertEqual(self.ask("secret", "", **variables), ["values"])
        self.assertEqual(self.ask("--profile", "", PWH_CREDENTIALS="/does/not/exist"), ["values"])

    def test_any_words(self):
        for words in ([], ["-"], ["--"], ["--", ""], ["="], ["--="], ["--server"], ["\xff\x01"], ["list", "--", "x", ""],
                      ["list", "-o"], ["list", "-vvo", ""], ["--server=", "list", ""], ["sandbox", "--"], [""] * 50):
            self.assertIn(self.ask(*words)[0].split(" ")[0], ("values", "files", "folders", "command"), words)

    def test_no_server_is_asked(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.use_server(f"127.0.0.1:{server.getsockname()[1]}")
            for words in (["unsubscribe", ""], ["secret", ""], ["--profile", ""], ["subscribe", "--trigger", ""]):
                self.ask(*words)
            server.setblocking(False)
            with self.assertRaises(BlockingIOError):
                server.accept()
        self.assertFalse(self.state.exists())

    def test_names_that_break_lines_are_left_out(self):
        (self.folder / "work" / "credentials.properties").write_text("[a\tb]\nx=1\n[good one]\nx=1\n")
        self.assertEqual([line.split("\t")[0] for line in self.ask("--profile", "")], ["values", "good one"])


if __name__ == "__main__":
    common.main()
