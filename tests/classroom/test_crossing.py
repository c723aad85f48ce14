"""What crosses between a learner's code and the judge: by value, unchanged, and nothing that cannot have been sent."""

import json
import math
import random
import re
import time
import tracemalloc

import nbformat
import numpy as np
import pytest
from nbconvert import HTMLExporter
from nbconvert.filters import markdown2html

from classroom.autograde import ShortenLongCells
from classroom.cells import harmless, plain_text
from classroom.crossing import CannotCross, Garbled, Reader, Writer, restore
from classroom.grading import bound_names, used_names
from classroom.rebuild import parse_notebook, quiet_markdown
from classroom.syscalls import MACHINES, REFUSED, call_filter


def refuse(value):
    raise CannotCross(type(value).__name__)


def refuse_tag(tag, rest):
    raise Garbled(tag)


def there_and_back(value):
    """Return what arrives of a value."""
    writer = Writer(refuse, 10**7)
    form = json.loads(json.dumps(writer.write(value)))
    return Reader(writer.blob, refuse_tag).read(form)


@pytest.mark.parametrize(
    "value",
    [
        None, True, 0, -1, 2**80, 1.5, -0.0, math.inf, "text \u00e9 \ud800", b"\x00\xff", 1 + 2j, (1, (2.0,), []),
        [1, [2, {"a": (3,)}]], {"x": 1, 2: "y", (1, 2): None}, {1, 2}, frozenset({"a"}), range(1, 9, 2),
        slice(1, None, 2), ..., float, np.float32,
    ],
    ids=repr,
)  # fmt: skip
def test_plain_value_arrives_as_it_was(value):
    arrived = there_and_back(value)
    assert arrived == value and type(arrived) is type(value)


def test_nan_arrives():
    assert math.isnan(there_and_back(math.nan))


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "u1", "?", "c16", "U3", "S4", "M8[s]", ">f8"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 0, 4)], ids=str)
def test_array_arrives_with_dtype_and_shape(dtype, shape):
    rng = np.random.default_rng(0)
    array = rng.integers(0, 2, shape).astype("i8").astype(dtype)
    arrived = there_and_back(array)
    assert arrived.dtype == array.dtype and arrived.shape == array.shape
    assert arrived.tobytes() == array.tobytes()


def test_scalars_order_and_write_protection_arrive():
    assert type(there_and_back(np.float64(2.5))) is np.float64
    assert there_and_back(np.asfortranarray(np.ones((3, 2)))).flags.f_contiguous
    fixed = np.ones(3)
    fixed.flags.writeable = False
    assert not there_and_back(fixed).flags.writeable


def test_one_thing_that_stands_twice_arrives_as_one():
    X = np.ones(3)
    arrived = there_and_back([X, (X, [X])])
    assert arrived[0] is arrived[1][0] is arrived[1][1][0]
    loop = []
    loop.append(loop)
    arrived = there_and_back(loop)
    assert arrived[0] is arrived


def test_generator_of_random_numbers_arrives_in_its_state():
    rng = np.random.default_rng(5)
    rng.random(7)
    arrived = there_and_back(rng)
    assert arrived.random() == rng.random()


def test_subclass_arrives_as_what_it_is_made_of():
    class Liar(np.ndarray):
        def __eq__(self, other):
            return True

    class Int(int):
        def __eq__(self, other):
            return True

        __hash__ = int.__hash__

    arrived = there_and_back([np.zeros(2).view(Liar), Int(7)])
    assert type(arrived[0]) is np.ndarray and type(arrived[1]) is int and arrived[1] != 8


@pytest.mark.parametrize(
    "value",
    [object(), print, np.array([object()], dtype=object), json],
    ids=["object", "function", "objects", "module"],
)
def test_anything_else_does_not_cross_by_value(value):
    with pytest.raises(CannotCross):
        there_and_back(value)


def test_too_large_and_too_deep_values_do_not_cross():
    with pytest.raises(CannotCross, match="80 MB is larger"):
        there_and_back(np.zeros(10_000_000))
    deep = []
    for _ in range(500):
        deep = [deep]
    with pytest.raises(CannotCross, match="too deeply"):
        there_and_back(deep)


