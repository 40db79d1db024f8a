"""What every workspace is: a picture in the middle, the inspector at the right, the timeline below."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from desktop_app.state.controls import Controls
from desktop_app.state.models import image_models
from desktop_app.state.runs import Run, Runs
from desktop_app.state.timeline import Timeline
from desktop_app.widgets.inspector import Inspector
from desktop_app.widgets.layout import ElidedLabel, Segments, column, fill, label, line, row
from desktop_app.widgets.timeline_bar import TimelineBar
from engine.request import FIELDS, Request

VIEWS = {
    "noisy": ("xₜ", "The sample as it is at this noise level"),
    "denoised": ("x̂₀", "What the model takes the clean image to be: D(xₜ; σ)"),
    "score": ("score", "∇ log p(xₜ) = (α x̂₀ − xₜ) / std²: yellow is brighter, blue darker"),
    "eps": ("ε", "The noise that the model sees: ε = (xₜ − α x̂₀) / std"),
    "change": ("Δ", "How x̂₀ has changed since the last step"),
}


class Workspace(QWidget):
    """Holds the lanes that are shown, starts and stops them. Subclasses fill `centre` and tell `requests()`."""

    problem = Signal(str)  # a sentence for a toast
    view_changed = Signal(str)
    undoable = Signal(str, object, object)  # what was done, and how to take it back and to do it again
    images = True  # whether the runs have pictures
    has_lanes = True  # or it is its centre alone, without timeline and inspector
    verb = "Generate"
    own_fields: tuple[str, ...] = ()  # of the request, that the workspace sets by itself
    models = staticmethod(image_models)  # to choose from

    def __init__(self, runs: Runs) -> None:
        super().__init__()
        self.runs = runs
        self.timeline = Timeline(self)
        self.view = "denoised"
        self._last_seed: int | None = None
        self.bar = TimelineBar(self.timeline, self.images)
        self.inspector = Inspector(self.own_fields if self.has_lanes else tuple(FIELDS), self.models)
        self.inspector.run_wanted.connect(self.start)
        self.inspector.stop_wanted.connect(self.stop)
        self.inspector.refused.connect(self.problem)
        self.views = Segments("View", VIEWS)
        self.views.chosen.connect(self.set_view)
        self.views.choose(self.view)
        self.summary = ElidedLabel("title")
        self.summary.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.progress = label("", "faint")
        self.facts = ElidedLabel("faint")
        self.mark = label("", "faint")
        self.header = row(self.summary, spacing=12)
        self.header.addWidget(self.facts, 1)
        for widget in (self.progress, self.mark, self.views):
            self.header.addWidget(widget)
        fill(self.header, (20, 10, 20, 10), 12)
        self.header.addStrut(28)  # as high where it has no buttons
        self.centre = QVBoxLayout()
        fill(self.centre)
        above = QHBoxLayout()
        fill(above)
        left = QVBoxLayout()
        fill(left)
        left.addLayout(self.header)
        left.addWidget(line())
        left.addLayout(self.centre, 1)
        above.addLayout(left, 1)
        self.seams = [line(vertical=True), line()]  # before the inspector, above the timeline
        above.addWidget(self.seams[0])
        above.addWidget(self.inspector)
        layout = column(spacing=0)
        layout.addLayout(above, 1)
        layout.addWidget(self.seams[1])
        layout.addWidget(self.bar)
        self.setLayout(layout)
        if not self.has_lanes:
            for part in (self.bar, self.inspector, self.views, *self.seams):
                part.hide()
            self.bar.setFixedHeight(0)
        self.inspector.set_running(False, self.verb)
        self.timeline.moved.connect(self.refresh)
        self.timeline.lanes_changed.connect(self.refresh)

    # --- to be said by each workspace ---

    def lanes(self) -> list[Controls]:
        """The controls of every lane, the first one with the seed."""
        raise TypeError("each workspace has its own lanes")

    def refresh(self) -> None:
        """Draw what is at the timeline's position."""
        raise TypeError("each workspace draws its own lanes")

    def open(self) -> None:
        """It is being looked at."""

    def rest(self) -> None:
        """It is no longer looked at: nothing plays on unseen."""
        self.release_space()
        if self.timeline.playing:
            self.timeline.play()

    @property
    def floor(self) -> int:
        """Down to where toasts lie, in px of the window."""
        return self.window().height() - self.bar.height()

    # --- running ---

    @property
    def sets(self) -> bool:
        """Whether there is something to set here."""
        return self.inspector.controls is not None

    @property
    def bound(self) -> Controls:
        """What the inspector shows and changes."""
        assert self.inspector.controls is not None
        return self.inspector.controls

    @property
    def held(self) -> list[Run]:
        """The runs that the workspace has: those on the timeline, and what can be put there."""
        return self.timeline.rows

    @property
    def running(self) -> bool:
        """Whether a run is still under way."""
        return any(not run.over for run in self.held)

    @property
    def saved(self) -> list[Run]:
        """The runs whose pictures are saved."""
        return self.timeline.lanes

    def start(self) -> None:
        """Run all lanes with what their controls say; a seed that is not locked is new each time."""
        first = self.lanes()[0]
        if not first.seed_locked and first["seed"] == self._last_seed:
            first.randomise_seed()
        self.start_exactly()

    def start_exactly(self) -> None:
        """Run all lanes with what their controls say, also with the seed that was run just now."""
        self._last_seed = self.lanes()[0]["seed"]
        self.show_again([controls.request() for controls in self.lanes()])

    def show_again(self, requests: list[Request]) -> None:
        """Run these, in the place of what is shown, which none would leave as it is."""
        if not requests:
            return
        self.stop()
        old = list(self.held)
        new = [self.begin(request) for request in requests]
        for run in new:
            run.ended.connect(self._on_ended)
        self.expect(new)
        self.put(new, old)
        self.inspector.set_running(True, self.verb)

    def begin(self, request: Request) -> Run:
        """Start one lane."""
        return self.runs.start(request)

    def put(self, new: list[Run], old: list[Run]) -> None:
        """Show new runs in the place of the old ones."""
        self.timeline.show(new)
        for run in old:
            self.runs.release(run)

    def stop(self) -> None:
        """Stop what is under way, before its next step."""
        for run in self.held:
            if not run.over:
                self.runs.stop(run)

    def branch_here(self) -> None:
        """Offer to change something from the present step on; a workspace may have no branches."""

    def turn(self, step: int) -> None:
        """Enlarge the next sample, or the one before; 0 shows them all. A workspace may have none."""

    def press_space(self) -> None:
        """Play or pause; a workspace may have another use for it, while it is held."""
        self.timeline.play()

    def release_space(self) -> None:
        """Space is no longer held."""

    def expect(self, runs: list[Run]) -> None:
        """Prepare for the pictures of these runs."""

    def set_view(self, view: str) -> None:
        """Show x_t ("noisy"), x̂₀ ("denoised"), the score, ε ("eps") or the change of x̂₀."""
        self.view = view
        self.views.choose(view)
        self.timeline.set_mode(view=view)
        self.refresh()
        self.view_changed.emit(view)

    def _on_ended(self) -> None:
        self.inspector.set_running(self.running, self.verb)
        self.refresh()

    def progress_text(self) -> str:
        """How far the slowest lane is, and how long it will still take."""
        lanes = self.timeline.lanes
        if not lanes:
            return ""
        if any(run.status == "failed" for run in lanes):
            return "failed"
        if not self.running:
            return "stopped" if any(run.status == "stopped" for run in lanes) else ""
        if any(run.status == "waiting" for run in lanes):
            return "starting the engine…"
        run = min(lanes, key=lambda run: run.frames / (run.steps + 1))
        left = sum(run.remaining() for run in lanes)
        return f"step {run.frames} of {run.steps}" + (f" · about {left:.0f} s left" if left >= 1.0 else "")


class EmptyState(QWidget):
    """One sentence and one button, where there is nothing to show yet."""

    def __init__(self, sentence: str, button: str) -> None:
        super().__init__()
        self.setProperty("surface", "canvas")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.button = QPushButton(button)
        self.button.setProperty("role", "primary")
        self.button.setMinimumWidth(160)
        text = label(sentence, "soft")
        layout = column(None, text, self.button, None, spacing=16)
        layout.setAlignment(text, Qt.AlignmentFlag.AlignHCenter)
        layout.setAlignment(self.button, Qt.AlignmentFlag.AlignHCenter)
        self.setLayout(layout)
