"""Packs what build/release installs, with what it needs, under dist/: an archive, Debian packages, a Python wheel.

    python3 setup/package.py [archive] [deb] [wheel]

The archive and the Debian packages bring LibTorch's CPU libraries and run without the tree and wherever they are put; the wheel uses
the libraries of the Python package torch. Needs patchelf, and dpkg-deb for Debian packages.
"""

import argparse
import base64
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
BUILD = PROJECT / "build/release"
DIST = PROJECT / "dist"
LIBTORCH = PROJECT / ".cache/libtorch"
KINDS = ("archive", "deb", "wheel")
# What every Linux of this kind has; everything else that is linked is packed.
SYSTEM = re.compile(r"lib(c|m|dl|rt|util|pthread|stdc\+\+|gcc_s)\.so|ld-linux")
COMPLETION = {"bash": "bash-completion/completions/cuecard", "zsh": "zsh/site-functions/_cuecard"}  # below share/
EPOCH = 315532800  # 1980, the first time that a zip file can hold: the same files make the same package


def run(*command: object) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"package: {command[0]} failed: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")
    return done.stdout


def version() -> str:
    return re.search(r"project\(cuecard VERSION ([\d.]+)", (PROJECT / "CMakeLists.txt").read_text())[1]


def libtorch_minor() -> str:
    header = (LIBTORCH / "torch/include/torch/headeronly/version.h").read_text()
    return ".".join(re.search(rf"define TORCH_VERSION_{part} (\d+)", header)[1] for part in ("MAJOR", "MINOR"))


def glibc_of(files: list[Path]) -> tuple[int, ...]:
    """The newest version of glibc's symbols that the files need."""
    found = [(2, 17)]
    for file in files:
        found += [tuple(map(int, text.split("."))) for text in re.findall(r"GLIBC_([\d.]+)", run("objdump", "-T", file))]
    return max(found)


def needed(file: Path) -> list[str]:
    return [name for name in run("patchelf", "--print-needed", file).split() if not SYSTEM.match(name)]


def found_library(name: str, folders: list[Path]) -> Path:
    for folder in folders:
        if (folder / name).exists():
            return (folder / name).resolve()
    listed = re.search(rf"^\s*{re.escape(name)} .*=> (\S+)$", run("/sbin/ldconfig", "-p"), re.M)
    if not listed:
        sys.exit(f"package: the library {name} is nowhere to be found; run `./run build` first")
    return Path(listed[1]).resolve()


def installed(prefix: Path, libtorch_rpath: str) -> None:
    """The installed tree, without a trace of where it was built."""
    run("cmake", "--install", BUILD, "--prefix", prefix)
    for file in (prefix / "bin").iterdir():
        run("strip", file)
        run("patchelf", "--set-rpath", "$ORIGIN/../lib", file)
    for file in (prefix / "lib").glob("libcuecard*.so*"):
        if not file.is_symlink():
            run("strip", "--strip-unneeded", file)
            run("patchelf", "--set-rpath", libtorch_rpath, file)
    (prefix / "share/cuecard/models-folder").unlink()
    config = prefix / "lib/cmake/cuecard/cuecard-config.cmake"
    config.write_text(re.sub(r'(set\(LibTorch_ROOT ")[^"]*"', r'\1"', config.read_text()))
    add_linked_files(prefix / "share/doc/cuecard")


def add_linked_files(documents: Path) -> None:
    """What the pages link in the tree, such as pages of plugins, and what these link in turn."""
    waiting = list(documents.rglob("*.md"))
    while waiting:
        page = waiting.pop()
        for target in re.findall(r"\[[^\]]*\]\(([^)\s#]+)[^)\s]*\)", page.read_text()):
            place = Path(os.path.normpath(page.parent / target))
            if re.match(r"[a-z]+:", target) or documents not in place.parents or place.exists():
                continue
            source = PROJECT / place.relative_to(documents)
            if source.is_dir():
                place.mkdir(parents=True)
                source, place = source / "README.md", place / "README.md"
            if source.is_file():
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, place)
                if place.suffix == ".md":
                    waiting.append(place)


def add_manual(prefix: Path) -> None:
    """Manual pages and completion, as the program itself prints them."""
    program = prefix / "bin/cuecard"
    pages = {"cuecard": run(program, "man")}
    for verb in re.findall(r"^  ([a-z]+(?: [a-z]+)?)  ", run(program, "help"), re.M):
        pages["cuecard-" + verb.replace(" ", "-")] = run(program, "man", *verb.split())
    for name, page in pages.items():
        place = prefix / "share/man/man1" / f"{name}.1.gz"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(gzip.compress(page.encode(), mtime=0))
    for shell, place in COMPLETION.items():
        (prefix / "share" / place).parent.mkdir(parents=True, exist_ok=True)
        (prefix / "share" / place).write_text(run(program, "completion", shell))


