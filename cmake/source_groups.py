#!/usr/bin/env python3
"""Puts C++ sources into groups that can be compiled as one translation unit, so that headers are parsed once for all of a group.

    cmake/source_groups.py SIZE <TARGETS

A line of TARGETS is a target and its sources, separated by tabs. Prints the commands that tell CMake the groups of at most SIZE sources.

In one translation unit all anonymous namespaces are one, so a name that a source defines there must not be defined or used with another
meaning in another source of its group. Sources are read by line, as clang-format lays them out. A clash that is overlooked is a compiler error about
a redefinition or an ambiguous name: rename one of the two.
"""
import pathlib
import re
import sys
from dataclasses import dataclass, field

TYPE = re.compile(r"(?:template <.*> *)?(?:struct|class|enum class|enum) (\w+)")
ALIAS = re.compile(r"(?:using|namespace) (\w+) = ")
VARIABLE = re.compile(r"(?!namespace|using|template|struct|class|enum|extern|friend)[A-Za-z][^(={;]*?(?<![\w:])(\w+)(?:\[\w*\])*\s*[{=;]")
FUNCTION = re.compile(r"(?!namespace|using|template|struct|class|enum|extern|friend)[A-Za-z][^(={;]*?(?<![\w:])(\w+)\(")
CALLED = re.compile(r"(?<![\w.:])(?<!->)([A-Za-z_]\w*)\(")
USED = re.compile(r"(?<![\w.:])(?<!->)([A-Za-z_]\w*)")
DOCTEST_MAIN = "#define DOCTEST_CONFIG_IMPLEMENT"
PLUGIN = "CUECARD_PLUGIN"  # defines the one function that a library exports


@dataclass
class Source:
    path: pathlib.Path
    defined: set = field(default_factory=set)  # types and variables, which other sources can't define, nor use for anything else
    functions: set = field(default_factory=set)  # which other sources can't define, nor call another of that name
    aliases: dict = field(default_factory=dict)  # the same, unless it is defined alike
    used: set = field(default_factory=set)
    called: set = field(default_factory=set)
    alone: bool = False
    first: bool = False  # of its group

    def clashes_with(self, other):
        return (self.alone or other.alone or self.defined & other.used or other.defined & self.used
                or self.functions & other.called or other.functions & self.called
                or any(name in other.used and other.aliases.get(name) != line for name, line in self.aliases.items())
                or any(name in self.used and self.aliases.get(name) != line for name, line in other.aliases.items()))


def read(path):
    source, anonymous = Source(path), False
    for line in path.read_text(encoding="utf-8").splitlines():
        code = line.split("//")[0]
        if line == "namespace {":
            anonymous = True
        elif line == "} // namespace":
            anonymous = False
        elif line.startswith(DOCTEST_MAIN):
            source.first = True
            source.defined.add(DOCTEST_MAIN)
            source.used.add(DOCTEST_MAIN)
        elif line.startswith(("#define", "#undef", "#pragma GCC optimize", "#pragma GCC target")):
            source.alone = True
        elif line.startswith(PLUGIN):
            source.defined.add(PLUGIN)
        elif found := ALIAS.match(code):
            source.aliases[found[1]] = code
        elif anonymous and (found := FUNCTION.match(code)):
            source.functions.add(found[1])
        elif anonymous and (found := TYPE.match(code) or VARIABLE.match(code)):
            source.defined.add(found[1])
        source.used.update(USED.findall(code))
        source.called.update(CALLED.findall(code))
    return source


def grouped(paths, size):
    """Lists of at most `size` of the paths."""
    groups = []
    for source in sorted(map(read, paths), key=lambda source: not source.first):
        for group in groups:
            if len(group) < size and not any(source.clashes_with(other) for other in group):
                group.append(source)
                break
        else:
            groups.append([source])
    return [[source.path for source in group] for group in groups]


def main():
    size = int(sys.argv[1])
    for line in sys.stdin:
        target, *sources = line.rstrip("\n").split("\t")
        for number, group in enumerate(grouped(map(pathlib.Path, sources), size)):
            names = " ".join(f'"{path}"' for path in group)
            print(f"set_source_files_properties({names} TARGET_DIRECTORY {target} PROPERTIES UNITY_GROUP {target}-{number})")


if __name__ == "__main__":
    main()
