"""The code in README.md runs, in the order in which it stands there."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad:UserWarning")
def test_the_python_code_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"<!-- run -->\n```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) == 5
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(README), "exec"), names)
    model, rewards, episodes = names["model"], names["rewards"], names["episodes"]
    assert (tmp_path / "model.safetensors").is_file()
    assert len(rewards) == len(episodes)
    assert all(len(reward) == len(episode) for reward, episode in zip(rewards, episodes, strict=True))
    assert model.obs_shape == (28,)


def test_every_command_of_the_readme_exists() -> None:
    from tsreward.cli.main import COMMANDS

    named = set(re.findall(r"^tsreward (\w+)", README.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert named == set(COMMANDS)


def test_the_tables_of_the_readme_are_those_of_the_results() -> None:
    from benchmarks.tables import rendered

    assert rendered(README.read_text(encoding="utf-8")) == README.read_text(encoding="utf-8")
