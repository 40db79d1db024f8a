"""The timeline: transport, readouts, filmstrip and track, full width at the bottom of every workspace."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QPushButton, QWidget

from desktop_app.state.timeline import SPEEDS, Timeline
from desktop_app.state.tree import MOST, branch_of
from desktop_app.theme import theme
from desktop_app.widgets.combo_box import ComboBox
from desktop_app.widgets.layout import IconButton, Segments, column, fill, label, row
from desktop_app.widgets.timeline_axis import AXES, level_text
from desktop_app.widgets.timeline_bubble import StepBubble, number
from desktop_app.widgets.timeline_film import Filmstrip
from desktop_app.widgets.timeline_track import TimelineTrack

READOUTS = {"Step": 84, "t": 46, "σ": 62, "Evaluations": 40, "‖score‖": 62, "Time": 62}  # name → px
OF_IMAGES = ("‖score‖",)


class TimelineBar(QWidget):
    """Shows and moves a `Timeline`."""

    branch_wanted = Signal()

    def __init__(self, timeline: Timeline, images: bool = True) -> None:
        """`images`: whether the runs have pictures, for a filmstrip, and scores."""
        super().__init__()
        self.timeline, self.images = timeline, images
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._add_transport()
        self.axis = Segments("Axis", AXES)
        self.axis.chosen.connect(lambda value: timeline.set_mode(axis=value))
        self.readouts = {}
        cells = row(spacing=16)
        for name, width in READOUTS.items():
            if images or name not in OF_IMAGES:
                value = self.readouts[name] = label("–", "number")
                value.setFixedWidth(width)
                value.setAccessibleName(name)
                cells.addLayout(
                    row(label(name.replace("‖", "\u200a‖\u200a").strip("\u200a"), "faint"), value, spacing=6)
                )
        cells.addStretch(1)
        cells.addWidget(self.axis)
        fill(cells, (16, 0, 12, 0), 16)
        self.track = TimelineTrack(timeline, images)
        self.film = Filmstrip(timeline, self.track)
        self.bubble = StepBubble(timeline, self)
        for part in (self.track, self.film):
            part.hovered.connect(lambda index, x: self.bubble.tell(index, x, images))
        layout = column(spacing=4)
        layout.addLayout(self._transport)
        layout.addLayout(cells)
        layout.addSpacing(2)
        layout.addWidget(self.film)
        layout.addWidget(self.track)
        fill(layout, (0, 0, 0, 4), 4)
        self.setLayout(layout)
        for signal in (timeline.moved, timeline.lanes_changed, timeline.mode_changed):
            signal.connect(self.refresh)
        theme().changed.connect(self._paint)
        self._paint()
        self.refresh()

    def _add_transport(self) -> None:
        timeline = self.timeline
        self.first = IconButton("skip-back", "First step", "Home")
        self.back = IconButton("chevron-left", "One step back", "←")
        self.play = IconButton("play", "Play", "Space")
        self.forth = IconButton("chevron-right", "One step on", "→")
        self.last = IconButton("skip-forward", "Last step", "End")
        self.loop = IconButton("repeat", "Loop", checkable=True)
        self.follow = IconButton("locate", "Follow the newest step", "End", checkable=True)
        self.first.clicked.connect(lambda: timeline.seek(0))
        self.back.clicked.connect(lambda: timeline.step(-1))
        self.play.clicked.connect(timeline.play)
        self.forth.clicked.connect(lambda: timeline.step(1))
        self.last.clicked.connect(lambda: timeline.seek(timeline.length))
        self.loop.clicked.connect(lambda on: timeline.set_mode(loop=on))
        self.follow.clicked.connect(lambda on: timeline.set_mode(following=on, playing=False))
        self.speed = ComboBox()
        self.speed.setAccessibleName("Speed of playing")
        self.speed.setToolTip("Speed of playing")
        self.speed.setFixedWidth(70)
        for speed in SPEEDS:
            self.speed.addItem(f"{speed:g}×", speed)
        self.speed.activated.connect(lambda index: timeline.set_mode(speed=SPEEDS[index]))
        self.branch = QPushButton("Branch here")
        self.branch.setAccessibleName("Branch here")
        self.branch.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.branch.clicked.connect(self.branch_wanted)
        self.strip = IconButton("film", "Filmstrip", checkable=True)
        self.strip.clicked.connect(lambda on: timeline.set_mode(film=on))
        self._transport = row(
            self.first, self.back, self.play, self.forth, self.last, 8, self.loop, self.follow, 8, self.speed, spacing=2
        )
        self._transport.addStretch(1)
        self._transport.addWidget(self.branch)
        self._transport.addSpacing(6)
        self._transport.addWidget(self.strip)
        fill(self._transport, (12, 8, 12, 0), 2)

    def refresh(self) -> None:
        """Show the timeline's state."""
        timeline, run = self.timeline, self.timeline.selected
        self.play.rename(*(("Pause", "pause") if timeline.playing else ("Play", "play")))
        self.loop.setChecked(timeline.loop)
        self.follow.setChecked(timeline.following)
        self.speed.setCurrentIndex(SPEEDS.index(timeline.speed) if timeline.speed in SPEEDS else 2)
        self.axis.choose(timeline.axis)
        self.strip.setChecked(timeline.film)
        self.strip.setVisible(self.images)
        self.film.setVisible(self.images and timeline.film and (run is None or run.images))
        there = run is not None and timeline.reached >= 0
        for button in (self.first, self.back, self.play, self.forth, self.last, self.follow):
            button.setEnabled(there)
        self._offer_branch()
        values = dict.fromkeys(READOUTS, "–")
        if there:
            assert run is not None
            at = timeline.frame_of(run)
            values = {
                "Step": f"{at} / {run.steps}",
                "t": f"{run.levels[at][0]:.4f}",
                "σ": level_text(run.sigma(at), 4),
                "Evaluations": str(run.nfe[at]),
                "‖score‖": number(run.measure("score", at, timeline.sample)),
                "Time": f"{run.seconds[at]:.2f} s",
            }
        for name, cell in self.readouts.items():
            cell.setText(values[name])

    def _offer_branch(self) -> None:
        tree, run = self.timeline.tree, self.timeline.selected
        self.branch.setVisible(tree is not None)
        if tree is None:
            return
        there = run is not None and self.timeline.reached >= 0
        possible = there and run is not None and branch_of(run, self.timeline.frame_of(run)) is not None
        why = "" if there else "Nothing has been computed yet"
        if tree.is_full:
            why = f"At most {MOST} runs: delete a branch first"
        if there and not possible:
            why = "The result has nothing after it to change: go to a step before"
        self.branch.setEnabled(bool(possible) and not tree.is_full)
        self.branch.setToolTip(why or "Change something from this step on, and go on from there  ·  B")

    def _paint(self) -> None:
        self.branch.setIcon(theme().icon("git-branch", "text_soft", 16))
