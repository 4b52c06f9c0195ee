"""What a study leaves behind: best.toml, the settings of the front, results.json and report.html."""

from __future__ import annotations

import json
from pathlib import Path

from tsreward.errors import DataError
from tsreward.files import write_atomic
from tsreward.tuning.objective import Objective
from tsreward.tuning.page import render_study
from tsreward.tuning.results import Results, Tried
from tsreward.tuning.toml_text import toml_text


def write_results(found: Results, objective: Objective, folder: Path, title: str) -> None:
    """Write the files into a folder, which is created; each of them is whole or the one of before.

    Raises:
        DataError: the folder cannot be written to.
        MissingExtraError: jinja2 or matplotlib is not installed.
    """
    page = render_study(found, objective.space, title)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"Cannot create {folder}: {error.strerror}. Name another folder with --out.") from error
    chosen = {f"front-{one.number}.toml": one for one in found.front} | {"best.toml": found.best}
    for old in folder.glob("front-*.toml"):
        if old.name not in chosen:
            old.unlink(missing_ok=True)
    for name, one in chosen.items():
        write_atomic(folder / name, _config(one, found, objective, title).encode())
    write_atomic(folder / "results.json", (json.dumps(found.as_json(), indent=1) + "\n").encode())
    write_atomic(folder / "report.html", page.encode(errors="xmlcharrefreplace"))


def _config(one: Tried, found: Results, objective: Objective, title: str) -> str:
    figures = ", ".join(f"{name} {value:.4g}" for name, value in zip(found.figures, one.values, strict=True))
    remarks = [
        f"{title}, trial {one.number}: {figures}",
        f"Read by tsreward {' and '.join(objective.config(one.setting))} --config FILE",
    ]
    if not one.allowed:
        remarks.append("It exceeds a limit, like all others: raise the limit, or search for longer.")
    if "smoothing" in one.setting:
        remarks.append(
            f"Part of the setting, but no option of fit: scores averaged over {one.setting['smoothing']} rows"
        )
    return toml_text(objective.config(one.setting), remarks)
