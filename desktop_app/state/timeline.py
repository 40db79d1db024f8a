"""Where in the reverse process one looks: one position for all lanes, aligned by σ; playing and following."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from desktop_app.state.runs import Run
from desktop_app.state.tree import Tree

FRAME_MS = 33
PLAY_SECONDS = 2.5  # a whole run, at speed 1
SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0)
AXES = ("step", "t", "logsigma", "logsnr")


class Timeline(QObject):
    """A position in the lane with the most steps; the others are shown at their level nearest in log σ."""

    moved = Signal()  # the position, or what can be seen at it; at most 30 times a second while runs go on
    lanes_changed = Signal()
    mode_changed = Signal()  # playing, following, speed, loop, axis, view, sample, film

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.lanes: list[Run] = []
        self.tree: Tree | None = None  # of the runs that the lanes are chosen from
        self.position = 0
        self.following = True
        self.playing = False
        self.loop = False
        self.backward = False  # plays towards the noise, as the forward process runs
        self.speed = 1.0
        self.axis = "step"  # one of AXES
        self.view = "denoised"  # what the filmstrip shows, of which sample; −1 for the first
        self.sample = -1
        self.film = True  # whether it is shown
        self._place = 0.0  # the position while playing, with its fraction
        self._clock = QTimer(self, interval=FRAME_MS)
        self._clock.timeout.connect(self._tick)
        self._announce = QTimer(self, interval=FRAME_MS, singleShot=True)
        self._announce.timeout.connect(self._announced)
        self._pictured = QTimer(self, interval=0, singleShot=True)
        self._pictured.timeout.connect(self.moved)

    @property
    def selected(self) -> Run | None:
        """The run that is looked at: the one selected in the tree, or the leader."""
        return self.leader if self.tree is None or self.tree.selected is None else self.tree.selected

    @property
    def rows(self) -> list[Run]:
        """The runs that the track has a row for: those of the tree, or the lanes."""
        return self.lanes if self.tree is None or not self.tree.runs else self.tree.runs

    @property
    def leader(self) -> Run | None:
        """The lane whose steps are the timeline's steps: of those whose noise falls the one with the most."""
        return max(self.lanes, key=lambda run: (not run.is_level, run.steps), default=None)

    @property
    def length(self) -> int:
        """The number of the last position: the number of steps."""
        leader = self.leader
        return leader.steps if leader else 0

    @property
    def reached(self) -> int:
        """The last position that every lane can show, by σ; −1 while there is nothing."""
        leader = self.leader
        if leader is None or any(not run.frames for run in self.lanes):
            return -1
        others = [run for run in self.lanes if run is not leader]
        last = leader.frames - 1
        while last > 0 and any(self._wanted(run, last) >= run.frames and not run.over for run in others):
            last -= 1
        return last

    def show(self, lanes: list[Run], stay: bool = False) -> None:
        """Put these runs on the timeline, from the start, and follow them; or stay where one looks, by σ."""
        leader = self.leader
        here = leader.sigma(min(self.position, leader.steps)) if stay and leader and leader.levels else None
        following, playing = self.following, self.playing
        for run in self.lanes:
            run.started.disconnect(self._on_started)
            run.stepped.disconnect(self._on_stepped)
            run.ended.disconnect(self._on_stepped)
            run.pictured.disconnect(self._pictured.start)
        self.lanes = list(lanes)
        for run in self.lanes:
            run.started.connect(self._on_started)
            run.stepped.connect(self._on_stepped)
            run.ended.connect(self._on_stepped)
            run.pictured.connect(self._pictured.start)
        self.position, self._place = max(0, self.reached), 0.0
        leader = self.leader
        if here is not None and leader is not None and leader.levels and not following:
            self.position = min(leader.nearest(here), max(self.reached, 0))
            self._place = float(self.position)
            self.set_mode(playing=playing, following=False)
        else:
            self.set_mode(playing=False, following=True)
        self.lanes_changed.emit()
        self.moved.emit()

    def frame_of(self, run: Run) -> int:
        """The frame of a lane at the present position; −1 while it has none."""
        return min(self._wanted(run, self.position), run.frames - 1)

    def _wanted(self, run: Run, position: int) -> int:
        leader = self.leader
        if run is leader or leader is None or not leader.levels or not run.levels:
            return min(position, run.steps)
        if run.is_level:  # no σ tells its steps apart
            return round(position / max(leader.steps, 1) * run.steps)
        return run.nearest(leader.sigma(min(position, len(leader.levels) - 1)))

    def seek(self, position: int) -> None:
        """Go to a position by hand: ends playing, and following unless it is the end."""
        position = min(max(position, 0), max(self.reached, 0))
        self.set_mode(playing=False, following=position >= self.reached)
        self._go(position)

    def step(self, by: int) -> None:
        """Go on or back by a number of steps."""
        self.seek(self.position + by)

    def play(self) -> None:
        """Play or pause; from the start where the end was reached."""
        if self.playing:
            self.set_mode(playing=False)
            return
        if self.reached < 0:
            return
        first, ended = (self.reached, not self.position) if self.backward else (0, self.position >= self.reached)
        self._place = float(first if ended else self.position)
        self.set_mode(playing=True, following=False)
        self._go(int(self._place))

    def set_mode(self, **modes: bool | float | str) -> None:
        """Change playing, following, loop, speed, axis, or what the filmstrip shows."""
        for name, value in modes.items():
            setattr(self, name, value)
        if self.playing and not self._clock.isActive():
            self._clock.start()
        elif not self.playing:
            self._clock.stop()
        if modes.get("following"):
            self._go(max(self.reached, 0))
        self.mode_changed.emit()

    def _go(self, position: int) -> None:
        if position != self.position:
            self.position = position
            self.moved.emit()

    def _tick(self) -> None:
        by = self.length / PLAY_SECONDS * self.speed * FRAME_MS / 1000
        if self.backward:
            self._tick_back(by)
            return
        self._place += by
        if self._place >= self.reached:
            if self.loop and self.position >= self.reached:
                self._place = 0.0
            elif not self.loop and self.reached >= self.length:
                self._go(self.reached)
                self.set_mode(playing=False, following=True)
                return
            else:
                self._place = float(self.reached)
        self._go(int(self._place))

    def _tick_back(self, by: float) -> None:
        self._place -= by
        if self._place <= 0.0:
            if not self.loop:
                self._go(0)
                self.set_mode(playing=False)
                return
            self._place = 0.0 if self.position else float(self.reached)
        self._go(int(self._place))

    def _on_started(self) -> None:
        self.lanes_changed.emit()

    def _on_stepped(self) -> None:
        if not self._announce.isActive():
            self._announce.start()

    def _announced(self) -> None:
        if self.following:
            self.position = max(self.reached, 0)
        self.moved.emit()
