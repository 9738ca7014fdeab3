"""Every symptom the doctor knows."""

from __future__ import annotations

from typing import Final

from equipoise.doctor.symptom import Symptom
from equipoise.doctor.symptoms.balance import CriticWins, OffTarget
from equipoise.doctor.symptoms.circling import Oscillation
from equipoise.doctor.symptoms.collapse import ComesAndGoes, PartialCollapse, TotalCollapse
from equipoise.doctor.symptoms.conditions import ConditionIgnored
from equipoise.doctor.symptoms.lead import CriticBlind, GeneratorWins, SaturatedFlip
from equipoise.doctor.symptoms.numbers import Exploding, NotFinite
from equipoise.doctor.symptoms.patterns import Banding, Blocks, Blur, Checkerboard, CrossBlur, TooMuchDetail, Woven
from equipoise.doctor.symptoms.pictures import ColourDrift, DarkRetreat, Flat, OneClass, Saturation, WrongScale
from equipoise.doctor.symptoms.plumbing import DataBug, InvalidMeasure, PlumbingBug, Starved
from equipoise.doctor.symptoms.progress import AverageLags, LateCollapse, NotLearning, Stagnation
from equipoise.doctor.symptoms.small_data import Memorisation, Overfitting
from equipoise.doctor.symptoms.stages import GammaRunaway, KlExplosion, PosteriorCollapse, StageSwitch
from equipoise.doctor.symptoms.terms import AuxiliaryDominates, PerceptualTooHeavy
from equipoise.doctor.symptoms.wgan import DeadCritic, GapStays, SteepCritic

SYMPTOMS: Final[tuple[Symptom, ...]] = (
    # bugs that look like a GAN's failure
    DataBug(),
    PlumbingBug(),
    InvalidMeasure(),
    # numbers
    NotFinite(),
    Exploding(),
    Oscillation(),
    # the game
    CriticWins(),
    CriticBlind(),
    GeneratorWins(),
    SaturatedFlip(),
    OffTarget(),
    DeadCritic(),
    SteepCritic(),
    GapStays(),
    # collapse
    TotalCollapse(),
    PartialCollapse(),
    ComesAndGoes(),
    LateCollapse(),
    # few samples
    Overfitting(),
    Memorisation(),
    # other losses, stages and conditions
    AuxiliaryDominates(),
    PerceptualTooHeavy(),
    StageSwitch(),
    PosteriorCollapse(),
    KlExplosion(),
    GammaRunaway(),
    ConditionIgnored(),
    # pictures
    DarkRetreat(),
    Flat(),
    OneClass(),
    WrongScale(),
    Saturation(),
    ColourDrift(),
    Checkerboard(),
    Blocks(),
    Banding(),
    CrossBlur(),
    Woven(),
    Blur(),
    TooMuchDetail(),
    # progress
    NotLearning(),
    Stagnation(),
    AverageLags(),
    Starved(),
)
"""In the order of a reader's index.  What is seen is listed by how sure it is."""
