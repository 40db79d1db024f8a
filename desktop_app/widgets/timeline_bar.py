"""The timeline: transport, readout and track, full width at the bottom of every workspace."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from desktop_app.state.timeline import SPEEDS, Timeline
from desktop_app.widgets.combo_box import ComboBox
from desktop_app.widgets.layout import IconButton, Segments, column, fill, label, row
from desktop_app.widgets.timeline_track import TimelineTrack, level_text

AXES = {
    "step": ("Step", "Every step as wide as the next"),
    "logsigma": ("log σ", "Steps where their noise levels lie: uneven, as the solver takes them"),
}


class TimelineBar(QWidget):
    """Shows and moves a `Timeline`."""

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self.timeline = timeline
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
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
        self.axis = Segments("Axis", AXES)
        self.axis.chosen.connect(lambda value: timeline.set_mode(axis=value))
        self.readouts = {}
        cells = row(spacing=16)
        for name, width in {"Step": 76, "σ": 64, "Evaluations": 40, "Time": 64}.items():
            value = label("–", "number")
            value.setFixedWidth(width)
            value.setAccessibleName(name)
            self.readouts[name] = value
            cells.addLayout(row(label(name, "faint"), value, spacing=6))
        top = row(
            self.first, self.back, self.play, self.forth, self.last, 8, self.loop, self.follow, 8, self.speed, spacing=2
        )
        top.addStretch(1)
        top.addLayout(cells)
        top.addStretch(1)
        top.addWidget(self.axis)
        fill(top, (12, 8, 12, 0), 2)
        self.track = TimelineTrack(timeline)
        layout = column(spacing=4)
        layout.addLayout(top)
        layout.addWidget(self.track)
        fill(layout, (0, 0, 0, 4), 4)
        self.setLayout(layout)
        for signal in (timeline.moved, timeline.lanes_changed, timeline.mode_changed):
            signal.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the timeline's state."""
        timeline, leader = self.timeline, self.timeline.leader
        self.play.rename(*(("Pause", "pause") if timeline.playing else ("Play", "play")))
        self.loop.setChecked(timeline.loop)
        self.follow.setChecked(timeline.following)
        self.speed.setCurrentIndex(SPEEDS.index(timeline.speed) if timeline.speed in SPEEDS else 2)
        self.axis.choose(timeline.axis)
        there = leader is not None and timeline.reached >= 0
        for button in (self.first, self.back, self.play, self.forth, self.last, self.follow):
            button.setEnabled(there)
        values = ["–"] * 4
        if there:
            assert leader is not None
            at = timeline.frame_of(leader)
            values = [
                f"{at} / {timeline.length}",
                level_text(leader.sigma(at), 4),
                str(leader.nfe[at]),
                f"{leader.seconds[at]:.2f} s",
            ]
        for cell, text in zip(self.readouts.values(), values, strict=True):
            cell.setText(text)
