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

from engine.data import training_images
from engine.models.checkpoint import ModelError, load_tensors, save_model
from engine.request import FIELDS
from engine.training.loop import Progress, Training
from engine.training.recipes import Recipe

CURVE_POINTS = 200  # of the loss curve in a card


class Session:
    """A training by a recipe, new or resumed. The card that it writes has no figures: none were measured.

    Without a seed it is the checkpoint's, or 0. Raises ModelError for a checkpoint that is missing, damaged, or of
    another network, seed or data.
    """

    def __init__(self, recipe: Recipe, checkpoint: Path, out: Path, seed: int | None, resume: bool) -> None:
        self.recipe, self.out = recipe, out
        if seed is None:
            seed = _seed(checkpoint) if resume else 0
        self.training = Training(recipe.begin(seed), seed, checkpoint, recipe.about)
        if resume:
            self.training.resume()

    def run(self, minutes: float | None, steps: int | None, report: float = 30.0) -> int:
        """Train, show progress and write the model; returns the exit status.

        Where there is no terminal for a bar, a line is printed every `report` seconds. SIGINT and SIGTERM end it after
        the step under way, with a checkpoint: 128 + the signal's number. Of several processes the first speaks and
        writes.
        """
        training, name = self.training, self.recipe.card.name
        parameters = sum(p.numel() for p in training.parameters.values())
        start = f" from step {training.step:,}" if training.step else ""
        first = training.team.rank == 0
        if first:
            print(f"Training {name}{start}: {parameters:,} parameters, seed {training.seed}.", flush=True)
        stopped = False
        with _stop_signal() as received, _Display(training, minutes, steps, report) as display:
            for progress in training.run(float("inf") if minutes is None else minutes, steps):
                if first:
                    display.show(progress)
                if stopped := training.team.any(bool(received)):
                    training.save()
                    break
        training.team.part()
        if stopped:
            if first:
                print(f"Stopped after step {training.step:,}; the checkpoint is {training.path}. To go on:")
                print(f"    {self._command_to_resume(minutes, steps)}", flush=True)
            return 128 + (received or [signal.SIGTERM])[0]
        if not first:
            return 0
        command = self.recipe.card.command or f"scorescope train {name}"
        card = msgspec.structs.replace(
            self.recipe.card,
            command=f"{command} --steps {training.step} --seed {training.seed}",
            seed=training.seed,
            steps=training.step,
            images=training.step * training.objective.data.size,
            minutes=round(training.seconds / 60, 2),
            parameters=parameters,
            loss=_thinned(training.curve),
        )
        if self.recipe.pictures is not None:
            training_images.keep(self.out, name, self.recipe.pictures)
        save_model(self.out, training.average, card)
        print(f"{self.out / name}.safetensors and its card: {training.step:,} steps, {card.minutes:g} minutes.")
        return 0

    def _command_to_resume(self, minutes: float | None, steps: int | None) -> str:
        length = ["--minutes", f"{minutes:g}"] if steps is None else ["--steps", str(steps)]
        places = ["--out", str(self.out), "--checkpoint", str(self.training.path)]
        what = self.recipe.command or (self.recipe.card.name,)
        return shlex.join(["scorescope", "train", *what, *length, "--resume", *places])


def _seed(checkpoint: Path) -> int:
    _, state = load_tensors(checkpoint)
    seed = state.get("seed") if isinstance(state, dict) else None
    if seed is None or not FIELDS["seed"].admits(seed):
        raise ModelError(f"{checkpoint} is not a checkpoint of a training: it has no seed.")
    return int(seed)


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

    def __init__(self, training: Training, minutes: float | None, steps: int | None, report: float) -> None:
        self.by_steps, self.report = steps is not None, report
        self.loss: float | None = None
        self.reported = float("-inf")
        self.bar: Any = tqdm(
            total=steps if minutes is None else 60 * minutes,
            initial=training.step if self.by_steps else training.seconds,
            unit="step" if self.by_steps else "s",
            bar_format="{l_bar}{bar}| {remaining} left{postfix}",
            disable=True if training.team.rank else None,
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
        elif time.monotonic() - self.reported > self.report:
            self.reported = time.monotonic()
            line = f"step {progress.step:,}, {progress.seconds / 60:.1f} minutes, loss {self.loss:.4f}"
            print(line, file=sys.stderr, flush=True)


def _thinned(curve: list[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    """At most CURVE_POINTS points, each the mean of as many neighbours, at the last of them."""
    size = -(-len(curve) // CURVE_POINTS) or 1
    groups = [curve[start : start + size] for start in range(0, len(curve), size)]
    return tuple((group[-1][0], round(sum(loss for _, loss in group) / len(group), 5)) for group in groups)
