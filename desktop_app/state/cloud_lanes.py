"""Clouds of particles as lanes: one answer of the engine brings all steps of one."""

from __future__ import annotations

import asyncio

from desktop_app.engine_client import RefusedError
from desktop_app.state.lab_cloud import Cloud
from desktop_app.state.latest import Client
from desktop_app.state.runs import Runs
from engine import wire
from engine.catalog import DISTRIBUTIONS
from engine.request import Request


def in_plane(model: str) -> bool:
    """Whether a model makes points in the plane."""
    return model in DISTRIBUTIONS or model.startswith(("points-", "learned-"))


class Clouds:
    """Starts clouds; keeps hold of their tasks."""

    def __init__(self, client: Client, runs: Runs) -> None:
        self.client, self._runs = client, runs
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, request: Request) -> Cloud:
        """Ask for the cloud of a request; its signals tell how it goes."""
        cloud = Cloud(request.replace(count=1), self._runs)
        task = asyncio.ensure_future(self._follow(cloud))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return cloud

    def stop(self) -> None:
        """Wait for no cloud any more."""
        for task in list(self._tasks):
            task.cancel()

    async def _follow(self, cloud: Cloud) -> None:
        try:
            values, arrays = await self.client.answer("cloud", {"request": cloud.request.to_dict(), "coarse": False})
        except RefusedError as error:
            if not cloud.over:
                cloud.receive(wire.Failed(0, str(error), error.field, error.details), [])
                self._runs.failed.emit(cloud)
            return
        if not cloud.over:
            cloud.become(cloud.request, values, arrays[0])
            cloud.ended.emit()
