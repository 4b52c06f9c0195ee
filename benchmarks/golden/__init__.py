"""Golden numbers: small fixed runs whose results stay bit-identical when the code is only rearranged.

    python -m benchmarks.golden --record          # writes results/golden.json
    python -m benchmarks.golden                   # compares, and prints every name that differs
    python -m benchmarks.golden --only scorers/knn

One core and a few minutes. Bits are promised for one machine, its versions and one thread: elsewhere, record first.
All that depends on the package's names and calls is in `reward_adapters` and `evaluation_adapters`.
"""
