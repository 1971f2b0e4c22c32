"""A headless Chromium with a profile of its own, and what it noticed: its console, and every request that it made."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Any

from selenium.webdriver import ActionChains, Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.lab import netns
from tests.lab.eventually import eventually

__all__ = ["Keys", "Page"]

DESKTOP, PHONE = (1440, 900), (390, 844)


class Page:
    """One browser with one window. It is alone on a network of its own: a browser gives up what it asks for whenever an
    interface of its machine comes or goes, and the lab's engines make and remove many. `network` is where a site must
    listen to be seen."""

    def __init__(self, folder: Path) -> None:
        self.network = netns.lonely()
        inside = folder / "chromium"
        inside.write_text(f'#!/bin/sh\nexec {shlex.join(self.network.enter)} /usr/bin/chromium "$@"\n')
        inside.chmod(0o755)
        options = ChromeOptions()
        options.binary_location = str(inside)
        for flag in (
            "--remote-debugging-pipe",  # no port: chromedriver is outside
            "--headless=new",
            "--no-sandbox",  # the tests are root
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            "--no-default-browser-check",
            f"--user-data-dir={folder / 'profile'}",
        ):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        environment = {**os.environ, "HOME": str(folder), "XDG_CACHE_HOME": str(folder), "TZ": "UTC"}
        service = Service("/usr/bin/chromedriver", env=environment)
        self.driver = Chrome(options=options, service=service)
        self.resize(*DESKTOP)

    def close(self) -> None:
        self.driver.quit()
        self.network.close()

    # how it looks

    def resize(self, width: int, height: int, phone: bool = False) -> None:
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone},
        )

    def scheme(self, name: str) -> None:
        """`light` or `dark`, as the system would say."""
        feature = [
            {"name": "prefers-color-scheme", "value": name},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": feature})

    def picture(self, file: Path) -> None:
        self.driver.save_screenshot(str(file))

    # what a person does

    def open(self, url: str) -> None:
        self.driver.get(url)

    def forget(self) -> None:
        """Cookies, what is stored, and what it noticed."""
        self.driver.get("about:blank")
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        self.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
        self.complaints()
        self.requests()

    def log_in(self, url: str, token: str) -> None:
        self.driver.get("about:blank")
        self.driver.get(url)
        eventually(lambda: self.shown("#login"), 10, "the form to log in")
        self.find("#token").send_keys(token, Keys.ENTER)

    def press(self, *keys: str) -> None:
        """As a keyboard does: what has the focus when a key goes down gets it, also where that has just changed."""
        ActionChains(self.driver).send_keys(*keys).perform()

    # what a person sees

    def find(self, css: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def all(self, css: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def text(self, css: str) -> str:
        """What it says, shown or not; "" where it is not there."""
        return str(self.run("return document.querySelector(arguments[0])?.textContent ?? ''", css))

    def shown(self, css: str) -> bool:
        return bool(self.run("const e = document.querySelector(arguments[0]); return !!e && e.checkVisibility()", css))

    def focused(self) -> str:
        """What has the focus: its id, else its text."""
        return str(self.run("const e = document.activeElement; return e.id || e.textContent"))

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def says(self, css: str, words: str, seconds: float = 10) -> None:
        def said() -> bool:
            seen = self.text(css)
            assert words in seen, seen
            return True

        eventually(said, seconds, f"{css} with {words!r}")

    # what it noticed

    def complaints(self) -> list[str]:
        """Of its console since the last look: errors and warnings of scripts, and of policies that were violated."""
        return [f"{e['level']} {e['message']}" for e in self.driver.get_log("browser") if e["level"] != "INFO"]

    def requests(self) -> list[str]:
        """The addresses that were asked for since the last look."""
        events = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
