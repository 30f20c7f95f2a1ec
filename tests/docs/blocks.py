"""The blocks of code in the project's pages, and the commands in them."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

# What a command line of the pages begins with, after "$ " or nothing.
PROGRAMS = r"(\./run|(~/cuecard/bin/)?cuecard|cmake|ctest|export|mkdir|cd|cp|cat|head|printf|\./make_model|examples/sentiment/tables)(?= )"


@dataclass
class Block:
    page: str  # relative to the project
    line: int
    language: str  # of a fenced block; "" for others
    text: str
    before: str  # the last line of prose, and the last heading
    heading: str


@dataclass
class Command:
    line: int
    text: str
    shown: str = ""  # what the page shows as its output


def pages(project: Path) -> list[str]:
    """All but those of sdk/scaffolds, which tests/package/new_plugin.sh tries."""
    return [name for name in all_pages(project) if not name.startswith("sdk/scaffolds/")]


def all_pages(project: Path) -> list[str]:
    listed = subprocess.run(["git", "-C", project, "ls-files", "*.md"], capture_output=True, text=True)
    if listed.returncode == 0 and listed.stdout:
        return [name for name in listed.stdout.splitlines() if (project / name).exists()]
    names = [page.relative_to(project) for page in project.rglob("*.md")]
    return sorted(str(name) for name in names if not {"build", ".cache"} & set(name.parts))


def blocks(project: Path, page: str) -> list[Block]:
    """Fenced blocks, and blocks that are indented by four spaces after an empty line."""
    lines = (project / page).read_text().splitlines() + [""]
    found, prose, heading, at = [], "", "", 0
    while at < len(lines):
        fence = re.match(r"```(\w*)$", lines[at])
        if fence:
            end = lines.index("```", at + 1)
            found.append(Block(page, at + 2, fence[1], "\n".join(lines[at + 1 : end]), prose, heading))
            at = end
        elif lines[at].startswith("    ") and (at == 0 or not lines[at - 1]):
            end = at
            while lines[end].startswith("    ") or (not lines[end] and "".join(lines[end + 1 : end + 2]).startswith("    ")):
                end += 1
            found.append(Block(page, at + 1, "", "\n".join(line[4:] for line in lines[at:end]), prose, heading))
            at = end - 1
        elif lines[at]:
            prose = lines[at]
            heading = prose.lstrip("# ") if prose.startswith("#") else heading
        at += 1
    return found


def commands(block: Block) -> list[Command]:
    """The block's commands. Lines after one that begin no other command are its output."""
    found, lines, at = [], block.text.splitlines(), 0
    while at < len(lines):
        start, line = at, lines[at]
        at += 1
        if not re.match(r"(\$ )?" + PROGRAMS, line):
            if not found:
                return []
            found[-1].shown += line + "\n"
            continue
        if here := re.search(r"<<'(\w+)'$", line):
            at = lines.index(here[1], at) + 1
        while re.search(r"[\\|]$", lines[at - 1]):
            at += 1
        found.append(Command(block.line + start, "\n".join(lines[start:at]).removeprefix("$ ")))
    for command in found:
        command.shown = command.shown.strip("\n")
    return found
