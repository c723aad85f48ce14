"""What must be taught is taught, by label, and every chapter has its parts, its items and its exercise."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from classroom.release import source_notebook, source_texts

ROOT = Path(__file__).resolve().parent.parent.parent
CHAPTER = re.compile(r"(\d\d|s\d)-[a-z0-9-]+")
FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
ITEMS = {
    path.stem: tomllib.loads(path.read_text("utf-8")) for path in sorted((ROOT / "tests/book/items").glob("*.toml"))
}
PAGES = {path.stem: path.read_text("utf-8") for path in sorted((ROOT / "chapters").glob("*.md"))}
CHAPTERS = [slug for slug in PAGES if CHAPTER.fullmatch(slug)]
EXERCISES = {text.parent.name: text for text in source_texts(ROOT / "solutions")}


def pages_in_the_contents() -> list[str]:
    """Return the stems of the pages that the table of contents names, in its order."""
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    return [Path(chapter["file"]).name for part in contents["parts"] for chapter in part["chapters"]]


def targets(page: str) -> set[str]:
    """Return the labels that a page defines, outside of its code."""
    return set(re.findall(r"^\(([a-z0-9-]+)\)=$", FENCE.sub("", page), re.MULTILINE))


def points_of(slug: str) -> float:
    """Return the points that the check cells of an exercise give together."""
    notebook = source_notebook(EXERCISES[slug])
    return sum(cell["metadata"]["nbgrader"].get("points", 0) for cell in notebook["cells"])


@pytest.mark.parametrize(
    ("slug", "item"), [pytest.param(slug, item, id=f"{slug}: {item}") for slug in ITEMS for item in ITEMS[slug]]
)
def test_item_is_taught_where_its_label_stands(slug, item):
    assert ITEMS[slug][item] in targets(PAGES[slug])


@pytest.mark.parametrize("slug", ITEMS)
def test_items_belong_to_a_page_of_the_book(slug):
    assert ITEMS[slug], "the list is empty"
    assert slug in pages_in_the_contents()


@pytest.mark.parametrize("slug", sorted({*CHAPTERS, *EXERCISES, *filter(CHAPTER.fullmatch, ITEMS)}))
def test_chapter_items_and_exercise_come_together(slug):
    assert slug in PAGES, "there is no chapter"
    assert slug in ITEMS, "there is no list of its items"
    assert slug in EXERCISES, "there is no exercise"
    assert slug in pages_in_the_contents(), "it is not in the table of contents"
    assert f"../exercises/{slug}/{EXERCISES[slug].stem}.ipynb" in PAGES[slug], "the page does not link its exercise"


@pytest.mark.parametrize("slug", [slug for slug in CHAPTERS if slug in EXERCISES])
def test_chapter_names_the_points_of_its_exercise(slug):
    named = re.findall(r"Points: ([\d.]*\d)", PAGES[slug])
    assert [float(points) for points in named] == [points_of(slug)]


@pytest.mark.parametrize("slug", CHAPTERS)
def test_chapter_has_its_parts(slug):
    page = PAGES[slug]
    boxes = re.findall(r"^:class: ([a-z-]+)$", page, re.MULTILINE)
    assert re.search(r"^# .+\n\n\*[^*]+\?\*$", page, re.MULTILINE), "no question below the title"
    assert boxes.count("chapter-goal") == 1
    assert boxes.count("recap") >= 1
    assert boxes.count("self-check") == page.count("{dropdown} Answer") == 3
    assert boxes.count("exercise") == 1
    assert "mystnb:\n  figure:" in page, "no figure"
    assert page.count("mystnb:\n  figure:") == len(re.findall(r"^    alt: ", page, re.MULTILINE)), (
        "a figure without alt"
    )


def test_chapters_stand_in_order():
    in_contents = [page for page in pages_in_the_contents() if CHAPTER.fullmatch(page)]
    assert in_contents == sorted(in_contents)


def test_introduction_names_the_points_that_there_are():
    totals = {"1 to 6": 0.0, "7 to 12": 0.0, "stretch": 0.0}
    for slug in EXERCISES:
        part = "stretch" if slug.startswith("s") else "1 to 6" if slug < "07" else "7 to 12"
        totals[part] += points_of(slug)
    introduction = PAGES["introduction"]
    assert f"hold {totals['1 to 6'] + totals['7 to 12']:g} points" in introduction
    assert f"{totals['1 to 6']:g} in chapters 1 to 6" in introduction
    assert f"{totals['7 to 12']:g} in chapters 7 to 12" in introduction
    assert f"hold {totals['stretch']:g} more" in introduction