@pytest.mark.parametrize(
    "form",
    [
        ["a", "<f8", [10**12], "C", True, 0, 8], ["a", "|O", [1], "C", True, 0, 8], ["a", "<f8", [-1], "C", True, 0, 8],
        ["a", "<f8", [1], "Q", True, 0, 8], ["a", "<f8", [1], "C", True, -8, 8], ["a", "<f8", [1], "C", True, 4, 8],
        ["a", "<f8", [1] * 40, "C", True, 0, 8], ["a", "<f8,<f8", [1], "C", True, 0, 16], ["a"], ["n", "<f8", 0, 7],
        ["zz"], [], {}, ["r", 0], ["A", 3], ["r", -1], ["d", [[["l", []], 1]]], ["d", [[1]]], ["l", 5], ["i", "x"],
        ["y", "exec"], ["Y", "load"], ["D", "O"], ["g", "Evil", {}], ["g", "PCG64", ["d", []]], ["h", 0], ["f", 0, ""],
        ["s", [["l", []]]], ["t", None], [["l"]],
    ],
    ids=str,
)  # fmt: skip
def test_form_that_no_writer_made_is_garbled(form):
    with pytest.raises(Garbled):
        Reader(bytearray(8), refuse_tag).read(form)


def test_random_forms_are_read_or_garbled_and_nothing_else():
    chance = random.Random(0)
    tags = ["a", "n", "l", "t", "d", "r", "A", "i", "c", "s", "z", "b", "R", "S", "e", "y", "Y", "D", "g", "h", "x"]
    parts = [0, 1, -1, 2**70, 1.5, None, True, "<f8", "float64", "PCG64", "C", "float", "ff"]

    def form(depth):
        if depth == 0 or chance.random() < 0.3:
            return chance.choice(parts)
        return [chance.choice(tags), *(form(depth - 1) for _ in range(chance.randrange(5)))]

    for _ in range(3000):
        reader = Reader(bytearray(64), refuse_tag)
        try:
            reader.read(form(4))
        except Garbled:
            continue


def test_state_after_a_call_comes_back_in_place():
    X, rng = np.zeros(3), np.random.default_rng(1)
    params = [{"W": X}, rng, (X, [1])]
    after = there_and_back(params)
    after[0]["W"][1] = 5.0
    after[0]["b"] = 2
    after[1].random()
    after[2][1].append(3)
    old = params[0]
    restore(params, after)
    assert params[0] is old and params[0]["W"] is X and X[1] == 5.0 and params[0]["b"] == 2
    assert params[2][1] == [1, 3] and rng.random() == after[1].random()


def test_names_of_a_cell_are_those_it_binds_and_no_imports():
    names, imports = bound_names(
        "import numpy as np\nfrom math import pi\nx, (y, z) = 1, (2, 3)\ndef f(a):\n    inner = 1\n"
        "class C:\n    k = 1\n"
        "for i in range(3):\n    w = i\nif True:\n    def g(): pass\n"
    )
    assert {"x", "y", "z", "f", "C", "i", "w", "g"} <= set(names)
    assert not {"np", "pi", "inner", "k", "a"} & set(names)
    assert imports == ("import numpy as np", "from math import pi")
    assert bound_names("def f(:") == ((), ())


def test_names_of_cells_with_magics_are_found():
    cell = "%matplotlib inline\nimport numpy as np\nfiles = !ls\nnp.sum?\ndef f(x):\n    !true\n    return x"
    assert bound_names(cell) == (("files", "f"), ("import numpy as np",))
    assert {"np", "get_ipython"} & used_names(cell) == {"get_ipython"}
    assert bound_names("%%bash\nx=1") == ((), ())


