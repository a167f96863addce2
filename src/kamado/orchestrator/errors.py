"""What a request can be refused with, under the names and in the words that Heat's clients know.

Raised by this package, turned into statuses by `kamado.api.errors`. The trap: the class name is wire data
(`error.type`), and so is the text; both follow Heat's, letter by letter.
"""

from __future__ import annotations

from collections.abc import Iterable

from kamado.template import Problem


class HeatError(Exception):
    """A refusal; `message` is what the client reads, `problems` what tools read (places in the template)."""

    def __init__(self, message: str = "", problems: Iterable[Problem] = ()) -> None:
        self.message = message
        self.problems = tuple(problems)
        super().__init__(message)

    @property
    def type_name(self) -> str:
        """The name that goes into `error.type`."""
        return type(self).__name__


class EntityNotFound(HeatError):
    """The named thing is not there, or not for this project."""

    @classmethod
    def of(cls, entity: str, name: str) -> EntityNotFound:
        """`entity` is Heat's word for the kind: Stack, Resource Type, …"""
        return cls(f"The {entity} ({name}) could not be found.")


class NotFound(HeatError):
    """Something inside a stack or a list is not there."""


class ResourceNotFound(HeatError):
    """The stack has no resource of that name."""

    @classmethod
    def of(cls, resource: str, stack: str) -> ResourceNotFound:
        """Name of the resource, name of the stack."""
        return cls(f"The Resource ({resource}) could not be found in Stack {stack}.")


class StackExists(HeatError):
    """The project has a live stack of that name."""

    @classmethod
    def of(cls, name: str) -> StackExists:
        """Name of the stack."""
        return cls(f"The Stack ({name}) already exists.")


class Forbidden(HeatError):
    """The caller's roles do not allow it."""

    @classmethod
    def of(cls, action: str) -> Forbidden:
        """`action` is a policy rule, or a resource type that the rule of its namespace forbids."""
        return cls(f"You are not authorized to use {action}.")


class Refused(HeatError):
    """A refusal whose name is data: what the template library found, for example."""

    def __init__(self, type_name: str, message: str = "", problems: Iterable[Problem] = ()) -> None:
        super().__init__(message, problems)
        self._type_name = type_name

    @property
    def type_name(self) -> str:
        """The name given when it was made."""
        return self._type_name


class StackValidationFailed(HeatError):
    """The template, its values or the stack's own settings do not fit."""


class ImmutableParameterModified(HeatError):
    """An update would change parameters that are declared immutable."""

    @classmethod
    def of(cls, names: Iterable[str]) -> ImmutableParameterModified:
        """Names of the parameters."""
        return cls("The following parameters are immutable and may not be updated: " + ", ".join(names))


class NotSupported(HeatError):
    """The request makes no sense in the stack's state."""

    @classmethod
    def of(cls, feature: str) -> NotSupported:
        """`feature` starts the sentence."""
        return cls(f"{feature} is not supported.")


class ActionInProgress(HeatError):
    """The stack is busy with an action that does not give way."""

    @classmethod
    def of(cls, stack: str, action: str) -> ActionInProgress:
        """Name of the stack, and what it is doing."""
        return cls(f"Stack {stack} already has an action ({action}) in progress.")


class PlanOutdated(HeatError):
    """The request was to be what a plan said, and would be something else by now."""

    @classmethod
    def of(cls, moved: str) -> PlanOutdated:
        """What is not any more as it was when the plan was made."""
        return cls(f"The plan does not hold any more: {moved}. Nothing was done; make a new plan.")


class ResourceNotAvailable(HeatError):
    """The resource is in the template, but was not begun yet."""

    @classmethod
    def of(cls, name: str) -> ResourceNotAvailable:
        """Name of the resource."""
        return cls(f"The Resource ({name}) is not available.")


class ResourceActionNotSupported(HeatError):
    """The type of the resource cannot do that."""

    @classmethod
    def of(cls, action: str) -> ResourceActionNotSupported:
        """What it cannot do."""
        return cls(f"{action} is not supported for resource.")


class InvalidBreakPointHook(HeatError):
    """There is no such hook, or the resource does not wait at it."""


class PreconditionFailed(HeatError):
    """The stack is no longer what the caller had seen."""

    @classmethod
    def of(cls, stack: str) -> PreconditionFailed:
        """Name of the stack."""
        return cls(f"Stack {stack} has been changed since; read it again, or leave If-Match out.")


class InvalidRestrictedAction(HeatError):
    """Something cannot be done because something else stands on it."""


class PhysicalResourceIDAmbiguity(HeatError):
    """Several resources of the stack stand for the same thing."""

    @classmethod
    def of(cls, physical_id: str) -> PhysicalResourceIDAmbiguity:
        """The id in the cloud."""
        return cls(f"Multiple resources were found with the physical ID ({physical_id}).")


class MissingCredentialError(HeatError):
    """The request lacks what the service needs to act for the user later."""

    @classmethod
    def of(cls, required: str) -> MissingCredentialError:
        """The header that is missing."""
        return cls(f"Missing required credential: {required}")


class RequestLimitExceeded(HeatError):
    """A limit of the service was passed."""

    @classmethod
    def of(cls, detail: str) -> RequestLimitExceeded:
        """What was too much."""
        return cls(f"Request limit exceeded: {detail}")


class Invalid(HeatError):
    """A value of a query is none of the known ones."""

    @classmethod
    def of(cls, reason: str) -> Invalid:
        """What is wrong with it."""
        return cls(f"Data supplied was not valid: {reason}")
