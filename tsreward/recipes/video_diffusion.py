"""Goal videos of a pretrained image-to-video model, CogVideoX, fine-tuned on videos of one's own domain with LoRA."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from tsreward.errors import DataError, OptionError, missing_extra
from tsreward.files import write_atomic
from tsreward.functional.pixels import resize_bicubic
from tsreward.functional.seeding import generator, seeded
from tsreward.functional.tensors import as_tensor
from tsreward.named_warnings import warn
from tsreward.options import Options, option
from tsreward.pretrained import locate, unreadable
from tsreward.training import check_device

TARGETS = ("to_q", "to_k", "to_v", "to_out.0")
"""Layers of the transformer that an adapter changes."""
_LEVELS = 4
"""Levels of noise at which the loss of a held-out video is measured."""


@dataclass(frozen=True)
class FinetuneOptions(Options):
    """How an adapter is trained."""

    finetune_steps: int = 200
    """Gradient steps, each on one video."""
    rank: int = option(4, high=1024)
    """Rank of the adapter (LoRA, Hu et al. 2021, arXiv 2106.09685)."""
    finetune_rate: float = option(1e-4, above=0, below=1)
    """Learning rate."""
    held_out: float = option(0.2, above=0, below=1)
    """Fraction of the videos, one at least, that is never learned from: on these the loss is measured."""


@dataclass(frozen=True)
class Prompt:
    """What the video shall show, as the text encoder gives it."""

    positive: Tensor
    """[1, L, D]."""
    negative: Tensor | None = None
    """The same of what it shall not show, for guidance."""


class VideoDiffusion:
    """A CogVideoX that draws a video from its first frame and a text (Yang et al. 2024, arXiv 2408.06072).

    `VideoDiffusion.pretrained(folder)` reads one. Only .safetensors weights are read, and no code that comes with them:
    each part is read by the class that it must be, whatever the files call it.
    """

    def __init__(self, pipeline: Any, source: str) -> None:
        self.pipeline, self.source = pipeline, source
        pipeline.set_progress_bar_config(disable=True)

    @classmethod
    def pretrained(
        cls,
        source: str,
        revision: str | None = None,
        local_only: bool = False,
        text: bool = True,
        device: str = "cpu",
    ) -> VideoDiffusion:
        """Return the model of a folder that `save_pretrained` has written, or of a name on the hub.

        Args:
            source: folder, or name on the Hugging Face hub, which may be downloaded.
            revision: commit or branch on the hub; None is main.
            local_only: never download.
            text: read the text encoder and its tokenizer too; without, prompts are given as embeddings.
            device: where it computes, such as cuda; always in float32.

        Raises:
            MissingExtraError: diffusers is not installed.
            OptionError: there is no such device.
            DataError: the hub cannot be reached, there is no such folder or name, or a part has no .safetensors
                weights.
        """
        try:
            import diffusers  # pyright: ignore[reportMissingImports]
            import transformers
        except ImportError as error:
            raise missing_extra("diffusers", "diffusion") from error
        check_device("device", device)
        place = locate(source)
        where: dict[str, Any] = {"local_files_only": local_only} | ({"revision": revision} if revision else {})
        weights = {"use_safetensors": True, "torch_dtype": torch.float32}
        parts: dict[str, tuple[Any, dict[str, Any]]] = {
            "scheduler": (diffusers.CogVideoXDDIMScheduler, {}),
            "vae": (diffusers.AutoencoderKLCogVideoX, weights),
            "transformer": (diffusers.CogVideoXTransformer3DModel, weights),
        }
        if text:
            parts["tokenizer"] = (transformers.T5Tokenizer, {})
            parts["text_encoder"] = (transformers.T5EncoderModel, {"use_safetensors": True, "dtype": torch.float32})
        made: dict[str, Any] = {"tokenizer": None, "text_encoder": None}
        for name, (kind, more) in parts.items():
            try:
                made[name] = kind.from_pretrained(place, subfolder=name, **where, **more)
            except Exception as error:  # the packages and the hub's client raise many types for the ways to be missing
                content = "the folders of an image-to-video CogVideoX there, as save_pretrained writes them"
                download = "local_only=False (without --local-only)" if local_only else None
                raise unreadable(f"{name} of a CogVideoX", place, content, download, error) from error
        for name in ("vae", "transformer", "text_encoder"):
            if made[name] is not None:
                made[name].requires_grad_(False).eval()
        if made["transformer"].config.in_channels != 2 * made["vae"].config.latent_channels:
            raise DataError(f"{place} draws from a text alone: give a CogVideoX that draws from an image (I2V).")
        return cls(diffusers.CogVideoXImageToVideoPipeline(**made).to(device), place)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.pipeline.transformer.device

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the frames that it was trained on."""
        config, factor = self.pipeline.transformer.config, self.pipeline.vae_scale_factor_spatial
        return config.sample_height * factor, config.sample_width * factor

    @property
    def frames(self) -> int:
        """Frames of the videos that it was trained on."""
        return int(self.pipeline.transformer.config.sample_frames)

    @torch.no_grad()
    def prompt(self, text: str, negative: str = "") -> Prompt:
        """Return the embeddings of texts.

        Raises:
            OptionError: the text encoder was not read.
        """
        if self.pipeline.text_encoder is None:
            raise OptionError("This VideoDiffusion was read without its text encoder: give prompt embeddings.")
        length = self.pipeline.transformer.config.max_text_seq_length
        found = self.pipeline.encode_prompt(text, negative, True, max_sequence_length=length)
        return Prompt(*(each.float().cpu() for each in found))

    def draw(
        self,
        first: np.ndarray,
        prompt: Prompt,
        frames: int | None = None,
        denoising_steps: int = 50,
        guidance: float = 6.0,
        seed: int = 0,
        report: Callable[[int, int], None] | None = None,
    ) -> np.ndarray:
        """Return a video [T, H, W, 3] (uint8) that begins with a frame [H', W', 3] (uint8), of the model's own size.

        Args:
            first: the first frame; it is brought to the model's size.
            prompt: what the video shows.
            frames: T, one more than a multiple of 8 for CogVideoX; None is the model's own.
            denoising_steps: the more, the finer, and the longer it takes.
            guidance: how much more the prompt counts than the negative one; 1 leaves that out.
            seed: every random number follows from it.
            report: called after every denoising step with (done, total).

        Raises:
            OptionError: a number of frames or a prompt that the model does not take, or guidance without a negative
                prompt.
        """
        length = self._length(frames)
        if guidance > 1 and prompt.negative is None:
            raise OptionError(
                f"Guidance {guidance:g} compares with a negative prompt, and the embeddings hold none: give guidance "
                f"1, or embeddings with 'negative'."
            )
        told = (lambda _, step, time, values: (report(step + 1, denoising_steps), values)[1]) if report else None
        try:
            drawn = self.pipeline(
                image=self._pixels(first[None])[0].add(1).div(2)[None],
                height=self.size[0],
                width=self.size[1],
                num_frames=length,
                num_inference_steps=denoising_steps,
                guidance_scale=guidance,
                prompt_embeds=prompt.positive.to(self.device),
                negative_prompt_embeds=None
                if guidance <= 1 or prompt.negative is None
                else prompt.negative.to(self.device),
                generator=generator(seed),
                output_type="np",
                callback_on_step_end=told,
            ).frames[0]
        except (RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise OptionError(f"The model of {self.source} cannot draw {length} frames so: {reason}") from error
        return (drawn * 255).round().astype(np.uint8)

    def finetune(
        self,
        videos: Sequence[np.ndarray],
        prompt: Prompt,
        options: FinetuneOptions = FinetuneOptions(),
        frames: int | None = None,
        seed: int = 0,
        report: Callable[[int, int], None] | None = None,
    ) -> tuple[float, float]:
        """Train an adapter of the transformer on videos, and return the loss on held-out ones before and after.

        The loss is the mean squared error of what the network predicts of noisy latents (of v for CogVideoX, Salimans
        and Ho 2022), where the first frame is known; on held-out videos with noise that stays the same.

        Args:
            videos: uint8 [T, H, W, C] each; they are resampled to the model's size and to `frames`.
            prompt: what all of them show.
            options: rank, steps and learning rate.
            frames: as for `draw`.
            seed: every random number follows from it.
            report: called after every step with (done, total).

        Raises:
            MissingExtraError: peft is not installed.
            DataError: fewer than two videos, or a loss that is not finite.
            OptionError: an adapter is there already; a number of frames, or a model that is not fine-tuned here.
        """
        if len(videos) < 2:
            raise DataError(f"Fine-tuning learns from some videos and measures on others, got {len(videos)}: give two.")
        if self.pipeline.transformer.config.patch_size_t is not None:
            raise OptionError(f"{self.source} is a CogVideoX 1.5, which is drawn from but not fine-tuned here.")
        if self.pipeline.scheduler.config.prediction_type not in _WANTED:
            raise OptionError(f"{self.source} predicts {self.pipeline.scheduler.config.prediction_type}, not v.")
        length, draw = self._length(frames), generator(seed)
        latents = [self._latents(video, length) for video in videos]
        order = torch.randperm(len(videos), generator=draw).tolist()
        number = min(max(1, round(options.held_out * len(videos))), len(videos) - 1)
        held, learned = [latents[at] for at in order[:number]], [latents[at] for at in order[number:]]
        with seeded(seed):
            self._add_adapter(options.rank)
        network = self.pipeline.transformer
        weights = [each for each in network.parameters() if each.requires_grad]
        optimiser = torch.optim.AdamW(weights, lr=options.finetune_rate, weight_decay=0.0)
        before = self._held_loss(held, prompt, seed)  # a new adapter changes nothing yet
        network.train()
        network.enable_gradient_checkpointing()
        for step in range(options.finetune_steps):
            at = int(torch.randint(len(learned), (1,), generator=draw))
            time = torch.randint(self._times, (1,), generator=draw)
            loss = self._loss(learned[at], prompt, time, draw)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimiser.step()
            if report is not None:
                report(step + 1, options.finetune_steps)
        network.disable_gradient_checkpointing()
        network.eval()
        after = self._held_loss(held, prompt, seed)
        if not np.isfinite([before, after]).all():
            raise DataError(
                f"The loss went from {before:g} to {after:g}: lower the learning rate, or check the videos."
            )
        if after >= before:
            warn(
                "adapter learned nothing",
                f"The loss on held-out videos went from {before:.4f} to {after:.4f}: the adapter has learned nothing "
                f"that carries over. Give more videos, or other finetune_steps and finetune_rate.",
            )
        return before, after

    def save_adapter(self, path: Path | str) -> None:
        """Write the adapter as .safetensors.

        Raises:
            OptionError: there is none.
            DataError: the file cannot be written.
        """
        if not getattr(self.pipeline.transformer, "peft_config", None):
            raise OptionError("There is no adapter to save: call finetune or load_adapter first.")
        from peft import get_peft_model_state_dict  # pyright: ignore[reportMissingImports]

        config = self.pipeline.transformer.peft_config["default"]
        state = get_peft_model_state_dict(self.pipeline.transformer, adapter_name="default")
        tensors = {name: value.detach().float().contiguous().cpu() for name, value in state.items()}
        metadata = {_KEY: json.dumps({"rank": config.r})}
        write_atomic(Path(path), safetensors.torch.save(tensors, metadata))

    def load_adapter(self, path: Path | str) -> None:
        """Read what `save_adapter` wrote for the same model.

        Raises:
            MissingExtraError: peft is not installed.
            OptionError: an adapter is there already.
            DataError: no such file, damage, another kind of file, or an adapter of another model.
        """
        try:
            with safetensors.safe_open(path, "pt") as file:
                told = json.loads((file.metadata() or {}).get(_KEY, "null"))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dictionary
        except (OSError, ValueError, safetensors.SafetensorError) as error:
            raise DataError(f"{path} is no file of an adapter ({type(error).__name__}: {error}).") from error
        rank = told.get("rank") if isinstance(told, dict) else None
        if type(rank) is not int or not 1 <= rank <= 1024:
            raise DataError(f"{path} is no adapter that tsreward goal-video has written: its rank is missing.")
        self._add_adapter(rank)
        from peft import (  # pyright: ignore[reportMissingImports]
            get_peft_model_state_dict,
            set_peft_model_state_dict,
        )

        network = self.pipeline.transformer
        own = {name: value.shape for name, value in get_peft_model_state_dict(network).items()}
        if own != {name: value.shape for name, value in tensors.items()}:
            raise DataError(f"{path} is an adapter of another model than {self.source}.")
        set_peft_model_state_dict(network, tensors)

    def _add_adapter(self, rank: int) -> None:
        try:
            from peft import LoraConfig  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise missing_extra("peft", "diffusion") from error
        if getattr(self.pipeline.transformer, "peft_config", None):
            raise OptionError(f"The model of {self.source} has an adapter already: read it anew.")
        self.pipeline.transformer.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=list(TARGETS)))

    def _length(self, frames: int | None) -> int:
        # Of an even number of latent frames the autoencoder makes three more pictures than went in.
        length, factor = self.frames if frames is None else frames, 2 * self.pipeline.vae_scale_factor_temporal
        if length < factor + 1 or length % factor != 1:
            raise OptionError(
                f"The model of {self.source} draws one frame more than a multiple of {factor}, got {length}: give "
                f"{max(1, round((length - 1) / factor)) * factor + 1}."
            )
        return length

    def _pixels(self, video: np.ndarray) -> Tensor:
        """Return frames [T, 3, H, W] in [-1, 1], of the model's size."""
        small = resize_bicubic(as_tensor(video), self.size).expand(-1, -1, -1, 3)
        return small.permute(0, 3, 1, 2).to(self.device).float() / 127.5 - 1

    @torch.no_grad()
    def _latents(self, video: np.ndarray, length: int) -> tuple[Tensor, Tensor]:
        """Return latents [1, F, Z, h, w] of the video, and of its first frame, followed by zeros."""
        steps = np.linspace(0, len(video) - 1, length).round().astype(int)
        pixels = self._pixels(video[steps]).transpose(0, 1)[None]  # [1, 3, T, H, W]
        whole, first = (self._encode(part) for part in (pixels, pixels[:, :, :1]))
        known = torch.zeros_like(whole)
        known[:, :1] = first
        return whole, known

    def _encode(self, pixels: Tensor) -> Tensor:
        vae = self.pipeline.vae
        return vae.config.scaling_factor * vae.encode(pixels).latent_dist.mode().transpose(1, 2)

    @property
    def _times(self) -> int:
        return int(self.pipeline.scheduler.config.num_train_timesteps)

    def _loss(self, video: tuple[Tensor, Tensor], prompt: Prompt, time: Tensor, noise: torch.Generator) -> Tensor:
        latents, known = video
        pipeline, drawn = self.pipeline, torch.randn(latents.shape, generator=noise).to(self.device)
        time = time.to(self.device)
        noisy = pipeline.scheduler.add_noise(latents, drawn, time)
        rotary = None
        if pipeline.transformer.config.use_rotary_positional_embeddings:
            rotary = pipeline._prepare_rotary_positional_embeddings(*self.size, latents.shape[1], latents.device)
        ofs = None if pipeline.transformer.config.ofs_embed_dim is None else latents.new_full((1,), 2.0)
        predicted = pipeline.transformer(
            hidden_states=torch.cat([noisy, known], 2),
            encoder_hidden_states=prompt.positive.to(self.device),
            timestep=time,
            ofs=ofs,
            image_rotary_emb=rotary,
            return_dict=False,
        )[0]
        kept = pipeline.scheduler.alphas_cumprod.to(self.device)[time].float()
        wanted = _WANTED[pipeline.scheduler.config.prediction_type](latents, drawn, kept)
        return mse_loss(predicted.float(), wanted)

    @torch.no_grad()
    def _held_loss(self, held: Sequence[tuple[Tensor, Tensor]], prompt: Prompt, seed: int) -> float:
        draw = generator(seed, 1)
        times = [self._times * (2 * level + 1) // (2 * _LEVELS) for level in range(_LEVELS)]
        losses = [self._loss(each, prompt, torch.tensor([time]), draw) for each in held for time in times]
        return float(torch.stack(losses).mean())


_KEY = "tsreward"
_WANTED: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "v_prediction": lambda clean, noise, kept: kept.sqrt() * noise - (1 - kept).sqrt() * clean,
    "epsilon": lambda clean, noise, kept: noise,
    "sample": lambda clean, noise, kept: clean,
}
"""What the network predicts, of clean latents, noise, and the fraction ᾱ of the clean ones' variance that is kept."""


def read_prompt(path: Path | str) -> Prompt:
    """Return the embeddings in a file: .npy [L, D], or .safetensors with `prompt` and perhaps `negative`, [L, D] each.

    Raises:
        DataError: no such file, damage, or arrays of another shape.
    """
    path = Path(path)
    try:
        if path.suffix == ".npy":
            found = {"prompt": torch.from_numpy(np.load(path, allow_pickle=False))}
        else:
            found = safetensors.torch.load_file(path)
    except (OSError, ValueError, TypeError, safetensors.SafetensorError) as error:
        raise DataError(f"{path} holds no prompt embeddings ({type(error).__name__}: {error}).") from error
    if "prompt" not in found or any(part.ndim != 2 or not part.is_floating_point() for part in found.values()):
        told = ", ".join(f"{name} {list(part.shape)}" for name, part in found.items())
        raise DataError(f"{path} must hold floats 'prompt' [L, D], and perhaps 'negative', got {told}.")
    negative = found.get("negative")
    return Prompt(found["prompt"].float()[None], None if negative is None else negative.float()[None])
