"""Generate: one set of controls, a grid of samples that denoises live."""

from __future__ import annotations

from PySide6.QtWidgets import QStackedLayout

from desktop_app.state.controls import Controls
from desktop_app.state.runs import Run, Runs
from desktop_app.state.words import shown, summary
from desktop_app.widgets.image_grid import ImageGrid
from desktop_app.workspaces.workspace import EmptyState, Workspace
from engine.catalog import cards
from engine.request import Request


class GenerateWorkspace(Workspace):
    """One lane."""

    verb = "Generate"

    def __init__(self, runs: Runs, request: Request) -> None:
        super().__init__(runs)
        self.controls = Controls(request, self)
        self.inspector.bind(self.controls)
        self.grid = ImageGrid("Samples")
        self.empty = EmptyState("Images appear here step by step as they are denoised.", "Generate")
        self.empty.button.clicked.connect(self.start)
        self.stack = QStackedLayout()
        self.stack.addWidget(self.empty)
        self.stack.addWidget(self.grid)
        self.centre.addLayout(self.stack, 1)
        self.summary.setText("Generate")
        self.refresh()

    def lanes(self) -> list[Controls]:
        return [self.controls]

    def expect(self, runs: list[Run]) -> None:
        request = runs[0].request
        self.summary.setText(heading(request))
        self.facts.setText(summary(request))
        self.grid.expect(request.count, *image_size(request))
        self.stack.setCurrentWidget(self.grid)

    def refresh(self) -> None:
        run = next(iter(self.timeline.lanes), None)
        self.progress.setText(self.progress_text())
        if run is None:
            return
        at = self.timeline.frame_of(run)
        if at >= 0:
            self.grid.show_pictures(run.pictures(self.view, at))


def heading(request: Request) -> str:
    """What a request makes, in a few words."""
    card = cards().get(request.model)
    what = "any" if request.condition is None else shown("condition", request.condition)
    return f"{card.title if card else request.model} · {what}"


def image_size(request: Request) -> tuple[int, int]:
    """Height and width of the images that a request makes."""
    card = cards().get(request.model)
    return card.shape[1:] if card else (28, 28)
