"""Looks for a tuner's best settings: Optuna proposes them, Cuecard trains and measures a card with each.

    python sweep_optuna.py TASK MODEL --trials 12 --steps 200

The task needs a development set. Several copies of this program share one study through --storage sqlite:///sweep.db.
"""

import argparse
import math

import cuecard
import optuna


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task")
    parser.add_argument("model")
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--storage", help="of the study; default: in memory")
    arguments = parser.parse_args()
    study = optuna.create_study(
        study_name="cuecard", storage=arguments.storage, load_if_exists=True, direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=0), pruner=optuna.pruners.MedianPruner(n_startup_trials=3))  # fmt: skip
    for _ in range(arguments.trials):
        trial = study.ask()
        rate = trial.suggest_float("lr", 1e-3, 0.3, log=True)
        length = trial.suggest_int("length", 1, 20)
        pruned = False

        def on_step(step: int, steps: int, loss: float, dev: float) -> bool:
            nonlocal pruned
            if not math.isnan(dev):  # an evaluation on the development set
                trial.report(dev, step)
                pruned = trial.should_prune()
            return not pruned

        out = f"trial-{trial.number}.card"
        try:
            result = cuecard.train(
                arguments.task, arguments.model, out, steps=arguments.steps, lr=rate, set={"length": length}, on_step=on_step, quiet=True
            )
        except cuecard.Error as error:  # training diverged
            print(f"{out}: {error}")
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            continue
        if pruned:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(trial, result["dev"]["value"])
        print(f"{out}: lr {rate:.4f}, {length} tokens: {result['dev']['value']:.4f}{' (pruned)' if pruned else ''}", flush=True)
    best = study.best_trial
    print(f"best: trial-{best.number}.card, {best.value:.4f} with {best.params}")


main()
