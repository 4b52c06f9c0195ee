"""`tsreward goal-video`: a goal video from its first frame, by a model of one's own or by a pretrained one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from tsreward.cli.output import Stages, check_output, conclude, prefer_one_thread, print_json, print_table
from tsreward.cli.parsing import Arguments, parse
from tsreward.data.films import films
from tsreward.data.video.pictures import SUFFIXES, picture
from tsreward.data.video.reading import read_frames
from tsreward.errors import OptionError
from tsreward.files import write_atomic
from tsreward.functional.pixels import grey, resize_area
from tsreward.functional.tensors import as_tensor
from tsreward.io import load
from tsreward.options import option
from tsreward.pipeline.model import RewardModel
from tsreward.recipes.goal_video import imagine_videos
from tsreward.recipes.video_diffusion import FinetuneOptions, VideoDiffusion, read_prompt
from tsreward.report.contact_sheet import contact_sheet
from tsreward.report.film import check_kind, encoded

STEPS = 40
"""Frames after the first that a model of one's own draws where nothing else is said."""


@dataclass(frozen=True)
class Options(Arguments):
    """Draw a goal video from its first frame, and beside it OUT.png, a sheet that shows frames of all that was drawn.

    With --from-model, a video likelihood that was fitted on videos draws several, and the likeliest is the goal video.
    With --model, a pretrained CogVideoX draws one, of a text; --finetune trains an adapter for it first.
    """

    image: Path
    """First frame: a picture, or a video, of which the first frame is taken."""
    out: Path
    """Film to write, .mp4 or .gif."""
    from_model: Path | None = None
    """Model file of a VideoLikelihood over a VQTokenizer."""
    model: str | None = None
    """Image-to-video CogVideoX: a folder that save_pretrained has written, or a name on the Hugging Face hub."""
    frames: int | None = None
    """Frames of the video; None is 41 with --from-model, and with --model what that was trained on."""
    seed: int = option(0, low=0, high=2**31 - 1)
    """Every random number follows from it."""
    rate: float = option(8.0, above=0, high=240)
    """Pictures per second of the film."""
    samples: int = option(8, high=1024)
    """Videos that are drawn with --from-model."""
    temperature: float = 1.0
    """Below 1, --from-model keeps to what is likely; at 0 it takes the likeliest token."""
    task: int | None = option(None, low=0)
    """Class that is drawn, of a --from-model with classes; None is its own."""
    text: str | None = None
    """What the video of --model shows."""
    prompt_embeds: Path | None = None
    """Embeddings in place of a text, so that no text encoder is needed: .npy [L, D], or .safetensors with 'prompt' and
    'negative'."""
    denoising_steps: int = 50
    """Denoising steps of --model."""
    guidance: float | None = option(None, low=1)
    """How much more the text counts than none; None is 6, and 1 where the embeddings hold no 'negative'."""
    revision: str | None = None
    """Commit or branch of --model on the hub."""
    local_only: bool = False
    """Never download --model."""
    device: str = "cpu"
    """Where --model computes, such as cuda."""
    finetune: Path | None = None
    """Video, or folder of videos, that an adapter of --model is trained on before it draws."""
    adapter: Path | None = None
    """Adapter, .safetensors: written with --finetune, read without."""
    training: tyro.conf.OmitArgPrefixes[FinetuneOptions] = field(default_factory=FinetuneOptions)
    json: bool = False
    """Print the results as one JSON document."""

    def check(self) -> None:
        if (self.model is None) == (self.from_model is None):
            raise OptionError("tsreward goal-video draws with --from-model FILE or with --model FOLDER: give one.")
        if self.model is None and (self.finetune or self.adapter or self.text or self.prompt_embeds):
            raise OptionError("--text, --prompt-embeds, --finetune and --adapter are for --model: leave them out.")
        if self.model is not None and (self.text is None) == (self.prompt_embeds is None):
            raise OptionError("--model draws what --text or --prompt-embeds says: give one of them.")
        if self.model is not None and self.task is not None:
            raise OptionError("--task is for --from-model: say with --text what is to be seen.")
        if self.finetune is not None and self.adapter is None:
            raise OptionError("--finetune trains an adapter that is worth keeping: give --adapter FILE.safetensors.")


