"""Every moving figure of the book: it comes without moving the text, works by mouse and by keyboard, and shows slopes
that are those of the loss that it shows."""

import gzip
import re

import pytest
from figure_claims import CLAIMS
from figure_numbers import measured_slope, move, numbers_shown, slopes_of
from visits import AXE, BOOK, MODES, OBSERVE_SHIFT, PATIENCE, contents, source_of

HEAVIEST = 30_000
RELATIVE_TOLERANCE = 1e-4
DIRECTIVE = re.compile(r"^[:`]{3,}\{moving-figure\}\s+(\S+)", re.MULTILINE)
FIGURES = [(page, n, name) for page in contents() for n, name in enumerate(DIRECTIVE.findall(source_of(page)))]
NAMES = sorted({name for _, _, name in FIGURES})
# axe looks at every path of every drawing of the page, for minutes: they are taken out meanwhile.
RUN_AXE = """async (figure) => {
  const drawings = [...document.querySelectorAll("svg:not(svg svg)")].map((svg) => [svg, [...svg.childNodes]]);
  for (const [svg] of drawings) svg.replaceChildren();
  const result = await axe.run(figure, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"],
  });
  for (const [svg, parts] of drawings) svg.append(...parts);
  return result.violations.map((rule) => [rule.id, ...rule.nodes.map((node) => node.html)].join(" | ").slice(0, 500));
}"""
TWO_FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
WHAT_IT_SAYS = "figure => figure.querySelector('.status').textContent + figure.querySelector('.values').textContent"


@pytest.fixture(
    scope="module", params=FIGURES, ids=lambda figure: f"{figure[0].rsplit('/')[-1]}-{figure[1]}-{figure[2]}"
)
def placed(request, built_book):
    """Return the page of a figure, its number there, and its name."""
    return request.param


