"""The template languages: HOT, CloudFormation, environments. Pure, typed, no I/O, usable alone.

`load` gives a Template; `bind` its parameters' values; `definitions` what it wants; `resolve` values in a Scope;
`check` all that can be found wrong without a cloud.
"""

from kamado.template.check import check
from kamado.template.definition import Definition, Output
from kamado.template.environment import Environment
from kamado.template.functions.core import Function, ResolveError, Scope, dump, resolve, walk
from kamado.template.graph import dependency_order, find_cycle
from kamado.template.limits import Limits
from kamado.template.parameters import Parameters, ParameterSchema, PseudoParameters
from kamado.template.problems import Place, Problem, TemplateInvalid, did_you_mean
from kamado.template.schema import (
    AllowedPattern,
    AllowedValues,
    AttributeSchema,
    Custom,
    Length,
    Modulo,
    PropertyType,
    Range,
    Schema,
    Support,
    TypeCatalog,
    TypeSchema,
    ValueInvalid,
    ValuesInvalid,
    coerce,
    coerce_all,
    describe,
)
from kamado.template.template import Template, draft, load
from kamado.template.unknown import UNKNOWN, contains_unknown, is_unknown

__all__ = [
    "UNKNOWN",
    "AllowedPattern",
    "AllowedValues",
    "AttributeSchema",
    "Custom",
    "Definition",
    "Environment",
    "Function",
    "Length",
    "Limits",
    "Modulo",
    "Output",
    "ParameterSchema",
    "Parameters",
    "Place",
    "Problem",
    "PropertyType",
    "PseudoParameters",
    "Range",
    "ResolveError",
    "Schema",
    "Scope",
    "Support",
    "Template",
    "TemplateInvalid",
    "TypeCatalog",
    "TypeSchema",
    "ValueInvalid",
    "ValuesInvalid",
    "check",
    "coerce",
    "coerce_all",
    "contains_unknown",
    "dependency_order",
    "describe",
    "did_you_mean",
    "draft",
    "dump",
    "find_cycle",
    "is_unknown",
    "load",
    "resolve",
    "walk",
]
