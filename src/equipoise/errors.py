"""The two ways in which a request does not end well."""

from __future__ import annotations


class RequestError(Exception):
    """The request is wrong: one clear line that says what, where, and what to do.  Exit code 2."""


class Fault(Exception):
    """The run was stopped by a fault; everything up to the last checkpoint is kept.  Exit code 3."""