@pytest.fixture(scope="module")
def visit(browser, address, placed):
    """Return a function that opens the page of a figure and returns the figure, which is not live yet."""
    page_name, number, name = placed
    contexts = []

    def open_page(folder: bool = False, **settings):
        context = browser.new_context(**settings)
        context.set_default_timeout(PATIENCE * 1000)
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(OBSERVE_SHIFT)
        page.said = []
        page.on("console", lambda said: page.said.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("requestfailed", lambda request: page.said.append(request.url))
        page.goto((BOOK / f"{page_name}.html").as_uri() if folder else f"{address}{page_name}.html")
        found = page.locator("figure.moving-figure").nth(number)
        assert found.get_attribute("data-figure") == name
        return found

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def figure(visit):
    """Return the live figure, which the tests use one after the other, as a reader would."""
    found = visit(reduced_motion="reduce")
    comes_alive(found)
    return found


def comes_alive(figure) -> None:
    """Scroll to a figure and wait until it is live."""
    figure.scroll_into_view_if_needed()
    figure.locator(".controls:not([inert])").first.wait_for()


def messages(figure) -> list[str]:
    """Return what the page of a figure has complained of."""
    return figure.page.said


def controls_of(figure) -> list[tuple[str, str]]:
    """Return the name and the kind of each control of a figure, in its order."""
    return figure.locator("[data-control]").evaluate_all(
        "controls => controls.map((control) => [control.dataset.control, control.type || control.localName])"
    )


def each_control(figure):
    """Yield name, kind and place of each control, one by one: a choice may bring others."""
    number = 0
    while number < len(found := controls_of(figure)):
        name, kind = found[number]
        yield name, kind, figure.locator(f'[data-control="{name}"]')
        number += 1


def use(figure) -> None:
    """Press every button, move every slider and change every choice of a figure."""
    for _, kind, control in each_control(figure):
        control.focus()
        figure.page.keyboard.press({"range": "ArrowRight", "select-one": "ArrowDown"}.get(kind, "Enter"))


@pytest.mark.parametrize("page", sorted({page for page, _, _ in FIGURES}))
def test_page_has_the_figures_of_its_source_and_their_style(page, built_book):
    html = (built_book / f"{page}.html").read_text("utf-8")
    named = [name for place, _, name in FIGURES if place == page]
    assert re.findall(r'<figure class="moving-figure" data-figure="([^"]+)"', html) == named
    assert html.count("_static/figures/arrive.mjs") == html.count("_static/figures/figures.css") == 1
    pictures = re.findall(r'<div (?=[^>]*class="picture)(?![^>]*aria-hidden)[^>]*>', html)
    alternatives = [words for each in pictures for words in re.findall('aria-label="([^"]*)"', each)]
    assert len(alternatives) == len(named) and min(map(len, alternatives)) > 40


def test_pages_without_figures_load_none_of_it(built_book):
    without = [page for page in contents() if page not in {page for page, _, _ in FIGURES}]
    assert without
    assert [page for page in without if "_static/figures" in (built_book / f"{page}.html").read_text("utf-8")] == []


@pytest.mark.parametrize("name", NAMES)
def test_figure_is_light(name, built_book):
    module = built_book / f"_static/figures/{name}.mjs"
    assert 0 < len(gzip.compress(module.read_bytes(), 9)) <= HEAVIEST


def test_picture_stands_without_scripts_and_in_a_folder(visit):
    for still in (visit(java_script_enabled=False), visit(folder=True)):
        for width in (360, 1280):
            still.page.set_viewport_size({"width": width, "height": 800})
            assert still.locator(".picture").first.bounding_box()["width"] > 0.8 * min(width - 40, 400)
            assert still.locator("figcaption").is_visible()
            for part in (".controls", ".status", ".values"):
                assert not still.locator(part).first.is_visible()


@pytest.mark.parametrize("width", [360, 1280])
def test_live_figure_takes_the_place_of_its_picture(width, visit):
    waiting = visit(viewport={"width": width, "height": 800})
    before = waiting.bounding_box()["height"]
    words = waiting.evaluate(WHAT_IT_SAYS)
    comes_alive(waiting)
    assert waiting.evaluate(WHAT_IT_SAYS) == words
    assert abs(waiting.bounding_box()["height"] - before) < 1
    assert waiting.page.evaluate("layoutShift") <= 0.01
    assert waiting.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert messages(waiting) == []


def test_slopes_are_those_of_the_loss_that_is_shown(figure, placed):
    # Before any other use: as it begins, a figure shows all its slopes.
    name = placed[2]
    sliders = [control for control, kind in controls_of(figure) if kind == "range"]
    claims = slopes_of(name, sliders, list(numbers_shown(figure)))
    assert claims or name in CLAIMS, (
        f"nothing is claimed of the numbers of {name}: see figure_numbers.py, figure_claims.py"
    )
    for claim in claims:
        for shift in (0.0, 0.137):
            at = float(figure.locator(f'[data-control="{claim.slider}"]').input_value())
            move(figure, claim.slider, at + shift)
            measured = measured_slope(figure, claim)
            shown = numbers_shown(figure)[claim.slope]
            assert shown == pytest.approx(measured, rel=RELATIVE_TOLERANCE, abs=1e-6), claim
            move(figure, claim.slider, at)
    if name in CLAIMS:
        CLAIMS[name](figure)
    # The sliders now stop between their steps, which a reader cannot make them do.
    figure.page.reload()
    comes_alive(figure)


def test_figure_is_accessible_before_and_after_use(figure):
    figure.page.add_script_tag(path=AXE)
    for state in ("before", "after"):
        for scheme, width in MODES:
            figure.page.emulate_media(color_scheme=scheme)
            figure.page.set_viewport_size({"width": width, "height": 800})
            # A colour that changes has its old value for one frame more.
            figure.page.evaluate(TWO_FRAMES)
            assert figure.evaluate(RUN_AXE) == [], (state, scheme, width)
        if state == "before":
            use(figure)
            figure.locator("details.values > summary").press("Enter")
    assert figure.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert messages(figure) == []


def test_figure_works_by_keyboard_alone(figure):
    expected = controls_of(figure)
    assert expected
    figure.evaluate("figure => { figure.tabIndex = -1; figure.focus(); }")
    reached, said, changes = [], figure.evaluate(WHAT_IT_SAYS), {}
    for _ in range(len(expected) + 2):
        figure.page.keyboard.press("Tab")
        stop = figure.page.evaluate(
            """() => {
              const at = document.activeElement;
              const { outlineWidth, outlineStyle } = getComputedStyle(at);
              return [at.dataset.control ?? at.localName, at.type, parseFloat(outlineWidth), outlineStyle];
            }"""
        )
        if stop[0] not in {name for name, _ in expected}:
            continue
        assert stop[2] >= 2 and stop[3] != "none", f"{stop[0]} has no visible focus"
        reached.append(stop[0])
        figure.page.keyboard.press({"range": "ArrowRight", "select-one": "ArrowDown"}.get(stop[1], "Space"))
        # A choice may have brought other controls behind it.
        expected = controls_of(figure)
        now = figure.evaluate(WHAT_IT_SAYS)
        changes[stop[0]] = now != said
        said = now
    assert reached == [name for name, _ in expected]
    dead = [name for name, kind in expected if kind == "range" and not changes[name]]
    assert dead == [], "these sliders change nothing that is said"
    assert any(changes.values())
    assert figure.locator('.status[role="status"][aria-live="polite"]').count() == 1


def test_figure_works_by_mouse(figure):
    said = figure.evaluate(WHAT_IT_SAYS)
    changed = []
    for _, kind, control in each_control(figure):
        if kind == "range":
            box = control.bounding_box()
            at = float(control.input_value())
            ends = [float(control.get_attribute(end)) for end in ("min", "max")]
            # To the half of the slider in which it is not.
            place = 0.8 if at < sum(ends) / 2 else 0.2
            control.click(position={"x": place * box["width"], "y": box["height"] / 2})
            assert float(control.input_value()) != at
        elif kind == "select-one":
            control.select_option(index=1)
        else:
            control.click()
        now = figure.evaluate(WHAT_IT_SAYS)
        changed.append(now != said)
        said = now
    assert any(changed)
    assert messages(figure) == []


def test_nothing_moves_where_less_motion_is_asked_for(figure):
    for name, _ in controls_of(figure):
        if figure.locator(f'[data-control="{name}"]').evaluate("control => control.localName === 'button'"):
            figure.locator(f'[data-control="{name}"]').press("Enter")
            assert (
                figure.page.evaluate(
                    "document.getAnimations().filter((each) => each.effect.getTiming().duration > 1).length"
                )
                == 0
            )
            shown = figure.inner_html()
            figure.page.wait_for_timeout(150)
            assert figure.inner_html() == shown, f"after {name} the figure goes on by itself"


def test_paper_holds_the_picture_and_its_caption(figure):
    figure.page.emulate_media(color_scheme="dark", media="print")
    assert figure.locator(".picture").first.is_visible() and figure.locator("figcaption").is_visible()
    for part in (".controls", ".status", ".values"):
        assert not figure.locator(part).first.is_visible()
    inks = figure.locator(".picture text").evaluate_all("texts => texts.map((text) => getComputedStyle(text).fill)")
    figure.page.emulate_media(media="screen")
    assert all(sum(map(int, re.findall(r"\d+", ink)[:3])) < 500 for ink in inks), "light ink on white paper"
