"""A person at the user interface: the form with its bounds, a run from start to end, and one that failed, retried."""

import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from prefect.client.orchestration import SyncPrefectClient
from servers.s3_endpoint import unavailable

from tests.deployments.browser import Interface, chromium, interface
from tests.deployments.server import Server, wait

pytestmark = pytest.mark.slow

# A probe of seconds, of no other test's text.
SMALL = ("corpus.sources.0.limit=30", "corpus.heldout_prompts=12", "probe.max_new_tokens=24")

# Milliseconds; it takes a tenth of that on a machine with nothing else to do.
ENDS = 300_000

# Title, what the recipe has, and part of the help text.
FIELDS = [
    ("recipe", "demo", "Name of a recipe"),
    ("Base model", "demo:models/nb-tiny", "Hub id"),
    ("τ, threshold of the gate", "0.8", "a rate from 0 to 1"),
    ("Least quality of a training sentence", "0.65", "from 0 to 1"),
    ("δ, least gap of a pair", "0.25", "0 to 2"),
    ("Floor of the chosen score", "0.2", "from -1 to 1"),
    ("β of DPO", "0.1", "more than 0"),
]
LISTS = [
    ("Language", "nb", "Code of the language"),
    ("KL-SFT", "auto", "only when the base's parse success (PS) is below τ"),
    ("until", "publish", "Last stage"),
]


@pytest.fixture(scope="module")
def browser(request: pytest.FixtureRequest) -> Iterator[Interface]:
    """A browser in which a person has logged in."""
    if chromium() is None:
        unavailable("chromium is not installed; on Debian: apt-get install --no-install-recommends chromium")
    server: Server = request.getfixturevalue("server")
    with interface(server.settings.api_url.removesuffix("/api")) as ui:
        ui.log_in(server.settings.auth_string)
        yield ui


@pytest.fixture
def ui(browser: Interface, client: SyncPrefectClient) -> Interface:
    """The browser, and a client for what is looked up behind its back."""
    return browser


def test_without_the_password_there_is_nothing_to_see(server: Server, browser: Interface) -> None:
    context = browser.page.context.browser.new_context()  # type: ignore[union-attr]
    page = context.new_page()
    page.route(lambda url: not url.startswith(browser.address), lambda route: route.abort())
    page.goto(browser.address)
    page.get_by_placeholder("admin:pass").fill("saga:wrong")
    page.get_by_role("button", name="Login").click()
    expect(page.get_by_text("Invalid credentials")).to_be_visible()
    context.close()


def test_the_form_shows_every_choice_with_its_value_bounds_and_help(ui: Interface, client: SyncPrefectClient) -> None:
    ui.open_form("demo")
    for title, value, explained in FIELDS:
        expect(ui.field(title)).to_have_value(value)
        expect(ui.help_text(title)).to_contain_text(explained)
    for title, value, explained in LISTS:
        expect(ui.field(title)).to_have_text(value)
        expect(ui.help_text(title)).to_contain_text(explained)
    assert ui.titles().index("Language (Optional)") < ui.titles().index("τ, threshold of the gate (Optional)")

    before = len(client.read_flow_runs())
    tau = ui.field("τ, threshold of the gate")
    tau.fill("1.5")
    ui.submit()
    assert tau.evaluate("field => field.validationMessage") == "Value must be less than or equal to 1."
    expect(tau).to_be_focused()
    assert len(client.read_flow_runs()) == before


def test_a_run_refuses_what_the_form_cannot_tell(ui: Interface) -> None:
    ui.open_form("demo")
    ui.add_override("sft.tau=1.5")
    ui.start()
    expect(ui.state).to_have_text("Invalid input")
    expect(ui.tab("Details")).to_contain_text("overrides: sft.tau=1.5: input should be less than or equal to 1")
    ui.copy()
    assert ui.overrides() == ["sft.tau=1.5"]
    assert ui.field("τ, threshold of the gate").input_value() == "0.8"


def test_a_schedule_is_paused_by_its_switch(ui: Interface, client: SyncPrefectClient) -> None:
    for active in (False, True):
        ui.open_deployment("nb")
        ui.page.get_by_role("switch", name="At 03:00 AM, only on Monday").click()
        expect(ui.page.get_by_text(f"Deployment schedule {'active' if active else 'paused'}")).to_be_visible()
        (schedule,) = client.read_deployment_by_name("retrain/nb").schedules
        assert schedule.active is active


def test_started_from_the_form_it_is_watched_until_it_ends(ui: Interface) -> None:
    ui.open_form("demo")
    ui.field("τ, threshold of the gate").fill("0.5")
    ui.choose("until", "gate")
    for setting in SMALL:
        ui.add_override(setting)
    run = ui.start()
    expect(ui.state).to_have_text("Running")
    expect(ui.state).to_have_text("Completed", timeout=ENDS)
    stages = ui.tab("Task Runs")
    for stage in ("data", "judge", "judge_check", "items", "probe", "gate"):
        expect(stages.get_by_role("link", name=stage, exact=True)).to_be_visible()
    expect(stages).to_contain_text("(5 Completed, 1 Skipped)")
    ui.open_page(run, "demo-gate")
    expect(ui.page.locator("tr").filter(has_text="Threshold τ")).to_contain_text("50%")
    expect(ui.page.get_by_role("link", name="decision.json")).to_be_visible()


def test_the_button_retries_what_was_killed(server: Server, client: SyncPrefectClient, ui: Interface) -> None:
    overrides = [*SMALL, "probe.max_new_tokens=25"]
    demo = client.read_deployment_by_name("align/demo").id
    run = client.create_flow_run_from_deployment(demo, parameters={"overrides": overrides, "until": "gate"})
    wait(lambda: bool(server.runs_of("saga-gpu-1")), 180)
    for process in server.runs_of("saga-gpu-1"):
        process.send(signal.SIGKILL)
    ui.open_run(run.id)
    expect(ui.state).to_have_text("Failed", timeout=ENDS)
    expect(ui.tab("Details")).to_contain_text("probe")
    ui.retry()
    expect(ui.state).to_have_text("Completed", timeout=ENDS)
    stages = ui.tab("Task Runs")
    expect(stages).to_contain_text("Cached")
    assert client.read_flow_run(run.id).run_count == 2
