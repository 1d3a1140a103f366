"""A box appears whole or not at all, and tells when it is no longer what it was."""

import errno
import fcntl
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_ml.artifacts import json_text, manifests, new_box, open_box, places, refuse_existing, whole_file
from clm_ml.errors import ArtifactError


def fill(folder, content="one", **options):
    with new_box(folder, "scores", {"as_of": "2020-01-01"}, **options) as hidden:
        (hidden / "scores.csv").write_text(content)
    return folder


def seen(folder):
    return sorted(path.name for path in folder.iterdir())


def bytes_of(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def box(tmp_path):
    return fill(tmp_path / "box")


def refused(call, *words):
    """Expect one sentence that a person can act on."""
    with pytest.raises(ArtifactError) as raised:
        call()
    text = str(raised.value)
    assert raised.value.exit_code == 15
    assert "\n" not in text
    assert text.endswith(".")
    assert all(word in text for word in words), text


class TestFilling:
    def test_a_box_gives_back_its_facts_and_files(self, tmp_path):
        facts = {"as_of": "2020-01-01"}
        with new_box(tmp_path / "deep" / "box", "list", facts) as hidden:
            (hidden / "table").mkdir()
            (hidden / "table" / "manifest.json").write_text("a file like any other")
            (hidden / "table" / ".lock").write_text("this too")
            facts["customers"] = 3
        box = open_box(tmp_path / "deep" / "box", "list")
        assert box.facts == {"as_of": "2020-01-01", "customers": 3}
        assert box.path("table/manifest.json").read_text() == "a file like any other"
        assert seen(tmp_path / "deep") == ["box"]
        box.path("table/manifest.json").write_text("altered like any other")
        refused(lambda: open_box(tmp_path / "deep" / "box", "list"), "table/manifest.json is not what it was")

    def test_a_box_stands_under_its_name_only_when_it_is_whole(self, tmp_path):
        with new_box(tmp_path / "box", "scores", {}) as hidden:
            (hidden / "scores.csv").write_text("one")
            assert not (tmp_path / "box").exists()
            assert hidden.parent == tmp_path
            assert hidden.name.startswith(".")
            assert mode(hidden) == 0o700
        assert seen(tmp_path / "box") == ["manifest.json", "scores.csv"]

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, ArtifactError])
    def test_an_exception_in_the_block_leaves_nothing_and_is_not_reworded(self, tmp_path, error):
        def break_off():
            with new_box(tmp_path / "box", "scores", {}) as hidden:
                (hidden / "scores.csv").write_text("half")
                raise error("broke off")

        with pytest.raises(error, match="broke off"):
            break_off()
        assert seen(tmp_path) == []

    def test_an_error_that_has_nothing_to_do_with_the_box_is_not_blamed_on_it(self, tmp_path):
        def read_elsewhere():
            with new_box(tmp_path / "box", "scores", {}):
                (tmp_path / "elsewhere.csv").read_text()

        with pytest.raises(FileNotFoundError, match=r"elsewhere\.csv"):
            read_elsewhere()
        assert seen(tmp_path) == []

    def test_facts_that_are_no_plain_data_leave_nothing(self, tmp_path):
        with pytest.raises(TypeError), new_box(tmp_path / "box", "scores", {"what": object()}):
            pass
        assert seen(tmp_path) == []

    def test_the_same_content_gives_the_same_bytes(self, tmp_path):
        for name, order in (("a", ("x", "y")), ("b", ("y", "x"))):
            with new_box(tmp_path / name, "scores", dict.fromkeys(order, 0.5)) as hidden:
                for file in order:
                    (hidden / file).write_text(file)
        assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")

    @pytest.mark.parametrize(("private", "folder", "file"), [(True, 0o700, 0o600), (False, 0o755, 0o644)])
    def test_a_private_box_is_for_its_owner_alone(self, tmp_path, private, folder, file):
        with new_box(tmp_path / "box", "list", {}, private=private) as hidden:
            (hidden / "table").mkdir()
            for name in ("contact.csv", "table/customers.csv"):
                (hidden / name).touch(mode=0o640)
        assert mode(tmp_path / "box") == folder
        assert {mode(tmp_path / "box" / name) for name in ("manifest.json", "contact.csv", "table/customers.csv")} == {
            file
        }

    def test_a_link_is_not_boxed_and_what_it_leads_to_is_left_alone(self, tmp_path):
        outside = tmp_path / "outside.csv"
        outside.touch(mode=0o640)

        def link():
            with new_box(tmp_path / "box", "scores", {}, private=True) as hidden:
                (hidden / "scores.csv").symlink_to(outside)

        refused(link, "link", "scores.csv")
        assert seen(tmp_path) == ["outside.csv"]
        assert mode(outside) == 0o640


