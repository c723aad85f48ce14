"""Every page, in light and dark, on a phone and on a desk: silent, self-contained, light, steady and accessible."""

import pytest
from visits import MODES, every_page, has_formula

KILOBYTE = 1000
PROSE, WITH_FORMULAS, WITH_EXERCISE = 200, 350, 400


@pytest.fixture(
    params=[(page, scheme, width) for page in every_page() for scheme, width in MODES],
    ids=lambda visited: f"{visited[0]}-{visited[1]}-{visited[2]}",
)
def visit(request, visits):
    """Return what the browser saw on one page in one mode."""
    return visits[request.param]


def test_console_is_silent(visit):
    assert visit.messages == []


def test_every_request_is_answered_by_the_book_itself(visit, address):
    assert visit.failures == []
    foreign = [url for url in visit.requests if not url.startswith((address, "data:", "blob:"))]
    assert foreign == []


def test_page_is_accessible(visit):
    assert visit.violations == []


def test_page_is_light(visit, built_book):
    html = (built_book / f"{visit.page}.html").read_text("utf-8")
    bar = WITH_EXERCISE if "page-exercise" in html else WITH_FORMULAS if 'class="math' in html else PROSE
    if visit.page == "search":
        # The search alone loads the index of the book's words.
        bar += (built_book / "searchindex.js").stat().st_size / KILOBYTE / 2
    assert 0 < visit.bytes / KILOBYTE <= bar


def test_layout_does_not_shift(visit):
    assert visit.shift <= 0.05


def test_page_is_not_wider_than_the_screen(visit):
    assert visit.overflow <= 0


def test_code_fits_its_box_on_a_desk(visit):
    if visit.width == 1280:
        assert visit.hidden_code == []


def test_no_markdown_is_left_as_it_was_written(visit):
    assert visit.raw == []


def test_formulas_are_drawn(visit):
    if has_formula(visit.page):
        assert sum(width > 0 for width in visit.formulas) >= 1
    assert all(width < 4000 for width in visit.formulas)
