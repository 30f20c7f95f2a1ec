"""The library's scheduler: rows that 8 threads hand in, beside one `predict` of all rows, in one process and in turns; part of bench/run.py.

    embedding.py MODEL CARD ROWS.jsonl --threads N --rounds N     measures; CUECARD_PREFIX says where the library is
"""

import argparse
import json
import os
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True

from measured import largest_difference, ratios, run, spread

SUBMITTING = 8
WANTED = 0.95  # of one predict's rows per second


def processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def asked(model, rows: list[str], in_request: int) -> list:
    """The answers of `rows`, in order: each thread hands in requests of so many rows, one after the other."""
    requests = [rows[at : at + in_request] for at in range(0, len(rows), in_request)]
    with ThreadPoolExecutor(SUBMITTING) as threads:
        return [answer for answers in threads.map(model.predict, requests) for answer in answers]


def run_all(arguments) -> dict:
    """By way: rows per second, rows per second of the processor, and rows of a forward pass, for each round."""
    import cuecard

    rows = [json.loads(line)["text"] for line in arguments.rows.read_text().splitlines()]
    eighth = -(-len(rows) // SUBMITTING)
    ways = {"one predict of all rows": None, f"8 threads, {eighth} rows in a request": eighth,
            "8 threads, 8 rows in a request": 8, "8 threads, 1 row in a request": 1}  # fmt: skip
    found = {way: {"speed": [], "of_processor": [], "rows_of_pass": []} for way in ways}
    with cuecard.Model(arguments.model, cards=[arguments.card], threads=arguments.threads, plugin_paths=arguments.plugin_path) as model:
        expected = model.predict(rows)  # also the first pass, which prepares
        for _ in range(arguments.rounds):
            for way, in_request in ways.items():
                passes, computed, begin = model.counters["forward_passes"], processor_seconds(), time.perf_counter()
                answers = model.predict(rows) if in_request is None else asked(model, rows, in_request)
                seconds, computed = time.perf_counter() - begin, processor_seconds() - computed
                for a, b in zip(answers, expected, strict=True):
                    if (difference := largest_difference(list(a.scores.values()), list(b.scores.values()))) > 1e-4:
                        sys.exit(f"embedding.py: a probability differs by {difference:.3g} from that of one predict, more than 1e-4")
                found[way]["speed"].append(len(rows) / seconds)
                found[way]["of_processor"].append(len(rows) / computed)
                found[way]["rows_of_pass"].append(len(rows) / (model.counters["forward_passes"] - passes))
    return found


def measure(bench) -> None:
    card = bench.home / "embedding.card"
    bench.soft_prompt(bench.few, 1, card.name)
    prefix = bench.cuecard.path.resolve().parents[1]
    plugins = [["--plugin-path", folder["path"]] for folder in bench.machine.diagnosis()["plugin_folders"]]
    found = run(["env", f"CUECARD_PREFIX={prefix}", f"PYTHONPATH={Path(__file__).parents[1] / 'core/embedding/python'}", sys.executable, "-B", __file__,
                 bench.model, card, bench.held_out, "--threads", bench.threads, "--rounds", bench.rounds, *sum(plugins, [])]).last
    alone = found.pop("one predict of all rows")
    print(f"\nthe library: one predict of all rows {spread(alone['speed'])} rows/s; as a share of that, in turns, by time and by processor time "
          f"({WANTED:.0%} are wanted; minimum / median / maximum)")
    for way, of in found.items():
        print(f"  {way:<34} {spread(of['speed']):<24} rows/s, {of['rows_of_pass'][-1]:4.1f} rows a pass; "
              f"{spread([100 * each for each in ratios(of['speed'], alone['speed'])], 0)} %, "
              f"{spread([100 * each for each in ratios(of['of_processor'], alone['of_processor'])], 0)} %")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("card", type=Path)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--plugin-path", action="append", default=[])
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    print(json.dumps(run_all(parser.parse_args())))
