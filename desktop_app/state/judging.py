"""How many images of each lane are what they were asked to be, once it has finished."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, Signal

from desktop_app.state.lab_cloud import Cloud
from desktop_app.state.latest import Client, Latest
from desktop_app.state.runs import Run


class Judging(QObject):
    """Asks the engine's judge about the results of runs."""

    judged = Signal(object)  # the Run

    def __init__(self, client: Client, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._latest = Latest(client, self)
        self._latest.answered.connect(self._on_answer)
        self._runs: dict[str, Run] = {}
        self.shares: dict[Run, float] = {}

    def follow(self, runs: list[Run]) -> None:
        """Judge these as they finish, and no others any more."""
        self._latest.stop()
        self._runs, self.shares = {str(number): run for number, run in enumerate(runs)}, {}
        for number, run in self._runs.items():
            run.ended.connect(partial(self._ask, number, run))
            if run.over:
                self._ask(number, run)

    def stop(self) -> None:
        """Judge nothing more."""
        self._latest.stop()

    def words(self, run: Run) -> str:
        """What the judge says of a run."""
        return f"{100 * self.shares[run]:.0f} % agree" if run in self.shares else ""

    def _ask(self, number: str, run: Run) -> None:
        if run.status == "finished" and not isinstance(run, Cloud) and self._runs.get(number) is run:
            asked = {"model": run.request.model, "condition": run.request.condition}
            self._latest.want(number, "judge", asked, run.pictures("denoised", run.steps))

    def _on_answer(self, number: str, values: dict[str, float | None], _: object) -> None:
        share = values["agreement"]
        if share is not None:
            self.shares[self._runs[number]] = share
            self.judged.emit(self._runs[number])
