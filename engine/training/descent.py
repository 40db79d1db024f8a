"""How a network here is trained: the rule of a step, and the average of the weights that it passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

POWER = 7.94  # γ + 1, γ = 6.94: relative width 0.1


class Descent:
    """Adam, with warm-up and inverse-square-root decay, and the power-law average of the weights.

    The average has the profile of Karras et al. 2024a ("EDM2", eq. 121) with a width of about a tenth of the training,
    whatever its length.
    """

    def __init__(
        self,
        parameters: Mapping[str, nn.Parameter],
        average: Mapping[str, Tensor],
        peak: float,
        warm_up: int,
        decay_from: int,
    ) -> None:
        """What is trained and its average, by the same names.

        The learning rate climbs to `peak` over `warm_up` steps, and falls from step `decay_from` on.
        """
        self.parameters, self.average = parameters, average
        self.peak, self.warm_up, self.decay_from = peak, warm_up, decay_from
        self.optimizer = torch.optim.Adam(parameters.values(), betas=(0.9, 0.99), fused=True)

    def rate(self, step: int) -> float:
        """Learning rate of a step, which does not depend on when the training will end."""
        decay: float = max(1.0, step / self.decay_from) ** 0.5
        return self.peak * min(1.0, (step + 1) / self.warm_up) / decay

    def take(self, loss: Tensor, step: int) -> None:
        """Take step `step`, counted from 0, down the gradient of its loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(step)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters.values(), 1.0)
        self.optimizer.step()
        keep = (1.0 - 1.0 / (step + 1)) ** POWER  # eq. 127
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.values()), list(self.parameters.values()), 1.0 - keep)

    def tensors(self) -> dict[str, Tensor]:
        """All that going on needs."""
        found: dict[str, Tensor] = {}
        for name, parameter in self.parameters.items():
            found[f"network.{name}"] = parameter.detach()
            found[f"average.{name}"] = self.average[name]
            for key, value in self.optimizer.state.get(parameter, {}).items():
                found[f"{key}.{name}"] = value
        return found

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from these. Raises KeyError for one that is missing, and RuntimeError for one that does not fit."""
        for name, parameter in self.parameters.items():
            parameter.copy_(tensors[f"network.{name}"])
            self.average[name].copy_(tensors[f"average.{name}"])
            moments: dict[str, Any] = {"step": tensors[f"step.{name}"].to(parameter.device)}
            for key in ("exp_avg", "exp_avg_sq"):  # in the parameter's strides: fused Adam goes by memory
                moments[key] = torch.empty_like(parameter).copy_(tensors[f"{key}.{name}"])
            self.optimizer.state[parameter] = moments
