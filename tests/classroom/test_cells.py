"""How cells are read, compiled and run, in the sandbox and by the judge: once, and as IPython would."""

import ast

import pytest

from classroom.cells import CellCompiler
from classroom.grading import JudgeServer
from classroom.sandbox import Sandbox, SandboxSettings


@pytest.fixture
def notebook(requires_program):
    """Return a notebook's process in a sandbox."""
    requires_program("bwrap")
    box = Sandbox(SandboxSettings())
    yield box.open_notebook({})
    box.close()


def printed(outputs: list) -> str:
    """Return what a cell printed and its last value."""
    return "".join(output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in outputs)


def statement(compiler: CellCompiler, source: str) -> ast.Module:
    """Return a cell of one statement as IPython hands it to its compiler."""
    return ast.Module([compiler.ast_parse(source).body[0]], [])


def test_cell_is_read_and_compiled_once():
    compiler = CellCompiler()
    assert compiler.ast_parse("x = 1\n") is compiler.ast_parse("x = 1\n")
    first = compiler(statement(compiler, "x = 1\n"), "cell", "exec")
    assert compiler(statement(compiler, "x = 1\n"), "cell", "exec") is first
    assert compiler(statement(compiler, "x = 2\n"), "cell", "exec") is not first


def test_import_from_future_counts_where_it_is_remembered():
    compiler = CellCompiler()
    before = compiler.flags
    for _ in range(2):
        compiler.flags = before
        compiler(statement(compiler, "from __future__ import annotations\n"), "cell", "exec")
        space: dict = {}
        exec(compiler(statement(compiler, "def f(x: unknown): pass\n"), "cell", "exec"), space)
        assert space["f"].__annotations__ == {"x": "unknown"}


def test_what_is_remembered_has_a_limit():
    compiler = CellCompiler()
    for number in range(2500):
        compiler(statement(compiler, f"x = {number}\n"), "cell", "exec")
    assert 0 < len(compiler.trees) <= 1000 and 0 < len(compiler.codes) <= 1000


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import asyncio\nawait asyncio.sleep(0)\nprint('slept')", "slept\n"),
        ("async def a():\n    yield 1\nprint([x async for x in a()])", "[1]\n"),
        ("word = 'await'\nprint(word)", "await\n"),
        ("%time y = 6 * 7\nprint(y)", "42\n"),
        ("%time 6 * 7", "42"),
        ("%%timeit -n1 -r1\npass", "per loop"),
        ("x = 1; x + 1", "2"),
        ("", ""),
    ],
)
def test_cell_runs_as_in_ipython(notebook, source, said):
    assert said in printed(notebook.run(source, 20.0))


def test_warnings_that_python_gives_where_it_reads_are_given(notebook):
    notebook.run("import warnings\nwarnings.simplefilter('always')", 20.0)
    assert printed(notebook.run("x = '\\d'", 20.0)).count("invalid escape sequence") == 1


def test_same_cell_twice_is_transformed_once_each_time(notebook):
    notebook.run(
        "import ast\nclass Add(ast.NodeTransformer):\n    def visit_Constant(self, node):\n"
        "        node.value += 1\n        return node",
        20.0,
    )
    notebook.run("get_ipython().ast_transformers.append(Add())", 20.0)
    assert [printed(notebook.run("print(6 + 6)", 20.0)) for _ in range(3)] == ["14\n"] * 3


def test_prepared_cells_are_not_run_and_give_what_they_gave():
    cells = [
        "marked = []",
        "marked.append(1)",
        "2 * len(marked)",
        "no python",
        "%%writefile /dev/null\nx",
        "raise OSError",
    ]
    judged = []
    for prepared in ([], [*cells, *cells]):
        judge = JudgeServer()
        try:
            judge.prepare(prepared)
            steps = [
                {
                    "index": k, "source": source, "shown": [], "check": False, "points": 0.0, "snapshot": None,
                    "names": [], "fresh": [], "imports": [], "classes": [], "seconds": 20.0, "wait": False,
                }
                for k, source in enumerate(cells)
            ]  # fmt: skip
            job = {"folder": "/tmp", "max_bytes": 10**6, "call_seconds": 5.0, "limits": {}, "steps": steps}
            results = judge.judge(job, [], 60.0, lambda k: None)
            judged += [[(result["failed"], printed(result["outputs"])) for result in results]]
        finally:
            judge.close()
    assert judged[0] == judged[1]
    assert judged[0][2] == (False, "2") and [failed for failed, _ in judged[0]] == [False] * 3 + [True, False, True]
