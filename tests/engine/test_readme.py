"""The Python of the README runs as it stands, and does what it says."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

import engine
from engine.catalog import RESOURCES

README = (RESOURCES.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def ran(block: str) -> dict[str, Any]:
    """The names that a block leaves."""
    names: dict[str, Any] = {}
    exec(compile(block, "README.md", "exec"), names)
    return names


def test_the_first_block_generates(capsys: pytest.CaptureFixture[str]) -> None:
    names = ran(BLOCKS[0])
    assert len(capsys.readouterr().out.splitlines()) == names["request"].steps == 20
    assert torch.equal(engine.sample(names["request"]), names["step"].x_next)


def test_the_second_block_puts_an_ode_beside_its_sde(capsys: pytest.CaptureFixture[str]) -> None:
    """Same start, same marginals √(σ² + ½²) (4,000 numbers: within 5 %, 4.5 standard errors), other paths."""
    names = ran(BLOCKS[1])
    rows = [tuple(map(float, line.split())) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 50
    assert rows[0][3] == 0.0
    assert rows[-1][3] > 0.1
    for sigma, ode, sde, _ in rows:
        assert ode == pytest.approx((sigma**2 + 0.25) ** 0.5, rel=0.05)
        assert sde == pytest.approx((sigma**2 + 0.25) ** 0.5, rel=0.05)
    assert names["ode"][0].x.shape == (1, 2000, 2)


def test_the_networks_of_the_readme_are_there() -> None:
    (said,) = re.findall(r"`engine.models.parameterization` has ([^.]*)\.", README)
    for name in re.findall(r"`(\w+)`", said):
        assert isinstance(getattr(engine.models.parameterization, name), type(lambda: None))


def test_every_public_name_is_there() -> None:
    for name in engine.__all__:
        assert getattr(engine, name) is not None
    assert set(engine.__all__) <= set(dir(engine))
    with pytest.raises(AttributeError, match="'engine' has no attribute 'nothing'"):
        engine.nothing  # noqa: B018


def cited(text: str) -> set[str]:
    """The papers that a text names, as in “Ho et al. 2020”."""
    found = re.findall(
        r"[A-Z][\w-]+(?: & [A-Z][\w-]+| et al\.)?,? \(?(?:19|20)\d\d[ab]?\b(?!\.\d)", " ".join(text.split())
    )
    return {paper.replace("(", "").replace(",", "") for paper in found}


def test_every_paper_that_is_cited_is_listed_and_no_other() -> None:
    (listed,) = re.findall(r"<summary>The papers</summary>(.*?)</details>", README, re.DOTALL)
    root = RESOURCES.parent
    sources = [
        path.read_text(encoding="utf-8") for part in ("engine", "desktop_app") for path in (root / part).rglob("*.py")
    ]
    assert cited(listed) == set().union(*map(cited, sources))
