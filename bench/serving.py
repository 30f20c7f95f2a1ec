"""What many cards cost in `cuecard serve`: rows per second with 1, 10, 100 and 1000 cards asked at random, as ratios to one card in the
same round, and the latency at low load beside that of a lone call. Every card has a folder of its own; all are in memory."""

import http.client
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

from measured import ratios, spread

CLIENTS = 48  # more than a pass has rows, so that passes are full
NEARLY = 1.2  # of a lone call: the latency at low load


class Server:
    """On a port of its own until the `with` block ends."""

    def __init__(self, bench, folder: Path, cards: int):
        self.process = subprocess.Popen(
            [bench.cuecard.path, "serve", "--model", bench.model, "--cards", folder, "--listen", "127.0.0.1:0", "--threads", str(bench.threads),
             "--max-cards-loaded", str(cards)],
            stderr=subprocess.PIPE, text=True)  # fmt: skip
        begin = time.perf_counter()
        for line in self.process.stderr:
            if found := re.search(r"listening on http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
            if "ready: " in line:
                break
        else:
            sys.exit("bench: the server did not start")
        self.seconds = time.perf_counter() - begin
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def megabytes(self) -> float:
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024

    def processor_seconds(self) -> float:
        """Which other load on the machine changes less than the time of day."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def figure(self, name: str) -> float:
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("GET", "/metrics")
        return next(float(line.split()[-1]) for line in connection.getresponse().read().decode().splitlines() if line.startswith(f"cuecard_{name} "))


def ask(connection: http.client.HTTPConnection, card: str, text: str) -> float:
    """Seconds."""
    begin = time.perf_counter()
    connection.request("POST", "/v1/predict", json.dumps({"card": card, "rows": [text]}))
    answer = json.loads(connection.getresponse().read())["answers"][0]
    if not answer.get("label"):
        sys.exit(f"bench: no label: {answer}")
    return time.perf_counter() - begin


def ask_all(server: Server, rows: list[dict]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("POST", "/v1/predict", json.dumps({"rows": rows}))
    if any("error" in answer for answer in json.loads(connection.getresponse().read())["answers"]):
        sys.exit("bench: no label")


def throughput(server: Server, cards: list[str], texts: list[str], seed: int) -> tuple[float, float, float]:
    """Rows per second of many clients, each of which has one row at a time; rows per second of the processor; and rows per pass."""
    work = iter(list(zip(random.Random(seed).choices(cards, k=len(texts)), texts)))
    lock = threading.Lock()

    def client():
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        while True:
            with lock:
                row = next(work, None)
            if row is None:
                return
            ask(connection, *row)

    before = [server.figure(name) for name in ("pass_rows_sum", "pass_rows_count")]
    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    begin, computed = time.perf_counter(), server.processor_seconds()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds, computed = time.perf_counter() - begin, server.processor_seconds() - computed
    rows, passes = (server.figure(name) - old for name, old in zip(("pass_rows_sum", "pass_rows_count"), before))
    return len(texts) / seconds, len(texts) / max(computed, 1 / os.sysconf("SC_CLK_TCK")), rows / passes


def low_load(server: Server, cards: list[str], texts: list[str], seconds_alone: float, seed: int) -> float:
    """The median latency of rows that come at random, a fifth of what one after the other would be."""
    choose = random.Random(seed)
    found = []

    def client(card: str, text: str):
        found.append(ask(http.client.HTTPConnection("127.0.0.1", server.port), card, text))

    threads = []
    for text in texts:
        time.sleep(choose.expovariate(0.2 / seconds_alone))
        threads.append(threading.Thread(target=client, args=(choose.choice(cards), text)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    return statistics.median(found)


def copies(folder: Path, kinds: list[Path], count: int) -> list[str]:
    """Cards of these kinds in turn."""
    shutil.rmtree(folder, ignore_errors=True)
    for number in range(count):
        shutil.copytree(kinds[number % len(kinds)], folder / f"card{number}")
    return [f"card{number}" for number in range(count)]


def measure(bench, rows: int, most: int) -> None:
    counts = [count for count in (1, 10, 100, 1000) if count <= most]
    bench.soft_prompt(bench.few, 1, "serving-soft.card")
    bench.cuecard.train(bench.task[bench.few], bench.model, bench.home / "serving-lora.card", "lora", steps=1, batch_size=4)
    soft, lora = bench.home / "serving-soft.card", bench.home / "serving-lora.card"
    texts = [json.loads(line)["text"] for line in bench.held_out.read_text().splitlines()][:rows]
    for what, kinds in (("soft prompts", [soft]), ("soft prompts and LoRA in turn", [soft, lora])):
        folder = bench.home / "serving-cards"
        names = copies(folder, kinds, most)
        speeds, computed, fills = ({count: [] for count in counts} for _ in range(3))
        alone, low = [], []
        with Server(bench, folder, len(names)) as server:
            at_start = server.megabytes()
            for first in range(0, len(names), 32):  # what is cached for each card is there
                ask_all(server, [{"card": name, "text": texts[0]} for name in names[first : first + 32]])
            for turn in range(bench.rounds):
                for count in counts:
                    speed, of_processor, fill = throughput(server, names[:count], texts, turn)
                    speeds[count].append(speed)
                    computed[count].append(of_processor)
                    fills[count].append(fill)
                connection = http.client.HTTPConnection("127.0.0.1", server.port)
                alone.append(statistics.median(ask(connection, names[0], text) for text in texts[:20]))
                low.append(low_load(server, names[:10], texts[:20], alone[-1], turn))
            print(f"\nserving, {what}, {CLIENTS} clients with one row each, {len(texts)} rows a round (minimum / median / maximum)")
            for count in counts:
                print(f"  {count:4} cards  {spread(speeds[count]):<24} rows/s, {statistics.median(fills[count]):4.1f} rows a pass"
                      + (f"  {spread(ratios(speeds[count], speeds[1]))} of one card, {spread(ratios(computed[count], computed[1]))} by processor time" if count > 1 else ""))
            print(f"  latency of a lone call {spread([1000 * each for each in alone], 1)} ms; at low load, ten cards, {spread([1000 * each for each in low], 1)} ms, "
                  f"{spread(ratios(low, alone))} of it (at most {NEARLY} is wanted)")
            print(f"  {len(names)} cards were read in {server.seconds:.1f} s, the model included; {at_start:.0f} MB then, {server.megabytes():.0f} MB with what is cached for each")
        shutil.rmtree(folder)