class TestPlaces:
    def test_a_place_that_is_taken_is_refused_and_stays_as_it_was(self, box):
        before = bytes_of(box)
        refused(lambda: fill(box, "two"), "exists already", "--force")
        refused(lambda: refuse_existing(box, force=False), "exists already")
        assert bytes_of(box) == before
        assert seen(box.parent) == ["box"]

    def test_force_replaces_a_box_and_leaves_nothing_of_the_old(self, box):
        (box / "notes.txt").write_text("mine")
        fill(box, "two", force=True)
        assert open_box(box, "scores").path("scores.csv").read_text() == "two"
        assert seen(box) == ["manifest.json", "scores.csv"]
        assert seen(box.parent) == ["box"]

    def test_the_box_there_was_stays_if_its_replacement_fails(self, box):
        with pytest.raises(ValueError, match="broke off"), new_box(box, "scores", {}, force=True):
            raise ValueError("broke off")
        assert open_box(box, "scores").path("scores.csv").read_text() == "one"
        assert seen(box.parent) == ["box"]

    def test_the_box_there_was_comes_back_if_the_last_rename_fails(self, box, monkeypatch):
        rename = type(box).rename

        def fail_once(self, target):
            if self.suffix == ".partial":
                raise OSError(errno.EIO, "Input/output error", str(self))
            return rename(self, target)

        monkeypatch.setattr(type(box), "rename", fail_once)
        refused(lambda: fill(box, "two", force=True), "cannot be written")
        assert open_box(box, "scores").path("scores.csv").read_text() == "one"
        assert seen(box.parent) == ["box"]

    @pytest.mark.parametrize("manifest", [None, "", "[]", '{"name": "a web application", "version": "1"}', "\x00\xff"])
    def test_a_folder_that_is_no_box_is_never_replaced(self, tmp_path, manifest):
        mine = tmp_path / "mine"
        mine.mkdir()
        (mine / "work.txt").write_text("years of it")
        if manifest is not None:
            (mine / "manifest.json").write_text(manifest, encoding="latin-1")
        refused(lambda: fill(mine, force=True), "no box")
        refused(lambda: refuse_existing(mine, force=True), "no box")
        assert (mine / "work.txt").read_text() == "years of it"

    @pytest.mark.parametrize("there", ["file", "empty folder", "link to a box", "link to nothing"])
    def test_nothing_but_a_box_is_replaced(self, tmp_path, there):
        place = tmp_path / "place"
        if there == "file":
            place.write_text("mine")
        elif there == "empty folder":
            place.mkdir()
        else:
            place.symlink_to(fill(tmp_path / "other") if there == "link to a box" else tmp_path / "nothing")
        refused(lambda: fill(place), "exists already")
        refused(lambda: fill(place, force=True), "no box")

    def test_a_place_below_a_file_is_refused_before_the_work(self, tmp_path):
        (tmp_path / "file").write_text("mine")
        refused(lambda: refuse_existing(tmp_path / "file" / "deep" / "box", force=False), "is a file")
        refused(lambda: fill(tmp_path / "file" / "deep" / "box"), "cannot be written")
        refused(lambda: fill(tmp_path / ("x" * 300)), "cannot be written")

    def test_of_two_runs_at_once_the_second_to_end_is_refused(self, tmp_path):
        def both():
            with new_box(tmp_path / "box", "scores", {}) as slow:
                (slow / "scores.csv").write_text("slow")
                fill(tmp_path / "box", "quick")

        refused(both, "exists already")
        assert open_box(tmp_path / "box", "scores").path("scores.csv").read_text() == "quick"
        assert seen(tmp_path) == ["box"]

    def test_a_box_is_put_in_place_while_nobody_else_is_at_it(self, tmp_path):
        early = []
        with new_box(tmp_path / "box", "scores", {}):
            other = os.open(tmp_path, os.O_RDONLY)
            fcntl.flock(other, fcntl.LOCK_EX)

            def let_go():
                early.extend(name for name in seen(tmp_path) if name == "box")
                os.close(other)

            threading.Timer(0.2, let_go).start()
        assert early == []
        assert seen(tmp_path) == ["box"]

    def test_a_place_is_not_judged_while_another_run_changes_it(self, tmp_path):
        fill(tmp_path / "box", "old")
        other = os.open(tmp_path, os.O_RDONLY)
        fcntl.flock(other, fcntl.LOCK_EX)
        manifest, aside = tmp_path / "box" / "manifest.json", tmp_path / "aside"
        manifest.rename(aside)

        def put_back():
            aside.rename(manifest)
            os.close(other)

        threading.Timer(0.2, put_back).start()
        refuse_existing(tmp_path / "box", force=True)
        assert open_box(tmp_path / "box", "scores").path("scores.csv").read_text() == "old"

    def test_runs_at_once_leave_one_whole_box_and_nothing_else(self, tmp_path):
        errors = []

        def run(number):
            try:
                fill(tmp_path / "box", str(number), force=True)
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert open_box(tmp_path / "box", "scores").path("scores.csv").read_text() in set("01234567")
        assert seen(tmp_path) == ["box"]


