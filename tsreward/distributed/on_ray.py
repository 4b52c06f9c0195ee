"""Work on a Ray cluster: plain tasks on whole pieces, begun again elsewhere where a worker or a node dies."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from typing import Any

from tsreward.distributed.running import Failure, Work, attempt, ended, one_thread
from tsreward.errors import DataError, missing_extra
from tsreward.pipeline.own_names import import_own, named_modules

LOCAL = "local"


def run_on_ray(works: Sequence[Work], address: str, step: Callable[[], None], retries: int) -> dict[int, Failure]:
    """Do works on a cluster, and return why some failed, by their place among them.

    Every node must see the folder and the inputs under the same paths. A connection that is there is used and left.

    Raises:
        MissingExtraError: Ray is not installed.
        DataError: the cluster cannot be reached, or was lost; the files that are finished stay.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise missing_extra("ray", "ray") from error
    if not works:
        return {}
    mine = not ray.is_initialized()
    try:
        if mine:
            _check_reachable(address)
        if mine:
            ray.init(
                address=None if address == LOCAL else address,
                include_dashboard=False if address == LOCAL else None,
                configure_logging=False,
                log_to_driver=False,
            )
        return _gathered(ray, works, step, retries)
    except (OSError, RuntimeError, ray.exceptions.RayError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(
            f"The Ray cluster {address} was lost or cannot be reached ({first[:200]}): what is finished stays, and the "
            f"same command goes on."
        ) from error
    finally:
        if mine and ray.is_initialized():
            ray.shutdown()


def _check_reachable(address: str) -> None:
    """Knock at HOST:PORT, for Ray itself waits for minutes and then ends the process.

    Raises:
        OSError: nobody answers.
    """
    host, _, port = address.rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


def _gathered(ray: Any, works: Sequence[Work], step: Callable[[], None], retries: int) -> dict[int, Failure]:
    task = ray.remote(num_cpus=1, max_retries=retries)(_work)
    waiting = {task.remote(work, named_modules()): number for number, work in enumerate(works)}
    failed: dict[int, Failure] = {}
    while waiting:
        ready, _ = ray.wait(list(waiting), num_returns=1)
        for one in ready:
            number = waiting.pop(one)
            try:
                why = ray.get(one)
                failure = None if why is None else Failure(why)
            except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError):
                failure = Failure(ended(retries + 1), True)
            except ray.exceptions.RayTaskError as error:
                failure = Failure(str(error.cause))
            if failure is not None:
                failed[number] = failure
            step()
    return failed


def _work(work: Work, own: Sequence[str]) -> str | None:
    one_thread()
    import_own(own)
    return attempt(work)
