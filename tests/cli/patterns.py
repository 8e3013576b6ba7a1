# SPDX-License-Identifier: Apache-2.0
"""Compares texts with what is expected, where {port}, {id} and the like stand for variable text."""

import difflib
import re

KINDS = {
    "port": r"[1-9][0-9]{0,4}",
    "id": r"[0-9a-f]{32}",
    "hex64": r"[0-9a-f]{64}",
    "number": r"[0-9]+",
    "time": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z",
    "stamp": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}",
    "date": r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT",
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "any": r"[^\n]*",
}
_PLACEHOLDER = re.compile(r"\{(%s)(?::([a-z]+))?\}|\{dir\}|\{lines\}\n" % "|".join(KINDS))


class Texts:
    """{KIND:NAME} is the same text wherever it stands, in all texts of one case."""

    def __init__(self, folder):
        self._folder = folder
        self._bound = {}

    def _expression(self, expected):
        parts, names, end = [], {}, 0
        for found in _PLACEHOLDER.finditer(expected):
            parts.append(re.escape(expected[end:found.start()]))
            end = found.end()
            kind, name = found.groups()
            if kind is None:
                parts.append(re.escape(self._folder) if found[0] == "{dir}" else r"(?:[^\n]*\n)*?")
            elif name is None:
                parts.append(KINDS[kind])
            elif name in self._bound:
                parts.append(re.escape(self._bound[name]))
            elif name in names:
                parts.append(f"(?P={names[name]})")
            else:
                names[name] = f"{kind}_{name}"
                parts.append(f"(?P<{names[name]}>{KINDS[kind]})")
        parts.append(re.escape(expected[end:]))
        return re.compile("".join(parts)), names

    def compare(self, label, expected, found):
        """A text that shows the difference; nothing where there is none."""
        if found is None:
            yield f"there is no {label}\n"
            return
        expression, names = self._expression(expected)
        match = expression.fullmatch(found)
        if match:
            self._bound.update({name: match[group] for name, group in names.items()})
            return
        wanted, got = expected.splitlines(keepends=True), found.splitlines(keepends=True)
        matched = self._align(wanted, got)
        yield "".join(
            line if line.endswith("\n") else line + "\n(no newline)\n"
            for line in difflib.unified_diff(matched, got, f"{label}, expected", f"{label}, found"))

    def _align(self, wanted, got):
        """The expected lines, each as it was found where a found line matches it: a shorter difference."""
        aligned = []
        for line in wanted:
            expression = self._expression(line)[0]
            aligned.append(next((each for each in got if expression.fullmatch(each)), line))
        return aligned
