"""Four searches share a study on a real PostgreSQL server, and one of them is killed."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.crashes import fork, one_thread
from tests.tuning.cheap import Cheap
from tsreward.tuning.search import SearchOptions, search
from tsreward.tuning.study import opened

pytest.importorskip("psycopg", reason="needs the extra 'postgresql'")
BUDGET = 12


def program(name: str) -> str | None:
    """Return where a program of PostgreSQL lies; Debian puts the server's into a folder of its version."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return shutil.which(name) or next((str(place / name) for place in places if (place / name).exists()), None)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Start a server in memory with a free port of this machine, and yield the URL of its database."""
    initdb, postgres = program("initdb"), program("postgres")
    if initdb is None or postgres is None:
        pytest.skip("needs the programs of a PostgreSQL server (Debian: postgresql)")
    place = Path(f"/dev/shm/tsreward-postgresql-{os.getpid()}")  # a name that others than root can reach
    place.mkdir(mode=0o700)
    user = "nobody" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name  # it refuses to run as root
    own = {"user": user, "cwd": "/", "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    shutil.chown(place, user)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = place / "data"
    subprocess.run([initdb, "-D", data, "-U", "study", "-A", "trust", "--no-sync"], check=True, **own)
    options = ["-p", str(port), "-k", str(place), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
    process = subprocess.Popen([postgres, "-D", data, *options], **own)
    try:
        import psycopg

        for _ in range(600):
            try:
                psycopg.connect(f"host=127.0.0.1 port={port} user=study dbname=postgres", connect_timeout=5).close()
                break
            except psycopg.OperationalError:
                assert process.poll() is None
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(0.1)
        yield f"postgresql+psycopg://study@127.0.0.1:{port}/postgres"
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait()
        shutil.rmtree(place)


def test_four_searches_meet_one_budget_though_one_is_killed(server: str, tmp_path: Path) -> None:
    options = SearchOptions(trials=BUDGET, workers=1, sampler="random", heartbeat=0.2, grace=1.0)

    def work(told: int) -> None:
        with opened(server, Cheap(seconds=0.2)) as study:
            search(study, options, lambda done, total: os.write(told, b"."), start="fork")

    with one_thread():
        with opened(server, Cheap(seconds=0.2)):
            pass  # the first one makes the tables
        reading, writing = os.pipe()
        children = [fork(lambda: work(writing)) for _ in range(4)]
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            pipe.read(6)  # some trials are done
            os.kill(children[0], signal.SIGKILL)
            assert [os.waitpid(child, 0)[1] for child in children] == [signal.SIGKILL, 0, 0, 0]
        with opened(server, Cheap(seconds=0.2)) as study:
            search(study, options)  # nothing is left to do but what the killed one left running
            trials = study.trials()
    states = Counter(trial.state.name for trial in trials)
    assert states["COMPLETE"] + states["PRUNED"] == BUDGET
    assert states["RUNNING"] == states["WAITING"] == 0
    assert len({trial.number for trial in trials}) == len(trials)


def test_another_objective_is_refused(server: str) -> None:
    from tsreward.errors import OptionError

    with opened(server, Cheap(), "named"):
        pass
    with pytest.raises(OptionError, match="named"), opened(server, Cheap(several=True), "named"):
        pass
