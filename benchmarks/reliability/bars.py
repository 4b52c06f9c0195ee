"""How every bar is measured."""

from __future__ import annotations

from benchmarks.reliability import files, numbers, platform, processes
from benchmarks.reliability.check import Run, suite

BARS: dict[str, Run] = {
    "R1": files.atomic,
    "R2": files.full_disk,
    "R3": processes.resume,
    "R4": processes.tuning,
    "R5": processes.benchmark,
    "R6": files.bit_rot,
    "R7": files.hostile_files,
    "R8": files.golden,
    "R9": suite("tests/scorers/test_contract.py -k batch", "tests/functional/test_tensors.py"),
    "R10": numbers.streaming,
    "R11": suite("tests/scorers/test_contract.py -k 'seed or global or state'", "tests/test_training.py"),
    "R12": numbers.finite,
    "R13": numbers.metrics,
    "R14": suite("tests/wrappers/test_gymnasium_env.py", "tests/wrappers/test_gymnasium_vector.py"),
    "R15": suite("tests/wrappers/test_boundaries.py", "tests/wrappers/test_reward_obs.py", "tests/sb3/test_vec_env.py"),
    "R16": processes.workers,
    "R17": processes.lasting,
    "R18": processes.side_by_side,
    "R19": processes.signals,
    "R20": suite("tests/reliability/test_malformed.py", "tests/reliability/test_catalogue.py"),
    "R21": platform.fuzzed,
    "R22": suite("tests/testing"),
    "R23": platform.installed,
    "R24": processes.pages,
}
"""Name -> function of (folder to work in, seed, size); the names are those of `PROMISES`."""
