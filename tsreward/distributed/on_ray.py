"""Units on a Ray cluster: plain tasks on whole units, begun again elsewhere where a worker or a node dies."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tsreward.distributed.running import RETRIES, completed, one_thread
from tsreward.distributed.units import Unit
from tsreward.errors import DataError, missing_extra
from tsreward.pipeline.own_names import import_own, named_modules

LOCAL = "local"


def run_on_ray(units: Sequence[Unit], folder: Path, address: str, step: Callable[[], None]) -> dict[str, str]:
    """Do units on a cluster, and return why some failed.

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
    if not units:
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
        return _gathered(ray, units, folder.resolve(), step)
    except (OSError, RuntimeError, ray.exceptions.RayError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(
            f"The Ray cluster {address} was lost or cannot be reached ({first[:200]}): finished files are in {folder}; "
            f"the same command goes on."
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


def _gathered(ray: Any, units: Sequence[Unit], folder: Path, step: Callable[[], None]) -> dict[str, str]:
    task = ray.remote(num_cpus=1, max_retries=RETRIES)(_work)
    waiting = {task.remote(unit, folder, named_modules()): unit for unit in units}
    failed: dict[str, str] = {}
    while waiting:
        ready, _ = ray.wait(list(waiting), num_returns=1)
        for one in ready:
            unit = waiting.pop(one)
            try:
                told = ray.get(one)
            except ray.exceptions.WorkerCrashedError:
                told = f"its process ended {RETRIES + 1} times."
            except ray.exceptions.RayTaskError as error:
                told = str(error.cause)
            if told is not None:
                failed[unit.name] = told
            step()
    return failed


def _work(unit: Unit, folder: Path, own: Sequence[str]) -> str | None:
    one_thread()
    import_own(own)
    return completed(unit, folder)
