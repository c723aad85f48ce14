"""The book read in other ways: without scripts, from a folder, by keyboard, by search, on paper, with less motion."""

import re
from collections import Counter
from html import unescape

import pytest
from visits import contents, has_formula

TEXT = "document.querySelector('article').innerText.length"
DRAWN = (
    "[...document.querySelectorAll('article .math svg')].filter((svg) => svg.getBoundingClientRect().width > 0).length"
)


def words(html: str) -> list[str]:
    """Return the longer words of the body of a built page; code, formulas and the controls of moving figures aside."""
    (article,) = re.findall(r'<article class="bd-article">(.*?)</article>', html, re.DOTALL)
    article = re.sub(r'(?s)<div class="stage">.*?<figcaption>', " ", article)
    prose = re.sub(r"(?s)<(pre|math|svg|h1).*?</\1>|<[^>]+>", " ", article)
    return [word.lower() for word in re.findall(r"[A-Za-z]{7,}", unescape(prose))]


@pytest.fixture(scope="module")
def telling_words(built_book) -> dict[str, str]:
    """Return for each page a word that few others have."""
    texts = {page: words((built_book / f"{page}.html").read_text("utf-8")) for page in contents()}
    pages_with = Counter(word for text in texts.values() for word in set(text))
    return {page: min(text, key=lambda word: (pages_with[word], word)) for page, text in texts.items() if text}


@pytest.mark.parametrize("page", contents())
def test_page_reads_without_scripts(page, browser, address):
    with_scripts = browser.new_page()
    with_scripts.goto(f"{address}{page}.html")
    expected = with_scripts.evaluate(TEXT)
    with_scripts.close()
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto(f"{address}{page}.html")
    assert plain.locator("article").inner_text().__len__() >= 0.9 * expected > 0
    pictures = plain.locator("svg.figure, article img")
    assert all(pictures.nth(n).bounding_box()["width"] > 50 for n in range(pictures.count()))
    if has_formula(page):
        assert plain.locator("article .math svg").first.bounding_box()["width"] > 0
    context.close()


@pytest.mark.parametrize("page", contents())
def test_page_reads_from_a_folder(page, browser, built_book):
    visitor = browser.new_page()
    visitor.goto((built_book / f"{page}.html").as_uri())
    assert visitor.evaluate(TEXT) > 0
    assert visitor.evaluate("getComputedStyle(document.querySelector('h1')).fontFamily").startswith('"Source Sans 3"')
    if has_formula(page):
        assert visitor.evaluate(DRAWN) > 0
    visitor.close()


@pytest.mark.parametrize("page", contents())
def test_search_finds_a_word_of_the_page(page, browser, address, telling_words):
    if page not in telling_words:
        pytest.fail(f"{page} has no word of seven letters to look for")
    visitor = browser.new_page()
    visitor.goto(f"{address}search.html?q={telling_words[page]}")
    visitor.locator(f'#search-results a[href^="{page}.html"]').first.wait_for(timeout=30_000)
    visitor.close()


@pytest.fixture
def chapter(browser, address):
    """Return an open page on a chapter."""
    visitor = browser.new_page()
    visitor.goto(f"{address}chapters/06-layer-backward.html")
    yield visitor
    visitor.close()


def test_first_stop_of_the_keyboard_leads_to_the_text(chapter):
    chapter.keyboard.press("Tab")
    assert chapter.evaluate("document.activeElement.textContent") == "Skip to main content"
    chapter.keyboard.press("Enter")
    assert chapter.url.endswith("#main-content")


def test_every_stop_of_the_keyboard_is_visible_and_none_is_a_trap(chapter):
    stops = []
    for _ in range(400):
        chapter.keyboard.press("Tab")
        stop = chapter.evaluate(
            """() => {
              const element = document.activeElement;
              if (element === document.body) return null;
              const style = getComputedStyle(element);
              const box = element.getBoundingClientRect();
              element.dataset.stop ??= String(document.querySelectorAll("[data-stop]").length);
              return { number: element.dataset.stop, html: element.outerHTML.slice(0, 120),
                       size: box.width * box.height,
                       seen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 };
            }"""
        )
        if stop is None or stop["number"] in {earlier["number"] for earlier in stops}:
            break
        stops.append(stop)
    else:
        pytest.fail("400 steps of Tab do not lead through the page")
    assert len(stops) > 20
    assert [stop["html"] for stop in stops if not stop["seen"] or stop["size"] == 0] == []


