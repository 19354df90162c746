"""The page in Chromium without a network: in light and dark, on a telephone and a desk, by keyboard and by axe."""

import os
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright
from report_samples import make_run
from servers.s3_endpoint import unavailable

from saga_core.artifacts.store import Store
from tasks.report import find_run
from tasks.run_report import report_html
from tests.deployments.browser import chromium

pytestmark = pytest.mark.slow

SIZES = {"narrow": 360, "wide": 1280}
SCHEMES = ("light", "dark")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    store = Store(str(folder / "store"))
    make_run(store)
    report = find_run(store, None)
    assert report is not None
    (folder / "report.html").write_bytes(report_html(store, report))
    return (folder / "report.html").as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if chromium() is None:
        unavailable("chromium is not installed; on Debian: apt-get install --no-install-recommends chromium")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page as it opens; complaints of the browser, and whatever it asks the network for, fail the test."""
    scheme, size = getattr(request, "param", ("light", "wide"))
    context = browser.new_context(
        viewport={"width": SIZES[size], "height": 800}, color_scheme=scheme, offline=True, reduced_motion="reduce"
    )
    opened = context.new_page()
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda each: said.append(each.url) if not each.url.startswith(("file:", "data:")) else None)
    opened.goto(address)
    yield opened
    context.close()
    assert said == []


def background(page: Page) -> int:
    """Return how light the page is, from 0 to 255."""
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return int(colour.removeprefix("rgb(").split(",")[0])


@pytest.mark.parametrize("page", [(scheme, size) for scheme in SCHEMES for size in SIZES], indirect=True)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_page(page: Page, request: pytest.FixtureRequest) -> None:
    scheme, _ = request.node.callspec.params["page"]
    assert (background(page) > 128) == (scheme == "light")
    # What is folded is looked at too.
    page.evaluate("document.querySelectorAll('article.sample:nth-of-type(-n+2) details').forEach(d => d.open = true)")
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider == 0
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_the_keyboard_reaches_what_can_be_used_and_sees_where_it_is(page: Page) -> None:
    reached = []
    for _ in range(24):
        page.keyboard.press("Tab")
        focus = page.evaluate(
            """() => {
                const at = document.activeElement, shown = at.matches('input') ? at.nextElementSibling : at;
                return [at.id || at.getAttribute('href') || at.className, getComputedStyle(shown).outlineStyle];
            }"""
        )
        reached.append(focus)
    assert [name for name, _ in reached][:3] == ["#main", "theme-auto", "#summary"]
    assert "scroll" in [name for name, _ in reached]
    assert {outline for _, outline in reached} == {"solid"}


def test_the_skip_link_skips(page: Page) -> None:
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_the_theme_can_be_chosen_by_keyboard_without_a_script(page: Page) -> None:
    assert background(page) > 128
    page.get_by_role("radio", name="Auto").focus()
    page.keyboard.press("ArrowLeft")
    assert page.get_by_role("radio", name="Dark").is_checked()
    assert background(page) < 128
    page.keyboard.press("ArrowLeft")
    assert page.get_by_role("radio", name="Light").is_checked()
    assert background(page) > 128


def test_texts_can_be_chosen_by_outcome(page: Page) -> None:
    shown = page.locator("article.sample:visible")
    assert shown.count() == 30
    for name in ("Gained", "Lost", "Both fail", "Both pass"):
        page.locator("label").filter(has_text=name).click()
        outcomes = set(shown.evaluate_all("all => all.map(each => each.classList[1])"))
        assert outcomes == {name.lower().replace(" ", "_")}
    page.locator("label").filter(has_text="All 30").click()
    assert shown.count() == 30


def test_on_paper_it_is_light_and_without_what_cannot_be_used(page: Page) -> None:
    page.get_by_role("radio", name="Dark").check(force=True)
    page.emulate_media(media="print")
    assert background(page) == 255
    for name in ("nav", "fieldset.filter", "a.skip"):
        assert not page.locator(name).is_visible()
    assert page.locator("article.sample").first.is_visible()


def test_hostile_text_is_shown_and_not_run(page: Page) -> None:
    assert page.locator("img, script").count() == 0
    assert '</script><img src=x onerror="alert(1)">' in page.locator("#texts article").first.inner_text()
