"""A training in a process of its own: `scorescope train images FOLDER`, and what it says of itself."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, Signal

STEP = re.compile(r"step ([\d,]+), ([\d.]+) minutes, loss ([\d.]+|nan)")
EXISTS = "--resume goes on with it"
WRITTEN = re.compile(r"([A-Za-z0-9_-]+)\.safetensors and its card")
STOPPED = re.compile(r"Stopped after step")
REPORT_SECONDS = 1
LINES = 200  # of what it says, at most
STOP_S = 30  # that the step under way and its checkpoint may take


@dataclass(frozen=True)
class Plan:
    """What is to be trained: a folder of pictures, their size in pixels, whether texts describe them, for how long."""

    folder: Path
    size: int = 32
    captions: bool = False
    minutes: float = 30.0

    def arguments(self, existing: str = "") -> list[str]:
        """Of the command; `existing` is "resume" or "restart" where there is a checkpoint already."""
        found = ["train", "images", str(self.folder), "--size", str(self.size), "--minutes", f"{self.minutes:g}"]
        found += ["--report", str(REPORT_SECONDS)]
        return found + ["--captions"] * self.captions + [f"--{existing}"] * bool(existing)


class TrainingProcess(QObject):
    """One training at a time. It goes on while the window does other things, and ends with a checkpoint."""

    changed = Signal()
    heard = Signal(str)  # a line of what it says, but for the steps
    trained = Signal(str)  # the name of the model, which can be used now

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.plan: Plan | None = None
        self.status = "idle"  # running, stopping; exists (a checkpoint); stopped, done, failed
        self.step, self.minutes = 0, 0.0
        self.curve: list[tuple[int, float]] = []
        self.said: list[str] = []
        self.model = ""
        self._process: QProcess | None = None
        self._rest = ""

    @property
    def running(self) -> bool:
        """Whether it is under way."""
        return self._process is not None

    def start(self, plan: Plan, existing: str = "") -> None:
        """Begin, or go on with ("resume") or begin anew over ("restart") the checkpoint that is there."""
        assert self._process is None
        if existing != "resume":
            self.curve, self.step, self.minutes = [], 0, 0.0
        self.plan, self.status, self.said, self.model, self._rest = plan, "running", [], "", ""
        process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONUNBUFFERED", "1")
        process.setProcessEnvironment(environment)
        process.setProcessChannelMode(QProcess.ProcessChannelMode.MergedChannels)
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(self._ended)
        process.errorOccurred.connect(self._went_wrong)
        self._process = process
        process.start(sys.executable, ["-m", "engine", *plan.arguments(existing)])
        self.changed.emit()

    def stop(self) -> None:
        """End it after the step under way, with a checkpoint."""
        if self._process is not None and self.status == "running":
            self.status = "stopping"
            self._process.terminate()
            self.changed.emit()

    def close(self) -> None:
        """End it now that the window closes: asked first, made to where it takes too long."""
        process, self._process = self._process, None
        if process is None:
            return
        process.blockSignals(True)
        process.terminate()
        if not process.waitForFinished(1000 * STOP_S):
            process.kill()
            process.waitForFinished(2000)

    def _read(self) -> None:
        if self._process is None:
            return
        text = self._rest + bytes(self._process.readAllStandardOutput().data()).decode(errors="replace")
        *lines, self._rest = text.split("\n")
        for line in lines:
            self._hear(line.strip())
        self.changed.emit()

    def _hear(self, line: str) -> None:
        if found := STEP.search(line):
            self.step, self.minutes = int(found[1].replace(",", "")), float(found[2])
            self.curve.append((self.step, float(found[3])))
        elif line:
            if written := WRITTEN.search(line):
                self.model = written[1]
            self.said = [*self.said, line][-LINES:]
            self.heard.emit(line)

    def _went_wrong(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._ended(1)

    def _ended(self, code: int) -> None:
        if self._process is None:
            return
        self._read()
        if self._rest.strip():
            self._hear(self._rest.strip())
        self._process.deleteLater()
        self._process = None
        if code == 0 and self.model:
            self.status = "done"
        elif any(EXISTS in line for line in self.said):
            self.status = "exists"
        elif any(STOPPED.match(line) for line in self.said):
            self.status = "stopped"
        else:  # stopped before its first step it has no checkpoint to go on from
            self.status = "idle" if self.status == "stopping" else "failed"
        self.changed.emit()
        if self.status == "done":
            self.trained.emit(self.model)
