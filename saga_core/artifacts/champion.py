"""What a champion names: artifacts that must be kept, one JSON file a champion."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from saga_core.artifacts.record import Sha256

CHAMPIONS = "champions"


class Kept(BaseModel):
    """An artifact that a champion keeps."""

    model_config = ConfigDict(frozen=True)

    stage: str
    key: Sha256


class Champion(BaseModel):
    """What ``saga gc`` reads of ``champions/NAME.json``; whatever else is in it is not its business."""

    model_config = ConfigDict(frozen=True)

    artifacts: tuple[Kept, ...]
