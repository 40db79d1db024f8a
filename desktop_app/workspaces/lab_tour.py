"""The lab's tour: noise in, why its sign cannot be flipped, the score, the ODE, λ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from desktop_app.widgets.lab_tour import Card

if TYPE_CHECKING:
    from desktop_app.workspaces.lab import LabWorkspace


def cards(lab: LabWorkspace) -> list[Card]:
    """Five cards, each with what it does to the lab."""

    def layers(*names: str) -> None:
        for name, layer in lab.panel.layers.items():
            layer.switch.setChecked(name in names)

    def setting(lam: float) -> None:
        lab.set_page("one")
        for name, value in (("model", "moons"), ("sampler", "bridge"), ("lam", lam)):
            lab.controls[0].set(name, value)

    def play(direction: str) -> None:
        lab.timeline.set_mode(playing=False)
        lab.set_direction(direction)
        lab.timeline.position = lab.timeline.length if direction == "forward" else 0
        lab.timeline.play()

    def noise_in() -> None:
        setting(0.0)
        layers("density", "particles")
        play("forward")

    def no_way_back() -> None:
        lab.set_direction("forward")
        lab.timeline.seek(0)
        layers("density", "particles", "contours")

    def score() -> None:
        lab.set_direction("reverse")
        layers("density", "arrows", "contours")
        lab.timeline.seek(round(0.72 * lab.timeline.length))

    def ode() -> None:
        setting(0.0)
        layers("density", "particles", "trajectories")
        play("reverse")

    def lam() -> None:
        setting(0.0)
        layers("density", "particles", "trajectories")
        lab.set_page("split")
        play("reverse")

    return [
        Card(
            "Noise in",
            "Every point of the data is moved towards the middle and jostled: x = α x₀ + std ε. At the end nothing "
            "of the two moons can be seen. Drag the timeline back and forth.",
            noise_in,
        ),
        Card(
            "Why not just turn round?",
            "Jostling has no sign to flip: run backwards with the same noise the cloud only spreads further. What "
            "leads back is where the density rises, and that depends on the data.",
            no_way_back,
        ),
        Card(
            "The score",
            "The arrows are ∇ log p: from every place, the way to what is more probable at this level of noise. "
            "Click anywhere: the lines show which parts of the data pull at that point.",
            score,
        ),
        Card(
            "The ODE",
            "Follow half the score and the noise turns into data without any chance at all: every start has one end, "
            "and the paths never cross in space and time.",
            ode,
        ),
        Card(
            "λ",
            "Follow more of the score and add fresh noise: other paths, yet the same cloud at every level. On the left "
            "λ = 0, on the right λ = 1; below is how far each is from the truth. Move λ and see.",
            lam,
        ),
    ]
