"""What the template language offers, version by version, as the API lists it. Called by the REST API.

Data only: the functions themselves live in `kamado.template`, and a test holds both tables against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kamado.orchestrator.errors import NotFound

HOT = "heat_template_version"

_FIRST = (
    "Fn::GetAZs get_param get_resource Ref get_attr Fn::Select Fn::Join list_join Fn::Split str_replace Fn::Replace"
    " Fn::Base64 Fn::MemberListToMap resource_facade Fn::ResourceFacade get_file"
)
_JUNO = "get_attr get_file get_param get_resource list_join resource_facade str_replace Fn::Select"
_KILO = "get_attr get_file get_param get_resource list_join repeat resource_facade str_replace Fn::Select digest"
_LIBERTY = "get_attr get_file get_param get_resource list_join repeat resource_facade str_replace digest str_split"
_MITAKA = f"{_LIBERTY} map_merge"
_NEWTON = f"{_MITAKA} yaql map_replace if"
_OCATA = f"{_NEWTON} filter str_replace_strict"
_PIKE = f"{_OCATA} make_url list_concat str_replace_vstrict list_concat_unique contains"
_CONDITIONS = "equals not and or"
_CFN_HEAT = (
    "Fn::FindInMap Fn::GetAZs Ref Fn::GetAtt Fn::Select Fn::Join Fn::Split Fn::Replace Fn::Base64 Fn::MemberListToMap"
    " Fn::ResourceFacade"
)
_CFN_AWS = f"{_CFN_HEAT} Fn::If"
_CFN_CONDITIONS = "Fn::Equals Fn::Not Fn::And Fn::Or"

VERSIONS: tuple[tuple[str, str, str | None, str, str], ...] = (
    # key and date, kind, alias, functions, functions of conditions
    ("AWSTemplateFormatVersion.2010-09-09", "cfn", None, _CFN_AWS, _CFN_CONDITIONS),
    ("HeatTemplateFormatVersion.2012-12-12", "cfn", None, _CFN_HEAT, ""),
    (f"{HOT}.2013-05-23", "hot", None, _FIRST, ""),
    (f"{HOT}.2014-10-16", "hot", None, _JUNO, ""),
    (f"{HOT}.2015-04-30", "hot", None, _KILO, ""),
    (f"{HOT}.2015-10-15", "hot", None, _LIBERTY, ""),
    (f"{HOT}.2016-04-08", "hot", None, _MITAKA, ""),
    (f"{HOT}.2016-10-14", "hot", "newton", _NEWTON, _CONDITIONS),
    (f"{HOT}.2017-02-24", "hot", "ocata", _OCATA, _CONDITIONS),
    (f"{HOT}.2017-09-01", "hot", "pike", _PIKE, _CONDITIONS),
    (f"{HOT}.2018-03-02", "hot", "queens", _PIKE, _CONDITIONS),
    (f"{HOT}.2018-08-31", "hot", "rocky", _PIKE, _CONDITIONS),
    (f"{HOT}.2021-04-16", "hot", "wallaby", _PIKE, _CONDITIONS),
)

DESCRIPTIONS: Mapping[str, str] = {
    "Fn::And": "True when all of its conditions are.",
    "Fn::Base64": "Gives its argument as it is; kept for templates that mark user data with it.",
    "Fn::Equals": "True when its two values are equal.",
    "Fn::FindInMap": "Looks up a value under two keys of a mapping.",
    "Fn::GetAZs": "The names of the availability zones.",
    "Fn::GetAtt": "The value of a resource's attribute.",
    "Fn::If": "One of two values, chosen by a condition.",
    "Fn::Join": "Joins texts with a delimiter.",
    "Fn::MemberListToMap": "Makes a map of a list whose items spell numbered keys and values.",
    "Fn::Not": "True when its condition is not.",
    "Fn::Or": "True when one of its conditions is.",
    "Fn::Replace": "Replaces placeholders in a text.",
    "Fn::ResourceFacade": "What the parent template says about the resource that this template stands for.",
    "Fn::Select": "One item of a list or map.",
    "Fn::Split": "Splits a text at a delimiter.",
    "Ref": "The value of a parameter or the reference of a resource.",
    "and": "True when all of its conditions are.",
    "contains": "True when a list or text has a value in it.",
    "digest": "The digest of a text under a hash function.",
    "equals": "True when its two values are equal.",
    "filter": "A list without certain values.",
    "get_attr": "The value of a resource's attribute.",
    "get_file": "The content of a file that came with the template.",
    "get_param": "The value of a parameter.",
    "get_resource": "The reference of a resource.",
    "if": "One of two values, chosen by a condition.",
    "list_concat": "Lists put together.",
    "list_concat_unique": "Lists put together, each item once.",
    "list_join": "Joins lists of texts with a delimiter.",
    "make_url": "A URL made of its parts.",
    "map_merge": "Maps put together, the later one wins.",
    "map_replace": "A map with keys and values replaced.",
    "not": "True when its condition is not.",
    "or": "True when one of its conditions is.",
    "repeat": "A template filled in for each item of lists.",
    "resource_facade": "What the parent template says about the resource that this template stands for.",
    "str_replace": "Replaces placeholders in a text.",
    "str_replace_strict": "Replaces placeholders in a text; each of them must occur.",
    "str_replace_vstrict": "Replaces placeholders in a text; each must occur and have a value.",
    "str_split": "Splits a text at a delimiter.",
    "yaql": "The value of a YAQL expression.",
}


def versions() -> list[dict[str, Any]]:
    """All versions with their aliases."""
    return [
        {"version": name, "type": kind, "aliases": [f"{HOT}.{alias}"] if alias else []}
        for name, kind, alias, _, _ in VERSIONS
    ]


def functions(version: str, conditions: bool = False) -> list[dict[str, str]]:
    """The functions of a version, and those of its conditions if wanted.

    :raises NotFound: there is no such version or alias.
    """
    for name, _, alias, found, of_conditions in VERSIONS:
        if version in (name, f"{HOT}.{alias}"):
            names = dict.fromkeys(f"{found} {of_conditions}".split() if conditions else found.split())
            return [{"functions": function, "description": DESCRIPTIONS[function]} for function in names]
    raise NotFound(f"Template with version {version} not found")
