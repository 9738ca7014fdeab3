"""Every symptom the doctor knows."""

from __future__ import annotations

from typing import Final

from equipoise.doctor.symptom import Symptom
from equipoise.doctor.symptoms.balance import CriticWins

SYMPTOMS: Final[tuple[Symptom, ...]] = (CriticWins(),)
