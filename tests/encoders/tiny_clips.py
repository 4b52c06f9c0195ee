"""Video networks of a few thousand random weights, saved as the real ones are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

SAVED = {"videomae": "transformers", "vjepa2": "transformers", "xclip": "transformers", "cogvideox": "diffusers"}
"""Network -> the package it comes from."""
SMALL = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}


def save_network(network: str, folder: Path, seed: int = 0) -> None:
    """Write a tiny network for frames of 16 pixels."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        _MAKERS[network]().save_pretrained(folder)


def _videomae() -> Any:
    from transformers import VideoMAEConfig, VideoMAEModel

    return VideoMAEModel(VideoMAEConfig(image_size=16, patch_size=8, num_frames=4, **SMALL))


def _vjepa2() -> Any:
    from transformers import VJEPA2Config, VJEPA2Model

    few = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "mlp_ratio": 1}
    predictor = {"pred_hidden_size": 24, "pred_num_attention_heads": 2, "pred_num_hidden_layers": 1}
    return VJEPA2Model(VJEPA2Config(crop_size=16, patch_size=8, frames_per_clip=4, **few, **predictor))


def _xclip() -> Any:
    from transformers import XCLIPConfig, XCLIPModel

    mit = {f"mit_{name}": value for name, value in SMALL.items()}
    vision = {**SMALL, **mit, "image_size": 16, "patch_size": 8, "num_frames": 4}
    text = {**SMALL, "vocab_size": 20, "max_position_embeddings": 8}
    return XCLIPModel(
        XCLIPConfig(text_config=text, vision_config=vision, projection_dim=16, prompt_num_attention_heads=2)
    )


def _cogvideox() -> Any:
    return tiny_autoencoder()


def tiny_autoencoder() -> Any:
    """Return CogVideoX's autoencoder with 4 latent channels, for frames of 16 pixels."""
    from diffusers import AutoencoderKLCogVideoX

    return AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * 4,
        up_block_types=("CogVideoXUpBlock3D",) * 4,
        block_out_channels=(8, 8, 8, 8),
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=2,
        sample_height=16,
        sample_width=16,
    )


_MAKERS = {"videomae": _videomae, "vjepa2": _vjepa2, "xclip": _xclip, "cogvideox": _cogvideox}
