"""A visit to each page of the built book in a real browser, and what there is to visit."""

import asyncio
import gzip
import http.server
import io
import os
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml
from PIL import Image
from playwright.async_api import Browser, Error, Page, async_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
BOOK = ROOT / "_build/html"
SCREENSHOTS = ROOT / "_build/screenshots"
AXE = ROOT / "web/node_modules/axe-core/axe.min.js"
# The book is tried below a folder of its own: it must not know its place.
PREFIX = "/some/course/"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MODES = [(scheme, width) for scheme in ("light", "dark") for width in (360, 1280)]
# Seconds for one visit, on a machine that has other things to do.
PATIENCE = 300
# The height of the browser's window, in pixels.
WINDOW = 800
WAYS = ["without scripts", "from a folder"]
# Pages that no table of contents names.
FURTHER = ["search", "genindex", "404"]


@cache
def contents() -> list[str]:
    """Return the names of the pages in the table of contents, in its order."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    return [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]


def every_page() -> list[str]:
    """Return the names of all pages."""
    return [*contents(), *FURTHER]


@dataclass
class Visit:
    """What a browser saw on one page: in one scheme and width, with an empty cache."""

    page: str
    scheme: str
    width: int
    messages: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    bytes: int = 0
    shift: float = 0.0
    overflow: int = 0
    hidden_code: list[str] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    formulas: list[float] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    characters: int = 0


@dataclass
class Reading:
    """What there is to read on one page where nothing helps: no scripts, or no server."""

    page: str
    way: str
    characters: int = 0
    typeface: str = ""
    pictures: list[float] = field(default_factory=list)
    formulas: list[float] = field(default_factory=list)
    problem: str = ""


@cache
def content_of(file: Path) -> tuple[bytes, bool]:
    """Return what a host sends for a file, and whether that is compressed."""
    if file.suffix in {".html", ".css", ".js", ".mjs", ".svg", ".json", ".xml", ".txt", ".ipynb", ".wasm"}:
        return gzip.compress(file.read_bytes(), 9), True
    return file.read_bytes(), False


class Host(http.server.SimpleHTTPRequestHandler):
    """Serves the book below PREFIX, compressed, as hosts of static pages do."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with the file, gzipped if it is text, or with 404."""
        path = self.path.split("?")[0]
        file = BOOK / path.removeprefix(PREFIX) if path.startswith(PREFIX) else None
        if file is not None and file.is_dir():
            file /= "index.html"
        if file is None or not file.is_file():
            self.send_error(404)
            return
        body, compressed = content_of(file)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(file))
        if compressed:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words) -> None:
        """Say nothing."""


