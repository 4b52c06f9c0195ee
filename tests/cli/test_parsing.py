"""--config FILE: options from a TOML file, those on the command line win, and mistakes are named."""

import pytest

from tsreward.cli.main import COMMANDS, main
from tsreward.cli.parsing import with_config
from tsreward.errors import OptionError

FIT = '[fit]\nscorer = "knn"\nwindow = 2\nreward = "likeness"\n"scorer.neighbours" = 3\n"scorer.clip" = "None"\n'


def test_fit_takes_its_table(made, document, tmp_path):
    path = tmp_path / "best.toml"
    path.write_text(FIT + '[train]\nenv = "Tiny/Cost-v0"\nsteps = 64\n')
    model = tmp_path / "m.safetensors"
    summary = document("fit", "--config", path, "--data", made.episodes, "--out", model)
    assert (summary["scorer"], summary["window"], summary["reward"]) == ("knn", 2, "likeness")
    other = document(
        "fit", f"--config={path}", "--data", made.episodes, "--window", "3", "--out", tmp_path / "n.safetensors"
    )
    assert (other["scorer"], other["window"]) == ("knn", 3)
    info = document("info", model)
    assert '"neighbours": 3' in str(info).replace("'", '"')


def test_train_takes_its_table(made, document, tmp_path):
    path = tmp_path / "best.toml"
    path.write_text('[train]\nenv = "Tiny/Cost-v0"\nsteps = 300\nnum_envs = 2\n')
    results = document("train", "--config", path, "--model", made.model, "--out", tmp_path / "run")
    assert (results["env"], results["steps"]) == ("Tiny/Cost-v0", 300)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[fit]\nscorer = ", "is no TOML: Invalid value"),
        ("[fti]\n", "Unknown command in best.toml 'fti': did you mean 'fit'"),
        ("[train]\n", r"has no table [fit] with options of tsreward fit; its tables: [train]"),
        ("scorer = 'knn'\n", "Unknown command in best.toml 'scorer'"),
        ("[fit]\nwindw = 3\n", "no option 'windw' beside the others that are given: did you mean 'window'?"),
        ('[fit]\n"train.epochs" = "eight"\n', "best.toml: train.epochs = 'eight' is no value of --train.epochs"),
        ("[fit]\nwindow = -3\n", "best.toml: --window must be an integer >= 1, got -3"),
        ("[fit]\nscorer.clip = 3\n", "scorer is dict, not a number, a text or a list of them; quote names with dots"),
        ("[fit]\njson = false\n", "json is false; leave a switch out"),
        (None, "Cannot read best.toml: No such file or directory. Name an existing file with --config"),
    ],
)
def test_mistakes_in_the_file(made, complaint, tmp_path, monkeypatch, content, message):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "best.toml").write_text(content)
    said = complaint("fit", "--config", "best.toml", "--data", made.episodes, "--out", "m.safetensors")
    assert message in said
    assert not (tmp_path / "m.safetensors").exists()


def test_a_mistake_on_the_command_line_is_not_the_file_s(made, capsys, tmp_path):
    (tmp_path / "best.toml").write_text(FIT)
    arguments = [
        "fit",
        "--config",
        str(tmp_path / "best.toml"),
        "--data",
        str(made.episodes),
        "--out",
        "x",
        "--jsn",
    ]
    assert main(arguments) == 2
    assert "--jsn" in capsys.readouterr().err


def test_the_order_of_things(tmp_path):
    path = tmp_path / "best.toml"
    path.write_text('[fit]\n"reward.weight" = 2.5\ndata = ["a", "b"]\njson = true\ntime = "-t"\n')
    given = with_config(path, "fit", COMMANDS, ["--config", str(path), "--reward.weight=1"])
    assert given == ["--config", str(path), "--reward.weight=1", "--data", "a", "b", "--json", "--time=-t"]
    path.write_text("[fit]\nfalse_alarm_rate = 0.5\n")
    assert with_config(path, "fit", COMMANDS, ["--false-alarm-rate", "1"]) == ["--false-alarm-rate", "1"]
    with pytest.raises(OptionError, match="has no table"):
        with_config(path, "train", COMMANDS, [])