def bring_libraries(prefix: Path, leave_out: re.Pattern) -> None:
    """Copies what the programs and libraries link, and what that links, beside them."""
    folders = [prefix / "lib", LIBTORCH / "torch/lib", *LIBTORCH.glob("nvidia/*/lib")]
    waiting = [file for folder in ("bin", "lib") for file in (prefix / folder).iterdir() if file.is_file()]
    while waiting:
        for name in needed(waiting.pop()):
            place = prefix / "lib" / name
            if not place.exists() and not leave_out.match(name):
                shutil.copy(found_library(name, folders), place)
                place.chmod(0o644)
                if LIBTORCH not in found_library(name, folders[1:]).parents:
                    run("patchelf", "--set-rpath", "$ORIGIN", place)  # LibTorch's own look beside themselves already
                waiting.append(place)


def check_clean(prefix: Path) -> None:
    """Nothing refers to the tree or the build machine."""
    trace = str(PROJECT).encode()
    traces = [file for file in prefix.rglob("*") if file.is_file() and not file.is_symlink() and trace in file.read_bytes()]
    if traces:
        sys.exit(f"package: {traces[0].relative_to(prefix)} names {PROJECT}; packages must not name the machine they were built on")


def sorted_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file() or file.is_symlink())


def archive(stage: Path, dist: Path) -> Path:
    name = f"cuecard-{version()}-linux-x86_64"
    prefix = stage / name
    installed(prefix, "$ORIGIN")
    add_manual(prefix)
    bring_libraries(prefix, leave_out=re.compile("$^"))
    check_clean(prefix)

    def plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
        info.uid = info.gid = 0
        info.uname = info.gname = "root"
        info.mtime = EPOCH
        return info

    path = dist / f"{name}.tar.gz"
    with gzip.GzipFile(path.with_suffix(".partial"), "wb", compresslevel=6, mtime=EPOCH) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for file in sorted_files(prefix):
            tar.add(file, f"{name}/{file.relative_to(prefix)}", filter=plain)
    return path.with_suffix(".partial").rename(path)


def deb_package(dist: Path, root: Path, package: str, depends: str, description: str) -> Path:
    (root / "DEBIAN").mkdir()
    size = sum(file.lstat().st_size for file in sorted_files(root)) // 1024
    (root / "DEBIAN/control").write_text(
        f"Package: {package}\nVersion: {version()}\nArchitecture: amd64\nMaintainer: The Cuecard authors <cuecard@localhost>\n"
        f"Installed-Size: {size}\nDepends: {depends}\nSection: science\nPriority: optional\nDescription: {description}\n"
    )
    path = dist / f"{package}_{version()}_amd64.deb"
    os.environ["SOURCE_DATE_EPOCH"] = str(EPOCH)
    run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z6", "--build", root, path)
    return path


def deb(stage: Path, dist: Path) -> list[Path]:
    """The program and its libraries lie in /usr/lib/cuecard; what links libcuecard or builds plugins is in cuecard-dev."""
    root, dev = stage / "cuecard", stage / "cuecard-dev"
    prefix = root / "usr/lib/cuecard"
    installed(prefix, "$ORIGIN")
    add_manual(prefix)
    bring_libraries(prefix, leave_out=re.compile(r"lib(archive|boost_program_options|icu\w+|crypto)\.so"))
    check_clean(prefix)
    for folder in ("include", "lib/cmake", "lib/pkgconfig", "bin/cuecard-manifest"):
        place = dev / "usr/lib/cuecard" / folder
        place.parent.mkdir(parents=True, exist_ok=True)
        (prefix / folder).rename(place)
    documents = root / "usr/share/doc/cuecard"
    documents.parent.mkdir(parents=True)
    (prefix / "share/doc/cuecard").rename(documents)
    (prefix / "share/doc").rmdir()
    (documents / "LICENSE").rename(documents / "copyright")
    for folder in ("man", "bash-completion", "zsh"):
        (prefix / "share" / folder).rename(root / "usr/share" / folder)
    (root / "usr/share/zsh/site-functions").rename(root / "usr/share/zsh/vendor-completions")  # where Debian's zsh looks
    (root / "usr/bin").mkdir()
    (root / "usr/bin/cuecard").symlink_to("../lib/cuecard/bin/cuecard")
    for link, target in (("include/cuecard", "../lib/cuecard/include/cuecard"), ("include/cuecard.h", "../lib/cuecard/include/cuecard.h"),
                         ("include/cuecard.hpp", "../lib/cuecard/include/cuecard.hpp"), ("lib/cmake/cuecard", "../cuecard/lib/cmake/cuecard")):
        place = dev / "usr" / link
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)
    return [
        deb_package(dist, root, "cuecard", "libc6, libstdc++6, libicu72, libssl3, libarchive13, libboost-program-options1.74.0\nRecommends: libcurl4, ca-certificates",
                    "tunes and serves prompts for frozen language models"),
        deb_package(dist, dev, "cuecard-dev", f"cuecard (= {version()})", "headers and CMake package of cuecard"),
    ]  # fmt: skip


