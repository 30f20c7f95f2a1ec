"""Adds up float32 values over all ranks of a run, by torch.distributed's all-reduce, for the process that started it.

    _all_reduce.py SOCKET START_TIMEOUT TIMEOUT

A request is a number of bytes (int64) and the values, and so is the answer; a negative number is that of a reason why it failed. The
first answer, without values, says that all ranks have joined. No part of cuecard is imported here.
"""

import ctypes
import re
import signal
import socket
import struct
import sys
from datetime import timedelta


def received(connection: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        count = connection.recv_into(view)
        if count == 0:
            sys.exit(0)  # the rank ended; its connections to the others close with this process
        view = view[count:]
    return data


def main() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: also while it joins, or waits for other ranks
    connection = socket.socket(fileno=int(sys.argv[1]))
    start, later = (timedelta(seconds=float(text)) for text in sys.argv[2:4])
    try:
        try:
            import torch
            import torch.distributed as distributed
        except ImportError as missing:
            raise RuntimeError(f"several ranks need the Python package torch ({missing})") from None
        distributed.init_process_group("gloo", timeout=start)
        group = distributed.new_group(timeout=later)
        connection.sendall(struct.pack("q", 0))
        first = True
        while True:
            [size] = struct.unpack("q", received(connection, 8))
            data = received(connection, size)
            distributed.all_reduce(torch.frombuffer(data, dtype=torch.float32), group=None if first else group)
            first = False
            connection.sendall(struct.pack("q", size))
            connection.sendall(data)
    except Exception as exception:
        # Gloo's begin with a place in its sources and go on with advice.
        text = re.sub(r"^\[\S+:\d+\] ", "", str(exception).split("\n")[0]).split(". ")[0]
        reason = (text.rstrip(".")[:300] or type(exception).__name__).encode()
        try:
            connection.sendall(struct.pack("q", -len(reason)) + reason)
        except OSError:
            pass


main()
