"""The loader of the reader's own functions: it executes the answers, and shows none of them."""

import re
import sys

import numpy as np
import pytest

from classroom.release import source_notebook, source_texts


@pytest.fixture(scope="module")
def loader(root):
    """Return the module ``chapters/own_network.py``, as a page imports it."""
    sys.path.insert(0, str(root / "chapters"))
    import own_network

    yield own_network
    sys.path.remove(str(root / "chapters"))


@pytest.fixture(scope="module")
def own(loader):
    """Return the functions of chapters 2 to 10."""
    return loader.own_network()


def solution_cells(root, first, last):
    """Return the sources of the solution cells of some chapters."""
    sources = []
    for text in source_texts(root / "solutions"):
        if text.parent.name[:2].isdigit() and first <= int(text.parent.name[:2]) <= last:
            cells = source_notebook(text)["cells"]
            sources += [cell["source"] for cell in cells if cell["metadata"]["nbgrader"]["solution"]]
    return sources


def test_every_function_of_a_solution_cell_is_there(own, root):
    asked = {name for source in solution_cells(root, 2, 10) for name in re.findall(r"^def (\w+)", source, re.M)}
    assert asked == set(vars(own))


def test_the_network_calls_answers_and_not_what_exercises_give(own):
    given = own.mlp_forward.__globals__
    for table in ("FORWARD", "BACKWARD"):
        for function in given[table].values():
            assert function is getattr(own, function.__name__)
    assert given["linear_backward"] is own.linear_backward


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training_keeps_the_number_type(own, dtype):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 4)).astype(dtype), rng.integers(0, 3, size=20)
    params = own.init_params([4, 6, 3], "he", rng)
    params = [{key: array.astype(dtype) for key, array in layer.items()} for layer in params]
    trained, _ = own.train(X, y, params, "relu", 0.1, 2, 8, rng)
    assert {array.dtype.name for layer in trained for array in layer.values()} == {dtype}


def test_a_chapter_without_an_exercise_is_said(loader, tmp_path):
    with pytest.raises(ValueError, match="chapter 2 has no exercise"):
        loader.own_network(solutions=tmp_path)


def test_a_cell_that_fails_is_named(loader, tmp_path):
    text = tmp_path / "02-broken" / "broken.md"
    text.parent.mkdir()
    text.write_text(
        "---\njupytext:\n  text_representation:\n    extension: .md\n    format_name: myst\n---\n\n"
        "```{code-cell}\n:nbgrader: {grade_id: half-done, solution: true}\n1 / 0\n```\n",
        encoding="utf-8",
    )
    with pytest.raises(ValueError, match="the cell half-done of .*ZeroDivisionError"):
        loader.own_network(2, 2, tmp_path)


@pytest.mark.parametrize("slug", ["10-learning", "11-debugging-clinic", "12-keras-mnist"])
def test_no_answer_stands_on_a_page_that_uses_them(root, slug):
    page = (root / "chapters" / f"{slug}.md").read_text(encoding="utf-8")
    for source in solution_cells(root, 2, 12):
        for answer in re.findall(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", source, re.DOTALL):
            assert answer.strip() not in page
