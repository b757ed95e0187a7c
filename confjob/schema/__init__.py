"""JSON Schema 2020-12 as the only type language.

Every source of types (an author's schema, a framework's model, a signature, the values
themselves) is brought to it, and everything that needs a type (the form, validation,
reading text, the export) reads it, so that there is nothing to translate in between.
No function here changes a schema it is given; parts are shared, not copied.
"""

from __future__ import annotations

from confjob.schema.combination import conjoin, unite
from confjob.schema.constants import constants
from confjob.schema.embedding import DIALECT, embed
from confjob.schema.evidence import Confidence, Evidence, evidence
from confjob.schema.inference import Sample, infer, infer_from, is_fractional_name, is_interpolation
from confjob.schema.keywords import CLOSED, Schema, transform
from confjob.schema.kinds import ALL_KINDS, kind_of, kinds
from confjob.schema.lookup import Navigator, at, properties
from confjob.schema.places import rule_pointer
from confjob.schema.refinement import merge, narrow
from confjob.schema.words import constraints, is_secret, type_name

__all__ = [
    "ALL_KINDS",
    "CLOSED",
    "DIALECT",
    "Confidence",
    "Evidence",
    "Navigator",
    "Sample",
    "Schema",
    "at",
    "conjoin",
    "constants",
    "constraints",
    "embed",
    "evidence",
    "infer",
    "infer_from",
    "is_fractional_name",
    "is_interpolation",
    "is_secret",
    "kind_of",
    "kinds",
    "merge",
    "narrow",
    "properties",
    "rule_pointer",
    "transform",
    "type_name",
    "unite",
]
