"""The book read in other ways: without scripts, from a folder, by keyboard, by search, on paper, with less motion."""

import re
from collections import Counter
from html import unescape

import pytest
from visits import WAYS, contents, has_formula

CHAPTER = "chapters/06-layer-backward.html"


def words(html: str) -> list[str]:
    """Return the longer words of the body of a built page; code, formulas and the controls of moving figures aside."""
    (article,) = re.findall(r'<article class="bd-article">(.*?)</article>', html, re.DOTALL)
    article = re.sub(r'(?s)<div class="stage">.*?<figcaption>', " ", article)
    prose = re.sub(r"(?s)<(pre|math|svg|h1).*?</\1>|<[^>]+>", " ", article)
    return [word.lower() for word in re.findall(r"[A-Za-z]{7,}", unescape(prose))]


@pytest.fixture(scope="module")
def telling_words(built_book) -> dict[str, list[str]]:
    """Return for each page the three words that the fewest others have.

    More than one, since the index and the search reduce a few words, such as "analogy", to different stems.
    """
    texts = {page: words((built_book / f"{page}.html").read_text("utf-8")) for page in contents()}
    pages_with = Counter(word for text in texts.values() for word in set(text))
    return {
        page: sorted(set(text), key=lambda word: (pages_with[word], word))[:3] for page, text in texts.items() if text
    }


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("page", contents())
def test_page_reads_without_scripts_and_without_a_server(page, way, readings, visits):
    reading = readings[page, way]
    assert reading.problem == ""
    assert reading.characters >= 0.9 * visits[page, "light", 1280].characters > 0
    assert reading.typeface.startswith('"Source Sans 3"')
    assert all(width > 50 for width in reading.pictures)
    if has_formula(page):
        assert sum(width > 0 for width in reading.formulas) >= 1


def test_search_finds_a_word_of_each_page(open_page, telling_words):
    assert [page for page in contents() if page not in telling_words] == [], "each has a word of seven letters"
    visitor = open_page("search.html")
    visitor.wait_for_function("typeof Search !== 'undefined' && Search.hasIndex()")
    # The search of the page itself, asked for its results instead of for their list.
    found = visitor.evaluate(
        """(telling) => Object.fromEntries(Object.entries(telling).map(([page, words]) =>
             [page, words.flatMap((word) =>
               Search._performSearch(...Search._parseQuery(word)).map((result) => result[0]))]))""",
        telling_words,
    )
    missed = {page: (words, found[page]) for page, words in telling_words.items() if page not in found[page]}
    assert missed == {}


def test_search_lists_what_it_finds(open_page):
    visitor = open_page("search.html?q=transpose")
    visitor.locator(f'#search-results a[href^="{CHAPTER}"]').first.wait_for()
    assert visitor.locator("#search-results li").count() >= 1


@pytest.fixture
def chapter(open_page):
    """Return an open page on a chapter."""
    return open_page(CHAPTER)


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


def test_wide_formula_scrolls_by_keyboard_and_lets_go(open_page):
    visitor = open_page(CHAPTER, viewport={"width": 280, "height": 700})
    wide = visitor.locator('.scrolls[tabindex="0"], pre[tabindex="0"]').first
    wide.focus()
    visitor.keyboard.press("ArrowRight")
    visitor.wait_for_function("document.activeElement.scrollLeft > 0")
    visitor.keyboard.press("Tab")
    assert not wide.evaluate("element => element === document.activeElement")


def test_code_is_copied_without_prompts(open_page):
    visitor = open_page(CHAPTER, permissions=["clipboard-read", "clipboard-write"])
    visitor.locator("button.copybtn").first.focus()
    visitor.keyboard.press("Enter")
    visitor.wait_for_function("navigator.clipboard.readText().then((text) => text.includes('import'))")
    assert ">>>" not in visitor.evaluate("navigator.clipboard.readText()")


def test_motion_is_reduced_on_request(open_page):
    visitor = open_page("index.html", reduced_motion="reduce")
    longest = visitor.evaluate(
        "Math.max(...[...document.querySelectorAll('*')].map((element) => getComputedStyle(element))"
        ".map((style) => parseFloat(style.transitionDuration) + parseFloat(style.animationDuration)))"
    )
    assert longest < 0.01


def test_paper_is_white_and_holds_the_text_alone(open_page):
    visitor = open_page(CHAPTER, color_scheme="dark")
    visitor.emulate_media(media="print")
    assert visitor.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert visitor.evaluate("getComputedStyle(document.querySelector('article p')).color") == "rgb(0, 0, 0)"
    for part in (".bd-sidebar-primary", ".bd-header-article", ".prev-next-footer"):
        assert not visitor.locator(part).first.is_visible()
    assert visitor.locator("article").is_visible()


def test_menu_opens_on_a_phone_and_closes_again(open_page):
    visitor = open_page(CHAPTER, viewport={"width": 360, "height": 700})
    visitor.locator("button.primary-toggle").press("Enter")
    menu = visitor.locator("#pst-primary-sidebar-modal")
    assert menu.evaluate("element => element.open")
    visitor.keyboard.press("Escape")
    assert not menu.evaluate("element => element.open")
