"""One sitting of `scorescope train`: from a recipe and a checkpoint, to a stop or to a model on disk."""

from __future__ import annotations

import shlex
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from tqdm import tqdm

from engine import recipes
from engine.models.checkpoint import ModelError, load_tensors, save_model
from engine.training import BATCH, Progress, Training

CURVE_POINTS = 200  # of the loss curve in a card
REPORT_SECONDS = 30.0  # between lines, where there is no terminal for a bar


class Session:
    """A training of the recipe `name`, new or resumed. The card that it writes has no figures: none were measured.

    Without a seed it is the checkpoint's, or 0. Raises ModelError for an unknown recipe, or a checkpoint that is
    missing, damaged, or of another network or seed.
    """

    def __init__(self, name: str, checkpoint: Path, out: Path, seed: int | None, resume: bool) -> None:
        if name not in recipes.RECIPES:
            raise ModelError(f"what can be trained is {' or '.join(recipes.RECIPES)}, not {name}.")
        self.name, self.out = name, out
        if seed is None:
            seed = int(load_tensors(checkpoint)[1].get("seed", 0)) if resume else 0
        self.training = Training(recipes.objective(name, seed), seed, checkpoint)
        if resume:
            self.training.resume()

    def run(self, minutes: float | None, steps: int | None) -> int:
        """Train, show progress and write the model; returns the exit status.

        SIGINT and SIGTERM end it after the step under way, with a checkpoint: 128 + the signal's number.
        """
        training = self.training
        parameters = sum(p.numel() for p in training.parameters.values())
        start = f" from step {training.step:,}" if training.step else ""
        print(f"Training {self.name}{start}: {parameters:,} parameters, seed {training.seed}.", flush=True)
        with _stop_signal() as received, _Display(training, minutes, steps) as display:
            for progress in training.run(float("inf") if minutes is None else minutes, steps):
                display.show(progress)
                if received:
                    training.save()
                    break
        if received:
            print(f"Stopped after step {training.step:,}; the checkpoint is {training.path}. To go on:")
            print(f"    {self._command_to_resume(minutes, steps)}", flush=True)
            return 128 + received[0]
        card = msgspec.structs.replace(
            recipes.RECIPES[self.name].card,
            command=f"scorescope train {self.name} --steps {training.step} --seed {training.seed}",
            seed=training.seed,
            steps=training.step,
            images=training.step * BATCH,
            minutes=round(training.seconds / 60, 2),
            parameters=parameters,
            loss=_thinned(training.curve),
        )
        save_model(self.out, training.average, card)
        print(f"{self.out / self.name}.safetensors and its card: {training.step:,} steps, {card.minutes:g} minutes.")
        return 0

    def _command_to_resume(self, minutes: float | None, steps: int | None) -> str:
        length = ["--minutes", f"{minutes:g}"] if steps is None else ["--steps", str(steps)]
        places = ["--out", str(self.out), "--checkpoint", str(self.training.path)]
        return shlex.join(["scorescope", "train", self.name, *length, "--resume", *places])


@contextmanager
def _stop_signal() -> Iterator[list[int]]:
    """A list that holds the first SIGINT or SIGTERM once it has come; a second one interrupts at once.

    Looked at between steps: a checkpoint from the middle of one would not resume to the same result.
    """
    received: list[int] = []

    def handle(number: int, _frame: Any) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    former = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


class _Display:
    """On a terminal a bar with the loss and the time left; elsewhere a line for the first step, then now and then."""

    def __init__(self, training: Training, minutes: float | None, steps: int | None) -> None:
        self.by_steps = steps is not None
        self.loss: float | None = None
        self.reported = float("-inf")
        self.bar: Any = tqdm(
            total=steps if minutes is None else 60 * minutes,
            initial=training.step if self.by_steps else training.seconds,
            unit="step" if self.by_steps else "s",
            bar_format="{l_bar}{bar}| {remaining} left{postfix}",
            disable=None,
        )

    def __enter__(self) -> _Display:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def show(self, progress: Progress) -> None:
        self.loss = progress.loss if self.loss is None else self.loss + 0.02 * (progress.loss - self.loss)
        if not self.bar.disable:
            self.bar.set_postfix_str(f"step {progress.step:,}, loss {self.loss:.4f}", refresh=False)
            self.bar.update((progress.step if self.by_steps else progress.seconds) - self.bar.n)
        elif time.monotonic() - self.reported > REPORT_SECONDS:
            self.reported = time.monotonic()
            line = f"step {progress.step:,}, {progress.seconds / 60:.1f} minutes, loss {self.loss:.4f}"
            print(line, file=sys.stderr, flush=True)


def _thinned(curve: list[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    """At most CURVE_POINTS points, each the mean of as many neighbours, at the last of them."""
    size = -(-len(curve) // CURVE_POINTS) or 1
    groups = [curve[start : start + size] for start in range(0, len(curve), size)]
    return tuple((group[-1][0], round(sum(loss for _, loss in group) / len(group), 5)) for group in groups)
