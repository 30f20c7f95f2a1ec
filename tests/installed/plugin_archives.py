"""Archives of plugins for the checks of `cuecard plugin install`: other versions and builds of a plugin, and hostile archives.

    plugin_archives.py variant LIBRARY FOLDER VERSION [TORCH_MINOR]   writes the library with that version and its sidecar to FOLDER
    plugin_archives.py hostile ARCHIVE FOLDER                         writes FOLDER/NAME.tar.gz and FOLDER/NAME.expected, a pattern, for each
"""

import gzip
import hashlib
import io
import json
import re
import struct
import subprocess
import sys
import tarfile
from pathlib import Path

MINOR = 36  # offset of torch_minor in cuecard_plugin_v1 (plugin.h); torch_abi, a u64, is at 24 and has the minor version in its 7th byte


def variant(library: Path, folder: Path, version: str, torch_minor: str = "") -> None:
    data = bytearray(library.read_bytes())
    old = json.loads(library.with_suffix(".json").read_text())["version"].encode()
    assert len(old) == len(version), "a version of the same length takes the place of the old one"
    assert data.count(b"\0" + old + b"\0") >= 1
    data = bytearray(bytes(data).replace(b"\0" + old + b"\0", b"\0" + version.encode() + b"\0"))
    if torch_minor:
        at = next(found.start() for found in re.finditer(rb"cuecard1.\0\0\0", data, re.S))  # not that in a mangled name
        struct.pack_into("<I", data, at + MINOR, int(torch_minor))
        data[at + 30] = int(torch_minor)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / library.name).write_bytes(data)
    sidecar = subprocess.run(["cuecard-manifest", folder / library.name], check=True, capture_output=True).stdout
    (folder / library.name).with_suffix(".json").write_bytes(sidecar)