def test_mode_is_chosen_by_keyboard_and_kept(chapter):
    button = chapter.locator("button.theme-switch-button").first
    seen = set()
    for _ in range(3):
        button.press("Enter")
        seen.add(chapter.evaluate("document.documentElement.dataset.mode"))
    assert seen == {"light", "dark", "auto"}
    while chapter.evaluate("document.documentElement.dataset.mode") != "dark":
        button.press("Enter")
    chapter.reload()
    assert chapter.evaluate("document.documentElement.dataset.theme") == "dark"


def test_search_opens_and_closes_by_keyboard(chapter):
    chapter.keyboard.press("Control+k")
    assert chapter.evaluate("document.querySelector('#pst-search-dialog').open")
    chapter.keyboard.type("transpose")
    chapter.keyboard.press("Escape")
    assert not chapter.evaluate("document.querySelector('#pst-search-dialog').open")


def test_answers_and_hidden_code_open_by_keyboard(chapter):
    folded = chapter.locator("article details").first
    assert not folded.evaluate("element => element.open")
    folded.locator("summary").press("Enter")
    assert folded.evaluate("element => element.open")


def test_wide_formula_scrolls_by_keyboard_and_lets_go(browser, address):
    visitor = browser.new_page(viewport={"width": 280, "height": 700})
    visitor.goto(f"{address}chapters/06-layer-backward.html")
    visitor.wait_for_load_state("load")
    wide = visitor.locator('.scrolls[tabindex="0"], pre[tabindex="0"]').first
    wide.focus()
    visitor.keyboard.press("ArrowRight")
    visitor.wait_for_timeout(400)
    assert wide.evaluate("element => element.scrollLeft") > 0
    visitor.keyboard.press("Tab")
    assert not wide.evaluate("element => element === document.activeElement")
    visitor.close()


def test_code_is_copied_without_prompts(browser, address):
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    visitor = context.new_page()
    visitor.goto(f"{address}chapters/06-layer-backward.html")
    button = visitor.locator("button.copybtn").first
    button.focus()
    visitor.keyboard.press("Enter")
    visitor.wait_for_timeout(200)
    copied = visitor.evaluate("navigator.clipboard.readText()")
    assert "import" in copied and ">>>" not in copied
    context.close()


def test_motion_is_reduced_on_request(browser, address):
    context = browser.new_context(reduced_motion="reduce")
    visitor = context.new_page()
    visitor.goto(f"{address}index.html")
    longest = visitor.evaluate(
        "Math.max(...[...document.querySelectorAll('*')].map((element) => getComputedStyle(element))"
        ".map((style) => parseFloat(style.transitionDuration) + parseFloat(style.animationDuration)))"
    )
    assert longest < 0.01
    context.close()


def test_paper_is_white_and_holds_the_text_alone(browser, address):
    context = browser.new_context(color_scheme="dark")
    visitor = context.new_page()
    visitor.goto(f"{address}chapters/06-layer-backward.html")
    visitor.emulate_media(media="print")
    assert visitor.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert visitor.evaluate("getComputedStyle(document.querySelector('article p')).color") == "rgb(0, 0, 0)"
    for part in (".bd-sidebar-primary", ".bd-header-article", ".prev-next-footer"):
        assert not visitor.locator(part).first.is_visible()
    assert visitor.locator("article").is_visible()
    context.close()


def test_menu_opens_on_a_phone_and_closes_again(browser, address):
    visitor = browser.new_page(viewport={"width": 360, "height": 700})
    visitor.goto(f"{address}chapters/06-layer-backward.html")
    visitor.locator("button.primary-toggle").press("Enter")
    menu = visitor.locator("#pst-primary-sidebar-modal")
    assert menu.evaluate("element => element.open")
    visitor.keyboard.press("Escape")
    assert not menu.evaluate("element => element.open")
    visitor.close()
