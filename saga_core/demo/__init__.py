"""The embedded default: three small Norwegian models and text written for this project (see PROVENANCE.md)."""

from __future__ import annotations

from pathlib import Path

DEMO = Path(__file__).parent
DEMO_MODELS = DEMO / "models"
DEMO_TEXT = DEMO / "text"
