# SPDX-License-Identifier: Apache-2.0
"""Reads *.case files; their format stands in cases/README.md."""

import shlex
from dataclasses import dataclass, field

SANDBOX_LINE = "pwh: sandbox on http://127.0.0.1:{port}/\n"


@dataclass
class Case:
    name: str
    full_name: str
    where: str
    sandbox: list = None
    environment: list = field(default_factory=list)
    needs: str = ""
    script: str = ""
    stdout: str = ""
    stderr: str = ""
    exit_code: int = 0
    files: list = field(default_factory=list)
    absent: list = field(default_factory=list)


class Malformed(Exception):
    pass


def _directive(case, line):
    word, _, rest = line.partition(":")
    rest = rest.strip()
    if word == "sandbox":
        case.sandbox = shlex.split(rest)
    elif word == "env" and "=" in rest:
        name, _, value = rest.partition("=")
        case.environment.append((name, value))
    elif word == "needs" and rest in ("root", "user"):
        case.needs = rest
    elif word == "exit":
        case.exit_code = int(rest)
    else:
        raise Malformed(f"no such directive: {line}")


def _section(case, title, lines):
    while lines and not lines[-1].strip():
        lines.pop()
    text = "".join(lines)
    if title in ("script", "stdout", "stderr"):
        setattr(case, title, text)
    elif title.startswith("file "):
        case.files.append((title.removeprefix("file "), text))
    elif title == "absent":
        case.absent.extend(text.splitlines())
    else:
        raise Malformed(f"no such section: {title}")


def read(path):
    """All cases of a file, in their order."""
    cases, case, title, lines = [], None, None, []

    def close_section():
        nonlocal title, lines
        if title is not None:
            _section(case, title, lines)
        title, lines = None, []

    for number, line in enumerate(path.read_text("utf-8").splitlines(keepends=True), 1):
        where = f"{path.name}:{number}"
        try:
            if line.startswith("=== "):
                close_section()
                name = line[4:].strip()
                case = Case(name, f"{path.stem}/{name}", where)
                cases.append(case)
            elif line.startswith("--- ") and case is not None:
                close_section()
                title = line[4:].strip()
            elif title is not None:
                lines.append(line)
            elif line.strip() and not line.startswith("#"):
                if case is None:
                    raise Malformed("text before the first case")
                _directive(case, line.strip())
        except (Malformed, ValueError) as error:
            raise SystemExit(f"{where}: {error}") from None
    close_section()
    names = [each.name for each in cases]
    if len(set(names)) != len(names):
        raise SystemExit(f"{path.name}: two cases have the same name")
    if missing := [each.name for each in cases if not each.script]:
        raise SystemExit(f"{path.name}: no script in {', '.join(missing)}")
    return cases
