"""What is known of the selected pictures, and what can be done with them."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QPushButton, QScrollArea, QWidget

from desktop_app.state.cloud_lanes import in_plane
from desktop_app.state.gallery_files import Picture
from desktop_app.state.words import heading, shown
from desktop_app.widgets.inspector import WIDTH
from desktop_app.widgets.layout import ElidedLabel, IconButton, column, fill, label, line, row
from engine import catalog
from engine.fields import RequestError
from engine.request import FIELDS, OPTIONS, Request

ALWAYS = ("model", "condition", "count", "seed", "sampler", "lam", "steps", "spacing", "guidance")
MOST = 4  # lanes of Compare
VIEWS = {"noisy": "xₜ", "denoised": "x̂₀", "score": "score", "eps": "ε", "change": "Δ x̂₀"}


class Detail(QWidget):
    """The panel at the right. Its buttons only tell what is wanted: one signal, with the name of the action."""

    wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(WIDTH)
        self.title = ElidedLabel("title")
        self.file = ElidedLabel("faint", Qt.TextElideMode.ElideMiddle)  # its number is at the end
        self.star = IconButton("star", "Star", "S", checkable=True)
        self.bin = IconButton("trash-2", "Delete", "Del")
        self.star.clicked.connect(lambda: self.wanted.emit("star"))
        self.bin.clicked.connect(lambda: self.wanted.emit("delete"))
        heads = column(self.title, self.file, spacing=2)
        top = row(spacing=4)
        top.addLayout(heads, 1)
        top.addWidget(self.star)
        top.addWidget(self.bin)
        fill(top, (16, 10, 12, 10), 4)
        self._facts = QGridLayout()
        fill(self._facts, (16, 14, 8, 14), 6)
        self._facts.setHorizontalSpacing(12)
        self._facts.setColumnStretch(1, 1)
        inner = QWidget()
        body = column(spacing=0)
        body.addLayout(self._facts)
        body.addStretch(1)
        inner.setLayout(body)
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.verdict = label("", "soft")
        self.verdict.setWordWrap(True)
        self.verdict.hide()
        self.buttons = {
            "open": self._button("open", "Open in Generate", "Take its parameters and run them"),
            "branch": self._button("branch", "Branch", "Run it in Generate, and branch at any step  ·  B"),
            "compare": self._button("compare", "Compare", "Up to four side by side  ·  C"),
            "verify": self._button("verify", "Verify", "Render again and say whether every pixel is the same"),
            "export": self._button("export", "Export…", "PNG, or the reverse process as GIF, APNG or MP4"),
            "command": self._button("command", "Copy as command", "For the command line  ·  Ctrl+Shift+C"),
            "python": self._button("python", "Copy as Python", "A script that makes this picture"),
            "reveal": self._button("reveal", "Show in folder", "In the file manager"),
        }
        self.buttons["open"].setProperty("role", "primary")
        foot = column(self.verdict, spacing=8)
        foot.addWidget(self.buttons["open"])
        for left, right in (("branch", "compare"), ("verify", "export"), ("command", "python")):
            pair = row(spacing=8)
            pair.addWidget(self.buttons[left], 1)
            pair.addWidget(self.buttons[right], 1)
            foot.addLayout(pair)
        foot.addWidget(self.buttons["reveal"])
        fill(foot, (16, 12, 16, 12), 8)
        layout = column(spacing=0)
        layout.addLayout(top)
        layout.addWidget(line())
        layout.addWidget(scroll, 1)
        layout.addWidget(line())
        layout.addLayout(foot)
        self.setLayout(layout)
        self.show_pictures([], set())

    def show_pictures(self, pictures: list[Picture], starred: set[str]) -> None:
        """Tell of these, and offer what can be done with them."""
        self.verdict.hide()
        one = pictures[0] if len(pictures) == 1 else None
        runs = [picture for picture in pictures if picture.request]
        self.star.setEnabled(bool(pictures))
        self.bin.setEnabled(bool(pictures))
        self.star.setChecked(bool(pictures) and all(picture.name in starred for picture in pictures))
        images = bool(runs) and not any(in_plane(picture.request["model"]) for picture in runs)
        able = {
            "open": one is not None and bool(runs),
            "branch": one is not None and images,
            "compare": bool(runs) and len(pictures) == len(runs) <= MOST,
            "verify": one is not None and images,
            "export": one is not None and bool(one.width),
            "command": one is not None and images,
            "python": one is not None and images,
            "reveal": bool(pictures),
        }
        for name, button in self.buttons.items():
            button.setEnabled(able[name])
        self.buttons["open"].setText("Open in Compare" if runs and not images else "Open in Generate")
        if one is None:
            self.title.setText(f"{len(pictures)} pictures" if pictures else "No picture")
            self.file.setText("selected" if pictures else "is selected")
            self._tell(between(pictures) if pictures else [("", "Click a picture to see how it was made.")])
            return
        request = request_of(one)
        self.title.setText(one.name if request is None else heading(request))
        self.file.setText(f"{one.width} × {one.height} px" if request is None else one.name)
        why = f"It {one.problem.removeprefix(f'{one.name} ')}"
        self._tell([("", why)] if request is None else facts(request, one))

    def tell_verdict(self, text: str) -> None:
        """What came of verifying."""
        self.verdict.setText(text)
        self.verdict.setVisible(bool(text))

    def _button(self, name: str, text: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(lambda: self.wanted.emit(name))
        return button

    def _tell(self, lines: list[tuple[str, str]]) -> None:
        while (item := self._facts.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        for number, (name, value) in enumerate(lines):
            said = QLabel(value)
            said.setWordWrap(True)
            said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            if not name:
                said.setProperty("role", "soft")
                self._facts.addWidget(said, number, 0, 1, 2)
                continue
            self._facts.addWidget(label(name, "faint"), number, 0, Qt.AlignmentFlag.AlignTop)
            self._facts.addWidget(said, number, 1)


def facts(request: Request, picture: Picture) -> list[tuple[str, str]]:
    """What a request is set to, first what is always of interest, then what is not as the sampler has it."""
    own = Request(sampler=request.sampler)
    has = catalog.SAMPLERS[request.sampler].options
    names = [name for name in ALWAYS if name not in OPTIONS or name in has]
    names += [name for name in FIELDS if name not in ALWAYS and getattr(request, name) != getattr(own, name)]
    lines = [(FIELDS[name].label, shown(name, getattr(request, name))) for name in names]
    made = picture.made
    if "step" in made or made.get("view", "denoised") != "denoised":
        at = f", step {made['step']}" if "step" in made else ""
        lines.append(("Shows", f"{VIEWS.get(made.get('view', 'denoised'), made.get('view'))}{at}"))
    if made.get("torch"):
        ran_in = " and ".join(sorted(set(made.get("precision", {}).values())))
        lines.append(("Made with", f"torch {made['torch']}, {' · '.join(filter(None, (made.get('device'), ran_in)))}"))
    return lines


def between(pictures: list[Picture]) -> list[tuple[str, str]]:
    """In what a few pictures differ."""
    runs = [picture for picture in pictures if picture.request]
    requests = [request for picture in runs[: MOST + 1] if (request := request_of(picture)) is not None]
    if len(runs) > MOST or len(requests) < 2:
        return []
    names = [name for name in FIELDS if len({getattr(request, name) for request in requests}) > 1]
    lines = [(FIELDS[name].label, "\n".join(shown(name, getattr(r, name)) for r in requests)) for name in names]
    return lines or [("", "They have the same parameters.")]


def request_of(picture: Picture) -> Request | None:
    """The request of a picture; none where there is none, or none that this version knows."""
    try:
        return Request.from_dict(picture.request) if picture.request else None
    except RequestError:
        return None
