"""OS::Heat::*: resources that live in the engine itself, and signals."""

from kamado.resources.heat.autoscaling_group import AutoScalingGroup
from kamado.resources.heat.balanced import BalancedMembers
from kamado.resources.heat.delay import Delay
from kamado.resources.heat.deployed_server import DeployedServer
from kamado.resources.heat.ha_restarter import HARestarter
from kamado.resources.heat.iam import AccessKey, AccessPolicy, User
from kamado.resources.heat.launched_members import AwsAutoScalingGroup, InstanceGroup
from kamado.resources.heat.none_resource import NoneResource
from kamado.resources.heat.random_string import RandomString
from kamado.resources.heat.remote_stack import RemoteStack
from kamado.resources.heat.resource_chain import ResourceChain
from kamado.resources.heat.resource_group import ResourceGroup
from kamado.resources.heat.scaling_policy import AwsScalingPolicy, ScalingPolicy
from kamado.resources.heat.software_config import (
    CloudConfig,
    MultipartMime,
    SoftwareComponent,
    SoftwareConfig,
    StructuredConfig,
)
from kamado.resources.heat.software_deployment import SoftwareDeployment, StructuredDeployment
from kamado.resources.heat.software_deployment_group import (
    SoftwareDeploymentGroup,
    SoftwareDeployments,
    StructuredDeploymentGroup,
    StructuredDeployments,
)
from kamado.resources.heat.swift_signal import SwiftSignal, SwiftSignalHandle
from kamado.resources.heat.test_resource import TestResource
from kamado.resources.heat.value import Value
from kamado.resources.heat.wait_condition import AwsWaitCondition, WaitCondition
from kamado.resources.heat.wait_condition_handle import (
    AwsWaitConditionHandle,
    UpdateWaitConditionHandle,
    WaitConditionHandle,
)

TYPES = (
    BalancedMembers,
    InstanceGroup,
    AwsAutoScalingGroup,
    User,
    AccessKey,
    AccessPolicy,
    HARestarter,
    RandomString,
    Value,
    NoneResource,
    TestResource,
    Delay,
    ResourceGroup,
    ResourceChain,
    WaitCondition,
    AwsWaitCondition,
    WaitConditionHandle,
    AwsWaitConditionHandle,
    UpdateWaitConditionHandle,
    SoftwareConfig,
    StructuredConfig,
    CloudConfig,
    MultipartMime,
    SoftwareComponent,
    SoftwareDeployment,
    StructuredDeployment,
    SoftwareDeploymentGroup,
    StructuredDeploymentGroup,
    SoftwareDeployments,
    StructuredDeployments,
    DeployedServer,
    AutoScalingGroup,
    ScalingPolicy,
    AwsScalingPolicy,
    RemoteStack,
    SwiftSignal,
    SwiftSignalHandle,
)