def wheel(stage: Path, dist: Path) -> Path:
    package = stage / "cuecard"
    prefix = package / "prefix"
    # PREFIX/lib is site-packages/cuecard/prefix/lib, torch's libraries are in site-packages/torch/lib.
    installed(prefix, "$ORIGIN:$ORIGIN/../../../torch/lib")
    bring_libraries(prefix, leave_out=re.compile(r"lib(torch|c10|gomp|gfortran|cu)"))
    for file in (prefix / "lib/python/cuecard").iterdir():
        file.rename(package / file.name)
    shutil.rmtree(prefix / "lib/python")
    for file in prefix.rglob("*"):  # a wheel holds no links
        if file.is_symlink():
            target = file.resolve()
            file.unlink()
            if ".so." not in target.name or file.name != "libcuecard-sdk.so.0":
                continue
            target.rename(file)
    for file in [*prefix.glob("lib/libcuecard-sdk.so.*.*")]:
        file.unlink()
    check_clean(package)
    libraries = [*prefix.glob("lib/*.so*"), *prefix.glob("bin/*"), *prefix.glob("lib/cuecard/plugins/*/*.so")]
    tag = "py3-none-manylinux_{}_{}_x86_64".format(*glibc_of(libraries)[:2])
    info = f"cuecard-{version()}.dist-info"
    minor = libtorch_minor()
    texts = {
        "METADATA": f"Metadata-Version: 2.1\nName: cuecard\nVersion: {version()}\nSummary: Tunes and serves prompts for frozen language models\n"
        f"Requires-Python: >=3.10\nRequires-Dist: torch=={minor}.*\nLicense-File: LICENSE\nDescription-Content-Type: text/markdown\n\n"
        + (PROJECT / "README.md").read_text(),
        "WHEEL": f"Wheel-Version: 1.0\nGenerator: cuecard\nRoot-Is-Purelib: false\nTag: {tag}\n",
        "entry_points.txt": "[console_scripts]\ncuecard = cuecard._program:main\n",
        "LICENSE": (PROJECT / "LICENSE").read_text(),
    }
    path = dist / f"cuecard-{version()}-{tag}.whl"
    record: list[str] = []
    with zipfile.ZipFile(path.with_suffix(".partial"), "w", zipfile.ZIP_DEFLATED) as zipped:

        def add(name: str, data: bytes, mode: int) -> None:
            entry = zipfile.ZipInfo(name)  # of 1980
            entry.external_attr = mode << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            zipped.writestr(entry, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{name},sha256={digest},{len(data)}\n")

        for file in sorted_files(package):
            add(f"cuecard/{file.relative_to(package)}", file.read_bytes(), file.stat().st_mode)
        for name, text in texts.items():
            add(f"{info}/{name}", text.encode(), 0o100644)
        zipped.writestr(zipfile.ZipInfo(f"{info}/RECORD"), "".join(record) + f"{info}/RECORD,,\n")
    return path.with_suffix(".partial").rename(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", metavar="|".join(KINDS), help="default: all")
    parser.add_argument("--dist", type=Path, default=DIST, help="where the packages go")
    arguments = parser.parse_args()
    kinds, dist = arguments.kinds or KINDS, arguments.dist
    if wrong := [kind for kind in kinds if kind not in KINDS]:
        sys.exit(f"package: there is no kind {wrong[0]}; there are {', '.join(KINDS)}")
    dist.mkdir(exist_ok=True)
    for kind in kinds:
        with tempfile.TemporaryDirectory(prefix=".stage-", dir=dist) as stage:
            made = {"archive": archive, "deb": deb, "wheel": wheel}[kind](Path(stage), dist)
        for path in made if isinstance(made, list) else [made]:
            print(f"{os.path.relpath(path)}  {path.stat().st_size:,} B  sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
