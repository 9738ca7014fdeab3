"""The command line.  Each verb parses its words and makes one call; nothing heavy is imported before it is needed."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from cyclopts import CycloptsError, MissingArgumentError, UnusedCliTokensError

from equipoise.cli import judging, making, using
from equipoise.cli.words import FAULT, NOT_WELL, OK, WRONG_REQUEST, app
from equipoise.errors import Fault, RequestError, Unsound
from equipoise.interrupt import EXIT_AT_ONCE
from equipoise.spec import SpecError

__all__ = ["SHORT_SPIN", "app", "judging", "main", "making", "run_command", "using"]

SHORT_SPIN = "1000"
"""How long a thread of OpenMP spins before it sleeps, read when torch is first imported.  By default it spins so long
that one other busy process slows the training of small networks down sixteenfold; so, less than twofold (LAB.md)."""

TO_SPARE_MEMORY = "see what else uses it, or, on a GPU, add --device cpu"


def main() -> NoReturn:
    """Run the command line; a request that fails is one clear line and an exit code."""
    os.environ.setdefault("GOMP_SPINCOUNT", SHORT_SPIN)
    sys.exit(run_command(sys.argv[1:]))


def run_command(words: list[str]) -> int:
    """The exit code of one command."""
    try:
        code = app(words, exit_on_error=False, print_error=False, result_action="return_value")
    except Unsound as error:
        return _complain(str(error), NOT_WELL)
    except (RequestError, SpecError) as error:
        return _complain(str(error), WRONG_REQUEST)
    except CycloptsError as error:
        return _complain(_in_words(error), WRONG_REQUEST)
    except Fault as fault:
        return _complain(str(fault), FAULT)
    except BrokenPipeError:  # whoever reads has seen enough, as head has; at the end nothing must be left to flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        return _complain("interrupted before it was done", EXIT_AT_ONCE)
    except OSError as error:
        return _complain(f"{error.filename or 'a file'}: {error.strerror or error}", FAULT)
    except (RuntimeError, MemoryError) as error:
        from equipoise.engine.memory import is_out_of_memory

        if not is_out_of_memory(error):
            raise
        return _complain(f"the memory of the device was not enough, {TO_SPARE_MEMORY}: {error}", FAULT)
    return code if isinstance(code, int) else OK


def _in_words(error: CycloptsError) -> str:
    """What is wrong with the words, and where it says how they go."""
    verb = " ".join(error.command_chain or ())
    if isinstance(error, UnusedCliTokensError):
        return f"{verb} has no use for {' '.join(error.unused_tokens or ())}; see equipoise {verb} --help"
    if isinstance(error, MissingArgumentError) and error.argument is not None and error.keyword is None:
        return f"{verb} needs {error.argument.names[0].removeprefix('--').upper()}; see equipoise {verb} --help"
    return str(error)


def _complain(message: str, code: int) -> int:
    sys.stderr.write(f"equipoise: {' '.join(message.split())}\n")
    return code
