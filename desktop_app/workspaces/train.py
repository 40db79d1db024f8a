"""Train: a model of one's own, on a folder of pictures."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from desktop_app.state.runs import Runs
from desktop_app.state.training import LINES, Plan, TrainingProcess
from desktop_app.widgets.combo_box import ComboBox
from desktop_app.widgets.layout import column, fill, label, line, row
from desktop_app.widgets.loss_chart import LossChart
from desktop_app.widgets.number_edit import NumberEdit
from desktop_app.widgets.number_fields import number
from desktop_app.widgets.switch import Switch
from desktop_app.workspaces.workspace import Workspace
from engine.request import Request

WIDTH = 304
SIZES = (16, 24, 32, 48, 64)
MINUTES = (0.1, 10_000.0)
ABOUT = (
    "Pictures in sub-folders are classes, named as the folders are. With captions, NAME.txt says what NAME.png shows. "
    "The training goes on while you do other things; stopped, it can go on another day."
)


class TrainWorkspace(Workspace):
    """What to train on at the right, how it goes in the middle. It has no lanes, and so no timeline."""

    verb = "Train"
    has_lanes = False
    trained = Signal(str)  # a model that can be used now
    open_wanted = Signal(list, str)

    def __init__(self, runs: Runs) -> None:
        super().__init__(runs)
        self.process = TrainingProcess(self)
        self.process.changed.connect(self._show)
        self.process.trained.connect(self.trained)
        self.summary.setText("Train")
        self.chart = LossChart()
        self.said = QPlainTextEdit()
        self.said.setReadOnly(True)
        self.said.setMaximumBlockCount(LINES)
        self.process.heard.connect(self.said.appendPlainText)  # stays at the end, unless somebody reads further up
        self.said.setProperty("role", "number")
        self.said.setAccessibleName("What the training says")
        self.said.setFixedHeight(112)
        self.state = label("", "title")
        self.use = QPushButton("Generate with it")
        self.use.clicked.connect(self._use)
        centre = QHBoxLayout()
        fill(centre)
        left = column(spacing=0)
        left.addWidget(self.chart, 1)
        left.addWidget(line())
        below = column(spacing=8)
        below.addLayout(row(self.state, None, self.use))
        below.addWidget(self.said)
        fill(below, (20, 12, 20, 16), 8)
        left.addLayout(below)
        centre.addLayout(left, 1)
        centre.addWidget(line(vertical=True))
        centre.addWidget(self._panel())
        self.centre.addLayout(centre, 1)
        self.bar.track.setFocusProxy(self.button)
        self._show()

    def _panel(self) -> QWidget:
        """What to train on, and the buttons."""
        self.folder = QLineEdit()
        self.folder.setAccessibleName("Folder of pictures")
        self.folder.setPlaceholderText("A folder of pictures")
        self.folder.textChanged.connect(lambda _: self._show_buttons())
        self.choose_button = QPushButton("Choose…")
        self.choose_button.clicked.connect(self._choose)
        self.size_box = ComboBox()
        self.size_box.setAccessibleName("Size in pixels")
        for size in SIZES:
            self.size_box.add_choice(f"{size} × {size}", size, "Pictures are cut square and made this size.")
        self.size_box.setCurrentIndex(SIZES.index(32))
        self.captions = Switch("Captions")
        self.captions.setToolTip("NAME.txt beside NAME.png says what it shows; otherwise sub-folders are classes")
        self.minutes = NumberEdit("Minutes")
        self.minutes.setText("30")
        self.again = QPushButton("Begin anew")
        self.again.setToolTip("Over the checkpoint that is there")
        self.again.clicked.connect(lambda: self._begin("restart"))
        self.button = QPushButton()
        self.button.setProperty("role", "primary")
        self.button.clicked.connect(self._pressed)
        about = label(ABOUT, "faint")
        about.setWordWrap(True)
        body = column(label("PICTURES", "section"), self.folder, self.choose_button, about, spacing=8)
        body.addSpacing(4)
        body.addLayout(row(label("Size", "soft"), None, self.size_box))
        body.addLayout(row(label("Captions", "soft"), None, self.captions))
        body.addLayout(row(label("Minutes", "soft"), None, self.minutes))
        body.addStretch(1)
        fill(body, (16, 16, 16, 16), 8)
        foot = column(self.again, self.button, spacing=8)
        fill(foot, (16, 12, 16, 12), 8)
        layout = QVBoxLayout()
        fill(layout)
        layout.addLayout(body, 1)
        layout.addWidget(line())
        layout.addLayout(foot)
        panel = QWidget()
        panel.setProperty("surface", "panel")
        panel.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        panel.setFixedWidth(WIDTH)
        panel.setLayout(layout)
        return panel

    # --- what a workspace is asked ---

    @property
    def running(self) -> bool:
        return self.process.running

    def refresh(self) -> None:
        """Nothing here follows a timeline."""

    def start(self) -> None:
        """Begin, or go on where there is a checkpoint."""
        self._begin("resume" if self._goes_on() else "")

    def stop(self) -> None:
        """End the training after the step under way."""
        self.process.stop()

    def close_training(self) -> None:
        """The window closes: end it with a checkpoint."""
        self.process.close()

    # --- shown ---

    def _choose(self) -> None:
        dialog = QFileDialog(self, "A folder of pictures", self.folder.text())
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.folder.setText)
        dialog.open()

    def _pressed(self) -> None:
        if self.process.running:
            self.stop()
        else:
            self.start()

    def _begin(self, existing: str) -> None:
        if self.process.running:
            return
        folder = self._place()
        if folder is None:
            self.problem.emit("Folder must be a folder of pictures that is there.")
            return
        try:
            minutes = number(self.minutes.text())
        except ValueError:
            minutes = 0.0
        if not MINUTES[0] <= minutes <= MINUTES[1]:
            self.problem.emit(f"Minutes must be a number from {MINUTES[0]:g} to {MINUTES[1]:g}.")
            return
        self.said.clear()
        self.process.start(Plan(folder, self.size_box.currentData(), self.captions.isChecked(), minutes), existing)

    def _place(self) -> Path | None:
        """The folder that is named, where there is one."""
        text = self.folder.text().strip()
        try:
            folder = Path(text).expanduser()
            return folder if text and folder.is_dir() else None
        except (OSError, RuntimeError):  # a name that no file can have, the home of nobody
            return None

    def _goes_on(self) -> bool:
        """Whether the checkpoint that is there is of the folder that is named."""
        plan = self.process.plan if self.process.status in ("exists", "stopped") else None
        return plan is not None and self._place() == plan.folder

    def _use(self) -> None:
        self.open_wanted.emit([Request(model=self.process.model)], "generate")

    def _show(self) -> None:
        process = self.process
        self.chart.show_curve(process.curve)
        loss = f", loss {process.curve[-1][1]:.4f}" if process.curve else ""
        name, whole = (process.plan.folder.name, f" of {process.plan.minutes:g}") if process.plan else ("", "")
        at = f"step {process.step:,}{loss}, {process.minutes:.1f}{whole} minutes"
        under_way = at if process.curve else "reading the pictures…"
        self.state.setText(
            {
                "idle": "Nothing is being trained",
                "running": f"Training on {name}: {under_way}",
                "stopping": "Stopping after this step…",
                "stopped": f"Stopped at {at}; it can go on",
                "exists": "There is a checkpoint of this training: go on, or begin anew",
                "done": f"{process.model} is trained and in every list",
                "failed": "The training could not be done",
            }[process.status]
        )
        self.use.setVisible(process.status == "done")
        for widget in (self.folder, self.choose_button, self.size_box, self.captions, self.minutes):
            widget.setEnabled(not process.running)
        self._show_buttons()

    def _show_buttons(self) -> None:
        going = self._goes_on()
        self.again.setVisible(going)
        self.button.setText("Stop" if self.process.running else "Go on" if going else "Train")
        self.button.setEnabled(self.process.status != "stopping")
