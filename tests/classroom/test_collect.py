"""Zip files as Moodle, Canvas and plain uploads make them, and hostile ones, are collected into ``submitted/``."""

import io
import json
import os
import stat
import struct
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from classroom import archive
from classroom.collect import collect_zip, read_record
from classroom.command import main
from classroom.errors import InstructorError
from course import Course, code, markdown, notebook

TASK = "sums"


@pytest.fixture
def course(tmp_path):
    """Return a course with two assignments, of which the first has two notebooks."""
    course = Course(tmp_path / "course")
    for task, names in ((TASK, ("adding_up", "adding_up_2")), ("products", ("times",))):
        for name in names:
            path = course.root / "release" / task / f"{name}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(released(name)), encoding="utf-8")
    return course


def released(name: str) -> dict:
    """Return a released notebook."""
    check = code(f"check-{name}", f"{name}(1, 2)", grade=True, points=2)
    return notebook(markdown(f"# {name}"), code(name, f"def {name}(a, b): ...", solution=True), check)


def work(name: str = "adding_up", by: str = "") -> bytes:
    """Return a notebook as somebody hands it in."""
    content = released(name)
    content["cells"][1]["source"] += f"  # {by}"
    return json.dumps(content).encode()


def zipped(path: Path, files: dict[str, bytes], times: dict[str, tuple] | None = None) -> Path:
    """Write a zip file with these files and return its path."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (times or {}).get(name, (2026, 11, 30, 12, 0, 0))), content)
    return path


def inner(files: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return the bytes of a zip file with these files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", packing) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def handed_in(course: Course) -> dict[str, list[str]]:
    """Return the names of the files in ``submitted/`` by learner."""
    folder = course.root / "submitted"
    return {
        path.name: sorted(file.name for file in (path / TASK).iterdir())
        for path in (folder.iterdir() if folder.exists() else ())
    }


def text_of(course: Course, learner: str, file: str = "adding_up.ipynb") -> str:
    """Return a file that was collected."""
    return (course.root / "submitted" / learner / TASK / file).read_text(encoding="utf-8")


def snapshot(root: Path) -> set[str]:
    """Return all paths of a course."""
    return {str(path) for path in root.rglob("*") if "__pycache__" not in str(path)}


def test_moodles_folders_are_collected(course, tmp_path):
    path = zipped(
        tmp_path / "moodle.zip",
        {
            "Ana Müller_4711_assignsubmission_file/adding_up.ipynb": work(by="ana"),
            "Ana Müller_4711_assignsubmission_file/adding_up_2.ipynb": work("adding_up_2"),
            "Ben Ode_4712_assignsubmission_file_/adding_up (1).ipynb": work(by="ben"),
            "Ben Ode_4712_assignsubmission_onlinetext/onlinetext.html": b"<p>Hello</p>",
            "Cleo O'Neill_4713_assignsubmission_file_adding_up.ipynb": work(by="cleo"),
        },
    )
    done = collect_zip(path, course.root, TASK)
    assert done.system == "moodle"
    assert handed_in(course) == {
        "Ana Müller": ["adding_up.ipynb", "adding_up_2.ipynb"],
        "Ben Ode": ["adding_up.ipynb"],
        "Cleo O'Neill": ["adding_up.ipynb"],
    }
    assert [name for name, _ in done.left] == ["Ben Ode_4712_assignsubmission_onlinetext/onlinetext.html"]
    assert done.incomplete == (("Ben Ode", "adding_up_2"), ("Cleo O'Neill", "adding_up_2"))
    assert "# ben" in text_of(course, "Ben Ode")
    record = {row["id"]: row for row in read_record(course.root / "downloaded" / TASK / "collected.csv")}
    assert record["Ana Müller"]["number"] == "4711" and record["Ana Müller"]["system"] == "moodle"


def test_canvas_files_are_collected_with_late_marks_and_the_last_attempt(course, tmp_path):
    path = zipped(
        tmp_path / "canvas.zip",
        {
            "lovelaceada_301_9001_adding_up.ipynb": work(by="first"),
            "lovelaceada_301_9120_adding_up-1.ipynb": work(by="second"),
            "noetheremmy_LATE_302_9003_adding_up (2).ipynb": work(by="emmy"),
            "anon_Xy12z_9004_adding_up.ipynb": work(),
            "hopper_grace_303_9005_homework.zip": inner({"mine/adding_up.ipynb": work(by="grace")}),
            "turingalan_304_text.html": b"<p>see my page</p>",
        },
    )
    done = collect_zip(path, course.root, TASK)
    assert done.system == "canvas"
    assert set(handed_in(course)) == {"301", "302", "303", "Xy12z"}
    assert "# second" in text_of(course, "301") and "# grace" in text_of(course, "303")
    assert done.late == ("302",) == done.untimed_late
    assert [(id_, earlier) for id_, _, earlier in done.attempts] == [("301", "lovelaceada_301_9001_adding_up.ipynb")]
    assert [name for name, _ in done.left] == ["turingalan_304_text.html"]
    assert "Marked late: 302" in str(done) and "not lovelaceada_301_9001" in str(done)


PLAIN = {
    "folders": (["ana/adding_up.ipynb", "ben/adding_up-1.ipynb"], {"ana", "ben"}),
    "folder-above": (["week 1/ana/adding_up.ipynb", "week 1/ben/sums/adding_up.ipynb"], {"ana", "ben"}),
    "nbgrader-tree": (["submitted/ana/sums/adding_up.ipynb"], {"ana"}),
    "in-file-names": (
        ["ana_adding_up.ipynb", "adding_up-ben.ipynb", "adding_up_12345 (1).ipynb"],
        {"ana", "ben", "12345"},
    ),
    "crowded": (["all/ana adding_up.ipynb", "all/ben adding_up.ipynb"], {"ana", "ben"}),
    "bare-names": (["ana.ipynb", "张伟.ipynb"], {"ana", "张伟"}),
    "backslashes": (["ana\\adding_up.ipynb", "ben\\Adding up - Copy (2).ipynb"], {"ana", "ben"}),
    "zips": (["ana.zip", "ben.zip"], {"ana", "ben"}),
    "copies": (
        ["ana/Copy of adding_up.ipynb", "ben/adding_up-Copy1.ipynb", "cleo/adding_up.ipynb.json"],
        {"ana", "ben", "cleo"},
    ),
    "by-cells": (["ana/my homework.ipynb", "ben/ADDING_UP.IPYNB"], {"ana", "ben"}),
}


@pytest.mark.parametrize("kind", PLAIN)
def test_plain_uploads_are_collected(course, tmp_path, kind):
    files, learners = PLAIN[kind]
    made = {name: inner({"adding_up.ipynb": work()}) if name.endswith(".zip") else work() for name in files}
    done = collect_zip(zipped(tmp_path / "plain.zip", made), course.root, TASK)
    assert done.system == "plain" and not done.left
    assert handed_in(course) == {learner: ["adding_up.ipynb"] for learner in learners}


def test_nothing_is_passed_over_in_silence(course, tmp_path):
    files = {
        "ana/adding_up.ipynb": work(),
        "ana/helper.py": b"x = 1",
        "ana/old/helper.py": b"x = 0",
        "ana/timestamp.txt": b"2020-01-01 00:00:00 UTC",
        "ana/times.ipynb": work("times"),
        "ben/adding_up.ipynb": b"{ this is no notebook",
        "ben/helper.py": b"x = 1",
        "cleo/other.ipynb": json.dumps(notebook(code(None, "1"))).encode(),
        "dora/report.pdf": b"%PDF",
        "adding_up.ipynb": work(),
        "__MACOSX/ana/._adding_up.ipynb": b"?",
        "a[b]/adding_up.ipynb": work(),
    }
    done = collect_zip(zipped(tmp_path / "plain.zip", files), course.root, TASK)
    assert handed_in(course) == {"ana": ["adding_up.ipynb", "helper.py"]}
    left = dict(done.left)
    assert left.keys() == files.keys() - {"ana/adding_up.ipynb", "ana/helper.py", "__MACOSX/ana/._adding_up.ipynb"}
    assert "belongs to products" in left["ana/times.ipynb"] and "not JSON" in left["ben/adding_up.ipynb"]
    assert "'['" in left["a[b]/adding_up.ipynb"] and done.litter == 1 and done.extra == 1
    for name in left:
        assert name in str(done)


ROSTERS = {
    "nbgrader": ("id,first_name,last_name,email,lms_user_id\nala,Ada,Lovelace,ada@x.org,301\nben,Ben,Ode,,\n", "ala"),
    "canvas": (
        "Student,ID,SIS User ID,SIS Login ID,Section,Sums (77)\n,,,,,Manual Posting\n    Points Possible,,,,,4.00\n"
        '"Lovelace, Ada",301,A1,ala,One,\n"Ode, Ben",302,B1,ben,One,\n"Student, Test",399,,t,One,\n',
        "ala",
    ),
    "worksheet": (
        "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Grade can be changed,"
        "Last modified (submission),Last modified (grade),Feedback comments\n"
        'Participant 301,Ada Lovelace,ada@x.org,Submitted,,4.00,Yes,"Monday, 30 November 2026, 5:05 PM",-,\n'
        "Participant 302,Ben Ode,ben@x.org,No submission,,4.00,Yes,-,-,\n",
        "ada@x.org",
    ),
}


NAMES = {
    "from-canvas": "lovelaceada_301_9001_adding_up.ipynb",
    "from-moodle": "Ada Lovelace_301_assignsubmission_file/adding_up.ipynb",
    "plain": "Lovelace Ada/adding_up.ipynb",
}


@pytest.mark.parametrize("kind", ROSTERS)
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_table_of_the_class_gives_the_ids(course, tmp_path, kind, name):
    text, id_ = ROSTERS[kind]
    roster = tmp_path / "class.csv"
    roster.write_text(text, encoding="utf-8-sig")
    stranger = name.replace("301", "999").replace("Ada", "Eve").replace("ada", "eve")
    done = collect_zip(zipped(tmp_path / "z.zip", {name: work(), stranger: work()}), course.root, TASK, students=roster)
    assert done.placed == (id_,) and len(done.absent) == 1 and done.absent[0].startswith("ben")
    assert [where for where, _ in done.left] == [stranger] and "nobody in" in done.left[0][1]
    if kind == "worksheet":
        assert handed_in(course)[id_] == ["adding_up.ipynb", "timestamp.txt"]
        assert text_of(course, id_, "timestamp.txt").startswith("2026-11-30 ")


def test_who_has_come_before_is_not_absent(course, tmp_path):
    roster = tmp_path / "class.csv"
    roster.write_text("id\nana\nben\ncleo\n", encoding="utf-8")
    for name, number, absent in (("ana", 301, ("ben", "cleo")), ("ben", 302, ("cleo",))):
        path = zipped(tmp_path / f"{name}.zip", {f"{name}_{number}_9001_adding_up.ipynb": work()})
        assert collect_zip(path, course.root, TASK, students=roster).absent == absent
    record = read_record(course.root / "downloaded" / TASK / "collected.csv")
    kept = [(row["id"], row["handed_in"], row["number"]) for row in record]
    assert kept == [("ana", "yes", "301"), ("ben", "yes", "302"), ("cleo", "", "")]


def test_whose_files_were_refused_has_handed_in(course, tmp_path):
    roster = tmp_path / "class.csv"
    roster.write_text("Student,ID,SIS Login ID\n" + "".join(f"{k},{k},l{k}\n" for k in range(301, 306)), "utf-8")
    archives = {
        "canvas": {
            "ana_301_9001_adding_up.ipynb": work(),
            "ben_302_9002_adding_up.ipynb": b"no notebook",
            "cleo_303_text.html": b"<p>Hello</p>",
            "dan_304_9003_work.zip": b"PK no zip",
        },
        "moodle": {
            "301_1_assignsubmission_file/adding_up.ipynb": work(),
            "302_2_assignsubmission_file/adding_up.ipynb": b"no notebook",
            "303_3_assignsubmission_onlinetext/onlinetext.html": b"<p>Hello</p>",
            "304_4_assignsubmission_file/work.zip": b"PK no zip",
        },
        "plain": {
            "301/adding_up.ipynb": work(),
            "302_adding_up.ipynb": b"no notebook",
            "303/notes.txt": b"Hello",
            "304.zip": b"PK no zip",
        },
    }
    for system, files in archives.items():
        done = collect_zip(zipped(tmp_path / f"{system}.zip", files), course.root, TASK, students=roster)
        assert (done.system, done.placed, len(done.left)) == (system, ("l301",), 3)
        assert (done.unread, done.absent) == (("l302", "l303", "l304"), ("l305",)), system
        assert "nothing of it placed, see above: l302, l303, l304." in str(done)
    record = read_record(course.root / "downloaded" / TASK / "collected.csv")
    assert [row["handed_in"] for row in record] == ["yes", "unread", "unread", "unread", ""]
    collect_zip(zipped(tmp_path / "again.zip", {"302/adding_up.ipynb": work()}), course.root, TASK, students=roster)
    assert read_record(course.root / "downloaded" / TASK / "collected.csv")[1]["handed_in"] == "yes"


def test_ids_that_differ_in_capital_letters_alone_are_said(course, tmp_path):
    collect_zip(zipped(tmp_path / "1.zip", {"Ada/adding_up.ipynb": work()}), course.root, TASK)
    done = collect_zip(
        zipped(tmp_path / "2.zip", {"ada/adding_up.ipynb": work(), "ben/adding_up.ipynb": work()}), course.root, TASK
    )
    assert done.placed == ("ada", "ben")
    assert "The learners' ids 'Ada' and 'ada' differ only in capital letters" in str(done)


def test_two_of_one_name_are_told_apart_by_moodles_numbers_or_left(course, tmp_path):
    files = {f"Ana Wu_{k}_assignsubmission_file/adding_up.ipynb": work(by=str(k)) for k in (1, 2)}
    files["Ben Ode_3_assignsubmission_file/adding_up.ipynb"] = work()
    path = zipped(tmp_path / "moodle.zip", files)
    done = collect_zip(path, course.root, TASK)
    assert done.placed == ("Ben Ode",) and len(done.left) == 2 and "--students" in done.left[0][1]
    roster = tmp_path / "class.csv"
    rows = "".join(
        f"Participant {k},{name},{mail}@x.org,,\n" for k, name, mail in ((1, "Ana Wu", "a"), (2, "Ana Wu", "b"))
    )
    roster.write_text("Identifier,Full name,Email address,Grade\n" + rows.replace(",,\n", ",\n"), encoding="utf-8")
    done = collect_zip(path, course.root, TASK, students=roster)
    assert done.placed == ("a@x.org", "b@x.org")
    assert "# 1" in text_of(course, "a@x.org") and "# 2" in text_of(course, "b@x.org")


def test_canvas_number_goes_before_a_login_that_is_made_like_its_names(course, tmp_path):
    roster = tmp_path / "class.csv"
    rows = '"Smith, John",301,smithjohn\n"Smith, John",302,smithjohn2\n"Lee, Smithjohn",303,lee\n'
    roster.write_text(f"Student,ID,SIS Login ID\n{rows}", encoding="utf-8")
    files = {f"smithjohn_{k}_900{k}_adding_up.ipynb": work(by=str(k)) for k in (301, 302)}
    done = collect_zip(zipped(tmp_path / "canvas.zip", files), course.root, TASK, students=roster)
    assert done.placed == ("smithjohn", "smithjohn2") and not done.attempts
    assert "# 302" in text_of(course, "smithjohn2")


def test_collecting_again_replaces_what_changed_and_keeps_the_earlier_work(course, tmp_path):
    for name, by in (("1.zip", "old"), ("2.zip", "new")):
        graded = [course.root / "autograded" / learner / TASK for learner in ("ana", "ben")]
        for folder in graded if by == "new" else ():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "adding_up.ipynb").write_text("graded", encoding="utf-8")
        files = {"ana/adding_up.ipynb": work(by=by), "ben/adding_up.ipynb": work()}
        done = collect_zip(zipped(tmp_path / name, files), course.root, TASK)
    assert done.replaced == ("ana",) and done.unchanged == ("ben",)
    assert "# new" in text_of(course, "ana")
    kept = course.root / "downloaded" / TASK / "replaced" / "ana-1" / "adding_up.ipynb"
    assert "# old" in kept.read_text(encoding="utf-8")
    # What was graded of it is no longer in the way of the new work, which may have no time.
    assert [folder.exists() for folder in graded] == [False, True]
    assert (kept.parent / "autograded" / "adding_up.ipynb").read_text(encoding="utf-8") == "graded"


def test_what_a_killed_run_has_left_is_removed_and_what_a_running_one_needs_is_not(course, tmp_path):
    downloaded = course.root / "downloaded" / TASK
    for name, age in (("old", 7200), ("young", 60)):
        folder = downloaded / f".collecting-{name}" / "files"
        folder.mkdir(parents=True)
        os.utime(folder.parent, (time.time() - age,) * 2)
    collect_zip(zipped(tmp_path / "1.zip", {"ana/adding_up.ipynb": work()}), course.root, TASK)
    assert [path.name for path in downloaded.glob(".collecting-*")] == [".collecting-young"]


def set_flag(path: Path, flag: int) -> Path:
    """Set a flag in the headers of all entries of a zip file, as for encrypted ones."""
    data = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(mark)
        while at >= 0:
            data[at + place] |= flag
            at = data.find(mark, at + 4)
    path.write_bytes(data)
    return path


def test_names_in_utf8_that_do_not_say_so_are_read(course, tmp_path):
    """macOS writes UTF-8 in decomposed form and does not set the flag for it."""
    path = zipped(tmp_path / "mac.zip", {"Ana Mu\u0308ller/adding_up.ipynb": work()})
    data = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        data[data.find(mark) + place] &= ~0x08
    path.write_bytes(data)
    assert collect_zip(path, course.root, TASK).placed == ("Ana M\u00fcller",)


def link(path: Path) -> Path:
    """Write a zip file with a symbolic link in it."""
    info = zipfile.ZipInfo("ana/adding_up.ipynb")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(info, "/etc/passwd")
    return path


def liar(path: Path) -> Path:
    """Write a zip file whose entry claims to be small and is not."""
    zipped(path, {"ana/adding_up.ipynb": b"0" * 80_000})
    data = path.read_bytes()
    return path.write_bytes(data.replace(struct.pack("<I", 80_000), struct.pack("<I", 80))) and path


def cut(path: Path) -> Path:
    """Write a zip file whose end is missing."""
    zipped(path, {"ana/adding_up.ipynb": work()})
    path.write_bytes(path.read_bytes()[:-30])
    return path


def written(content: bytes):
    """Return what writes a file with this content."""
    return lambda path: path.write_bytes(content) * 0 or path


def made(name: str, content: bytes):
    """Return what writes a zip file with one entry."""
    return lambda path: zipped(path, {name: content})


GOOD = "ana/adding_up.ipynb"
ZEROS = b"0" * 400_000
HOSTILE = {
    "missing": (lambda path: path, "is no file"),
    "empty": (written(b""), "is empty"),
    "no-zip": (written(b"hello" * 99), "not a whole zip file"),
    "truncated": (cut, "not a whole zip file"),
    "no-entries": (lambda path: zipped(path, {}), "holds no files"),
    "climbs": (made("ana/../../evil/adding_up.ipynb", work()), "leads out"),
    "climbs-windows": (made("..\\evil\\adding_up.ipynb", work()), "leads out"),
    "absolute": (made("/tmp/evil/adding_up.ipynb", work()), "absolute"),
    "drive": (made("C:\\evil\\adding_up.ipynb", work()), "absolute"),
    "link": (link, "symbolic link"),
    "encrypted": (lambda path: set_flag(made(GOOD, work())(path), 1), "encrypted"),
    "bomb": (made(GOOD, 2 * ZEROS), "unpacks to more than 0.5 MB"),
    "liar": (liar, "damaged"),
    "inner-bomb": (made("ana.zip", inner({f"{k}.bin": ZEROS for k in range(5)})), "more than 1 MB"),
    "dolls": (made("a.zip", inner({"b.zip": inner({"c.zip": inner({"x": b""})})})), "zip file in a zip file"),
    "many-entries": (made("a.zip", inner({f"{k}": b"" for k in range(1001)})), "more than 1000"),
    "control-characters": (made("a\nna/adding_up.ipynb", work()), "control characters"),
    "no-notebook": (made("ana/readme.txt", b"hi"), "is no notebook"),
}


@pytest.fixture
def small_limits(monkeypatch):
    """Make a bomb of what takes no time to make."""
    monkeypatch.setattr(archive, "MAX_FILE", 500_000)
    monkeypatch.setattr(archive, "MAX_INNER", 1_000_000)


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_archives_end_in_one_sentence_and_change_nothing(course, tmp_path, small_limits, kind):
    make, said = HOSTILE[kind]
    path = make(tmp_path / "hostile.zip")
    before = snapshot(tmp_path)
    with pytest.raises(InstructorError, match=said) as caught:
        collect_zip(path, course.root, TASK)
    assert "\n" not in str(caught.value) and str(caught.value).count("hostile.zip") == 1
    assert snapshot(tmp_path) == before


def test_one_learners_bomb_does_not_stop_the_class(course, tmp_path, small_limits):
    files = {"ana/adding_up.ipynb": work(), "ben.zip": inner({f"{k}.bin": ZEROS for k in range(5)})}
    done = collect_zip(zipped(tmp_path / "z.zip", files), course.root, TASK)
    assert done.placed == ("ana",) and "more than 1 MB" in dict(done.left)["ben.zip"]


def nameless(data: bytes) -> bytes:
    """Return a zip file of one entry whose name its directory takes for a comment."""
    place = data.find(b"PK\1\2") + 28
    return data[:place] + b"\0\0" + data[place + 2 : place + 4] + data[place : place + 2] + data[place + 6 :]


def before_its_beginning(data: bytes) -> bytes:
    """Return a zip file whose end says that its directory lies later than it does."""
    place = len(data) - 6
    return data[:place] + struct.pack("<I", struct.unpack_from("<I", data, place)[0] + 7) + data[place + 4 :]


@pytest.mark.parametrize(("spoil", "said"), [(nameless, "has no name"), (before_its_beginning, "is damaged")])
def test_one_learners_damaged_zip_file_does_not_stop_the_class(course, tmp_path, spoil, said):
    files = {"ana/adding_up.ipynb": work(), "ben.zip": spoil(inner({"adding_up.ipynb": work()}))}
    done = collect_zip(zipped(tmp_path / "z.zip", files), course.root, TASK)
    assert done.placed == ("ana",) and len(done.left) == 1 and said in done.left[0][1]


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=["bzip2", "lzma"])
def test_packings_that_unpack_at_one_go_are_refused_and_cost_no_memory(course, tmp_path, monkeypatch, packing):
    """A kilobyte of bzip2 unpacks to gigabytes, of which Python's zipfile takes no less than a whole block at once."""
    files = {"ana/adding_up.ipynb": work(), "ben.zip": inner({"adding_up.ipynb": b"0" * 100_000_000}, packing)}
    path = zipped(tmp_path / "z.zip", files)
    tracemalloc.start()
    try:
        done = collect_zip(path, course.root, TASK)
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()
    assert done.placed == ("ana",)
    assert "packed in a way that is not known here; zip it again" in dict(done.left)["ben.zip/adding_up.ipynb"]


