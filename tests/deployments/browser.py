"""The user interface in headless Chromium, as a person uses it: by titles, labels and buttons."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from uuid import UUID

from playwright.sync_api import Locator, Page, Route, expect, sync_playwright

WIDTH, HEIGHT = 1280, 900

# Of a busy machine; whatever is waited for comes as soon as it is there.
_PATIENCE = 120_000


def chromium() -> str | None:
    """Return the path of the browser, None where it isn't installed."""
    return shutil.which("chromium")


class Interface:
    """A person's browser.

    Args:
        page: Its one tab.
        address: Of the server, without a path.
    """

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address

    def log_in(self, password: str) -> None:
        """Come to the dashboard by the login page."""
        self.page.goto(self.address)
        field = self.page.get_by_placeholder("admin:pass")
        field.fill(password)
        self.page.get_by_role("button", name="Login").click()
        self.page.get_by_role("link", name="Deployments").wait_for()

    def open_deployment(self, name: str) -> None:
        """Open a deployment's page from the list."""
        # By its address: a run's page without stages lies over the sidebar.
        self.page.goto(f"{self.address}/v2/deployments")
        self.page.get_by_role("link", name=name, exact=True).first.click()
        self.page.get_by_role("tab", name="Description").wait_for()

    def open_form(self, deployment: str) -> None:
        """Open the form that starts a run with chosen parameters."""
        self.open_deployment(deployment)
        self.page.get_by_role("button", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Custom run").click()
        self.page.get_by_role("heading", name="Parameters").wait_for()

    def field(self, title: str) -> Locator:
        """Return a field of the form by its title, whatever stands behind it in brackets."""
        label = self.page.locator("label").filter(has_text=title).first
        return self.page.locator(f"[id='{label.get_attribute('for')}']")

    def help_text(self, title: str) -> Locator:
        """Return the text that explains a field."""
        return self.page.locator("label").filter(has_text=title).first.locator("xpath=following-sibling::p")

    def titles(self) -> list[str]:
        """Return the titles of the form's fields, from top to bottom."""
        return self.page.locator("label").all_inner_texts()

    def choose(self, title: str, option: str) -> None:
        """Choose from a list."""
        self.field(title).click()
        self.page.get_by_role("option", name=option, exact=True).click()
        expect(self.field(title)).to_have_text(option)

    @property
    def _overrides(self) -> Locator:
        return self.page.locator("li textarea, [aria-roledescription=sortable] ~ * textarea")

    def overrides(self) -> list[str]:
        """Return the settings that stand in place of the recipe's."""
        return [box.input_value() for box in self._overrides.all()]

    def add_override(self, setting: str) -> None:
        """Add another setting to those in place of the recipe's."""
        boxes = self._overrides
        before = boxes.count()
        self.page.get_by_role("button", name="Add item").click()
        expect(boxes).to_have_count(before + 1)
        boxes.last.fill(setting)

    def submit(self) -> None:
        """Press the form's button."""
        self.page.get_by_role("button", name="Submit").click()

    def start(self) -> UUID:
        """Press the form's button, and open the page of the run that was started."""
        self.submit()
        self.page.get_by_role("link", name="View run").click()
        self.page.wait_for_url("**/runs/flow-run/*")
        self.page.get_by_role("tab", name="Task Runs").wait_for()
        return UUID(urlsplit(self.page.url).path.rpartition("/")[2])

    def open_run(self, run: UUID) -> None:
        """Open a run's page."""
        self.page.goto(f"{self.address}/v2/runs/flow-run/{run}")
        self.page.get_by_role("tab", name="Task Runs").wait_for()

    @property
    def state(self) -> Locator:
        """The badge that tells the state of the run whose page is open."""
        return self.page.locator("main [data-slot=badge]:has(svg)").first

    def retry(self) -> None:
        """Retry the run whose page is open."""
        self.page.get_by_role("button", name="Open menu").first.click()
        self.page.get_by_role("menuitem", name="Retry").click()
        self.page.get_by_role("alertdialog").get_by_role("button", name="Retry").click()

    def copy(self) -> None:
        """Open the form with what the run whose page is open was given."""
        self.page.get_by_role("button", name="Open menu").first.click()
        self.page.get_by_role("menuitem", name="Copy to new run").click()
        self.page.get_by_role("heading", name="Parameters").wait_for()

    def tab(self, name: str) -> Locator:
        """Open a tab of a run's page and return what it shows."""
        self.page.get_by_role("tab", name=name, exact=True).click()
        return self.page.get_by_role("tabpanel", name=name, exact=True)

    def open_page(self, run: UUID, artifact: str) -> None:
        """Open what a run has left, by the artifact's name."""
        self.open_run(run)
        self.tab("Artifacts").locator(f"a[href$='/artifacts/key/{artifact}']").first.click()
        # The tab's links stay for a moment, among them those of other artifacts.
        self.page.get_by_text(f"Created {artifact}", exact=True).wait_for()
        # The newest of all runs' comes first.
        self.page.locator("a[href*='/artifacts/artifact/']").first.click()
        self.page.get_by_role("tab", name="Raw").wait_for()


@contextmanager
def interface(address: str) -> Iterator[Interface]:
    """A browser that reaches this server and nothing else.

    Args:
        address: Of the server, without a path.
    """
    ours = urlsplit(address).netloc

    def only_ours(route: Route) -> None:
        if urlsplit(route.request.url).netloc == ours:
            route.continue_()
        else:
            route.abort()

    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        try:
            page = browser.new_page(
                viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light", locale="en-GB", timezone_id="UTC"
            )
            page.set_default_timeout(_PATIENCE)
            expect.set_options(timeout=_PATIENCE)
            page.route(lambda url: url.startswith("http"), only_ours)
            yield Interface(page, address)
        finally:
            browser.close()
