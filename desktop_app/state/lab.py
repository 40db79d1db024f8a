"""Lab 2D: a distribution, the clouds that flow from noise to it, the field at the level that is shown, and a probe."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal

from desktop_app.engine_client import RefusedError
from desktop_app.state.controls import Controls
from desktop_app.state.lab_cloud import Array, Cloud, Level, density_along, noised
from desktop_app.state.lab_probe import Field, Probe
from desktop_app.state.latest import Client, Latest
from desktop_app.state.timeline import Timeline
from desktop_app.state.words import is_stochastic
from engine import wire
from engine.catalog import DISTRIBUTIONS
from engine.request import Request

FIRST = Request(model="moons", count=1, steps=50, schedule="vp_linear", particles=2000)
SHARED = ("model", "condition", "seed", "particles", "schedule")  # of both lanes: the same points, the same p_t
HALF = 3.0  # of the view, in x̄
ARROWS = 28  # across the view
FAN = 32
PATHS = 10  # of the ODE and of the SDE, across the one-dimensional picture
BINS = 256  # of that picture
SHOWN_DATA = 2000
KEPT = 128  # fields, of 300 kB each
SETTLE_MS = 160  # without a change, after which what was computed coarsely is computed in full

Values = dict[str, Any]


class Echo:
    """The engine client, whose answers carry the question: one that comes late is known for what it is."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def answer(self, what: str, values: Values, *arrays: NDArray[np.generic]) -> tuple[Values, wire.Arrays]:
        found, results = await self._client.answer(what, values, *arrays)
        return {**found, "asked": values}, results


