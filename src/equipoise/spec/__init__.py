"""Parts: immutable objects that are their own configuration, and their exact JSON form.

A part is a frozen dataclass derived from `Part`.  Its fields are its settings, its methods are its
behaviour.  A field's annotation is its whole contract: the type, and, through `Knob`, the bounds, the
unit and what the number is for::

    @dataclass(frozen=True)
    class GradientPenalty(Part):
        weight: Annotated[float, Knob("strength of the penalty", low=0)] = 10.0

The same check runs in the constructor and while reading JSON, so a part that exists is valid.  All faults
of a document are reported at once, each with its path and, where a name is misspelt, the likely one.

In JSON a part is an object with a tag, ``{"part": "equipoise.terms.penalties.GradientPenalty", ...}``.  The tag is
the import path, so nothing needs to be registered.  Reading a tag imports code: only modules of this
package, and of packages that declare an ``equipoise.parts`` entry point, are ever imported.
"""

from equipoise.spec.knob import Knob, Problem, Prose, SpecError, did_you_mean, is_prose, join, knob_of
from equipoise.spec.part import Part, Quantity, decode, hints
from equipoise.spec.table import Table
from equipoise.spec.tags import TAG, in_full
from equipoise.spec.writing import Json, digest, encode, flatten

__all__ = [
    "TAG",
    "Json",
    "Knob",
    "Part",
    "Problem",
    "Prose",
    "Quantity",
    "SpecError",
    "Table",
    "decode",
    "did_you_mean",
    "digest",
    "encode",
    "flatten",
    "hints",
    "in_full",
    "is_prose",
    "join",
    "knob_of",
]
