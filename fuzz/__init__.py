"""Fuzzing of what reads files from elsewhere: `python -m fuzz TARGET` runs one target under Atheris.

    pip install atheris                                   # Python 3.11 to 3.13, Linux
    python -m fuzz csv -max_total_time=600                # the flags are those of libFuzzer
    python -m fuzz csv fuzz/corpus/csv/CRASH              # one input again

The same targets run under Hypothesis in tests/reliability/test_fuzz.py, without Atheris. What was found once stays in
fuzz/corpus.
"""