def read(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def member(name: str, data: bytes = b"", **changes) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in changes.items():
        setattr(info, key, value)
    return info, data


def packed(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    written = io.BytesIO()
    with gzip.GzipFile(fileobj=written, mode="wb", compresslevel=6, mtime=0) as stream:
        for info, data in members:
            stream.write(info.tobuf(tarfile.PAX_FORMAT) + data + bytes(-len(data) % 512))
        stream.write(bytes(1024))
    return written.getvalue()


def hostile(archive: Path, folder: Path) -> None:
    good = read(archive)
    names = list(good)
    library = names[-1]
    sidecar = library.replace(".so", ".json")
    folder.mkdir(exist_ok=True)

    def write(name: str, expected: str, data: bytes) -> None:
        (folder / f"{name}.tar.gz").write_bytes(data)
        (folder / f"{name}.expected").write_text(expected)

    def members(changed: dict[str, bytes] | None = None) -> list[tuple[tarfile.TarInfo, bytes]]:
        return [member(name, data) for name, data in (good | (changed or {})).items()]

    def with_instead(name: str, *others: tuple[tarfile.TarInfo, bytes]) -> bytes:
        at = names.index(name)
        return packed(members()[:at] + list(others) + members()[at + 1 :])

    def truthful(changed: dict[str, bytes], drop: tuple[str, ...] = ("SIGNATURE",), **contents) -> bytes:
        """CONTENTS lists what is there."""
        listed = json.loads(good["CONTENTS"]) | contents
        for file in listed["files"]:
            if file["name"] in changed:
                data = changed[file["name"]]
                file |= {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        text = json.dumps(listed, indent=2).encode() + b"\n"
        return packed([each for each in members(changed | {"CONTENTS": text}) if each[0].name not in drop])

    # Paths and kinds of members.
    for name, path in (("parent", "../evil"), ("absolute", "/tmp/cuecard-evil"), ("subfolder", "a/README.md"), ("dots", "..")):
        write(name, "which would lie in another folder", with_instead("README.md", member(path, good["README.md"])))
    write("pax-path", "which would lie in another folder",
          with_instead("README.md", member("README.md", good["README.md"], pax_headers={"path": "../evil"})))
    write("symlink", "which is a link", with_instead(library, member(library, type=tarfile.SYMTYPE, linkname="/etc/passwd")))
    write("hardlink", "which is a link", with_instead(library, member(library, type=tarfile.LNKTYPE, linkname="LICENSE")))
    write("fifo", "not a regular file", with_instead(library, member(library, type=tarfile.FIFOTYPE)))
    write("device", "not a regular file", with_instead(library, member(library, type=tarfile.CHRTYPE, devmajor=1, devminor=5)))
    write("folder", "which would lie in another folder", with_instead(library, member(library, type=tarfile.DIRTYPE)))

    # Which members there are.
    write("nothing", "holds nothing", packed([]))
    write("no-contents", "begins with LICENSE instead of CONTENTS", packed([each for each in members() if each[0].name not in ("CONTENTS", "SIGNATURE")]))
    write("no-library", f"ends before {library}", packed(members()[:-1]))
    write("twice", f"has {library}, which CONTENTS doesn't list", packed(members() + members()[-1:]))
    write("one-more", "has extra, which CONTENTS doesn't list", packed(members() + [member("extra", b"x")]))
    write("another-order", f"has {library} where", packed(members()[:-2] + members()[:-3:-1]))

    # Sizes.
    write("larger", f"bytes in {library}; expected at most", packed(members({library: good[library] + b"x"})))
    write("smaller", f"bytes in {library}; CONTENTS lists", packed(members({library: good[library][:-1]})))
    write("claims-a-terabyte", f"bytes in {library}; expected at most", with_instead(library, (member(library, size=1 << 40)[0], b"")))
    write("claims-gigabytes-in-contents", "bytes in CONTENTS; expected at most", with_instead("CONTENTS", (member("CONTENTS", size=1 << 33)[0], b"{}")))
    listed = json.loads(good["CONTENTS"])
    listed["files"][-1]["size"] = 1 << 40
    write("lists-a-terabyte", "whole number from 0 to", packed(members({"CONTENTS": json.dumps(listed).encode()})))
    zeros = bytes(24 << 20)
    write("bomb", "unpacks to more than 100 times its size", truthful({library: zeros}))
    write("bomb-in-contents", "bytes in CONTENTS; expected at most", packed(members({"CONTENTS": b" " * (20 << 20)})))
    write("bomb-in-a-header", "Special header too large", with_instead("README.md", member("README.md", good["README.md"], pax_headers={"comment": "a" * (30 << 20)})))

    # Bytes.
    flipped = bytearray(good[library])
    flipped[len(flipped) // 2] ^= 1
    flipped = bytes(flipped)
    write("changed-library", f"{library} was changed", packed(members({library: flipped})))
    write("changed-readme", "README.md was changed", packed(members({"README.md": good["README.md"][:-1] + b"!"})))
    write("changed-and-listed", "is not a signature of its CONTENTS", truthful({library: flipped}, drop=()))
    write("changed-library-and-hash", "sidecar does not belong to the library", truthful({library: good[library] + b"\0"}))
    manifest = json.loads(good[sidecar])
    write("lying-sidecar", "\"license\" is",
          truthful({sidecar: json.dumps(manifest | {"license": "MIT"}, indent=2).encode() + b"\n"}))
    write("lying-contents", "CONTENTS is of .* 9.9.9", truthful({}, version="9.9.9"))
    write("not-a-library", f"not-a-library.tar.gz/{library}: not an ELF file", truthful({library: b"#!/bin/sh\n"}))
    write("truncated", "truncated gzip input", packed(members())[:-2000])
    write("no-gzip", "Unrecognized archive format", b"PK\3\4" + bytes(2000))
    write("text", "Unrecognized archive format", b"hello\n")
    write("empty-file", "Unrecognized archive format", b"")


if __name__ == "__main__":
    words = sys.argv[2:]
    if sys.argv[1] == "variant":
        variant(Path(words[0]), Path(words[1]), *words[2:])
    else:
        hostile(Path(words[0]), Path(words[1]))
