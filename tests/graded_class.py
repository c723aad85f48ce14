"""A graded class, made cheaply: each answer is judged once, and learners are put together from these.

Run as a program, it prints the judged answers of one exercise as JSON: the judge's shell is to be alone in its process.
"""

import ast
import json
import os
import random
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from course import BIN, ROOT, Course, grade_id

STUB = "raise NotImplementedError()"
# Names that hostile or unlucky learners may have: markup, formulas, other scripts.
ODD_NAMES = [("Ana", "Müller"), ("<b>Bob</b>", "O'Neill"), ("=1+1", "Formula"), ("伟", "张"), ("Eve", '"Quote" & Co')]


def answers_of(slug: str, name: str) -> dict[str, dict[str, str]]:
    """Return the texts of each solution cell: "right", "stub", and each of the author's mistakes by its name."""
    from classroom.release import source_notebook

    source = source_notebook(ROOT / "solutions" / slug / f"{name}.md")
    release = json.loads((ROOT / "exercises" / slug / f"{name}.ipynb").read_text(encoding="utf-8"))
    tree = ast.parse((ROOT / "solutions" / slug / "mistakes.py").read_text(encoding="utf-8"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    tables = next(n.value for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "MISTAKES")
    found = {}
    for cell in source["cells"]:
        if cell["metadata"]["nbgrader"]["solution"]:
            found[grade_id(cell)] = {"right": cell["source"]}
    for cell in release["cells"]:
        if grade_id(cell) in found:
            found[grade_id(cell)]["stub"] = "".join(cell["source"])
    for key, table in zip(tables.keys, tables.values, strict=True):
        for label, value in zip(table.keys, table.values, strict=True):
            if isinstance(value, ast.Name) and key.value.replace("_", "-") in found:
                text = ast.unparse(functions[value.id]).replace(f"def {value.id}(", f"def {key.value}(")
                found[key.value.replace("_", "-")][label.value] = f"# mine\n{text}"
    return found


def judge_answers(slug: str, name: str) -> dict[str, dict[str, tuple[float, list]]]:
    """Return score and outputs of each check for each answer, as the judge gives them."""
    from classroom.cells import new_shell, run_cell
    from classroom.judge import check_outputs
    from classroom.release import source_notebook

    source = source_notebook(ROOT / "solutions" / slug / f"{name}.md")
    answers, shell, found, last = answers_of(slug, name), new_shell(), {}, ""
    os.chdir(ROOT / "exercises" / slug)
    sys.path.insert(0, os.getcwd())
    for cell in source["cells"]:
        about = cell["metadata"]["nbgrader"]
        if cell["cell_type"] != "code":
            continue
        last = grade_id(cell) if about["solution"] else last
        if not about["grade"]:
            run_cell(shell, cell["source"], 60)
            continue
        judged = found[grade_id(cell)] = {}
        for label, text in answers[last].items():
            run_cell(shell, text, 60)
            result, outputs = run_cell(shell, cell["source"], 60)
            step = {"source": cell["source"], "shown": [], "points": about["points"]}
            outputs = check_outputs(step, result, outputs, not result.success)
            value = [o["data"]["text/plain"] for o in outputs if o["output_type"] == "execute_result"]
            judged[label] = (float(value[-1]) if value else 0.0, outputs)
        run_cell(shell, answers[last]["right"], 60)
    return found


def make_class(folder: Path, slug: str, name: str, size: int, absent: int = 3, seed: int = 0) -> Course:
    """Return a course in which ``size`` learners have handed in one exercise and are graded."""
    from nbgrader.api import Gradebook

    from classroom.release import ensure_in_gradebook

    course = Course.ours(folder / "course", [slug])
    shutil.copytree(ROOT / "chapters", course.root / "chapters", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    ran = subprocess.run(
        [BIN / "python", __file__, slug, name], capture_output=True, text=True, check=True, cwd=ROOT / "tests"
    )
    judged = json.loads(ran.stdout)
    answers = answers_of(slug, name)
    previous = os.environ["PATH"]
    os.environ["PATH"] = f"{BIN}:{previous}"
    ensure_in_gradebook(slug, course.root)
    os.environ["PATH"] = previous
    with Gradebook(f"sqlite:///{course.root / 'gradebook.db'}", "backprop-by-hand") as gradebook:
        write_class(course, gradebook, slug, name, size, absent, judged, answers, random.Random(seed))
    return course


def write_class(course, gradebook, slug, name, size, absent, judged, answers, rng) -> None:
    """Write the gradebook's rows and the autograded notebooks of a class."""
    from nbgrader.api import Grade, Student, SubmittedAssignment, SubmittedNotebook, new_uuid
    from sqlalchemy import insert

    assignment = gradebook.find_assignment(slug)
    notebook = gradebook.find_notebook(name, slug)
    cells = {cell.name: cell.id for cell in notebook.grade_cells}
    whole = {cell.name: cell.source for cell in notebook.source_cells}
    release = course.released(slug, name)
    rows = {Student: [], SubmittedAssignment: [], SubmittedNotebook: [], Grade: []}
    for number in range(size + absent):
        id_ = f"learner-{number:04d}"
        first, last = ODD_NAMES[number] if number < len(ODD_NAMES) else (f"First{number}", f"Last{number}")
        rows[Student].append({"id": id_, "first_name": first, "last_name": last, "email": f"{id_}@example.org"})
        if number >= size:
            continue
        submission, part = new_uuid(), new_uuid()
        time = datetime(2026, 11, 30, 12, number % 60)
        rows[SubmittedAssignment].append(
            {"id": submission, "assignment_id": assignment.id, "student_id": id_, "timestamp": time}
        )
        rows[SubmittedNotebook].append({"id": part, "assignment_id": submission, "notebook_id": notebook.id})
        ability, given, last_solution = rng.random(), {}, ""
        theme = rng.choice(["upstream", "sign", "missing", "-", "-"])
        content = json.loads(json.dumps(release))
        for cell in content["cells"]:
            key, about = grade_id(cell), cell["metadata"].get("nbgrader", {})
            if about.get("solution"):
                last_solution = key
                labels = list(answers[key])
                given[key] = choose(labels, ability, theme, rng)
                cell["source"] = answers[key][given[key]]
            if about.get("grade"):
                score, outputs = judged[key][given[last_solution]]
                cell["source"], cell["outputs"] = whole[key], outputs
                rows[Grade].append(
                    {"id": new_uuid(), "notebook_id": part, "cell_id": cells[key], "auto_score": score}
                    | {"needs_manual_grade": False}
                )
        path = course.root / "autograded" / id_ / slug / f"{name}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(content), encoding="utf-8")
    for kind, found in rows.items():
        if found:
            gradebook.db.execute(insert(kind), found)
    gradebook.db.commit()


def choose(labels: list[str], ability: float, theme: str, rng: random.Random) -> str:
    """Return an answer: the able are right, a few have not begun, others repeat a mistake or make the first ones."""
    if ability < 0.04:
        return "stub"
    if rng.random() < 0.25 + 0.7 * ability or len(labels) < 3:
        return "right"
    alike = [label for label in labels[2:] if theme in label]
    if alike and rng.random() < 0.7:
        return alike[0]
    return labels[2:][min(int(rng.expovariate(0.5)), len(labels) - 3)]


if __name__ == "__main__":
    real, sys.stdout = sys.stdout, sys.stderr
    found = judge_answers(*sys.argv[1:])
    json.dump(found, real)
