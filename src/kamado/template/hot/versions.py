"""Which version of HOT has which sections, keys and functions. Facts from Heat 27.0.1 (`reference/template_functions.json`)."""

from __future__ import annotations

from kamado.template.dialect import Dialect, Functions, Words
from kamado.template.functions import aws, collections, logic, query, references, text

VERSION_KEY = "heat_template_version"

WORDS = Words(
    sections={
        "version": VERSION_KEY,
        "description": "description",
        "parameter_groups": "parameter_groups",
        "parameters": "parameters",
        "resources": "resources",
        "outputs": "outputs",
        "conditions": "conditions",
    },
    resource={
        name: name
        for name in (
            "type",
            "properties",
            "metadata",
            "depends_on",
            "deletion_policy",
            "update_policy",
            "description",
            "external_id",
            "condition",
        )
    },
    output={"description": "description", "value": "value", "condition": "condition"},
    type_missing="Each resource must contain a type key.",
    value_missing="Each output definition must contain a value key.",
    unknown_resource_keys_refused=True,
)

_OLD_KEYS = frozenset(WORDS.resource) - {"external_id", "condition"}
_KEYS = frozenset(WORDS.resource)
_POLICIES = {name: name for name in ("Delete", "Retain", "Snapshot")}
_ANY_CASE = {**_POLICIES, **{name.lower(): name for name in _POLICIES}}
_AWS = frozenset(
    {
        "Fn::Base64",
        "Fn::GetAZs",
        "Fn::Join",
        "Fn::MemberListToMap",
        "Fn::Replace",
        "Fn::ResourceFacade",
        "Fn::Select",
        "Fn::Split",
        "Ref",
    }
)

_BASE: Functions = {
    "get_attr": references.GetAttr,
    "get_file": references.GetFile,
    "get_param": references.GetParam,
    "get_resource": references.GetResource,
    "list_join": text.ListJoin,
    "resource_facade": references.ResourceFacade,
    "str_replace": text.StrReplace,
}
_F2013: Functions = {
    **_BASE,
    "Fn::Base64": aws.Base64,
    "Fn::GetAZs": aws.GetAZs,
    "Fn::Join": text.ListJoin,
    "Fn::MemberListToMap": aws.MemberListToMap,
    "Fn::Replace": text.CfnReplace,
    "Fn::ResourceFacade": references.CfnResourceFacade,
    "Fn::Select": aws.Select,
    "Fn::Split": aws.Split,
    "Ref": references.Ref,
}
_F2014: Functions = {**_BASE, "Fn::Select": aws.Select}
_F201504: Functions = {**_F2014, "digest": text.Digest, "repeat": collections.Repeat}
_F201510: Functions = {
    **{name: made for name, made in _F201504.items() if name != "Fn::Select"},
    "get_attr": references.GetAttrOrAll,
    "list_join": text.ListJoinMany,
    "str_replace": text.StrReplaceJson,
    "str_split": text.StrSplit,
}
_F201604: Functions = {**_F201510, "map_merge": collections.MapMerge}
_F201610: Functions = {
    **_F201604,
    "if": references.If,
    "map_replace": collections.MapReplace,
    "repeat": collections.RepeatWithMap,
    "yaql": query.Yaql,
}
_F201702: Functions = {
    **_F201610,
    "filter": collections.Filter,
    "str_replace_strict": text.StrReplaceStrict,
}
_F201709: Functions = {
    **_F201702,
    "contains": logic.Contains,
    "list_concat": collections.ListConcat,
    "list_concat_unique": collections.ListConcatUnique,
    "make_url": text.MakeUrl,
    "repeat": collections.RepeatNested,
    "str_replace_vstrict": text.StrReplaceVeryStrict,
}
_F2021: Functions = {**_F201709, "if": references.IfNullable}

_C201610: Functions = {
    "and": logic.And,
    "equals": logic.Equals,
    "get_param": references.GetParam,
    "not": logic.Not,
    "or": logic.Or,
}
_C201709: Functions = {**_C201610, "contains": logic.Contains, "yaql": query.Yaql}

_PSEUDO = ("OS::stack_id", "OS::stack_name", "OS::project_id")

_HISTORY: tuple[tuple[str, str | None, Functions, Functions], ...] = (
    ("2013-05-23", None, _F2013, {}),
    ("2014-10-16", None, _F2014, {}),
    ("2015-04-30", None, _F201504, {}),
    ("2015-10-15", None, _F201510, {}),
    ("2016-04-08", None, _F201604, {}),
    ("2016-10-14", "newton", _F201610, _C201610),
    ("2017-02-24", "ocata", _F201702, _C201610),
    ("2017-09-01", "pike", _F201709, _C201709),
    ("2018-03-02", "queens", _F201709, _C201709),
    ("2018-08-31", "rocky", _F201709, _C201709),
    ("2021-04-16", "wallaby", _F2021, _C201709),
)


def _dialects() -> dict[str, Dialect]:
    made: dict[str, Dialect] = {}
    for version, alias, functions, condition_functions in _HISTORY:
        conditions = version >= "2016-10-14"
        for name in (version, alias):
            if name is not None:
                made[name] = Dialect(
                    flavour="hot",
                    version_key=VERSION_KEY,
                    version=version,
                    words=WORDS,
                    functions=functions,
                    condition_functions=condition_functions,
                    removed=_AWS - set(functions) if version > "2013-05-23" else frozenset(),
                    resource_keys=_KEYS if conditions else _OLD_KEYS,
                    deletion_policies=_ANY_CASE if conditions else _POLICIES,
                    conditions=conditions,
                    parameter_tags=version >= "2018-03-02",
                    pseudo=_PSEUDO,
                )
    return made


DIALECTS = _dialects()
