"""The exercises of the pages, tried in a browser: by mouse, by keyboard, in every state, and where things go wrong."""

import re
import time
from pathlib import Path

import pytest
from exercises_in_pages import Reader, every_exercise
from test_pages import KILOBYTE, WITH_EXERCISE
from visits import MODES, OBSERVE_SHIFT

PLACES = list(every_exercise())
PAGES = sorted({place.split("/")[0] for place in PLACES})
FIRST = "05-chain-rule/mul-backward"
SECOND = "05-chain-rule/fork-backward"
ENDLESS = "def {}(*arguments):\n    while True:\n        pass\n"


@pytest.fixture(params=PLACES)
def exercise(request):
    """Return the place of an exercise and its text."""
    return request.param, every_exercise()[request.param]


@pytest.fixture
def page(browser):
    """Return an empty page of a phone's width, silent until the end."""
    context = browser.new_context(viewport={"width": 360, "height": 800}, reduced_motion="reduce")
    visitor = context.new_page()
    said = []
    visitor.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
    visitor.on("pageerror", lambda error: said.append(str(error)))
    yield visitor
    context.close()
    assert said == []


def test_each_wrong_answer_gets_its_sentence_and_the_right_one_passes_by_mouse(exercise, page, address):
    place, text = exercise
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    reader = Reader.at(page, address, place)
    assert "NotImplementedError: write your code in its place" in reader.check()
    for slip in text.slips:
        reader.write(slip.text)
        said = reader.check()
        assert (reader.state(), reader.root.get_attribute("data-cause")) == ("wrong", slip.cause or "author-mistake")
        assert said.startswith("Not right yet.") and slip.says in said and len(said.splitlines()) > 1
    assert reader.violations() == []
    reader.write(text.solution)
    assert reader.check().startswith("Right.") and reader.state() == "right"
    assert reader.violations() == []
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


def test_exercise_is_solved_by_keyboard_alone(exercise, page, address):
    place, text = exercise
    reader = Reader.at(page, address, place)
    # As if the reader had come down the page by Tab, to just before the exercise.
    reader.root.locator(".page-exercise-title").evaluate("title => { title.tabIndex = -1; title.focus(); }")
    keyboard = page.keyboard
    inside = "document.activeElement.classList.contains('cm-content')"
    for _ in range(3):
        # The code that is given has a button to copy it, and is a stop where it scrolls.
        keyboard.press("Tab")
        if page.evaluate(inside):
            break
    assert page.evaluate(inside)
    keyboard.press("Control+a")
    keyboard.insert_text(text.solution)
    keyboard.press("Control+Enter")
    reader.wait_for("right", "wrong")
    assert reader.state() == "right" and reader.code.strip() == text.solution.strip()
    stops = []
    for _ in range(3):
        keyboard.press("Tab")
        stops.append(page.evaluate("document.activeElement.textContent"))
    assert stops == ["Check", "Check with full Python (6 MB)", "Start again"]
    for number in (1, 2, 3):
        keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent").startswith(f"Hint {number}: ")
        keyboard.press("Enter")
        assert reader.root.locator("details[open]").count() == number
        page.wait_for_timeout(50)
    for _ in range(7):
        keyboard.press("Shift+Tab")
        if page.evaluate(inside):
            break
    assert page.evaluate(inside)


def test_editor_indents_what_is_typed_and_undoes_it(page, address):
    reader = Reader.at(page, address, FIRST)
    before = reader.code
    reader.root.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.type("def mul_backward(dz, cache):\nx, y = cache\nif x > 0:\nreturn dz * y, dz * x\n")
    page.keyboard.type("return dz * y, dz * x")
    assert reader.check().startswith("Right.")
    for _ in range(50):
        page.keyboard.press("Control+z")
    reader.root.locator(".cm-content").click()
    for _ in range(50):
        page.keyboard.press("Control+z")
    assert reader.code == before


def test_hints_open_one_by_one(page, address):
    reader = Reader.at(page, address, FIRST)
    hints = reader.root.locator("details")
    assert [hints.nth(n).is_visible() for n in range(3)] == [True, False, False]
    hints.nth(0).locator("summary").click()
    hints.nth(1).wait_for()
    assert not hints.nth(2).is_visible()
    hints.nth(1).locator("summary").click()
    hints.nth(2).wait_for()


def test_code_survives_a_reload_and_start_again_forgets_it(page, address):
    text = every_exercise()[FIRST]
    reader = Reader.at(page, address, FIRST)
    reader.write(text.solution)
    page.reload()
    reader.root.scroll_into_view_if_needed()
    reader.root.locator(".cm-content").wait_for()
    assert reader.code.strip() == text.solution.strip()
    assert reader.check().startswith("Right.")
    reader.root.get_by_role("button", name="Start again").click()
    assert reader.code.strip() == text.stub.strip() and reader.state() == "before"
    page.reload()
    reader.root.scroll_into_view_if_needed()
    reader.root.locator(".cm-content").wait_for()
    assert reader.code.strip() == text.stub.strip()
    assert page.evaluate("localStorage.length - Boolean(localStorage.theme) - Boolean(localStorage.mode)") == 0