class Lab(QObject):
    """Asks the engine for what is to be seen. Of the answers about a thing that moves only the latest counts."""

    points_changed = Signal()
    clouds_changed = Signal()
    field_changed = Signal()
    line_changed = Signal()
    probe_changed = Signal()
    refused = Signal(str)

    def __init__(self, client: Client, timeline: Timeline, lanes: list[Controls]) -> None:
        super().__init__(timeline)
        self.latest, self.timeline, self.lanes = Latest(Echo(client), self), timeline, lanes
        self.split = self.forward = False
        self.source = "exact"  # of the score: or "learned", or their "difference"
        self.learned: str | None = None
        self.clouds = [Cloud(controls.request(), self) for controls in lanes]
        self.points: Array = np.zeros((0, 2), np.float32)
        self.noise: Array = np.zeros((0, 2), np.float32)
        self.labels: NDArray[np.uint8] = np.zeros(0, np.uint8)
        self.classes: tuple[str, ...] = ()
        self.field: Field | None = None
        self.line: wire.Arrays = []  # p̄ [N + 1, bins] of the first coordinate; paths x̄ [n, N + 1] of the ODE and an SDE
        self.line_wanted = False
        self.probe: Probe | None = None
        self._fields: OrderedDict[bytes, Field] = OrderedDict()
        self._points_of: Values = {}
        self._slow: set[str] = set()  # channels with a full answer over many points under way
        self._told = ""
        self._changing = QTimer(self, interval=0, singleShot=True)  # a choice may change several fields
        self._changing.timeout.connect(lambda: self._ask_all(coarse=True))
        self._settling = QTimer(self, interval=SETTLE_MS, singleShot=True)
        self._settling.timeout.connect(lambda: self._ask_all(coarse=False))
        for controls in lanes:
            controls.changed.connect(lambda name, source=controls: self._on_control(source, name))
        timeline.moved.connect(self.look)
        self.latest.answered.connect(self._on_answer)
        self.latest.refused.connect(self._on_refused)

    # --- what is shown ---

    @property
    def shown(self) -> list[Cloud]:
        """The clouds that are on the timeline: one, or both lanes."""
        return self.clouds if self.split else self.clouds[:1]

    @property
    def level(self) -> Level | None:
        """The level at the timeline's position."""
        leader = self.timeline.leader
        if leader is None or not leader.levels:
            return None
        return leader.levels[min(self.timeline.position, leader.steps)]

    def particles(self, cloud: Cloud) -> Array | None:
        """x̄ [n, 2] of a cloud, or of the noised data, at the timeline's position; None where there is nothing yet."""
        at = self.timeline.frame_of(cloud)
        if at < 0 or (self.forward and not len(self.points)):
            return None
        return noised(self.points, self.noise, cloud.levels[at]) if self.forward else np.asarray(cloud.places[at])

    @property
    def line_is_exact(self) -> bool:
        """Whether the first coordinate has a density that is known: not that of a network, nor under guidance."""
        return self.source != "learned" and self.lanes[0].request().guidance == 1.0

    def set_split(self, on: bool) -> None:
        """Show both lanes over the same noise, or one."""
        self.split = on
        self.update()

    def set_source(self, source: str) -> None:
        """The exact score, the learned one, or their difference."""
        self.source = source
        self.update()

    def set_learned(self, name: str | None) -> None:
        """The network that has learned the score so far; none takes the source back to the exact one."""
        self.learned = name
        if name is None:
            self.source = "exact"
        if self.source != "exact" or name is None:
            self.update()

    def put_probe(self, point: tuple[float, float] | None, at_noise: bool = False) -> None:
        """Put the probe at x̄, at the level that is shown or at the noise end; None takes it away."""
        before, self.probe = self.probe, None
        if point is not None:
            self.probe = Probe(0 if at_noise else self.timeline.position, point)
            if before is not None:  # what is known of the old place is shown until the new one is answered
                self.probe.learn(before.values, [before.weights, before.targets, before.path, before.fan])
            self._ask_probe(*self.probe.put)
        self.probe_changed.emit()

    def close(self) -> None:
        """Ask for nothing more."""
        self._changing.stop()
        self._settling.stop()
        self.latest.stop()

    # --- asking ---

    def update(self) -> None:
        """Ask for everything that the controls now stand for."""
        self._changing.start()

    def look(self) -> None:
        """Show the field at the timeline's position, asking for it where it is not known; and move the probe along."""
        level = self.level
        if level is None:
            return
        wanted = self._field_wanted(level)
        key = msgspec.msgpack.encode(wanted)
        if key in self._fields:
            self._fields.move_to_end(key)
            self.field = self._fields[key]
            self.field_changed.emit()
        else:
            self.latest.want("field", "field", {**wanted, "coarse": self._many and self.timeline.playing})
        if self.probe is not None and self.probe.now[0] != self.timeline.position:
            self.probe.move_to(self.timeline.position)
            self._ask_probe(*self.probe.now)
            self.probe_changed.emit()

    @property
    def _many(self) -> bool:
        """Whether the denoiser is one over many points, which is worth asking coarsely while a hand moves."""
        return str(self.lanes[0]["model"]).startswith("points-")

    def _field_wanted(self, level: Level) -> Values:
        request = self.lanes[0].request()
        return {
            "model": request.model,
            "condition": request.condition,
            "guidance": request.guidance,
            "level": list(level),
            "half": HALF,
            "arrows": ARROWS,
            "source": self.source if self.learned else "exact",
            "learned": self.learned,
        }

    def _asked(self, controls: Controls) -> Request:
        request = controls.request()
        return request.replace(model=self.learned) if self.source == "learned" and self.learned else request

    def _on_control(self, source: Controls, name: str) -> None:
        if name in SHARED:
            for controls in self.lanes:
                controls.seed_locked = source.seed_locked
                controls.set(name, source[name])
        if name == "model":
            self.probe, self.learned, self.source = None, None, "exact"
            self.probe_changed.emit()
            here = DISTRIBUTIONS.get(source["model"])
            if source["condition"] is not None and source["condition"] >= len(here.classes if here else ()):
                source.set("condition", None)
        self.update()

    def _ask_all(self, coarse: bool) -> None:
        coarse = coarse and self._many
        request = self.lanes[0].request()
        of = {"model": request.model, "count": request.particles or SHOWN_DATA, "seed": request.seed}
        if of != self._points_of:
            self.latest.want("data", "data", of)
        for lane, controls in enumerate(self.lanes[: len(self.shown)]):
            channel = f"cloud-{lane}"
            if channel in self._slow:  # takes seconds, and is of what was wanted before
                self.latest.forget(channel)
            self._slow = self._slow - {channel} | ({channel} if self._many and not coarse else set())
            self.latest.want(channel, "cloud", {"request": self._asked(controls).to_dict(), "coarse": coarse})
        self.look()
        if self.probe is not None:
            self._ask_probe(*self.probe.put)
        if self.line_wanted and self.line_is_exact:
            line = {"request": request.replace(particles=None).to_dict(), "paths": PATHS}
            self.latest.want("line", "density1d", line)
        if coarse:
            self._settling.start()

    def _ask_probe(self, index: int, point: tuple[float, float]) -> None:
        where = {"index": index, "point": list(point), "fan": FAN, "coarse": self._many}
        self.latest.want("probe", "probe", {"request": self._asked(self.lanes[0]).to_dict(), **where})

    # --- answers ---

    def _on_answer(self, channel: str, values: Values, arrays: wire.Arrays) -> None:
        asked = values["asked"]
        self._told = ""
        if channel == "data":
            self._points_of = asked
            self.points, self.labels, self.noise = arrays
            self.classes = tuple(values["classes"])
            self.points_changed.emit()
        elif channel == "field":
            self._take_field(asked, arrays)
        elif channel == "line":
            if self.line_is_exact:
                self.line = arrays
                self.line_changed.emit()
        elif channel == "probe" and self.probe is not None:
            self.probe.learn(values, arrays, path=(asked["index"], tuple(asked["point"])) == self.probe.put)
            self.probe.move_to(self.timeline.position)
            self.probe_changed.emit()
        elif channel.startswith("cloud"):
            self._slow -= set() if asked["coarse"] else {channel}
            self._take_cloud(self.clouds[int(channel[-1])], Request.from_dict(asked["request"]), values, arrays[0])

    def _take_field(self, asked: Values, arrays: wire.Arrays) -> None:
        coarse, level = asked.pop("coarse"), asked["level"]
        field = Field((level[0], level[1], level[2]), arrays)
        if not coarse:
            self._fields[msgspec.msgpack.encode(asked)] = field
            if len(self._fields) > KEPT:
                self._fields.popitem(last=False)
        if {**asked, "level": []} == {**self._field_wanted(field.level), "level": []}:  # else of what was shown before
            here = self._field_wanted(self.level) if self.level else asked
            self.field = self._fields.get(msgspec.msgpack.encode(here), field)  # it may be late, and be known here
            self.field_changed.emit()

    def _take_cloud(self, cloud: Cloud, request: Request, values: Values, positions: Array) -> None:
        timeline, leader = self.timeline, self.timeline.leader
        sigma = leader.sigma(min(timeline.position, leader.steps)) if leader is not None and leader.levels else 0.0
        cloud.become(request, values, positions)
        if timeline.lanes != self.shown and all(shown.frames for shown in self.shown):
            playing, following = timeline.playing, timeline.following
            timeline.show(list(self.shown))
            if not following:
                timeline.seek(cloud.nearest(sigma))
            if playing:
                timeline.play()
        elif cloud is leader and not timeline.following and not timeline.playing:
            timeline.position = cloud.nearest(sigma)  # the same level, also where there are now more steps or fewer
        self.clouds_changed.emit()
        if self.line_wanted and not self.line_is_exact and cloud is self.clouds[0]:
            self._take_line(cloud)

    def _take_line(self, cloud: Cloud) -> None:
        """Where there is no density that is known, that of the particles, with paths of some of them."""
        paths = np.ascontiguousarray(cloud.places[:, : 2 * PATHS, 0].T)  # [n, N + 1]
        none = np.empty((0, len(cloud.places)), np.float32)
        stochastic = is_stochastic(cloud.request)
        self.line = [density_along(cloud.places, BINS, HALF), *((none, paths) if stochastic else (paths, none))]
        self.line_changed.emit()

    def _on_refused(self, channel: str, error: RefusedError) -> None:
        if "learned-" in str(error) and self.learned and self.learned not in str(error):
            self.update()  # it was of an earlier state of a network that is learning on
            return
        if str(error) != self._told:  # once, where the cloud, the field and the data are refused for one reason
            self._told = str(error)
            self.refused.emit(self._told)
        if error.field in ("model", "learned") and self.learned:
            self.set_learned(None)
        elif error.field == "model":  # its file is gone
            self.lanes[0].set("model", FIRST.model)