def test_cells_made_for_it_cost_the_grader_neither_time_nor_memory():
    started = time.process_time()
    tracemalloc.start()
    try:
        for cell in ("%a\n" * 20_000, "x = [" + "1," * 1_000_000 + "]"):
            used_names(cell)
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    "text",
    [
        "<script>x</script>", "<IMG src=x onerror=y>", "</div>", "<!-- -->", "[a](javascript:b)", "![a](data:c)", "<?x",
        "[a](&#106;avascript:b)", "[a](&amp;#106;avascript:b)", "[a](javascript&colon;b)", "[a](javascript\\:b)",
        "[a][r]\n\n[r]: &#x6A;avascript:b", "![a](http://127.0.0.1:9/seen)", "![a][r]\n\n[r]: /logout",
        "```mermaid\ngraph TD\n```", "$\\href{javascript:b}{a}$", "$\\def\\x#1{\\href{#1:b}{a}}\\x{javascript}$",
    ],
)  # fmt: skip
def test_markdown_is_quieted(text):
    quiet = quiet_markdown(text)
    assert not any(f"<{mark}" in quiet.lower() for mark in ("script", "img", "/", "!", "?"))
    page = markdown2html(quiet)
    assert not re.search(
        r"<(img|script|div class=.jp-Mermaid)|href=.(javascript|data)|[\\\\](href|def)", page, re.IGNORECASE
    )


def test_markdown_that_needs_quieting_is_alive_without_it():
    assert 'href="javascript:b"' in markdown2html("[a](&#106;avascript:b)")


def test_plain_markdown_stays():
    text = "**a** < b, <b>x</b>, $a<3$, `x = 1`, ![p](attachment:p.png)"
    assert quiet_markdown(text, {"p.png"}) == text
    assert quiet_markdown("![p](attachment:q.png)") == "! [p](attached q.png)"
    assert quiet_markdown("![a ![p](attachment:p.png)", {"p.png"}) == "! [a ![p](attachment:p.png)"


@pytest.mark.parametrize("piece", ["`", "~", "![", "```  ", "&a", "<b ", "attachment ", "javascript ", "\\"])
def test_quieting_takes_time_in_proportion_to_the_text(piece):
    started = time.process_time()
    quiet_markdown(piece * (200_000 // len(piece)))
    assert time.process_time() - started < 5


def test_prose_is_cut_where_a_page_of_it_would_take_hours():
    cells = [{"cell_type": "markdown", "source": "\\begin{a}" * 100_000} for _ in range(12)]
    cells += [{"cell_type": "code", "source": "x = 1\n" * 100_000}, {"cell_type": "markdown", "source": "Why?"}]
    found = parse_notebook(json.dumps({"nbformat": 4, "cells": cells}).encode(), "it")
    assert {len(cell.source) for cell in found[:10]} == {50_000 + len("\n\n... (cut: too much text)")}
    assert len(found[10].source) < 100 and len(found[12].source) == 600_000
    started = time.process_time()
    markdown2html(quiet_markdown(found[0].source))
    assert time.process_time() - started < 60


def test_code_is_cut_where_a_page_of_it_would_take_hours():
    info = {"name": "python", "pygments_lexer": "ipython3"}
    cells = [nbformat.v4.new_code_cell("a." * 100_000), nbformat.v4.new_code_cell("x = 1")]
    content = nbformat.v4.new_notebook(cells=cells, metadata={"language_info": info})
    exporter = HTMLExporter()
    # As nbgrader does it.
    exporter.register_preprocessor(ShortenLongCells)
    started = time.process_time()
    page, _ = exporter.from_notebook_node(content)
    assert time.process_time() - started < 60
    assert "cut: too much code for a page" in page


def test_text_loses_escapes_and_is_cut():
    assert plain_text("\x1b[31mred\x1b[0m\x07 \x9b1m\u202ea\r\nb\rc") == "red 1ma\nb\nc"
    assert len(plain_text("x" * 10**6)) < 21_000


@pytest.mark.parametrize(
    "outputs", [None, 5, [5], [{}], [{"output_type": "stream", "text": 5}], [{"data": []}], "x" * 9]
)
def test_outputs_in_no_form_do_no_harm(outputs):
    assert all(output["output_type"] == "stream" for output in harmless(outputs))


@pytest.mark.parametrize("machine", sorted(MACHINES))
def test_call_filter_names_each_refused_call(machine):
    program = call_filter(machine)
    column = MACHINES[machine][1]
    numbers = {numbers[column] for numbers in REFUSED.values()} - {None}
    compared = {
        int.from_bytes(program[k + 4 : k + 8], "little") for k in range(0, len(program), 8) if program[k] == 0x15
    }
    assert len(program) % 8 == 0 and numbers <= compared


def test_unknown_machine_has_no_filter():
    assert call_filter("pdp11") == b""