def test_two_exercises_do_not_disturb_one_another(page, address):
    first, second = every_exercise()[FIRST], every_exercise()[SECOND]
    one = Reader.at(page, address, FIRST)
    other = Reader(page, page.locator("#exercise-fork-backward"))
    other.root.scroll_into_view_if_needed()
    other.root.locator(".cm-content").wait_for()
    other.write(second.solution + "mul_backward = None\nleft_behind = 1\n")
    one.write(first.solution.replace("return", "left_behind\n    return"))
    assert other.check().startswith("Right.")
    assert "NameError" in one.check() and other.state() == "right"
    one.write(ENDLESS.format("mul_backward"))
    one.root.get_by_role("button", name="Check", exact=True).click()
    assert other.check().startswith("Right.")
    one.wait_for("wrong")
    assert one.root.locator(".headline").inner_text() == "Stopped after 3 seconds."
    one.write(first.solution)
    assert one.check().startswith("Right.") and other.code.startswith(second.solution)


def test_endless_loop_is_stopped_and_the_next_check_comes_soon(page, address):
    text = every_exercise()[FIRST]
    reader = Reader.at(page, address, FIRST)
    reader.check()
    reader.write(ENDLESS.format("mul_backward"))
    start = time.perf_counter()
    assert "Is there a loop that never ends?" in reader.check()
    stopped = time.perf_counter() - start
    reader.write(text.solution)
    start = time.perf_counter()
    assert reader.check().startswith("Right.")
    assert time.perf_counter() - start < stopped / 2


def test_newer_check_wins_over_an_older_one(page, address):
    reader = Reader.at(page, address, FIRST)
    reader.write(ENDLESS.format("mul_backward"))
    reader.root.get_by_role("button", name="Check", exact=True).click()
    reader.root.get_by_role("button", name="Start again").click()
    page.wait_for_timeout(3500)
    assert reader.root.locator(".result").inner_text() == "The first lines are back."


def test_what_the_code_prints_is_shown_and_cut_short(page, address):
    reader = Reader.at(page, address, FIRST)
    reader.write(every_exercise()[FIRST].solution + "for k in range(5000):\n    print('k is', k)\n")
    said = reader.check()
    assert said.startswith("Right.") and "Your code printed:" in said and "k is 7" in said and len(said) < 3000
    assert reader.violations() == []


@pytest.mark.parametrize(("scheme", "width"), MODES, ids=lambda value: str(value))
@pytest.mark.parametrize("place", [FIRST, "06-layer-backward/linear-backward"])
def test_every_state_is_accessible_and_fits(place, scheme, width, browser, address, built_book):
    context = browser.new_context(
        color_scheme=scheme, viewport={"width": width, "height": 800}, reduced_motion="reduce"
    )
    page = context.new_page()
    page.add_init_script(OBSERVE_SHIFT)
    reader = Reader.at(page, address, place)
    text, found, held = every_exercise()[place], {}, []
    page.route("**/worker.mjs", lambda route: held.append(route))
    # The editor has taken the place of the text area, and nothing has moved.
    assert page.evaluate("layoutShift") <= 0.05
    found["before"] = reader.violations()
    reader.root.get_by_role("button", name="Check", exact=True).click()
    reader.wait_for("running")
    found["running"] = reader.violations()
    assert reader.state() == "running"
    for waiting in held:
        waiting.continue_()
    page.unroute("**/worker.mjs")
    reader.wait_for("wrong")
    reader.write(text.slips[1].text)
    reader.check()
    found["wrong"] = reader.violations()
    for number in range(3):
        reader.root.locator("summary").nth(number).click()
        page.wait_for_timeout(50)
    found["hints"] = reader.violations()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    reader.write(text.solution)
    reader.check()
    found["right"] = reader.violations()
    assert {state: violations for state, violations in found.items() if violations} == {}
    folder = built_book.parent / "screenshots"
    folder.mkdir(exist_ok=True)
    reader.root.screenshot(path=folder / f"{place.replace('/', '-')}-{scheme}-{width}.png", timeout=120_000)
    context.close()


def resident(browser, page) -> float:
    """Return the memory of the browser's largest process of pages, in megabytes, when it keeps no more than it needs.

    Chromium collects garbage when it sees fit: memory first grows by half, also where nothing leaks.
    """
    session = page.context.new_cdp_session(page)
    session.send("Memory.simulatePressureNotification", {"level": "critical"})
    session.send("HeapProfiler.collectGarbage")
    session.detach()
    page.wait_for_timeout(500)
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    sizes = []
    for process in processes:
        if process["type"] == "renderer":
            status = Path(f"/proc/{process['id']}/status").read_text()
            sizes.append(int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024)
    return max(sizes)


