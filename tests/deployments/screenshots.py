"""Makes the pictures of docs/ui.md anew on a running server: ``python -m tests.deployments.screenshots``.

It starts a run of the demo from the form and waits for its end, ten minutes on two cores. The shell must lead to the
server (``. .server/env``).
"""

import os
import re
import time
from io import BytesIO
from pathlib import Path
from uuid import UUID

from PIL import Image
from playwright.sync_api import expect

from tests.deployments.browser import HEIGHT, WIDTH, Interface, interface

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"

_RUN_SECONDS = 1200
_SETTLE_SECONDS = 6


def shoot(ui: Interface, name: str, height: int = HEIGHT) -> None:
    """Take a picture of what the browser shows."""
    ui.page.set_viewport_size({"width": WIDTH, "height": height})
    # Grey bars stand for what the server has not told yet.
    expect(ui.page.locator("[data-slot=skeleton]")).to_have_count(0)
    # The timeline moves into place, and has nothing to wait for.
    time.sleep(_SETTLE_SECONDS)
    path = IMAGES / f"ui-{name}.png"
    picture = Image.open(BytesIO(ui.page.screenshot()))
    # A palette does for what is text and bars, at a third of the size.
    picture.convert("RGB").quantize(256).save(path, optimize=True)
    ui.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


def before_a_run(ui: Interface) -> None:
    """Picture the schedules, and a run that was refused with its menu open."""
    ui.open_deployment("nb")
    ui.tab("Upcoming").get_by_text("Scheduled").first.wait_for()
    shoot(ui, "schedules", 640)
    ui.open_form("demo")
    ui.add_override("sft.tau=1.5")
    ui.start()
    expect(ui.state).to_have_text("Invalid input")
    ui.tab("Details").get_by_text("sft.tau=1.5").wait_for()
    ui.page.get_by_role("button", name="Open menu").first.click()
    ui.page.get_by_role("menuitem", name="Retry").hover()
    shoot(ui, "failed", 800)
    ui.page.keyboard.press("Escape")


def a_run(ui: Interface) -> UUID:
    """Picture the form and the run that is started from it, while it runs and when it has ended."""
    ui.open_form("demo")
    ui.add_override("generation.per_temperature=2")
    # Nothing is to come from the cache.
    ui.add_override(f"seed={int(time.time()) % 2**31}")
    shoot(ui, "form", 1960)
    run = ui.start()
    until = time.monotonic() + _RUN_SECONDS
    while not re.search(r"candidates: [1-9]", ui.tab("Artifacts").inner_text()) and time.monotonic() < until:
        # The tab shows what there was when it was opened.
        ui.tab("Logs")
        time.sleep(_SETTLE_SECONDS)
    # A timeline that was open from the start keeps the scale that it had then.
    ui.open_run(run)
    ui.tab("Artifacts")
    shoot(ui, "running")
    expect(ui.state).to_have_text("Completed", timeout=_RUN_SECONDS * 1000)
    finished(ui, run)
    return run


def finished(ui: Interface, run: UUID) -> None:
    """Picture the run's page."""
    ui.open_run(run)
    ui.tab("Task Runs").get_by_text("publish").wait_for()
    shoot(ui, "finished", 1000)


def pages(ui: Interface, run: UUID) -> None:
    """Picture what the run's stages have left."""
    for artifact, name, height in (
        ("demo-gate", "gate", 900),
        ("demo-sft", "training", 960),
        ("demo-pairs", "pairs", 1100),
        ("demo-evaluate", "results", 2130),
        ("demo-panel", "panel", 1480),
    ):
        ui.open_page(run, artifact)
        shoot(ui, name, height)


def main() -> None:
    """Take all pictures."""
    with interface(os.environ["PREFECT_API_URL"].removesuffix("/api")) as ui:
        ui.log_in(os.environ["PREFECT_API_AUTH_STRING"])
        before_a_run(ui)
        pages(ui, a_run(ui))


if __name__ == "__main__":
    main()