KILLED = """
import os, signal, sys
from pathlib import Path
from clm_ml.artifacts import boxes, manifests, places
moment, box = sys.argv[1], Path(sys.argv[2])
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
def dying_rename(self, target):
    os.rename(self, target)
    if moment == "set aside" and str(target).endswith(".replaced"): die()
    if moment == "renamed" and Path(target) == box: die()
if moment == "made":
    make = places.tempfile.mkdtemp
    places.tempfile.mkdtemp = lambda **names: die(make(**names))
if moment == "sealing": manifests._digest = die
if moment == "sealed": boxes._put_in_place = die
Path.rename = dying_rename
with boxes.new_box(box, "scores", {}, force=True) as hidden:
    (hidden / "scores.csv").write_text("two")
    if moment == "filling": die()
"""


def test_a_box_that_another_run_has_replaced_meanwhile_stays_as_it_is(tmp_path):
    opened = open_box(fill(tmp_path / "box", "with everybody"), "scores")

    def undo():
        with new_box(opened.folder, "scores", {}, force=True, instead_of=opened) as hidden:
            (hidden / "scores.csv").write_text(opened.path("scores.csv").read_text())
            fill(opened.folder, "without somebody", force=True)

    refused(undo, "was replaced by another run meanwhile", "run this again")
    assert open_box(opened.folder, "scores").path("scores.csv").read_text() == "without somebody"
    assert seen(tmp_path) == ["box"]
    fill(opened.folder, "again", force=True, instead_of=open_box(opened.folder, "scores"))
    assert opened.path("scores.csv").read_text() == "again"