def test_memory_is_flat_after_two_hundred_checks(page, browser, address):
    reader = Reader.at(page, address, FIRST)
    solution = every_exercise()[FIRST].solution
    reader.write(f"import gc\ngc.collect()\nprint('in use:', gc.mem_alloc())\n{solution}")
    in_use, size = [], []
    for number in range(221):
        said = reader.check()
        if number % 20 == 0:
            in_use.append(int(re.search(r"in use: (\d+)", said)[1]))
            size.append(resident(browser, page))
    assert in_use[-1] <= 1.02 * in_use[1]
    assert size[-1] <= 1.05 * size[1]


def test_full_python_says_the_same(page, address):
    text = every_exercise()[FIRST]
    reader = Reader.at(page, address, FIRST)
    reader.write(text.slips[0].text)
    small = reader.check()
    full = reader.check("Check with full Python (6 MB)")
    assert full == small
    reader.write(f"import sys\nassert sys.implementation.name == 'cpython'\n{text.solution}")
    assert reader.check("Check with full Python (6 MB)").startswith("Right.")


def test_engine_that_does_not_load_is_said_and_tried_again(browser, address):
    page = browser.new_page()
    reader = Reader.at(page, address, FIRST)
    reader.write(every_exercise()[FIRST].solution)
    page.route("**/micropython.wasm", lambda route: route.abort())
    said = reader.check()
    assert said.startswith("The check could not run.") and "Your code is kept; try again." in said
    page.unroute("**/micropython.wasm")
    assert reader.check().startswith("Right.")
    page.close()


def test_code_is_checked_from_the_plain_text_area_where_the_editor_does_not_come(browser, address):
    page = browser.new_page()
    page.route("**/editor.mjs", lambda route: route.abort())
    reader = Reader.at(page, address, FIRST, editor=False)
    area = reader.root.locator("textarea")
    area.fill(every_exercise()[FIRST].solution)
    area.press("Control+Enter")
    reader.wait_for("right")
    area.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Check"
    page.close()


@pytest.mark.parametrize("slug", PAGES)
def test_page_is_light_before_the_first_click(slug, browser, address):
    page = browser.new_page()
    session, weight = page.context.new_cdp_session(page), []
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda event: weight.append(event["encodedDataLength"]))
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}chapters/{slug}.html")
    for root in page.locator(".page-exercise").all():
        root.scroll_into_view_if_needed()
        root.locator(".cm-content").wait_for()
    assert 0 < sum(weight) / KILOBYTE <= WITH_EXERCISE
    assert not [url for url in asked if "worker.mjs" in url or "python" in url.rsplit("/", 1)[-1]]
    page.close()


@pytest.mark.parametrize("slug", PAGES)
def test_exercises_read_without_scripts_and_from_a_folder(slug, browser, address, built_book):
    context = browser.new_context(java_script_enabled=False)
    without = context.new_page()
    without.goto(f"{address}chapters/{slug}.html")
    folder = browser.new_page()
    folder.goto((built_book / f"chapters/{slug}.html").as_uri())
    for place in [place for place in PLACES if place.startswith(f"{slug}/")]:
        text = every_exercise()[place]
        for page in (without, folder):
            root = page.locator(f"#exercise-{text.name}")
            assert root.locator("textarea").input_value().strip() == text.stub.strip()
            assert (
                root.locator(".unserved").inner_text().startswith("Checks need JavaScript and a page that comes from")
            )
            assert root.locator("details").count() == root.locator("details summary:visible").count() == 3
            assert root.locator("button").count() == root.locator("button.copybtn").count()
    context.close()
    folder.close()


@pytest.mark.parametrize("slug", PAGES)
def test_solutions_and_wrong_answers_stay_out_of_the_page_its_sources_and_the_search(slug, built_book):
    # A later chapter may give what this one asks for.
    kinds = {".html", ".txt", ".json", ".ipynb", ".md"}
    files = [file for file in built_book.rglob("*") if file.suffix in kinds and slug in file.name]
    files.append(built_book / "searchindex.js")
    book = {file.name: re.sub(r"(\s|\\n)+", " ", file.read_text("utf-8")) for file in files}
    assert {f"{slug}.html", f"{slug}.md", "searchindex.js"} <= set(book)
    for place in [place for place in PLACES if place.startswith(f"{slug}/")]:
        text = every_exercise()[place]
        assert f"{slug}-{text.name}.json" in book
        known = {re.sub(r"\s+", " ", line).strip() for line in (text.stub + text.given).splitlines()}
        for hidden in (text.solution, *(slip.text for slip in text.slips)):
            lines = [re.sub(r"\s+", " ", line).strip() for line in hidden.splitlines()]
            body = " ".join(line for line in lines if line and line not in known)
            assert [
                name for name, words in book.items() if f"{text.settings['function']}(" in words and body in words
            ] == []
