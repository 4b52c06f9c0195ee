"""Sharing models: `push_to_hub` and `from_pretrained`, with a hub, a folder, or the zoo beside the code."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tsreward.files
from tsreward.errors import CheckpointError, DataError, OptionError, TSRewardError, missing_extra, shown, unknown_name
from tsreward.io.card import model_card
from tsreward.io.models import load, save
from tsreward.io.store import describe
from tsreward.pipeline.model import RewardModel

FILE = "model.safetensors"
"""What the model is called in a repository."""
CARD = "README.md"
ZOO = "zoo:"
ZOO_FOLDER = "TSREWARD_ZOO"
"""The environment variable that says where the zoo lies, where it is not beside the package."""
_REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def push_to_hub(
    model: RewardModel | Path | str,
    repo: str,
    *,
    revision: str | None = None,
    license: str | None = None,
    audit: Mapping[str, Any] | None = None,
    exploits: Sequence[str] = (),
    private: bool = False,
    token: str | None = None,
    message: str = "Add a reward model",
) -> str:
    """Upload a model with its card, make the repository where there is none, and return the commit.

    Two files are written in one commit: the model as `tsreward.save` writes it (safetensors, never pickle), and a card
    of what is known: data, scorer, window, rates, audit, exploits, limits and license.

    Args:
        model: a fitted model, or the path of its file, whose note the card then tells.
        repo: "owner/name".
        revision: a branch; None is the main one.
        license: an identifier such as "mit"; the card says unknown where there is none.
        audit: an audit of the model, as `tsreward.audit_reward(...).to_json()` gives it.
        exploits: behaviour that the reward pays for by mistake, in sentences.
        private: whether a repository that is made is private.
        token: None takes the one that `hf auth login` has stored.
        message: of the commit.

    Raises:
        OptionError: `repo` is no "owner/name".
        MissingExtraError: huggingface_hub is not installed.
        NotFittedError, CheckpointError: the model cannot be saved, or the file is no model.
        DataError: the hub refuses, or cannot be reached.

    ```python
    tsreward.push_to_hub(model, "me/hopper-velocity", license="mit", audit=audit.to_json())
    ```
    """
    _check_repo(repo)
    hub = _hub()
    with tempfile.TemporaryDirectory(prefix="tsreward-") as folder:
        path = Path(model) if isinstance(model, str | Path) else Path(folder) / FILE
        if isinstance(model, RewardModel):
            save(model, path)
        description = describe(path)
        if "mode" not in description:
            raise CheckpointError(f"{path} holds a detector, and the hub is for reward models: give one of those.")
        card = model_card(description, license, audit, exploits).replace("OWNER/NAME", repo)
        operations = [
            hub.CommitOperationAdd(FILE, path.read_bytes()),
            hub.CommitOperationAdd(CARD, card.encode()),
        ]
        with _told(repo):
            api = hub.HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=token)
            api.create_repo(repo, private=private, exist_ok=True)
            made = api.create_commit(repo, operations, commit_message=message, revision=revision)
    return str(made.oid)


def from_pretrained(
    source: str | Path, revision: str | None = None, *, token: str | None = None, cache: Path | str | None = None
) -> RewardModel:
    """Return a model by its path, its name in the zoo, or its repository, on the CPU and ready to score.

    Args:
        source: a model file, or a folder with `model.safetensors`; "zoo:NAME", a small model that lies beside the code
            and needs no network; or "owner/name" on the Hugging Face Hub.
        revision: a branch, a tag or a commit of the repository; a commit never changes.
        token: for private repositories; None takes the one that `hf auth login` has stored.
        cache: where downloads are kept; None is the hub's own folder.

    Raises:
        OptionError: neither a file nor "owner/name", or a revision of what has none.
        MissingExtraError: a repository is named, and huggingface_hub is not installed.
        DataError: the hub has no such model or cannot be reached, or there is no zoo.
        CheckpointError: the file is damaged or no model.

    >>> from_pretrained("nothing here")
    Traceback (most recent call last):
    tsreward.errors.OptionError: There is no model 'nothing here': give a file, a folder with model.safetensors, \
zoo:NAME, or owner/name on the hub.
    """
    return load(fetch(source, revision, token=token, cache=cache))


def fetch(
    source: str | Path, revision: str | None = None, *, token: str | None = None, cache: Path | str | None = None
) -> Path:
    """Return the path of the file that `from_pretrained` loads, downloaded where that is needed.

    Raises:
        OptionError, MissingExtraError, DataError: as `from_pretrained`.
        CheckpointError: a file of the zoo is not what its list says.
    """
    text, path = str(source), Path(source)
    remote = not path.exists() and _REPO.fullmatch(text) is not None
    if revision is not None and not remote:
        raise OptionError(f"Only a repository has revisions, got revision={revision!r} of {shown(text)}.")
    if text.startswith(ZOO):
        return _of_zoo(text.removeprefix(ZOO))
    if path.is_dir():
        path = path / FILE
    if path.exists():
        return path
    if not remote:
        raise OptionError(
            f"There is no model {shown(text)}: give a file, a folder with {FILE}, zoo:NAME, or owner/name on the hub."
        )
    hub = _hub()
    with _told(text):
        found = hub.hf_hub_download(
            text,
            FILE,
            revision=revision,
            token=token,
            cache_dir=cache,
            endpoint=os.environ.get("HF_ENDPOINT"),
        )
    return Path(found)


def as_model(model: RewardModel | str | Path) -> RewardModel:
    """Return a model as it is, or the one that a path, a name in the zoo or a repository stands for."""
    return from_pretrained(model) if isinstance(model, str | Path) else model


def zoo() -> dict[str, dict[str, Any]]:
    """Return what the zoo holds: name -> what its model was fitted on, with its audit and digest.

    Raises:
        DataError: there is no zoo, or its list is damaged.
    """
    path = _zoo_folder() / "zoo.json"
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"There is no zoo at {path.parent}: set {ZOO_FOLDER} to its folder, or get one from the source repository."
        ) from error
    if not isinstance(listed, dict) or not all(isinstance(entry, dict) for entry in listed.values()):
        raise DataError(f"{path} is no list of a zoo: get it from the source repository.")
    return listed


def _zoo_folder() -> Path:
    beside = Path(tsreward.files.__file__).parent.parent / "zoo"
    return Path(os.environ.get(ZOO_FOLDER) or beside)


def _of_zoo(name: str) -> Path:
    listed = zoo()
    if name not in listed:
        raise unknown_name("model of the zoo", name, listed)
    path = _zoo_folder() / f"{name}.safetensors"
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"The zoo lists {name}, but {path} cannot be read: get it again.") from error
    if found != listed[name].get("sha256"):
        raise CheckpointError(f"{path} is not the file that zoo.json lists (SHA-256 {found[:12]}...): get it again.")
    return path


def _check_repo(repo: str) -> None:
    if not _REPO.fullmatch(repo):
        raise OptionError(f"A repository is called owner/name, got {shown(repo)}.")


def _hub() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise missing_extra("huggingface_hub", "hub") from error
    return huggingface_hub


@contextmanager
def _told(repo: str) -> Iterator[None]:
    """Say in one line what the hub refused.

    Raises:
        DataError: it did.
    """
    try:
        yield
    except TSRewardError:
        raise
    except Exception as error:  # of the hub's client, of its HTTP library, of the network
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(
            f"The hub did not answer for {repo} as it should ({type(error).__name__}: {first[:200]}): check the name, "
            f"the revision, `hf auth login` and the network."
        ) from error