OBSERVE_SHIFT = """
window.layoutShift = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.layoutShift += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""

STILL = """
.bd-header-article, .bd-sidebar-primary, .bd-sidebar-secondary, #pst-back-to-top {
  position: static !important;
}
html { scroll-behavior: auto !important; }
"""

READ = r"""(() => {
  const widths = (selector) =>
    [...document.querySelectorAll(`article ${selector}`)].map((element) => element.getBoundingClientRect().width);
  return {
    // The page of the search has no article.
    characters: (document.querySelector("article") ?? document.body).innerText.length,
    typeface: getComputedStyle(document.querySelector("h1")).fontFamily,
    pictures: widths(":is(svg.figure, img)"),
    formulas: widths(".math svg"),
    // What stands to the right of its box, unless it is folded.
    hiddenCode: [...document.querySelectorAll("article pre")]
      .filter((element) => !element.closest("details:not([open])") && element.scrollWidth > element.clientWidth)
      .map((element) => element.innerText.slice(0, 80)),
    // Lines of Markdown that nothing has made a table or a box of.
    raw: [...document.querySelectorAll("article p")].map((element) => element.innerText)
      .filter((text) => /^\s*(\||:::)|\| *[-—–]+ *\|/.test(text)),
  };
})()"""

RUN_AXE = """async () => {
  const result = await axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    resultTypes: ["violations"],
  });
  return result.violations.map((rule) => `${rule.id} (${rule.impact}): ` +
    rule.nodes.slice(0, 3).map((node) => node.html.slice(0, 200)).join(" | "));
}"""


async def watch(page: Page, visit: Visit) -> None:
    """Record what a page says, asks for, fails to get and weighs."""
    page.on("console", lambda said: visit.messages.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: visit.messages.append(str(error)))
    page.on("request", lambda request: visit.requests.append(request.url))
    page.on("requestfailed", lambda request: visit.failures.append(request.url))
    page.on("response", lambda got: visit.failures.append(f"{got.status} {got.url}") if got.status >= 400 else None)
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")

    def weigh(event) -> None:
        visit.bytes += event["encodedDataLength"]

    session.on("Network.loadingFinished", weigh)


async def photograph(page: Page, into: Path) -> None:
    """Save a picture of a whole page, put together from what fits the window.

    One picture of the whole page at once takes the browser a hundred times as long as one of the window.
    """
    # What stays in the window while the page moves would be in every part.
    await page.add_style_tag(content=STILL)
    size = await page.evaluate("[innerWidth, document.documentElement.scrollHeight]")
    whole = Image.new("RGB", tuple(size))
    for top in range(0, size[1], WINDOW):
        at = await page.evaluate("(top) => { scrollTo(0, top); return Math.round(scrollY); }", top)
        part = await page.screenshot(type="jpeg", quality=85)
        whole.paste(Image.open(io.BytesIO(part)), (0, at))
    whole.save(into, quality=70)


async def see(browser: Browser, address: str, visit: Visit) -> None:
    """Visit one page and measure it."""
    context = await browser.new_context(
        color_scheme=visit.scheme, viewport={"width": visit.width, "height": WINDOW}, reduced_motion="reduce"
    )
    context.set_default_timeout(PATIENCE * 1000)
    page = await context.new_page()
    await page.add_init_script(OBSERVE_SHIFT)
    await watch(page, visit)
    await page.goto(f"{address}{visit.page}.html", wait_until="load")
    await page.evaluate("document.fonts.ready")
    await page.wait_for_timeout(300)
    visit.shift = await page.evaluate("layoutShift")
    visit.overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    seen = await page.evaluate(READ)
    visit.formulas, visit.characters = seen["formulas"], seen["characters"]
    visit.hidden_code, visit.raw = seen["hiddenCode"], seen["raw"]
    picture = SCREENSHOTS / f"{visit.page.replace('/', '-')}-{visit.scheme}-{visit.width}.jpeg"
    await photograph(page, picture)
    # axe looks at every path of every drawing: what is inside a drawing has no text to look at.
    await page.evaluate("document.querySelectorAll('svg > *').forEach((part) => part.remove())")
    await page.add_script_tag(path=AXE)
    visit.violations = await page.evaluate(RUN_AXE)
    await context.close()


async def read(browser: Browser, address: str, reading: Reading) -> None:
    """Open one page without scripts, or from its folder, and measure what is there to read."""
    alone = reading.way == "without scripts"
    context = await browser.new_context(java_script_enabled=not alone)
    context.set_default_timeout(PATIENCE * 1000)
    page = await context.new_page()
    await page.goto(f"{address}{reading.page}.html" if alone else (BOOK / f"{reading.page}.html").as_uri())
    seen = await page.evaluate(READ)
    for name in ("characters", "typeface", "pictures", "formulas"):
        setattr(reading, name, seen[name])
    await context.close()


async def see_all(chromium: str, address: str) -> tuple[list[Visit], list[Reading]]:
    """Visit every page in every mode, then read it in plainer ways, as many at a time as there are processors."""
    visits = [Visit(page, scheme, width) for page in every_page() for scheme, width in MODES]
    readings = [Reading(page, way) for page in contents() for way in WAYS]
    waiting: list[Visit | Reading] = [*visits, *readings]
    async with async_playwright() as playwright:

        async def work() -> None:
            # A browser each: two pages of one browser wait for one another when their pictures are taken.
            browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            while waiting:
                one = waiting.pop(0)
                try:
                    if isinstance(one, Visit):
                        await asyncio.wait_for(see(browser, address, one), PATIENCE)
                    else:
                        await asyncio.wait_for(read(browser, address, one), PATIENCE)
                except (Error, TimeoutError) as problem:
                    said = f"the visit failed: {problem!r}"
                    if isinstance(one, Visit):
                        one.messages.append(said)
                    else:
                        one.problem = said
            await browser.close()

        await asyncio.gather(*(work() for _ in range(max(2, os.cpu_count() or 2))))
    return visits, readings


def source_of(page: str) -> str:
    """Return the source text of a page, or an empty one where it has none."""
    file = ROOT / f"{page}.md"
    return file.read_text("utf-8") if file.is_file() else ""


def has_formula(page: str) -> bool:
    """Return whether the text of a page, code aside, holds a formula."""
    prose = re.sub(r"(?ms)^(`{3,}).*?^\1|`[^`\n]*`", "", source_of(page))
    return bool(re.search(r"\$[^$]+\$", prose))
