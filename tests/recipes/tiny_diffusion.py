"""An image-to-video CogVideoX of a few thousand random weights, saved as the real ones are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from tests.encoders.tiny_clips import tiny_autoencoder

WORDS = ["<pad>", "</s>", "<unk>", "▁open", "▁the", "▁drawer"]
LENGTH, WIDTH = 6, 8
"""Tokens of a prompt, and how wide their embeddings are."""


def save_diffusion(folder: Path, prediction: str = "v_prediction", text: bool = False) -> None:
    """Write a model that draws 9 frames of 32 x 32 pixels; with its text encoder where that is asked for."""
    from diffusers import CogVideoXDDIMScheduler, CogVideoXTransformer3DModel

    with torch.random.fork_rng():
        torch.manual_seed(0)
        tiny_autoencoder().save_pretrained(folder / "vae")
        CogVideoXTransformer3DModel(
            num_attention_heads=2,
            attention_head_dim=16,
            in_channels=8,
            out_channels=4,
            time_embed_dim=4,
            text_embed_dim=WIDTH,
            num_layers=1,
            sample_width=4,
            sample_height=4,
            sample_frames=9,
            max_text_seq_length=LENGTH,
            use_rotary_positional_embeddings=True,
        ).save_pretrained(folder / "transformer")
        CogVideoXDDIMScheduler(prediction_type=prediction).save_pretrained(folder / "scheduler")
        if text:
            _save_text(folder)


def _save_text(folder: Path) -> None:
    from transformers import T5Config, T5EncoderModel, T5Tokenizer

    config = T5Config(vocab_size=64, d_model=WIDTH, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    T5EncoderModel(config).save_pretrained(folder / "text_encoder")
    T5Tokenizer(vocab=[(word, -float(rank)) for rank, word in enumerate(WORDS)], extra_ids=0).save_pretrained(
        folder / "tokenizer"
    )


def drift(seed: int, steps: int = 9) -> np.ndarray:
    """Return frames [T, 32, 32, 3] of a bright square that moves to the right."""
    frames = np.full((steps, 32, 32, 3), 30, np.uint8)
    for step, frame in enumerate(frames):
        frame[8 + seed : 16 + seed, 2 * step : 2 * step + 8] = 220
    return frames
