"""The ways in which a request does not end well."""

from __future__ import annotations


class RequestError(Exception):
    """The request is wrong: one clear line that says what, where, and what to do.  Exit code 2."""


class Unsound(RequestError):
    """Data or plumbing failed their test, so no run was begun: the request is in order, and what it names is not well.

    Exit code 1.
    """


class Fault(Exception):
    """The run was stopped by a fault; everything up to the last checkpoint is kept.  Exit code 3."""
