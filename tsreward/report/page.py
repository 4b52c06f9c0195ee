"""What all pages share: one file that refers to nothing outside itself, one look, every value shown as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tsreward.errors import missing_extra
from tsreward.files import write_atomic
from tsreward.named_warnings import given_warnings
from tsreward.report.drawing import check_drawing


def check_reporting() -> None:
    """Find out before a long run whether the page can be made.

    Raises:
        MissingExtraError: jinja2 or matplotlib is not installed.
    """
    try:
        import jinja2  # noqa: F401
    except ImportError as error:
        raise missing_extra("jinja2", "report") from error
    check_drawing()


def render(package: str, template: str, **values: Any) -> str:
    """Return a page from a template of a package; it extends base.html, and every value in it is escaped.

    The page begins with the named warnings that the open log holds, where one is open, as results and documents do.

    Raises:
        MissingExtraError: jinja2 or matplotlib is not installed.
    """
    check_reporting()
    import jinja2

    folders = dict.fromkeys((package, "tsreward.report"))
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(name, ".") for name in folders]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(given_warnings=given_warnings(), **values)


def write_page(path: str | Path, page: str) -> None:
    """Write a page whole or not at all.

    Raises:
        DataError: the file cannot be written.
    """
    write_atomic(Path(path), page.encode(errors="xmlcharrefreplace"))