def test_zip_files_in_a_learners_zip_file_count_as_one(course, tmp_path, small_limits):
    bombs = {f"{k}.zip": inner({f"{k}.bin": ZEROS for k in range(2)}) for k in range(3)}
    files = {"ana/adding_up.ipynb": work(), "ben.zip": inner(bombs)}
    done = collect_zip(zipped(tmp_path / "z.zip", files), course.root, TASK)
    assert done.placed == ("ana",) and dict(done.left) == {"ben.zip": "unpacks to more than 1 MB"}


def test_what_learners_zip_files_hold_counts_for_the_class(course, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_ALL", 1_000_000)
    files = {f"{k}.zip": inner({f"{k}.bin": ZEROS for k in range(2)}) for k in range(2)}
    with pytest.raises(InstructorError, match="z.zip unpacks to more than 1 MB"):
        collect_zip(zipped(tmp_path / "z.zip", files), course.root, TASK)


def test_an_archive_that_is_too_large_is_refused_whole(course, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_ALL", 10_000)
    path = zipped(tmp_path / "z.zip", {f"{k}/adding_up.ipynb": b"0" * 5_000 for k in range(3)})
    with pytest.raises(InstructorError, match="unpacks to more than 0.01 MB"):
        collect_zip(path, course.root, TASK)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("id\nana\nana\n", "'ana' stands twice"),
        ("id\n../ana\n", "has the character '/'"),
        ("id\n.ana\n", "begins with a dot"),
        ("id\n", "lists nobody"),
        ("", "no column that names learners"),
        ("colour\nred\n", "no column that names learners"),
        ('id\n"ana\n', "not a CSV file"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(course, tmp_path, table, said):
    roster = tmp_path / "class.csv"
    roster.write_text(table, encoding="utf-8")
    path = zipped(tmp_path / "z.zip", {"ana/adding_up.ipynb": work()})
    before = snapshot(tmp_path)
    with pytest.raises(InstructorError, match=said):
        collect_zip(path, course.root, TASK, students=roster)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("task", ["nothing", "..", "", "sums/..", "."])
def test_an_unknown_assignment_is_refused(course, tmp_path, task):
    path = zipped(tmp_path / "z.zip", {"ana/adding_up.ipynb": work()})
    with pytest.raises(InstructorError, match="There is no assignment .*products, sums"):
        collect_zip(path, course.root, task)


def test_the_command_says_so_and_ends_with_its_status(course, tmp_path, monkeypatch, capsys):
    def run(path):
        monkeypatch.setattr(sys, "argv", ["classroom", "collect", TASK, str(path), "--root", str(course.root)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, capsys.readouterr()

    status, said = run(zipped(tmp_path / "z.zip", {"ana/adding_up.ipynb": work()}))
    assert status == 0 and "1 learner collected from z.zip" in said.out
    status, said = run(zipped(tmp_path / "y.zip", {"../ana/adding_up.ipynb": work()}))
    assert status == 1 and said.err.startswith("classroom: ") and said.err.count("\n") == 1
