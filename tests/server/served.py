"""A `cuecard serve` of the installed tree, and questions to it. Tests are called with PREFIX SOURCE CARDS, as tests/server/train made
them."""

import http.client
import json
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

prefix, source, cards = (Path(argument).resolve() for argument in sys.argv[1:4])
PROGRAM = prefix / "bin/cuecard"
MODEL = source / "tests/golden/models/llama-tied"
TEXTS = [f"I saw a {colour} {word}" for word in ("apple", "pear", "plum") for colour in ("red", "blue")]
LONG = 60  # seconds; nothing here takes as long


class Server:
    """Runs until the `with` block ends, on a port of its own, with a copy of the trained cards. `fill` puts more into its folder of cards.
    `tls`: the certificate that it has. `fails`: the exit code of a server that does not start."""

    def __init__(self, *flags, names=("soft", "plain", "low"), model=MODEL, fill=None, tls=None, fails=None):
        self.folder = tempfile.TemporaryDirectory(prefix="cuecard-served-")
        self.cards = Path(self.folder.name) / "cards"
        self.cards.mkdir()
        for name in names:
            shutil.copytree(cards / name, self.cards / name)
        if fill:
            fill(self.cards)
        self.trusting = ssl.create_default_context(cafile=tls) if tls else None
        self.told = []  # lines of standard error
        self.process = subprocess.Popen(
            [PROGRAM, "serve", "--model", model, "--cards", self.cards, "--listen", "127.0.0.1:0", *map(str, flags)],
            stderr=subprocess.PIPE, text=True)  # fmt: skip
        self.reader = threading.Thread(target=lambda: self.told.extend(iter(self.process.stderr.readline, "")), daemon=True)
        self.reader.start()
        if fails is not None:
            code = self.process.wait(LONG)
            self.reader.join(LONG)
            assert code == fails, (code, self.told)
            return
        self.port = int(self.wait_for_line(r"listening on https?://127\.0\.0\.1:(\d+)"))
        self.wait_for_line(r"(ready)")

    def wait_for_line(self, pattern):
        def found():
            return next((match[1] for match in (re.search(pattern, line) for line in list(self.told)) if match), None)

        return until(lambda: found() or (self.process.poll() is not None and sys.exit(f"the server ended: {self.told}")))

    def ask(self, method, path, body=None, **headers):
        """Status, headers, and the body: parsed if it is JSON."""
        connection = (http.client.HTTPSConnection("127.0.0.1", self.port, timeout=LONG, context=self.trusting) if self.trusting
                      else http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONG))  # fmt: skip
        data = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
        connection.request(method, path, data, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        is_json = response.headers.get("Content-Type") == "application/json" and text
        return response.status, response.headers, json.loads(text) if is_json else text

    def get(self, path):
        status, _, body = self.ask("GET", path)
        assert status == 200, (path, status, body)
        return body

    def post(self, path, body):
        status, _, answer = self.ask("POST", path, body)
        assert status == 200, (path, status, answer)
        return answer

    def predict(self, rows, **more):
        return self.post("/v1/predict", {"rows": rows, **more})["answers"]

    def figure(self, name):
        """The value of a metric, 0 if it is not there."""
        return next((float(line.rpartition(" ")[2]) for line in self.get("/metrics").splitlines() if line.startswith(f"{name} ")), 0)

    def megabytes(self):
        """That are resident."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def end(self, signal=15):
        self.process.send_signal(signal)
        return self.process.wait(LONG)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if self.process.poll() is None:
            code = self.end()
            assert kind or code == 0, (code, self.told)
        if kind:
            print("".join(self.told), file=sys.stderr)
        self.folder.cleanup()


def until(condition):
    """Asks until the answer is true, and returns it."""
    end = time.monotonic() + LONG
    while True:
        if answer := condition():
            return answer
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def events(server, path, body):
    """What is streamed. The connection is kept afterwards."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LONG)
    connection.request("POST", path, json.dumps(body))
    response = connection.getresponse()
    assert response.status == 200 and response.headers["Content-Type"] == "text/event-stream", response.headers
    lines = response.read().decode().split("\n\n")
    assert lines.pop() == "" and all(line.startswith("data: ") for line in lines), lines
    assert lines.pop() == "data: [DONE]", lines
    connection.request("GET", "/health")
    assert connection.getresponse().read() == b'{"status":"ready"}'
    connection.close()
    return [json.loads(line[6:]) for line in lines]


def printed(*words, rows=None, model=MODEL):
    """The lines of JSON that the program prints."""
    lines = None if rows is None else "".join(json.dumps(row) + "\n" for row in rows)
    done = subprocess.run([PROGRAM, *map(str, words), "--model", model, "--quiet"], input=lines, capture_output=True, text=True)
    assert done.returncode in (0, 5), done.stderr  # 5: some rows could not be used
    return [json.loads(line) for line in done.stdout.splitlines()]


def predicted(rows, *names):
    """What `cuecard predict` prints."""
    return printed("predict", *(word for name in names for word in ("--card", f"{name}={cards / name}")), rows=rows)


def near(answers, expected):
    assert len(answers) == len(expected), (answers, expected)
    for answer, other in zip(answers, expected):
        for key in ("row", "card", "label", "text", "labels"):
            assert answer.get(key) == other.get(key), (key, answer, other)
        assert list(answer.get("scores", {})) == list(other.get("scores", {})), (answer, other)
        for label, score in other.get("scores", {}).items():
            assert abs(answer["scores"][label] - score) < 1e-4, (answer, other)
        if other.get("log_prob") is not None:
            assert abs(answer["log_prob"] - other["log_prob"]) < 1e-3, (answer, other)
