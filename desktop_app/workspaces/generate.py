"""Generate: one set of controls, a grid of samples that denoises live, and branches of its run."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint
from PySide6.QtWidgets import QStackedWidget, QWidget

from desktop_app.state.controls import Controls
from desktop_app.state.latest import Client
from desktop_app.state.runs import Run, Runs
from desktop_app.state.tree import Tree, branch_of, branches_from, changes
from desktop_app.state.words import difference, heading, image_size, summary
from desktop_app.widgets.image_grid import ImageGrid
from desktop_app.widgets.layout import ElidedLabel, IconButton, column, fill, line, row
from desktop_app.widgets.timeline_branch import BranchPanel
from desktop_app.widgets.training_strip import TrainingStrip
from desktop_app.workspaces.workspace import EmptyState, Workspace
from engine.request import Request


class GenerateWorkspace(Workspace):
    """One lane, or a run of the tree and the one that it has branched from."""

    verb = "Generate"

    def __init__(self, runs: Runs, client: Client, request: Request) -> None:
        super().__init__(runs)
        self.training_images = TrainingStrip(client)
        self.controls = Controls(request, self)
        self.inspector.bind(self.controls)
        self.tree = self.timeline.tree = Tree(self)
        self._held_for_undo: set[Run] = set()
        self.grid, self.stem_grid = ImageGrid("Samples"), ImageGrid("Samples of the run that it has branched from")
        self.caption, self.stem_caption = ElidedLabel("soft"), ElidedLabel("soft")
        self._captions: list[QWidget] = []
        self.stem_side, self.stem_line = self._side(self.stem_caption, self.stem_grid), line(vertical=True)
        self.both = QWidget()
        sides = row(spacing=0)
        sides.addWidget(self.stem_side, 1)
        sides.addWidget(self.stem_line)
        sides.addWidget(self._side(self.caption, self.grid), 1)
        self.both.setLayout(sides)
        self.empty = EmptyState("Images appear here step by step as they are denoised.", "Generate")
        self.empty.button.clicked.connect(self.start)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.empty)
        self.stack.addWidget(self.both)
        self.centre.addWidget(self.stack, 1)
        self.centre.addWidget(self.training_images)
        self.beside = IconButton("columns-2", "The run it has branched from beside it", checkable=True)
        self.beside.clicked.connect(self.tree.show_beside)
        self.header.insertWidget(self.header.count() - 1, self.beside)
        for grid, other in ((self.grid, self.stem_grid), (self.stem_grid, self.grid)):
            grid.selected.connect(other.enlarge)
        self.grid.selected.connect(lambda sample: self.timeline.set_mode(sample=sample))
        self.grid.selected.connect(lambda _: self.refresh())
        self.panel = BranchPanel(self)
        self.panel.refused.connect(self.problem)
        self.panel.go.connect(self.branch)
        self.panel.installEventFilter(self)
        self.bar.branch_wanted.connect(self.branch_here)
        self.bar.track.chosen.connect(self.select)
        self.bar.track.unwanted.connect(self.remove)
        self.tree.changed.connect(self._show_tree)
        self.timeline.moved.connect(self._follow_panel)
        self.summary.setText("Generate")
        self._show_tree()

    def lanes(self) -> list[Controls]:
        return [self.controls]

    @property
    def held(self) -> list[Run]:
        return self.tree.runs

    @property
    def saved(self) -> list[Run]:
        return [self.tree.selected] if self.tree.selected is not None else []

    def expect(self, runs: list[Run]) -> None:
        self.panel.leave()
        self.stack.setCurrentWidget(self.both)

    def show_again(self, requests: list[Request]) -> None:
        """Run these again: the first, and those that are branches of the ones before them."""
        super().show_again(requests[:1])
        for request in requests[1:]:
            stem = next((run for run in self.tree.runs if branches_from(request, run)), None)
            if stem is not None:
                self.branch(stem, request)

    def put(self, new: list[Run], old: list[Run]) -> None:
        selected = self.tree.selected
        self.timeline.set_mode(following=True)
        self.tree.plant(new[0])
        if len(old) > 1:
            self._make_undoable("a new run", (old, selected))
        for run in old:
            if run not in self._held_for_undo:
                self.runs.release(run)

    # --- branches ---

    def branch_here(self) -> None:
        """Open the panel for a branch at the present step of the selected run; it says where that cannot be."""
        if not self.panel.isHidden():
            self.panel.leave()
            return
        run = self.tree.selected
        if run is None or not self.bar.branch.isEnabled():
            self.problem.emit(f"{self.bar.branch.toolTip()}." if run else "There is no run to branch from yet.")
            return
        self.timeline.set_mode(following=False, playing=False)
        self._follow_panel(opening=True)

    def turn(self, step: int) -> None:
        self.grid.turn(step)

    def offer_branch(self) -> None:
        """Once the run is over, look at it half-way, and offer a branch there."""
        run = self.tree.selected

        def offer() -> None:
            if run is self.tree.selected and run is not None and run.status == "finished" and self.panel.isHidden():
                self.timeline.seek(self.timeline.length // 2)
                self.branch_here()

        if run is not None:
            run.ended.connect(offer)

    def branch(self, stem: Run, request: Request) -> None:
        """Go on from a step of a run with another request, the run kept beside it."""
        run = self.runs.start(request, stem)
        run.ended.connect(self._on_ended)
        self.timeline.set_mode(following=True)
        self.tree.add(run)
        self._read_back(run)
        self.inspector.set_running(True, self.verb)
        if self.isVisible():  # and is not opened again behind another workspace
            self.bar.track.setFocus()

    def select(self, run: Run) -> None:
        """Look at a run of the tree; the inspector shows what it was asked with."""
        if run is not self.tree.selected:
            self.tree.select(run)
            self._read_back(run)

    def remove(self, run: Run) -> None:
        """Take a branch out, and what grows from it."""
        before = (list(self.tree.runs), self.tree.selected)
        for gone in self.tree.remove(run):
            if not gone.over:
                self.runs.stop(gone)
        if self.tree.selected is not None:
            self._read_back(self.tree.selected)
        self._make_undoable("deleting a branch", before)  # after the controls, which are taken back by themselves

    def _make_undoable(self, text: str, before: tuple[list[Run], Run | None]) -> None:
        """What the tree was and what it is now can be had again: nothing of either is let go."""
        after = (list(self.tree.runs), self.tree.selected)
        self._held_for_undo.update(before[0], after[0])
        self.undoable.emit(text, lambda: self._restore(*before), lambda: self._restore(*after))

    def _restore(self, runs: list[Run], selected: Run | None) -> None:
        self.stop()
        self.tree.restore(runs, selected)

    def _read_back(self, run: Run) -> None:
        """Set the inspector to what a run was asked with, from the start that its root has."""
        root = self.tree.runs[0]
        self.controls.take(run.request.replace(start=root.request.start))

    def _follow_panel(self, opening: bool = False) -> None:
        """The panel is about the step that is looked at."""
        run = self.tree.selected
        if run is None or (self.panel.isHidden() and not opening):
            return
        at = self.timeline.frame_of(run)
        found = branch_of(run, at)
        if found is not None:
            self.panel.open(*found, at)
            self._place_panel()

    def _place_panel(self) -> None:
        """Above the timeline, near the playhead, left of the inspector."""
        leader = self.timeline.leader
        if leader is None:
            return
        x = self.bar.track.place_px(leader, self.timeline.position) - self.panel.width() / 2
        right = self.inspector.x() - self.panel.width() - 12
        top = self.bar.mapTo(self, QPoint(0, 0)).y() - self.panel.height() - 10
        self.panel.move(int(min(max(x, 12), max(right, 12))), max(top, 8))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.panel and event.type() == QEvent.Type.Resize:
            self._place_panel()
        return False

    # --- shown ---

    def refresh(self) -> None:
        run = self.tree.selected
        self.progress.setText(self.progress_text())
        if run is None:
            return
        for shown, grid in ((run, self.grid), (run.stem, self.stem_grid)):
            if shown is not None and shown in self.timeline.lanes and self.timeline.frame_of(shown) >= 0:
                grid.show_pictures(shown.pictures(self.view, self.timeline.frame_of(shown)))
        at = self.timeline.frame_of(run)
        self.training_images.look(run, at, self.grid.enlarged)
        note = run.note(self.view, at) if at >= 0 else ""
        scale = run.scale(self.view, at) if at >= 0 else 0.0
        self.mark.setText(note or (f"±{scale:.2g}" if scale else ""))
        self.mark.setToolTip(NOTES.get(note, "What the strongest colour stands for: yellow above zero, blue below"))

    def _show_tree(self) -> None:
        run = self.tree.selected
        lanes = self.tree.lanes
        if lanes != self.timeline.lanes:
            self.timeline.show(lanes, stay=True)
            if run is not None:
                self._expect_pictures(run)  # which may let an enlarged sample go, and tells the timeline
        beside = len(lanes) > 1
        for widget in (self.stem_side, self.stem_line, *self._captions):
            widget.setVisible(beside)
        self.beside.setVisible(run is not None and run.stem is not None)
        self.beside.setChecked(self.tree.beside)
        self.stack.setCurrentWidget(self.empty if run is None else self.both)
        if run is not None:
            self.summary.setText(heading(run.request))
            self.facts.setText(summary(run.request))
        if run is not None and run.stem is not None:
            fields = changes(run.request, run.stem.request)
            for caption, name, one in (
                (self.stem_caption, "Before", run.stem),
                (self.caption, f"Branch at step {run.begins}", run),
            ):
                caption.setText("   ".join([name, *difference(one.request, fields)]))
        self.timeline.lanes_changed.emit()  # rows, too
        self.inspector.set_running(self.running, self.verb)
        self.refresh()

    def _expect_pictures(self, run: Run) -> None:
        """Empty places for pictures of another size or number than those that are shown."""
        for shown, grid in ((run, self.grid), (run.stem, self.stem_grid)):
            if shown is not None and not shown.frames:
                grid.expect(shown.request.count, *image_size(shown.request))

    def _side(self, caption: QWidget, grid: ImageGrid) -> QWidget:
        """A grid, and what heads it where there are two."""
        head = QWidget()
        head.setProperty("surface", "canvas")
        inner = row()
        inner.addWidget(caption, 1)
        fill(inner, (20, 10, 20, 0))
        head.setLayout(inner)
        self._captions.append(head)
        side = QWidget()
        side.setProperty("surface", "canvas")
        layout = column(spacing=0)
        layout.addWidget(head)
        layout.addWidget(grid, 1)
        side.setLayout(layout)
        return side


NOTES = {
    "8-bit": "Of this step only a picture of 8 bits is still remembered, so this is coarse",
    "not kept": "Of this step only pictures of 8 bits are still remembered, which have no score and no ε; "
    "a larger history (Ctrl+K: History) or a branch near it brings them back",
}
