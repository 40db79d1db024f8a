"""`scorescope train`: from flags to a sitting of training. Imports no torch before the flags are right."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import platformdirs

from engine import catalog, flags
from engine.fields import Field, RequestError
from engine.flags import CommandError
from engine.request import FIELDS

SUMMARY = "Train a model. It can be stopped at any time and resumed with the same result."
FOLDER = "images"  # the name that stands for a folder of one's own
TRAINING = {
    "minutes": Field("number", "Minutes", "Time to train for, over all sessions.", minimum=0.01, maximum=1e6),
    "steps": Field("integer", "Steps", "Steps to train for, over all sessions.", minimum=1, maximum=1e9),
    "report": Field("number", "Report", "Seconds between lines, where there is no bar.", minimum=0.1, maximum=3600),
    "seed": Field("integer", "Seed", "Fixes everything random in a training.", minimum=0, maximum=2**32 - 1),
}
PICTURES = {
    "size": Field("integer", "Size", "Of pictures of a folder, in pixels: a multiple of 8.", minimum=8, maximum=128),
}


def add_train(train: argparse.ArgumentParser) -> None:
    """The flags of the command."""
    names = "digits, digits-weak, digits-classifier, digits-noisy-classifier, emoji, emoji-retrieval"
    train.add_argument("name", metavar="NAME", help=f"{names}, or {FOLDER} for a folder of your own.")
    train.add_argument("folder", metavar="FOLDER", nargs="?", help=f"With {FOLDER}: pictures, by class in sub-folders.")
    flags.add_flags(train, TRAINING, {"seed": 0, "report": 30})
    flags.add_flags(train, PICTURES, {"size": 32})
    train.add_argument("--captions", action="store_true", help="NAME.txt in the folder says what NAME.png shows.")
    existing = train.add_mutually_exclusive_group()
    existing.add_argument("--resume", action="store_true", help="Go on from the checkpoint.")
    existing.add_argument("--restart", action="store_true", help="Begin anew, over a checkpoint that is there.")
    train.add_argument("--out", metavar="FOLDER", help="Where the model goes. Default: where generate looks first.")
    train.add_argument("--checkpoint", metavar="FILE", help="Default: in the data folder of this user.")


def train(args: argparse.Namespace) -> int:
    """Train by the flags; returns the exit status. Raises RequestError and CommandError."""
    if not FIELDS["model"].admits(args.name):
        raise RequestError("name", f"the name of a model must be {FIELDS['model'].allowed}, not {args.name!r}.")
    values, size = flags.values(args, TRAINING), flags.values(args, PICTURES).get("size", 32)
    if ("minutes" in values) == ("steps" in values):
        raise RequestError("steps", "either --minutes or --steps says how long to train.")
    if (args.name == FOLDER) != (args.folder is not None):
        raise RequestError("folder", f"{FOLDER} goes with a folder, and nothing else does.")
    if args.name != FOLDER and (args.captions or args.size is not None):
        raise RequestError("size", f"--size and --captions go with {FOLDER}.")
    if size % 8:
        raise RequestError("size", f"size must be a multiple of 8, not {size}.")

    from engine.data.folder import FolderError
    from engine.device import pick
    from engine.models import ModelError
    from engine.training import folder_recipe, recipes
    from engine.training.session import Session

    try:
        pick()
    except ValueError as error:
        raise CommandError(f"{error}.") from error
    try:
        if args.name == FOLDER:
            recipe, refused = folder_recipe.of(Path(args.folder), size, args.captions)
        else:
            recipe, refused = recipes.named(args.name), ()
        checkpoint, out = _places(args, recipe.card.name)
        session = Session(recipe, checkpoint, out, values.get("seed"), resume=args.resume)
        if session.training.team.rank == 0:
            for sentence in refused:
                print(sentence, file=sys.stderr)
        return session.run(values.get("minutes"), values.get("steps"), values.get("report", 30.0))
    except (FolderError, ModelError, OSError) as error:
        raise CommandError(str(error)) from error


def _places(args: argparse.Namespace, name: str) -> tuple[Path, Path]:
    """The checkpoint, and the folder of the model. Raises CommandError where they cannot be."""
    home = Path(platformdirs.user_data_dir("scorescope", appauthor=False))
    checkpoint = Path(args.checkpoint or home / "training" / f"{name}.safetensors")
    out = Path(args.out or catalog.model_folders()[0])
    if checkpoint.exists() and not (args.resume or args.restart):
        raise CommandError(f"{checkpoint} is there already: --resume goes on with it, --restart begins anew.")
    for folder in (checkpoint.parent, out):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CommandError(f"{folder} cannot be made: {error.strerror}.") from error
    flags.place(str(checkpoint))
    return checkpoint, out