class TestKilled:
    @pytest.mark.parametrize(
        ("before", "moment"),
        [
            *product([None, "one"], ["made", "filling", "sealing", "sealed", "renamed"]),
            ("one", "set aside"),
        ],
    )
    def test_a_killed_run_leaves_hidden_folders_at_most_and_the_next_removes_them(self, tmp_path, moment, before):
        box = tmp_path / "box"
        if before:
            fill(box, before)
        done = subprocess.run([sys.executable, "-c", KILLED, moment, str(box)], check=False)
        assert done.returncode == -signal.SIGKILL
        assert [name for name in seen(tmp_path) if not name.startswith(".") and name != "box"] == []
        if box.exists():
            content = open_box(box, "scores").path("scores.csv").read_text()
            assert content == ("two" if moment == "renamed" else before)
        with new_box(box, "scores", {}, force=True) as hidden:
            left = [name for name in seen(tmp_path) if name.startswith(".")]
            assert left == [hidden.name]
            if before:
                assert open_box(box, "scores").path("scores.csv").read_text() in ("one", "two")
        assert seen(tmp_path) == ["box"]

    def test_the_hidden_folder_of_a_live_run_is_left_alone(self, tmp_path):
        script = (
            "import sys; from pathlib import Path; from clm_ml.artifacts import new_box\n"
            "with new_box(Path(sys.argv[1]), 'scores', {}, force=True) as hidden:\n"
            "    (hidden / 'scores.csv').write_text('slow'); print('ready', flush=True); sys.stdin.readline()\n"
        )
        box = tmp_path / "box"
        with subprocess.Popen(
            [sys.executable, "-c", script, str(box)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as live:
            assert live.stdout.readline() == "ready\n"
            fill(box, "quick")
            assert len(seen(tmp_path)) == 2
            live.communicate("go on\n")
        assert live.returncode == 0
        assert open_box(box, "scores").path("scores.csv").read_text() == "slow"
        assert seen(tmp_path) == ["box"]

    @pytest.mark.parametrize("other", [".box.old.abcd1234.partial", ".box.old.abcd1234.replaced", ".box.partial"])
    def test_what_belongs_to_another_box_is_left_alone(self, tmp_path, other):
        (tmp_path / other).mkdir()
        fill(tmp_path / "box")
        assert seen(tmp_path) == [other, "box"]

    def test_a_name_with_stars_and_brackets_is_tidied_like_any_other(self, tmp_path):
        (tmp_path / ".b[1]*.abcd1234.partial").mkdir()
        fill(tmp_path / "b[1]*")
        assert seen(tmp_path) == ["b[1]*"]


class TestFullDisk:
    @contextmanager
    def _limit(self, size):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, before)

    @pytest.mark.parametrize("where", ["in the block", "while sealing"])
    def test_a_file_that_cannot_grow_is_a_sentence_and_leaves_nothing(self, tmp_path, where):
        facts = {"long": "x" * 5000} if where == "while sealing" else {}

        def overflow():
            with new_box(tmp_path / "box", "scores", facts) as hidden:
                (hidden / "scores.csv").write_bytes(b"x" * (10 if facts else 5000))

        with self._limit(1000):
            refused(overflow, "cannot be written", "File too large")
        assert seen(tmp_path) == []

    def test_a_full_disk_is_a_sentence_and_leaves_nothing(self, tmp_path):
        def overflow():
            with new_box(tmp_path / "box", "scores", {}):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        refused(overflow, "cannot be written", "No space left on device")
        assert seen(tmp_path) == []

    def test_a_disk_that_fails_while_sealing_is_a_sentence(self, tmp_path, monkeypatch):
        def fail(_):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(places.os, "fsync", fail)
        refused(lambda: fill(tmp_path / "box"), "Input/output error")
        assert seen(tmp_path) == []


class TestOpening:
    def test_a_box_that_was_altered_is_refused(self, box):
        (box / "scores.csv").write_text("0ne")
        refused(lambda: open_box(box, "scores"), "altered", "scores.csv is not what it was")

    def test_a_box_that_lacks_a_file_is_refused(self, box):
        (box / "scores.csv").unlink()
        refused(lambda: open_box(box, "scores"), "scores.csv is missing")

    @pytest.mark.parametrize("name", ["added.csv", "deep/added.csv", ".hidden"])
    def test_a_box_with_a_file_more_is_refused(self, box, name):
        (box / name).parent.mkdir(exist_ok=True)
        (box / name).write_text("more")
        refused(lambda: open_box(box, "scores"), f"{name} was not there")

    def test_a_box_of_another_kind_is_refused(self, box):
        refused(lambda: open_box(box, "model"), "holds scores, where model is needed")

    def test_no_box_is_refused(self, tmp_path):
        refused(lambda: open_box(tmp_path / "nothing", "model"), "there is no model box")
        refused(lambda: open_box(tmp_path, "model"), "there is no model box")

    def test_a_box_of_a_newer_format_is_refused_whatever_else_it_holds(self, box):
        (box / "manifest.json").write_text('{"format": 2, "parts": []}')
        refused(lambda: open_box(box, "scores"), "newer clm-ml (format 2)")

    @pytest.mark.parametrize(
        "change",
        [
            {"format": "1"}, {"format": None}, {"kind": 3}, {"facts": []}, {"files": ["scores.csv"]}, {"files": None},
        ],
    )  # fmt: skip
    def test_a_manifest_of_another_shape_is_damaged(self, box, change):
        manifest = json.loads((box / "manifest.json").read_text())
        (box / "manifest.json").write_text(json.dumps(manifest | change))
        refused(lambda: open_box(box, "scores"), "damaged")

    @pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
    def test_a_manifest_that_cannot_be_read_is_damaged(self, box, text):
        (box / "manifest.json").write_bytes(text)
        refused(lambda: open_box(box, "scores"), "damaged")

    @pytest.mark.parametrize("as_of", ["2021-01-01", 5, None])
    def test_facts_that_were_altered_are_told_from_those_that_were_written(self, box, as_of):
        manifest = json.loads((box / "manifest.json").read_text())
        manifest["facts"]["as_of"] = as_of
        (box / "manifest.json").write_text(json.dumps(manifest))
        refused(lambda: open_box(box, "scores"), "was altered: manifest.json is not what it was")
        del manifest["seal"]  # as boxes were before manifests had one
        (box / "manifest.json").write_text(json.dumps(manifest))
        assert open_box(box, "scores").facts["as_of"] == as_of

    def test_a_fact_that_a_box_does_not_tell_is_a_sentence(self, box):
        facts = open_box(box, "scores").facts
        assert facts.get("model") is None
        refused(lambda: facts["model"]["facts"], f"{box} does not tell its 'model'")

    @settings(max_examples=60)
    @given(st.data())
    def test_a_manifest_cut_or_changed_anywhere_is_refused_or_still_says_the_same(self, tmp_path_factory, data):
        box = fill(tmp_path_factory.mktemp("cut") / "box")
        text = bytearray((box / "manifest.json").read_bytes())
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(1, 9))] = data.draw(st.binary(max_size=3))
        (box / "manifest.json").write_bytes(text)
        with suppress(ArtifactError):
            assert open_box(box, "scores").path("scores.csv").read_text() == "one"

    @pytest.mark.parametrize("name", ["../secret.txt", "/etc/hostname", "a/../../secret.txt", "manifest.json"])
    def test_a_name_that_leads_out_of_the_box_is_refused(self, box, name):
        (box.parent / "secret.txt").write_text("secret")
        manifest = json.loads((box / "manifest.json").read_text())
        manifest["files"][name] = manifests._digest(box.parent / "secret.txt")
        (box / "manifest.json").write_text(json.dumps(manifest))
        refused(lambda: open_box(box, "scores"), f"{name} is missing")

    def test_a_link_in_a_box_is_refused_even_if_it_leads_to_the_same_bytes(self, box):
        (box / "scores.csv").rename(box.parent / "moved.csv")
        (box / "scores.csv").symlink_to(box.parent / "moved.csv")
        refused(lambda: open_box(box, "scores"), "link", "scores.csv")

    def test_a_file_that_cannot_be_read_is_a_sentence(self, box, monkeypatch):
        def fail(path):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

        monkeypatch.setattr(manifests, "_digest", fail)
        refused(lambda: open_box(box, "scores"), "cannot be read: Permission denied")


