"""Every reliability bar, R1 to R25, at the size of the test suite or of a release.

    python -m benchmarks.reliability                         # all bars, release size, those that are there left out
    python -m benchmarks.reliability --bars R2 R8 --size ci
    python -m benchmarks.reliability --again                 # measure those that are there anew

A bar is a function of (folder to work in, seed, size) that counts cases and failures. What was measured goes to
results/reliability.json when its bar is through, so that a run that was ended goes on with the next bar. The exit code
is 1 where a case failed.
"""
