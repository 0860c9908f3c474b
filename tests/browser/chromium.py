"""A headless Chromium, driven over a pipe by its DevTools protocol: what a person sees and can do."""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 20.0  # seconds
Hearing = Callable[[dict[str, Any]], None]


def program() -> str | None:
    """Return where Chromium is, if it is here."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Chromium:
    """One browser, which opens windows: each is somebody else's, with cookies and a cache of its own."""

    def __init__(self, profile: Path) -> None:
        ours, theirs = os.pipe(), os.pipe()
        self._process = subprocess.Popen(
            [
                str(program()),
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--hide-scrollbars",
                "--remote-debugging-pipe",
                f"--user-data-dir={profile}",
                "about:blank",
            ],
            preexec_fn=lambda: _as_three_and_four(ours[0], theirs[1]),  # noqa: PLW1509 - only moves two descriptors
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(ours[0])
        os.close(theirs[1])
        self._to, self._from = os.fdopen(ours[1], "wb", buffering=0), os.fdopen(theirs[0], "rb")
        self._numbers = itertools.count(1)
        self._unread = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._to.close()
        self._from.close()

    @contextmanager
    def window(self, *, javascript: bool = True) -> Iterator[Window]:
        """Open a window with one page. ``javascript`` off is how our pages must work too."""
        whose = self.call("Target.createBrowserContext", {})
        target = self.call("Target.createTarget", {"url": "about:blank", **whose})
        attached = self.call("Target.attachToTarget", {**target, "flatten": True})
        yield Window(self, attached["sessionId"], javascript=javascript)
        self.call("Target.disposeBrowserContext", whose)

    def call(
        self, method: str, params: dict[str, Any], session: str | None = None, heard: Hearing | None = None
    ) -> dict[str, Any]:
        """Call the browser, or one of its windows, and return its answer; what is said meanwhile goes to ``heard``."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        self._to.write(json.dumps(message).encode() + b"\0")
        while (said := self.read()).get("id") != number:
            if heard is not None:
                heard(said)
        assert "error" not in said, said
        return said["result"]

    def read(self) -> dict[str, Any]:
        """Wait for what the browser says next."""
        while b"\0" not in self._unread:
            assert select.select([self._from], [], [], PATIENCE)[0], "the browser does not answer"
            chunk = os.read(self._from.fileno(), 65536)
            assert chunk, "the browser ended"
            self._unread += chunk
        message, _, self._unread = self._unread.partition(b"\0")
        return json.loads(message)


class Window:
    """One window of a browser, and what somebody sees and does in it."""

    def __init__(self, browser: Chromium, session: str, *, javascript: bool) -> None:
        self._browser, self._session = browser, session
        self._loaded = False
        self.requested: list[str] = []
        for domain in ("Page", "Network", "Runtime"):
            self._call(f"{domain}.enable")
        self._call("Emulation.setScriptExecutionDisabled", {"value": not javascript})
        self.resize(1200)

    def resize(self, width: int, height: int = 900) -> None:
        """Look through a window of this size, in CSS pixels; below 600 it is a phone's."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._call("Emulation.setDeviceMetricsOverride", size)

    def open(self, url: str) -> None:
        """Open an address and wait until it is shown."""
        self._loading(lambda: self._call("Page.navigate", {"url": url}))

    def click(self, selector: str) -> None:
        """Click something that leads to another page, with a real mouse, and wait for that page."""
        self._loading(lambda: self._press(selector))

    def tick(self, selector: str) -> None:
        """Click something that stays on the page: a radio button, a tick box, a summary."""
        self._press(selector)

    def fill(self, selector: str, text: str) -> None:
        """Type into a field, in the place of what stands there."""
        self.script(f"(e => {{ e.focus(); e.select && e.select() }})(document.querySelector({json.dumps(selector)}))")
        self._call("Input.insertText", {"text": text})

    def choose(self, selector: str, value: str) -> None:
        """Choose from a list."""
        self.script(f"document.querySelector({json.dumps(selector)}).value = {json.dumps(value)}")

    def press_tab(self) -> None:
        """Go to what comes next, as somebody without a mouse does."""
        key = {"key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}
        for kind in ("rawKeyDown", "keyUp"):
            self._call("Input.dispatchKeyEvent", {"type": kind, **key})

    def script(self, expression: str) -> Any:
        """Return what an expression gives on the page; works where the page itself may run no scripts."""
        said = self._call("Runtime.evaluate", {"expression": expression, "returnByValue": True})
        assert "exceptionDetails" not in said, said
        return said["result"].get("value")

    @property
    def text(self) -> str:
        """What can be read on the page."""
        return self.script("document.body.innerText")

    @property
    def address(self) -> str:
        """Where we are."""
        return self.script("location.href")

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        return self.script("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def picture(self, path: Path) -> None:
        """Keep a picture of the whole page."""
        shot = self._call("Page.captureScreenshot", {"captureBeyondViewport": True, "format": "png"})
        path.write_bytes(base64.b64decode(shot["data"]))

    def _press(self, selector: str) -> None:
        element = f"document.querySelector({json.dumps(selector)})"
        self.script(f"{element}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
        # Of a link that goes on over two lines the first: the middle of both may be beside it.
        box = self.script(f"(b => [b.x + b.width / 2, b.y + b.height / 2])({element}.getClientRects()[0])")
        place = {"x": box[0], "y": box[1], "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", {"type": kind, **place})

    def _loading(self, act: Callable[[], object]) -> None:
        self._loaded = False
        act()
        deadline = time.monotonic() + PATIENCE
        while not self._loaded:
            assert time.monotonic() < deadline, "the page did not come"
            self._hear(self._browser.read())

    def _call(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        return self._browser.call(method, params or {}, self._session, self._hear)

    def _hear(self, said: dict[str, Any]) -> None:
        if said.get("sessionId") != self._session:
            return
        if said["method"] == "Page.loadEventFired":
            self._loaded = True
        elif said["method"] == "Network.requestWillBeSent":
            self.requested.append(said["params"]["request"]["url"])


def _as_three_and_four(reading: int, writing: int) -> None:
    """Put the pipes where --remote-debugging-pipe looks for them."""
    reading, writing = os.dup(reading), os.dup(writing)
    os.dup2(reading, 3)
    os.dup2(writing, 4)