class TestOneFile:
    def test_a_file_appears_whole_or_not_at_all(self, tmp_path):
        with whole_file(tmp_path / "deep" / "shop.yaml") as hidden:
            hidden.write_text("project: shop")
            assert not (tmp_path / "deep" / "shop.yaml").exists()
        assert (tmp_path / "deep" / "shop.yaml").read_text() == "project: shop"
        assert seen(tmp_path / "deep") == ["shop.yaml"]

    def test_an_exception_leaves_the_file_there_was(self, tmp_path):
        (tmp_path / "shop.yaml").write_text("mine")

        def break_off():
            with whole_file(tmp_path / "shop.yaml", force=True) as hidden:
                hidden.write_text("half")
                raise ValueError("broke off")

        with pytest.raises(ValueError, match="broke off"):
            break_off()
        assert (tmp_path / "shop.yaml").read_text() == "mine"
        assert seen(tmp_path) == ["shop.yaml"]

    def test_a_file_is_replaced_only_with_force(self, tmp_path):
        (tmp_path / "shop.yaml").write_text("mine")
        refused(lambda: whole_file(tmp_path / "shop.yaml").__enter__(), "exists already", "--force")
        with whole_file(tmp_path / "shop.yaml", force=True) as hidden:
            hidden.write_text("theirs")
        assert (tmp_path / "shop.yaml").read_text() == "theirs"

    def test_where_the_first_stays_what_another_run_has_put_there_meanwhile_is_not_replaced(self, tmp_path):
        with whole_file(tmp_path / "store.db", first_stays=True) as hidden:
            hidden.write_text("ours")
            (tmp_path / "store.db").write_text("theirs")
        assert (tmp_path / "store.db").read_text() == "theirs"
        assert seen(tmp_path) == ["store.db"]

    @pytest.mark.parametrize("name", ["folder", "folder/shop.yaml/deep", "x" * 300])
    def test_a_file_that_cannot_be_written_is_a_sentence(self, tmp_path, name):
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / "shop.yaml").write_text("mine")

        def write():
            with whole_file(tmp_path / name, force=True) as hidden:
                hidden.write_text("theirs")

        refused(write, "cannot be written")
        assert seen(tmp_path) == ["folder"]

    def test_what_a_killed_run_left_is_removed_by_the_next(self, tmp_path):
        script = (
            "import os, signal, sys; from pathlib import Path; from clm_ml.artifacts import whole_file\n"
            "with whole_file(Path(sys.argv[1])) as hidden:\n"
            "    hidden.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        subprocess.run([sys.executable, "-c", script, str(tmp_path / "shop.yaml")], check=False)
        (left,) = seen(tmp_path)
        assert left.startswith(".shop.yaml.")
        with whole_file(tmp_path / "shop.yaml") as hidden:
            hidden.write_text("whole")
        assert seen(tmp_path) == ["shop.yaml"]


def test_numbers_that_are_none_become_null_at_any_depth():
    content = {"b": (float("nan"), 1), "a": {"c": [float("inf"), "é"]}, 3: None}
    assert json.loads(json_text(content)) == {"b": [None, 1], "a": {"c": [None, "é"]}, "3": None}
    assert "é" in json_text(content)
