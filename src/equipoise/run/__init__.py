"""The only composer: a recipe and a folder of data become a run, new or resumed."""

from equipoise.run._beginning import Said, carry_out, start
from equipoise.run._preparing import Where, num_processes, open_corpus, prepare, refuse_misfits
from equipoise.run._resuming import (
    data_of,
    digest_of_data,
    processes_of,
    refuse_half_applied,
    refuse_unannounced,
    resume,
)

__all__ = [
    "Said",
    "Where",
    "carry_out",
    "data_of",
    "digest_of_data",
    "num_processes",
    "open_corpus",
    "prepare",
    "processes_of",
    "refuse_half_applied",
    "refuse_misfits",
    "refuse_unannounced",
    "resume",
    "start",
]
