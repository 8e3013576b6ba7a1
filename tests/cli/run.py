#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the cases in cases/*.case against a pwh: `run.py PWH [--case GLOB] [--jobs N]`.

How a case is written stands in cases/README.md; adding one needs no code.
"""

import argparse
import concurrent.futures
import fnmatch
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import casefile
import patterns

HERE = Path(__file__).resolve().parent
SUPPORT = HERE.parent / "support"
CASES = HERE / "cases"
LONGEST = 60  # seconds for one case
KEPT_VARIABLES = ("ASAN_", "UBSAN_", "LSAN_", "TSAN_", "LLVM_PROFILE_FILE", "GCOV_")


def environment_of(case, folder, program):
    bin_folder = folder / "bin"
    kept = {k: v for k, v in os.environ.items() if k.startswith(KEPT_VARIABLES)}
    environment = {
        **kept,
        "PATH": f"{bin_folder}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(SUPPORT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "SUPPORT": str(SUPPORT),
        "PYTHON": sys.executable,
    }
    for name in ("bin", "home", "tmp", "work"):
        (folder / name).mkdir()
    (bin_folder / "pwh").symlink_to(program)
    environment.update({k: v.replace("{dir}", str(folder / "work")) for k, v in case.environment})
    return environment


def command_of(case, folder, program):
    script = folder / "script.sh"
    script.write_text(f". '{CASES}/functions.sh'\n{case.script}")
    command = ["/bin/sh", str(script)]
    if case.sandbox is not None:
        command = [str(program), "sandbox", *case.sandbox, "--", *command]
    return command


def run_command(command, environment, folder):
    """The exit code, None when it took too long; whatever it left behind is ended."""
    with open(folder / "stdout", "wb") as out, open(folder / "stderr", "wb") as err:
        process = subprocess.Popen(
            command, cwd=folder / "work", env=environment, stdin=subprocess.DEVNULL,
            stdout=out, stderr=err, start_new_session=True)
        try:
            return process.wait(LONGEST)
        except subprocess.TimeoutExpired:
            return None
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()


def read_text(path):
    try:
        return path.read_bytes().decode("utf-8", "backslashreplace")
    except FileNotFoundError:
        return None


def expected_stderr(case):
    return (casefile.SANDBOX_LINE if case.sandbox is not None else "") + case.stderr


def judge(case, folder, code):
    """What is wrong, a text for each; none when the case passed."""
    if code is None:
        yield f"not done after {LONGEST} seconds\n"
    elif code != case.exit_code:
        yield f"exit code {code}, expected {case.exit_code}\n"
    texts = patterns.Texts(str(folder / "work"))
    streams = {"stdout": case.stdout, "stderr": expected_stderr(case)}
    for name, expected in streams.items():
        yield from texts.compare(name, expected, read_text(folder / name))
    for name, expected in case.files:
        yield from texts.compare(name, expected, read_text(folder / "work" / name))
    shown = "".join(read_text(folder / name) for name in streams)
    for text in case.absent:
        if text in shown:
            yield f"the output holds what it must not: {text}\n"


def run_case(case, program):
    folder = Path(tempfile.mkdtemp(prefix="pwh-case-"))
    environment = environment_of(case, folder, program)
    code = run_command(command_of(case, folder, program), environment, folder)
    problems = list(judge(case, folder, code))
    if problems:
        problems.append(f"kept: {folder}\n")
    else:
        shutil.rmtree(folder)
    return problems


def why_skipped(case):
    if case.needs == "root" and os.geteuid() != 0:
        return "needs root"
    if case.needs == "user" and os.geteuid() == 0:
        return "needs a user other than root"
    return None


def choose(pattern):
    chosen = []
    for path in sorted(CASES.glob("*.case")):
        for case in casefile.read(path):
            if any(fnmatch.fnmatchcase(name, pattern) for name in (case.name, case.full_name)):
                chosen.append(case)
    return chosen


def main():
    parser = argparse.ArgumentParser(description="run the data-driven cases")
    parser.add_argument("program", metavar="PWH", type=Path)
    parser.add_argument("--case", default="*", metavar="GLOB", help="FILE/NAME or NAME of the cases to run")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    arguments = parser.parse_args()
    program = arguments.program.resolve(strict=True)

    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        running = []
        for case in choose(arguments.case):
            if reason := why_skipped(case):
                print(f"SKIPPED {case.full_name}: {reason}")
            else:
                running.append((case, pool.submit(run_case, case, program)))
        for case, result in running:
            problems = result.result()
            passed += not problems
            failed += bool(problems)
            if problems:
                print(f"FAILED {case.full_name} ({case.where})\n{''.join(problems)}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