def main(arguments: Sequence[str]) -> int:
    """Parse the arguments and run."""
    return run(parse(Options, "goal-video", arguments))


def run(options: Options) -> int:
    """Draw, write the film and the sheet, print what was measured."""
    prefer_one_thread()
    kind, sheet = options.out.suffix.lower(), options.out.with_suffix(".png")
    check_kind(kind)
    for path in (options.out, sheet, *([options.adapter] if options.adapter and options.finetune else [])):
        check_output(path)
    still = options.image.suffix.lower() in SUFFIXES
    first = picture(options.image, options.image) if still else read_frames(options.image)[0]
    with Stages() as stages:
        draw = _imagined if options.model is None else _diffused
        videos, captions, measured = draw(options, first, stages)
    pictures = np.broadcast_to(videos[0], (*videos[0].shape[:3], 3))
    write_atomic(options.out, encoded(pictures, kind, options.rate))
    write_atomic(sheet, contact_sheet(videos, captions))
    document = {"film": str(options.out), "sheet": str(sheet), "frames": len(videos[0]), **measured}
    if options.json:
        print_json(document)
    else:
        rows = [(name.replace("_", " "), value) for name, value in document.items() if not isinstance(value, list)]
        print_table("Goal video", ["what", "value"], rows)
        told = f"A goal video of {len(videos[0])} frames: look at {sheet} before anything learns from it."
        train = ["tsreward", "train", "--reward", "likeness", "--env", "ENV", "--demos", options.out, "--frames", 64]
        conclude(f"{told} Written to {options.out}.", train)
    return 0


Drawn = tuple[Sequence[np.ndarray], list[str], dict[str, Any]]
"""Videos, the one to take first; what stands above each; what was measured."""


def _imagined(options: Options, first: np.ndarray, stages: Stages) -> Drawn:
    assert options.from_model is not None
    model = load(options.from_model)
    steps = STEPS if options.frames is None else options.frames - 1
    begun = _as_seen(first, model)
    stages("videos")
    videos, nats = imagine_videos(model, begun, steps, options.samples, options.seed, options.temperature, options.task)
    captions = [f"{value:.2f} nats a frame{' (taken)' * (not index)}" for index, value in enumerate(nats)]
    return list(videos), captions, {"samples": len(nats), "nats_per_frame": float(nats[0]), "all_nats": nats.tolist()}


def _as_seen(first: np.ndarray, model: RewardModel) -> np.ndarray:
    """Return a frame [H, W, 3] in the size and with the channels of a model of single frames."""
    if len(model.obs_shape) != 3:
        return first  # refused with the right words where it is drawn from
    frame = as_tensor(first[None])
    frame = frame if model.obs_shape[2] == 3 else (255 * grey(frame)[..., None]).round().to(frame.dtype)
    return resize_area(frame, model.obs_shape[:2])[0].numpy()


def _diffused(options: Options, first: np.ndarray, stages: Stages) -> Drawn:
    assert options.model is not None
    prompt = None if options.prompt_embeds is None else read_prompt(options.prompt_embeds)
    videos = [] if options.finetune is None else [read_frames(path) for path in films(options.finetune)]
    diffusion = VideoDiffusion.pretrained(
        options.model, options.revision, options.local_only, prompt is None, options.device
    )
    prompt = diffusion.prompt(options.text or "") if prompt is None else prompt
    measured: dict[str, Any] = {}
    if options.finetune is not None and options.adapter is not None:
        before, after = diffusion.finetune(
            videos, prompt, options.training, options.frames, options.seed, stages("adapter")
        )
        diffusion.save_adapter(options.adapter)
        measured = {"held_out_loss_before": before, "held_out_loss_after": after, "adapter": str(options.adapter)}
    elif options.adapter is not None:
        diffusion.load_adapter(options.adapter)
    guidance = options.guidance if options.guidance is not None else 1.0 if prompt.negative is None else 6.0
    video = diffusion.draw(
        first, prompt, options.frames, options.denoising_steps, guidance, options.seed, stages("video")
    )
    return [video], [options.text or str(options.prompt_embeds)], measured
