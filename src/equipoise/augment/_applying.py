"""Operations in order, as few passes over the pixels as can be."""

from __future__ import annotations

from collections.abc import Sequence

from equipoise.augment._moves import Move, move, paddings, perhaps
from equipoise.recipe import Operation
from equipoise.view import Samples


def apply(operations: Sequence[Operation], samples: Samples, probability: float = 1.0) -> Samples:
    """All operations in order, adjacent moves that pad alike as one.

    Each is made to each sample with this probability, independently of the others (Karras et al. 2020,
    arXiv:2006.06676, section 2.2); at 0 the very tensor comes back.
    """
    if not operations or probability <= 0.0:
        return samples
    moves = _leading_moves(operations)
    if moves:
        return apply(operations[len(moves) :], move(moves, samples, probability), probability)
    return apply(operations[1:], perhaps(operations[0], samples, probability), probability)


def _leading_moves(operations: Sequence[Operation]) -> tuple[Move, ...]:
    """As many moves from the beginning as can be one."""
    moves: tuple[Move, ...] = ()
    for operation in operations:
        if not isinstance(operation, Move) or len(paddings((*moves, operation))) > 1:
            break
        moves = (*moves, operation)
    return moves
