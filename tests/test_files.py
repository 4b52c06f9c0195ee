"""Atomic writes: whole files and folders only, the permissions that belong to them, and no litter."""

import errno
import fcntl
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.reliability.crashes import fork, one_thread
from tsreward import files
from tsreward.errors import DataError
from tsreward.files import natural_key, new_folder, open_atomic, write_atomic


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


def names(folder: Path) -> list[str]:
    """Return the sorted names in a folder."""
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_is_written_and_replaced(path: Path) -> None:
    for data in (b"first", b""):
        write_atomic(path, data)
        assert path.read_bytes() == data
    assert names(path.parent) == ["file"]


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_a_new_file_has_the_usual_permissions(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_atomic(path, b"")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


@pytest.mark.parametrize("permissions", [0o600, 0o664, 0o444])
def test_a_replaced_file_keeps_its_permissions(path: Path, permissions: int) -> None:
    path.touch()
    path.chmod(permissions)
    write_atomic(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == permissions


def test_threads_leave_the_umask_alone(path: Path) -> None:
    before = os.umask(0o027)
    try:
        threads = [
            threading.Thread(target=lambda name=name: [write_atomic(path.with_name(name), b"x") for _ in range(30)])
            for name in "abcd"
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)


@pytest.mark.parametrize("name", ["file", "model[1].safetensors", "*", "a-b", "ü"])
def test_what_killed_writers_left_is_removed(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    stale = tmp_path / f".tsreward-tmp-{name}-0123abcd"
    numbered = tmp_path / f".tsreward-tmp-{name}-{os.getppid()}-0123abcd"  # a number that another process has by now
    others = tmp_path / ".tsreward-tmp-other-0123abcd"
    linked = tmp_path / f".tsreward-tmp-{name}-link"
    living = tmp_path / f".tsreward-tmp-{name}-living"
    for file in (stale, numbered, others, living):
        file.touch()
    linked.symlink_to(others)
    os.mkfifo(tmp_path / f".tsreward-tmp-{name}-pipe")
    with living.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        write_atomic(path, b"x")
    kept = [name, others.name, living.name, linked.name, f".tsreward-tmp-{name}-pipe"]
    assert names(tmp_path) == sorted(kept)
    write_atomic(path, b"y")
    assert names(tmp_path) == sorted(set(kept) - {living.name})


def test_a_new_file_that_another_writer_took_for_a_stale_one_is_made_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, flock = [], fcntl.flock

    def meanwhile(descriptor: int, operation: int) -> None:
        made.append(descriptor)
        if len(made) == 1:
            (leftover,) = path.parent.glob(".tsreward-tmp-*")
            leftover.unlink()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", meanwhile)
    write_atomic(path, b"x")
    assert len(made) == 2 and path.read_bytes() == b"x" and names(path.parent) == ["file"]


def test_a_file_system_without_locks_is_written_to(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", fail)
    (path.parent / ".tsreward-tmp-file-0123abcd").touch()
    write_atomic(path, b"x")
    assert names(path.parent) == [".tsreward-tmp-file-0123abcd", "file"]


def test_writers_whose_processes_have_other_numbers_leave_each_other_alone(tmp_path: Path) -> None:
    """In two containers on one volume, as many process numbers mean other processes, or none."""
    unshare = ["unshare", "--pid", "--fork", "--mount-proc"]
    code = (
        "import sys; from pathlib import Path; from tsreward.files import write_atomic\n"
        "for count in range(300): write_atomic(Path(sys.argv[1]), sys.argv[2].encode() * 20_000)"
    )
    if subprocess.run([*unshare, "true"], capture_output=True).returncode:
        pytest.skip("namespaces of processes may not be made here")
    writers = [
        subprocess.Popen([*unshare, sys.executable, "-c", code, tmp_path / "file", letter], stderr=subprocess.PIPE)
        for letter in "ab"
    ]
    assert [(writer.communicate()[1].decode(), writer.returncode) for writer in writers] == [("", 0)] * 2
    assert names(tmp_path) == ["file"] and len(set((tmp_path / "file").read_bytes())) == 1


SPECIAL = {
    "a folder": lambda path: path.mkdir(),
    "a pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/null"),
    "a socket": lambda path: socket.socket(socket.AF_UNIX).bind(str(path)),
}


@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_what_is_no_file_is_not_replaced(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    path = Path("there")
    SPECIAL[kind](path)
    before = os.lstat(path)
    with pytest.raises(DataError, match=f"Cannot write there: it is {kind} and no file, and is not replaced"):
        write_atomic(path, b"")
    assert os.lstat(path) == before and names(tmp_path) == ["there"]


@pytest.mark.parametrize("name", ["a\0b", "x" * 300, "/"])
def test_an_impossible_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="Cannot write"):
        write_atomic(tmp_path / name, b"")
    assert names(tmp_path) == []


def test_an_error_of_the_system_leaves_the_previous_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_atomic(path, b"previous")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for function in ("fsync", "scandir"):
        with monkeypatch.context() as patch:
            patch.setattr(os, function, fail)
            with pytest.raises(DataError, match=f"{path}: No space left on device. The previous file is unchanged"):
                write_atomic(path, b"next")
    assert path.read_bytes() == b"previous"
    assert names(path.parent) == ["file"]


@pytest.mark.parametrize("error", [22, 95])
def test_a_folder_that_cannot_be_synced_is_no_error(path: Path, monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    _fail_on_folders(monkeypatch, error)
    write_atomic(path, b"next")
    assert path.read_bytes() == b"next"


def test_a_folder_that_fails_to_sync_is_told_as_what_it_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fail_on_folders(monkeypatch, 5)
    with pytest.raises(DataError, match=f"{path} is written, but its folder could not be synced"):
        write_atomic(path, b"next")
    assert path.read_bytes() == b"next"


def _fail_on_folders(monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    sync = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(error, os.strerror(error))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)


def test_a_link_is_replaced_and_its_target_stays(path: Path) -> None:
    target = path.with_name("target")
    target.write_bytes(b"target")
    path.symlink_to(target)
    write_atomic(path, b"next")
    assert (path.is_symlink(), path.read_bytes(), target.read_bytes()) == (False, b"next", b"target")


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_leaves_no_litter(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        write_atomic(path, b"x")
    assert names(path.parent) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, DataError])
def test_a_stream_that_stops_leaves_the_previous_file(path: Path, error: type[BaseException]) -> None:
    write_atomic(path, b"previous")
    with pytest.raises(error, match="mine"), open_atomic(path) as file:
        file.write(b"next")
        assert path.read_bytes() == b"previous"
        raise error("mine")
    assert path.read_bytes() == b"previous"
    assert names(path.parent) == ["file"]


def test_many_writers_of_one_name_leave_one_whole_file(path: Path) -> None:
    contents = [bytes([65 + index]) * 100_000 for index in range(4)]
    write_atomic(path, contents[0])
    with one_thread():
        children = [fork(lambda data=data: [write_atomic(path, data) for _ in range(50)]) for data in contents]
    running, seen = set(children), set()
    while running:
        seen.add(path.read_bytes())
        ended, status = _reap(running)
        if ended:
            assert status == 0
            running.remove(ended)
    seen.add(path.read_bytes())
    assert seen <= set(contents)
    assert names(path.parent) == ["file"]


def _reap(children: set[int]) -> tuple[int, int]:
    for child in children:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return ended, status
    return 0, 0


def test_names_are_sorted_as_people_read_them():
    names = ["machine-1-10", "machine-1-2", "10a", "2a", "machine", "A-1", ""]
    assert sorted(names, key=natural_key) == ["", "2a", "10a", "A-1", "machine", "machine-1-2", "machine-1-10"]


def test_a_folder_appears_when_the_block_ends(tmp_path: Path) -> None:
    with new_folder(tmp_path / "a" / "made") as inside:
        (inside / "file").write_text("text")
        assert not (tmp_path / "a" / "made").exists()
    assert names(tmp_path / "a") == ["made"]
    assert (tmp_path / "a" / "made" / "file").read_text() == "text"


def test_an_empty_folder_is_filled_when_the_block_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "there"
    path.mkdir()
    kept = path.stat().st_ino
    monkeypatch.chdir(path)
    with new_folder(Path()) as inside:
        (inside / "sub").mkdir()
        (inside / "sub" / "file").write_text("text")
        (inside / "file").touch()
        with pytest.raises(DataError, match="exists and is not an empty folder"), new_folder(path):
            pass  # another writer is in it
    assert names(path) == ["file", "sub"]
    assert (path / "sub" / "file").read_text() == "text"
    assert path.stat().st_ino == kept


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, FileNotFoundError])
def test_no_folder_is_left_where_the_block_raises(error: type[BaseException], tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for path in (tmp_path / "a" / "b" / "made", tmp_path / "there"):
        with pytest.raises(error), new_folder(path) as inside:
            (inside / "file").write_text("text")
            raise error
    assert names(tmp_path) == ["there"]
    assert names(tmp_path / "there") == []


def test_an_error_of_the_disk_becomes_one_line(tmp_path: Path) -> None:
    message = r"Cannot write .*made: No space left on device\. Nothing of it remains"
    with pytest.raises(DataError, match=message), new_folder(tmp_path / "made"):
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_is_there_stays(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "made"
    if kind == "folder":
        path.mkdir()
        (path / "mine").touch()
    else:
        path.touch() if kind == "file" else path.symlink_to("nowhere")
    with pytest.raises(DataError, match="exists and is not an empty folder: choose another name"), new_folder(path):
        pass
    assert names(tmp_path) == ["made"]


def test_a_folder_that_appears_meanwhile_stays(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="made by somebody else meanwhile"), new_folder(tmp_path / "made"):
        (tmp_path / "made").mkdir()
    assert names(tmp_path) == ["made"]


def test_leftover_folders_of_killed_writers_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from tsreward.files import new_folder\n"
        "with new_folder(Path(sys.argv[1]) / 'made') as inside:\n"
        "    (inside / 'half').touch(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert run.returncode == -9
    (dead,) = names(tmp_path)
    with new_folder(tmp_path / "made") as first:
        assert names(tmp_path) == [first.name] != [dead]
        with new_folder(tmp_path / "made-too"):
            assert first.exists()
    assert names(tmp_path) == ["made", "made-too"]


def test_folders_of_users_are_made_by_one_function_that_names_them() -> None:
    """A bare `mkdir` that fails is a traceback."""
    package = Path(files.__file__).parent
    bare = [path.name for path in package.rglob("*.py") if ".mkdir(parents=True" in path.read_text()]
    assert bare == ["files.py"]
