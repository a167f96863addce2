"""Which CloudFormation version has which sections, keys and functions (facts from Heat 27.0.1)."""

from __future__ import annotations

from kamado.template.dialect import Dialect, Functions, Words
from kamado.template.functions import aws, logic, references, text

WORDS = Words(
    sections={
        "description": "Description",
        "mappings": "Mappings",
        "parameters": "Parameters",
        "resources": "Resources",
        "outputs": "Outputs",
        "conditions": "Conditions",
    },
    resource={
        "type": "Type",
        "properties": "Properties",
        "metadata": "Metadata",
        "depends_on": "DependsOn",
        "deletion_policy": "DeletionPolicy",
        "update_policy": "UpdatePolicy",
        "description": "Description",
        "condition": "Condition",
    },
    output={"description": "Description", "value": "Value", "condition": "Condition"},
    type_missing="Each Resource must contain a Type key.",
    value_missing="Each output definition must contain a Value key.",
    unknown_resource_keys_refused=False,
)

_FUNCTIONS: Functions = {
    "Fn::Base64": aws.Base64,
    "Fn::FindInMap": aws.FindInMap,
    "Fn::GetAZs": aws.GetAZs,
    "Fn::GetAtt": references.CfnGetAtt,
    "Fn::Join": text.ListJoin,
    "Fn::MemberListToMap": aws.MemberListToMap,
    "Fn::Replace": text.CfnReplace,
    "Fn::ResourceFacade": references.CfnResourceFacade,
    "Fn::Select": aws.Select,
    "Fn::Split": aws.Split,
    "Ref": references.Ref,
}
_CONDITION_FUNCTIONS: Functions = {
    "Fn::And": logic.And,
    "Fn::Equals": logic.Equals,
    "Fn::FindInMap": aws.FindInMap,
    "Fn::Not": logic.CfnNot,
    "Fn::Or": logic.Or,
    "Ref": references.ParamRef,
}
_POLICIES = {name: name for name in ("Delete", "Retain", "Snapshot")}
_PSEUDO = ("AWS::StackId", "AWS::StackName", "AWS::Region")

DIALECTS = {
    ("AWSTemplateFormatVersion", "2010-09-09"): Dialect(
        flavour="cfn",
        version_key="AWSTemplateFormatVersion",
        version="2010-09-09",
        words=WORDS,
        functions={**_FUNCTIONS, "Fn::If": references.If},
        condition_functions=_CONDITION_FUNCTIONS,
        resource_keys=frozenset(WORDS.resource),
        deletion_policies=_POLICIES,
        conditions=True,
        pseudo=_PSEUDO,
    ),
    ("HeatTemplateFormatVersion", "2012-12-12"): Dialect(
        flavour="cfn",
        version_key="HeatTemplateFormatVersion",
        version="2012-12-12",
        words=WORDS,
        functions=_FUNCTIONS,
        resource_keys=frozenset(WORDS.resource) - {"condition"},
        deletion_policies=_POLICIES,
        pseudo=_PSEUDO,
    ),
}
