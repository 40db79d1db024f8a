"""Who may import whom: the engine knows no window, the window no torch, and there are no circles."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WINDOW = {"PySide6", "shiboken6", "pyqtgraph", "qasync", "desktop_app"}
TORCH = {"torch", "safetensors"}


def sources(package: str) -> dict[str, Path]:
    """The modules of a package by their dotted names."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = {**sources("engine"), **sources("desktop_app")}
WINDOW_MODULES = [name for name in MODULES if name.startswith("desktop_app")]


def statements(body: list[ast.stmt], inside_functions: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """Import statements, without those for type checkers only, and without those inside functions if so asked."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not inside_functions:
            continue
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from statements(node.orelse, inside_functions)
        else:
            for _, value in ast.iter_fields(node):
                inner = value if isinstance(value, list) else []
                handlers = [s for h in inner if isinstance(h, ast.ExceptHandler | ast.match_case) for s in h.body]
                nested = [child for child in inner if isinstance(child, ast.stmt)]
                yield from statements([*nested, *handlers], inside_functions)


def imports(module: str, inside_functions: bool = False) -> set[str]:
    """The dotted names of what a module imports; `from package import module` counts as the module."""
    found: set[str] = set()
    for node in statements(ast.parse(MODULES[module].read_text(encoding="utf-8")).body, inside_functions):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
            continue
        assert node.level == 0, f"{module} imports relatively"
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            found.add(inner if inner in MODULES else str(node.module))
    return found


def packages(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


def parents(module: str) -> set[str]:
    """The packages that a module is in."""
    return {module.rsplit(".", n)[0] for n in range(1, module.count(".") + 1)}


def reached_at_once(module: str) -> set[str]:
    """What a module imports, and the packages that this is in."""
    return imports(module).union(*map(parents, imports(module)))


def reached(module: str) -> set[str]:
    """Everything that importing a module imports, as far as the sources of this repository tell, itself included."""
    found, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        waiting += parents(name) & MODULES.keys()
        if name in MODULES:
            waiting += imports(name)
    return found


@pytest.mark.parametrize("module", sources("engine"))
def test_the_engine_knows_no_window(module: str) -> None:
    """The one exception is the command `scorescope`, which may open the window from inside a function."""
    assert not packages(imports(module)) & WINDOW
    if module not in ("engine.cli", "engine.bench.times"):
        assert not packages(imports(module, inside_functions=True)) & WINDOW


@pytest.mark.parametrize("module", WINDOW_MODULES)
def test_the_window_never_imports_torch(module: str) -> None:
    """Neither itself, anywhere, nor by what it imports."""
    assert not packages(imports(module, inside_functions=True)) & TORCH
    assert not packages(reached(module)) & TORCH


def test_there_are_no_circles() -> None:
    """Module-level imports can be put in an order: taking away what needs nothing more takes away everything.

    Importing a module imports the packages that it is in, but for those that are being imported already.
    """
    needs = {name: (reached_at_once(name) & MODULES.keys()) - {name, *parents(name)} for name in MODULES}
    while ready := [name for name, others in needs.items() if not others & needs.keys()]:
        for name in ready:
            del needs[name]
    assert not needs, f"circles among {sorted(needs)}"


def test_state_knows_no_widgets() -> None:
    for module in WINDOW_MODULES:
        if module.startswith("desktop_app.state"):
            seen = imports(module, inside_functions=True)
            assert not any(name.startswith(("desktop_app.widgets", "desktop_app.workspaces")) for name in seen)
            assert "PySide6.QtWidgets" not in seen


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has after a statement."""
    code = f"{statement}\nimport sys\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import engine",
        "import engine.wire, engine.request, engine.catalog, engine.pictures",
        "import engine; engine.Request(steps=3).to_json()",
        "import engine.catalog; engine.catalog.cards()",
    ],
)
def test_the_shared_part_of_the_engine_loads_no_torch(statement: str) -> None:
    assert not loaded_by(statement) & (TORCH | WINDOW)


def test_the_window_loads_no_torch() -> None:
    assert not loaded_by("import desktop_app.__main__, desktop_app.application, desktop_app.window") & TORCH
