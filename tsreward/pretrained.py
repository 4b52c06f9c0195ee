"""Weights that others have trained: a folder, or a name on the hub."""

from __future__ import annotations

import re
from pathlib import Path

from tsreward.errors import DataError


def locate(source: str) -> str:
    """Return the full path of a folder, or a name on the hub as it is.

    Raises:
        DataError: it can be neither.
    """
    if source and Path(source).is_dir():
        return str(Path(source).resolve())
    if not re.fullmatch(r"[\w.-]{1,96}/[\w.-]{1,96}", source, re.ASCII) or ".." in source:
        raise DataError(f"{source!a} is neither a folder nor a name on the hub like openai/clip-vit-base-patch16.")
    return source


def unreadable(what: str, source: str, content: str, download: str | None, error: Exception) -> DataError:
    """Return the one-line error for weights that cannot be read, whatever the packages and the hub's client raised.

    Args:
        what: whose weights they are.
        source: folder, or name on the hub.
        content: what is put into a folder.
        download: the call or the option that would allow a download, where none was tried; else None.
        error: what was raised.
    """
    if Path(source).is_dir():
        remedy = f"Put {content}."
    elif download is not None:
        remedy = f"Only this machine was searched: {download} may download it."
    else:
        remedy = "Check the name; without a network, download it elsewhere and give its folder."
    reason = (str(error).strip().splitlines() or [""])[0]
    return DataError(
        f"No {what} with .safetensors weights can be read from {source} ({type(error).__name__}: {reason}). {remedy}"
    )


def check_digest(source: str, found: str, wanted: str) -> None:
    """Check that weights are those that an encoder was made with, by their SHA-256.

    Raises:
        DataError: they are others.
    """
    if found != wanted:
        raise DataError(
            f"The weights of {source} have SHA-256 {found[:12]}..., and the encoder was made with {wanted[:12]}...: "
            f"its scores would mean nothing. Call connect with the right folder."
        )
