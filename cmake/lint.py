#!/usr/bin/env python3
"""Runs clang-tidy on C++ sources, several in one translation unit: most of its time goes into LibTorch's headers, which it then reads once.

    cmake/lint.py COMPILE_COMMANDS JOBS FILE...

Sources are read together if they are compiled alike and their names don't clash (source_groups.py). If the compiler refuses a group nevertheless,
its halves are read apart. Exits with 1 if there are findings.
"""
import collections
import concurrent.futures
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import source_groups

GROUP = 12


def how_compiled(command):
    """A compile command without what differs from source to source."""
    return re.sub(r"-D\w+_EXPORTS| -o \S+ -c \S+", "", command)


def groups_of(sources, commands):
    compiled_alike = collections.defaultdict(list)
    for source in sources:
        compiled_alike[how_compiled(commands[source]["command"])].append(source)
    groups = [group for alike in compiled_alike.values() for group in source_groups.grouped(alike, GROUP)]
    return sorted(groups, key=len, reverse=True)


def findings_in(group, commands):
    with tempfile.TemporaryDirectory() as folder:
        entry = dict(commands[group[0]])
        if len(group) > 1:
            whole = pathlib.Path(folder, "group.cpp")
            whole.write_text("".join(f'#include "{source}"\n' for source in group), encoding="utf-8")
            entry["command"] = re.sub(r" -c \S+", lambda _: f" -Wno-shadow -c {whole}", entry["command"])
            entry["file"] = str(whole)
        pathlib.Path(folder, "compile_commands.json").write_text(json.dumps([entry]), encoding="utf-8")
        config = f"--config-file={pathlib.Path(__file__).parent.parent / '.clang-tidy'}"
        run = subprocess.run(["clang-tidy", "-p", folder, config, "--checks=-bugprone-suspicious-include", "--quiet", entry["file"]],
                             capture_output=True, text=True)
    if len(group) > 1 and "[clang-diagnostic-error" in run.stdout:
        middle = len(group) // 2
        return findings_in(group[:middle], commands) + findings_in(group[middle:], commands)
    if run.returncode and not run.stdout.strip():
        return f"clang-tidy failed on {', '.join(map(str, group))}:\n{run.stderr}"
    return run.stdout


def main():
    commands = {pathlib.Path(entry["file"]): entry for entry in json.loads(pathlib.Path(sys.argv[1]).read_text())}
    sources = [pathlib.Path(name).resolve() for name in sys.argv[3:]]
    unknown = [str(source) for source in sources if source not in commands]
    if unknown:
        sys.exit(f"lint: the clang preset does not compile {', '.join(unknown)}; give sources of the tree")
    groups = groups_of(sources, commands)
    failed = False
    with concurrent.futures.ThreadPoolExecutor(int(sys.argv[2])) as runs:
        for done, findings in enumerate(runs.map(lambda group: findings_in(group, commands), groups), 1):
            if findings.strip():
                failed = True
                print(findings, flush=True)
            if sys.stderr.isatty():
                print(f"\rlint: {done} of {len(groups)} groups", end="\n" if done == len(groups) else "", file=sys.stderr)
    sys.exit(failed)


if __name__ == "__main__":
    main()
