"""Labels the rows of Parquet files with Ray Data: each worker opens the model once and labels batch after batch.

    python predict_ray.py INPUT OUTPUT --model MODEL --card CARD --workers 2 --threads 1

INPUT is a file or folder with a column for each field of the card's template; OUTPUT is a folder, with the columns `label` and `error` added.
"""

import argparse
from pathlib import Path

import pandas
import ray


class Labeller:
    """Of one worker process. The module is imported there: a model belongs to the process that opened it."""

    def __init__(self, model: str, card: str, threads: int):
        import cuecard

        self.model = cuecard.Model(model, [card], threads=threads)

    def __call__(self, frame: pandas.DataFrame) -> pandas.DataFrame:
        answers = self.model.predict(frame)
        return frame.assign(
            label=[answer.label for answer in answers], error=[str(answer.error) if answer.error else None for answer in answers]
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("input")
    parser.add_argument("output")
    parser.add_argument("--model", required=True)
    parser.add_argument("--card", required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1, help="processors of each worker")
    arguments = parser.parse_args()
    paths = [str(Path(path).absolute()) for path in (arguments.model, arguments.card)]  # workers have folders of their own
    rows = ray.data.read_parquet(str(Path(arguments.input).absolute()))
    rows.map_batches(
        Labeller, fn_constructor_args=(*paths, arguments.threads), batch_format="pandas", batch_size=256, num_cpus=arguments.threads,
        compute=ray.data.ActorPoolStrategy(size=arguments.workers),
    ).write_parquet(str(Path(arguments.output).absolute()))  # fmt: skip


main()
