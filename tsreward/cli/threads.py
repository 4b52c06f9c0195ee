"""How many cores a command takes."""

import os

import torch


def prefer_one_thread() -> None:
    """Use one thread, unless OMP_NUM_THREADS asks for something else: small networks are faster so."""
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)
