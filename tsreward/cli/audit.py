"""`tsreward audit`: what a reward pays for, before anything is trained on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import tyro

from tsreward.audit.auditing import Audit, audit_reward, behaviours_of
from tsreward.audit.search.options import AttackOptions
from tsreward.cli.main import remark
from tsreward.cli.output import check_output, conclude, fitting, prefer_one_thread, print_json, print_table
from tsreward.cli.parsing import Arguments, parse
from tsreward.data.columns import DataColumns
from tsreward.data.episodes import save_episodes
from tsreward.data.graded import load_graded
from tsreward.data.sources import read_episodes
from tsreward.distributed.running import PlaceOptions
from tsreward.errors import DataError, OptionError, TSRewardError
from tsreward.files import write_atomic
from tsreward.io import load, save
from tsreward.named_warnings import given_warnings
from tsreward.options import option
from tsreward.pipeline.model import RewardModel
from tsreward.report.audit import render_audit
from tsreward.report.page import check_reporting, write_page
from tsreward.sequences.costs import CostOptions, CostRules
from tsreward.sequences.episodes import Episode
from tsreward.training import TrainOptions

_BLIND_EPISODES = 4


@dataclass(frozen=True)
class Options(Arguments):
    """Examine a reward before anything is trained on it: does it separate good from bad, does it agree with the truth,
    and what earns reward that should not? Writes one HTML page, and the same as JSON beside it.

    Give --good and --bad, or --graded. Episodes of good behaviour should be ones that the model was not fitted on. Data
    are NPZ files of tsreward collect, tables (CSV, Parquet, NPY, NPZ) or Minari datasets (minari:ID).
    """

    model: Path
    """File of tsreward fit."""
    out: Path
    """The page, .html; the JSON has the same name with .json."""
    good: tuple[Path, ...] = ()
    """Episodes of behaviour to reward; for a penalty, safe behaviour."""
    bad: tuple[Path, ...] = ()
    """Episodes of behaviour not to reward, e.g. random: its reward is n = 0."""
    half_trained: tuple[Path, ...] = ()
    """Behaviour between the two."""
    graded: Path | None = None
    """File of tsreward collect --agent graded: its expert is good, random is bad, and stages whose true return is 20 to
    80 % of the way between them are half-trained."""
    data: tuple[Path, ...] = ()
    """Episodes with true rewards, for a penalty costs, to compare with; all that is given above without it."""
    env: str | None = None
    """Id of the environment: blind policies are played in it, and --search searches in it."""
    search: float | None = option(None, above=0)
    """Search for what the reward pays and that is not what was meant. First windows of a likeness climb it by its
    gradient; then, with --env, attackers search in the environment for so many seconds. What these find decides; their
    strongest episodes are written beside the page, to -exploit.npz and, where the environment draws itself,
    -exploit.mp4. Without --env the search is on recorded data alone, which is much weaker."""
    attack: AttackOptions = field(default_factory=AttackOptions)
    repair: int | None = option(None, low=1)
    """Give exploits to the scorer as negatives, fit it anew on --learn, and search again, so many times at most. The
    repaired model is written beside the page, to -repaired.safetensors."""
    learn: tuple[Path, ...] = ()
    """Episodes of good behaviour that a repaired scorer learns from."""
    action_repeat: int | None = None
    """Environment steps that each of their actions is held for; 1, or what the graded file says."""
    columns: tyro.conf.OmitArgPrefixes[DataColumns] = field(default_factory=DataColumns)
    jobs: int = option(1, low=1)
    """With 2, attackers search side by side in processes, each for all of the seconds."""
    ray: str | None = None
    """Address of a Ray cluster (auto, HOST:PORT) on which attackers search side by side; local starts one here."""
    seed: int = option(0, low=0)
    strict: bool = field(default=False, kw_only=True)
    """Exit with 1 where there is any warning, or the verdict is not that the reward is accepted; with 2 at the first
    warning about the data."""
    json: bool = False
    """Print what the JSON file holds."""

    def check(self) -> None:
        if (self.graded is None) == (not self.good or not self.bad) or (self.graded and (self.good or self.bad)):
            raise OptionError("audit takes either --good and --bad, or --graded, which has both.")
        if self.graded is not None and self.half_trained:
            raise OptionError("--half-trained belongs to --good and --bad: --graded has half-trained behaviour itself.")
        if self.action_repeat is not None and self.env is None:
            raise OptionError("--action-repeat belongs to --env: name the environment, or leave it out.")
        if self.repair is not None and (self.search is None or self.env is None or not self.learn):
            raise OptionError(
                "--repair searches and fits anew: give --search and --env, and with --learn what is learned from."
            )
        if (self.jobs > 1 or self.ray is not None) and (self.search is None or self.env is None):
            raise OptionError("--jobs and --ray share the attackers of a search: give --search and --env.")
        if same := {path.resolve() for path in self.good} & {path.resolve() for path in self.bad}:
            raise OptionError(f"{min(same)} is given both as --good and as --bad.")
        if self.out.suffix.lower() != ".html":
            raise OptionError(f"--out takes a file that ends with .html, got {self.out}.")


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, "audit", arguments))


def run(options: Options) -> int:
    """Read, audit, write the page and the JSON, print the verdict."""
    beside = options.out.with_suffix(".json")
    for path in (options.out, beside):
        check_output(path)
    check_reporting()
    prefer_one_thread()
    model = load(options.model)
    sets, action_repeat = _graded(options.graded) if options.graded else (_given(options), 1)
    sources = {"good": options.good, "bad": options.bad, "half_trained": options.half_trained}
    for name, episodes in sets.items():
        source = (sources.get(name) or [options.graded or options.out])[0]
        sets[name] = fitting(model, options.model, episodes, source)
    compared = _compared(options, model, sets.pop("episodes", None))
    blind = _blind(options, options.action_repeat or action_repeat)
    found = audit_reward(
        model,
        sets["good"],
        sets["bad"],
        half_trained=sets.get("half_trained"),
        blind=blind,
        episodes=compared,
        seed=options.seed,
    )
    exploit = None
    if options.search is not None:
        found = _climbed(options, model, found, sets)
    if options.search is not None and options.env is not None:
        found, exploit = _searched(options, model, found, sets, options.action_repeat or action_repeat)
    if options.repair is not None:
        _repair(options, model, sets, options.action_repeat or action_repeat)
    document = found.to_json() | {"files": {"model": str(options.model), "page": str(options.out)}}
    if given := given_warnings():
        document |= {"data_warnings": given}
    page = render_audit(found, f"Reward audit: {options.model.name}", exploit)
    write_atomic(beside, (json.dumps(document, indent=1, allow_nan=False) + "\n").encode())
    write_page(options.out, page)
    if options.json:
        print_json(document)
    else:
        _tell(found)
        reasons = " ".join(found.verdict.reasons)
        conclude(f"{found.verdict.word}: {reasons} Written to {options.out}.", _next(options, found))
    if options.strict and (found.warnings or found.verdict.word != "accepted"):
        remark(f"check failed: {found.verdict.word}, with {len(found.warnings)} warning(s)")
        return 1
    return 0


def _climbed(options: Options, model: RewardModel, found: Audit, sets: dict[str, list[Episode]]) -> Audit:
    """Return the audit with what became of windows that climb the reward.

    Raises:
        OptionError: they cannot, and there is no environment to search in either.
    """
    from tsreward.audit.search.ascent import climb, with_windows

    try:
        climbed = climb(model, sets["good"], sets["bad"], options.seed)
    except OptionError as error:
        if options.env is None:
            raise OptionError(f"--search without an environment: {error} Name an environment with --env.") from error
        remark(f"no windows climb the reward: {error}")
        return found
    remark(climbed.in_words())
    return with_windows(found, climbed)


def _searched(
    options: Options, model: RewardModel, found: Audit, sets: dict[str, list[Episode]], action_repeat: int
) -> tuple[Audit, bytes | None]:
    """Return the audit with what a search found, and a film of the strongest exploit; its episodes are written."""
    from tsreward.audit.search.attack import red_team, with_search
    from tsreward.report.film import FilmOptions, film
    from tsreward.sb3.watching import watch_again

    assert options.env is not None and options.search is not None
    attack = replace(options.attack, seconds=options.search, seed=options.seed)
    costs = _costs(options)
    team = red_team(model, options.env, sets["good"], sets["bad"], attack, action_repeat, costs, place=_place(options))
    found = with_search(found, team)
    if not team.exploits:
        return found, None
    best = team.exploits[0]
    episodes, stem = best.behaviour.episodes, options.out.stem
    save_episodes(episodes, options.out.with_name(f"{stem}-exploit.npz"))
    strongest = int(np.argmax(best.behaviour.rated.levels))
    try:
        seen = watch_again(options.env, episodes[strongest], model, best.seeds[strongest], action_repeat, costs)
        shown = film({best.attacker: [seen]}, ".mp4", FilmOptions(width=320, longest=250))
    except TSRewardError as error:  # no film is worth an audit
        remark(f"the exploit is not filmed: {error}")
        return found, None
    write_atomic(options.out.with_name(f"{stem}-exploit.mp4"), shown)
    return found, shown


def _next(options: Options, found: Audit) -> list[object]:
    """Return the command that trains on the reward, or fits another."""
    if found.verdict.word == "accepted":
        return ["tsreward", "train", "--env", options.env or "ENV", "--model", options.model]
    if found.verdict.word == "undecided" and found.findings.replaces and found.search is None:
        return ["tsreward", "audit", "--model", options.model, "...", "--env", options.env or "ENV", "--search", "300"]
    kind = ["--reward", "likeness"] if found.findings.replaces else ["--scorer", "deep_sad"]
    return ["tsreward", "fit", "--data", "FILE", *kind, "--out", "model.safetensors"]


def _repair(options: Options, model: RewardModel, sets: dict[str, list[Episode]], action_repeat: int) -> None:
    """Write the repaired model, and tell of every round."""
    from tsreward.audit.search.repair import repair

    assert options.env is not None and options.search is not None and options.repair is not None
    expert = fitting(model, options.model, read_episodes(options.learn, options.columns, remark), options.learn[0])
    attack = replace(options.attack, seconds=options.search, seed=options.seed)
    costs, train = _costs(options), TrainOptions(seed=options.seed)
    good, bad = sets["good"], sets["bad"]
    place = _place(options)
    repaired = repair(
        model, options.env, expert, good, bad, options.repair, attack, train, action_repeat, costs, place=place
    )
    for number, search in enumerate(repaired.searches):
        best = search.found[0]
        word = f"{len(search.exploits)} exploits" if search.exploits else "no exploit"
        remark(f"round {number}: {word}; the strongest attacker, {best.attacker}, earns r = {best.paid.value:.2f}")
    path = options.out.with_name(f"{options.out.stem}-repaired.safetensors")
    note = {"repaired": str(options.model), "rounds": len(repaired.searches) - 1, "holds": repaired.holds}
    save(repaired.model, path, note=note)
    remark(f"{'holds' if repaired.holds else 'is still exploited'}: written to {path}; audit it as any other")


def _place(options: Options) -> PlaceOptions:
    return PlaceOptions(options.jobs, options.ray)


def _costs(options: Options) -> CostOptions:
    """Return how costs are read from an environment, as from the data."""
    return CostOptions(**{one.name: getattr(options.columns, one.name) for one in fields(CostRules)})


def _given(options: Options) -> dict[str, list[Episode]]:
    paths = {"good": options.good, "bad": options.bad, "half_trained": options.half_trained}
    return {name: read_episodes(files, options.columns, remark) for name, files in paths.items() if files}


def _graded(path: Path) -> tuple[dict[str, list[Episode]], int]:
    """Return the episodes of a graded file by what the audit takes them for, and the action repeat."""
    graded = load_graded(path)
    try:
        sets = behaviours_of(graded)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    if "half_trained" not in sets:
        remark(f"warning: no stage of {path} is half-trained: none returns 20 to 80 % of the way to the expert")
    return sets | {"episodes": graded.episodes}, graded.action_repeat


def _compared(options: Options, model: RewardModel, graded: list[Episode] | None) -> list[Episode] | None:
    if not options.data:
        return graded if graded is not None and (model.mode.replaces or graded[0].costs is not None) else None
    episodes = read_episodes(options.data, options.columns, remark)
    return fitting(model, options.model, episodes, options.data[0])


def _blind(options: Options, action_repeat: int) -> dict[str, list[Episode]] | None:
    """Play the blind policies."""
    if options.env is None:
        return None
    from tsreward.sb3.grading import collect_blind

    seeds = range(options.seed, options.seed + _BLIND_EPISODES)
    played = collect_blind(options.env, seeds, action_repeat)
    return {name: played.where(name).episodes for name in played.names}


def _tell(found: Audit) -> None:
    kinds, probes, held = found.findings.kinds, found.findings.probes, found.findings.held
    rows: list[tuple[object, ...]] = [(kind.name, kind.n, kind.level, kind.flag_rate) for kind in kinds]
    rows += [(probe.name, probe.n, probe.level, probe.flag_rate) for probe in probes if probe.kind != "blind"]
    rows.append(("held states, median", held.median, held.quantiles[2], None))
    print_table("What behaviour earns", ["behaviour", "n", "per step", "flag rate"], rows)
    areas = {f"ROC, {row.name}": row.roc for row in found.findings.separations}
    agreed = found.findings.agreement
    if agreed and agreed.cost:
        areas[f"ROC, {agreed.cost.name}"] = agreed.cost.roc
    if agreed and agreed.spearman:
        areas["Spearman of returns"] = agreed.spearman
    for name, value in areas.items():
        print(f"{name}: {value.value:.3f} ({value.low:.3f} to {value.high:.3f})")
    if found.search is not None:
        attacks: list[tuple[object, ...]] = []
        for one in found.search["found"]:
            least = min((d["value"] for d in one["apart"].values()), default=None)
            exploit = "yes" if one["is_exploit"] else "no"
            attacks.append((one["attacker"], one["paid"]["value"], least, one["true_return"], exploit))
        print_table("What attackers found", ["attacker", "r", "d", "true return", "exploit"], attacks)
    for one in found.warnings:
        remark(f"warning {one.code}: {one.meaning} {one.evidence}. {one.remedy}")
