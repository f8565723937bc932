"""The page of ``policy matrix --html`` in a real Chromium, from disk, by keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace
from playwright.sync_api import expect, sync_playwright

from mcp_local.cli.policy.page import matrix_page
from mcp_local.policy.in_force import OBSERVES
from mcp_local.policy.model import Kind
from mcp_local.policy.views.matrix import Cell, CellEffect, Matrix, Row
from tests.support.chromium import ARGUMENTS, executable

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

HOSTILE = (
    "<script>document.title='taken'</script>",
    '"><img src=x onerror="document.title=1">',
    "</code></th><style>*{display:none}</style>",
    "right\N{RIGHT-TO-LEFT OVERRIDE}left\x1b[2J&amp;",
)
LUMINANCE = """
(element) => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = rgb(colour).slice(0, 3).map((part) => {
      const c = part / 255;
      return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let behind = element;
  while (rgb(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
  const two = [light(getComputedStyle(element).color),
               light(getComputedStyle(behind).backgroundColor)].sort((a, b) => b - a);
  return (two[0] + 0.05) / (two[1] + 0.05);
}
"""
"""The contrast of an element's text with what is behind it (WCAG 2.2, 1.4.3)."""


def row(kind: Kind, name: str, *effects: str, namespace: str = "", tags: str = "") -> Row:
    """Return a row with a cell for each of Reader and Admin."""
    cells = tuple(
        Cell(CellEffect(effect), effect != "deny", f"roles.{effect}", "Because.")
        for effect in effects
    )
    return Row(kind, name, namespace, tuple(tags.split()), cells)


MATRIX = Matrix(
    ("Reader", "Admin"),
    (
        row(Kind.TOOL, "get_report", "allow", "allow", tags="read"),
        row(Kind.TOOL, "delete_report", "deny", "ask", namespace="files"),
        row(Kind.TOOL, "query", "conditional", "allow", tags="sql"),
        row(Kind.RESOURCE, "docs://handbook", "allow", "allow"),
        row(Kind.PROMPT, "briefing", "deny", "deny"),
    ),
)


@pytest.fixture(scope="module")
def chromium() -> Generator[Browser]:
    """A real Chromium without a screen."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        yield browser
        browser.close()


class Opened:
    """A page opened from disk, with all that it asked for and complained of."""

    def __init__(self, browser: Browser, path: Path, scheme: str = "light") -> None:
        self.page: Page = browser.new_page(color_scheme="dark" if scheme == "dark" else "light")
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(path.as_uri())

    def rows(self) -> list[str]:
        """Return the components that are shown."""
        return self.page.locator("tbody tr:visible th code").all_inner_texts()


@pytest.fixture
def opened(chromium: Browser, tmp_path: Path) -> Generator[Opened]:
    """The matrix above, opened from disk."""
    path = tmp_path / "matrix.html"
    path.write_text(matrix_page(MATRIX, "policy.yaml"), encoding="utf-8")
    shown = Opened(chromium, path)
    yield shown
    assert shown.requests == [path.as_uri()]  # nothing else was fetched
    assert shown.complaints == []
    shown.page.close()


def test_that_the_policy_only_observes_is_told() -> None:
    """Above the table, since what is shown there isn't what the policy grants."""
    pages = [matrix_page(replace(MATRIX, observing=each), "policy.yaml") for each in (False, True)]
    assert [OBSERVES in page.partition("<main>")[0] for page in pages] == [False, True]


def test_search_and_filters_by_keyboard(opened: Opened) -> None:
    """Each narrows the rows, the live region tells their number, and one key press undoes it."""
    keyboard, count = opened.page.keyboard, opened.page.get_by_role("status")
    opened.page.get_by_label("Search").focus()
    keyboard.type("REPORT")
    found = opened.rows(), count.inner_text()
    keyboard.press("Tab")
    keyboard.type("re")  # picks "resource"
    nothing = opened.rows(), count.inner_text()
    keyboard.press("Tab")
    keyboard.press("Tab")
    keyboard.press("Tab")
    keyboard.press("Enter")  # "Show all"
    expect(count).to_have_text("5 of 5 rows")

    assert found == (["get_report", "files/delete_report"], "2 of 5 rows")
    assert nothing == ([], "0 of 5 rows")
    assert len(opened.rows()) == 5


def test_tags_are_found(opened: Opened) -> None:
    """Search looks at names, namespaces and tags; all words must be there."""
    search = opened.page.get_by_label("Search")
    found: list[list[str]] = []
    for words in ("sql", "files", "report read"):
        search.fill(words)
        found.append(opened.rows())
    assert found == [["query"], ["files/delete_report"], ["get_report"]]


def test_one_role(opened: Opened) -> None:
    """One column is left, and what that role is denied can be hidden."""
    opened.page.get_by_label("Role", exact=True).select_option("Reader")
    heads = opened.page.locator("thead th:visible").all_inner_texts()
    opened.page.get_by_label("Hide what is denied").check()
    assert heads == ["Kind", "Component", "Reader"]
    assert opened.rows() == ["get_report", "query", "docs://handbook"]
    assert opened.page.locator("tbody td[data-role='1']:visible").count() == 0


def test_for_screen_readers(opened: Opened) -> None:
    """Every control has a name, the table a caption and heads with scope; words say it, not hue."""
    page = opened.page
    unnamed = page.eval_on_selector_all(
        "input, select, button",
        "all => all.filter(e => !(e.labels?.length || e.textContent.trim())).length",
    )
    assert unnamed == 0
    assert page.get_by_role("table", name="What each role may use").count() == 1
    assert page.get_by_role("columnheader").count() == 4
    assert page.get_by_role("rowheader").count() == 5
    assert page.locator("th:not([scope])").count() == 0
    headings = page.eval_on_selector_all("h1, h2", "all => all.map(e => e.tagName)")
    assert headings == ["H1", "H2"]
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.title() == "Who may what: policy.yaml"
    ids = page.eval_on_selector_all("[id]", "all => all.map(e => e.id)")
    assert len(ids) == len(set(ids))
    cells = page.locator("tbody td[data-role]").all_inner_texts()
    assert all(any(word in cell for word in ("allow", "ask", "depends", "deny")) for cell in cells)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(chromium: Browser, tmp_path: Path, scheme: str) -> None:
    """All text can be read by people with poor sight, in both colour schemes: 4.5 to 1."""
    path = tmp_path / "matrix.html"
    path.write_text(matrix_page(MATRIX, "policy.yaml"), encoding="utf-8")
    page = Opened(chromium, path, scheme).page
    texts = page.locator("h1, h2, p, label, code, small, td, th, dt, dd, caption, button, select")
    ratios = texts.evaluate_all(f"all => all.map({LUMINANCE})")
    page.close()
    assert len(ratios) > 50
    assert min(ratios) >= 4.5


def test_names_from_servers_do_nothing(chromium: Browser, tmp_path: Path) -> None:
    """Whatever a server calls its tools, roles, rules or tags: it is shown as text."""
    rows = tuple(
        Row(
            Kind.TOOL,
            name,
            name,
            (name,),
            (Cell(CellEffect.ALLOW, listed=True, rule=name, reason=name),),
        )
        for name in HOSTILE
    )
    path = tmp_path / "matrix.html"
    path.write_text(matrix_page(Matrix((HOSTILE[0],), rows), HOSTILE[0]), encoding="utf-8")
    shown = Opened(chromium, path)
    names = shown.rows()
    title, images = shown.page.title(), shown.page.locator("img, script, style").count()
    shown.page.close()

    assert [name.split("/", 1)[0] for name in names][:1] == ["<script>document.title='taken'<"]
    assert title == f"Who may what: {HOSTILE[0]}"
    assert images == 2  # our own script and style sheet
    assert "\\u202e" in names[3]
    assert "\\x1b[2J&amp;" in names[3]
    assert shown.complaints == []
    assert shown.requests == [path.as_uri()]


def test_without_script_the_table_is_there(chromium: Browser, tmp_path: Path) -> None:
    """Filters that couldn't work aren't shown; the rows are."""
    path = tmp_path / "matrix.html"
    path.write_text(matrix_page(MATRIX, "policy.yaml"), encoding="utf-8")
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.locator("tbody tr:visible").count() == 5
    assert page.locator("form:visible").count() == 0
    context.close()
