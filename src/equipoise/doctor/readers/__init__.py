"""Whatever a run was written down in becomes a `Trace`: our own folders, other people's logs, lists in memory."""

from equipoise.doctor.readers.reading import read, read_all, read_columns

__all__ = ["read", "read_all", "read_columns"]
