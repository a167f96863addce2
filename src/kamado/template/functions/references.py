"""Functions that read something: parameters, resources, attributes, files, the resource in the parent stack.

The loaders ask these nodes what a definition depends on; everything else is computed from their values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kamado.template.functions.core import (
    ABSENT,
    CONSTANT,
    CallContext,
    CallInvalid,
    Found,
    Function,
    ResolveError,
    Scope,
    resolve_inside,
    several,
)
from kamado.template.problems import Problem
from kamado.template.unknown import SCALARS, UNKNOWN


class GetParam(Function):
    """`get_param: name` or `[name, key, …]`: a parameter's value, or what lies at a path inside it ("" when nothing does)."""

    __slots__ = ()
    decides = True

    @property
    def parameter(self) -> str | None:
        """The parameter's name when it is written out."""
        args = self.args
        if isinstance(args, list) and args:
            args = args[0]
        return args if isinstance(args, str) and args else None

    def tell(self, found: Found, scope: Scope | None) -> None:  # noqa: ARG002
        """The parameter; all of the template's when its name is computed: any may be it, a hidden one too."""
        name = self.parameter
        if name is None:
            found.parameters.update(self.context.parameters)
        else:
            found.parameters.add(name)

    def resolve(self, scope: Scope) -> Any:
        """The value at the path."""
        args = self.args
        if type(args) not in CONSTANT:
            args = resolve_inside(args, scope)
            if args is UNKNOWN:
                return UNKNOWN
        if not args and not isinstance(args, int | float):
            raise ResolveError(f'Function "{self.name}" must have arguments')
        name: Any = args
        path: tuple[Any, ...] = ()
        if isinstance(args, list):
            name, path = args[0], tuple(args[1:])
        elif not isinstance(args, str):
            raise ResolveError(f'Argument to "{self.name}" must be string or list')
        if name is UNKNOWN:
            return UNKNOWN
        if not isinstance(name, str):
            raise ResolveError(f'Parameter name in "{self.name}" must be string')
        try:
            value = scope.parameter(name)
        except KeyError:
            raise ResolveError(f"The Parameter ({name}) was not provided.", "UserParameterMissing") from None
        return self._inside(value, path) if path else value

    def _inside(self, value: Any, path: tuple[Any, ...]) -> Any:
        for key in path:
            if value is UNKNOWN or key is UNKNOWN:
                return UNKNOWN
            try:
                value = value[key] if isinstance(value, Mapping) else value[int(key)]
            except (KeyError, IndexError, TypeError, ValueError):
                return ""
        return value


class GetResource(Function):
    """`get_resource: name`: the identity of a resource."""

    __slots__ = ()
    decides = True

    def check(self, args: Any) -> None:
        """A list or map names no resource."""
        if isinstance(args, (list, dict)):
            raise CallInvalid(f'Argument to "{self.name}" must be a string')

    def target(self, scope: Scope | None) -> str | None:
        """The resource's name, resolved if need be (None: not known without a scope)."""
        return _name(self.args, scope)

    @property
    def undecided(self) -> bool:
        """Whether the name is computed."""
        return isinstance(self.args, Function)

    def tell(self, found: Found, scope: Scope | None) -> None:
        """The resource; what is no name at all (a number, say) is the name of none, and the checker says it."""
        name = self.target(scope)
        if name is not None:
            found.resources.add(name)
        elif not isinstance(self.args, Function | str):
            found.resources.add(str(self.args))

    def resolve(self, scope: Scope) -> Any:
        """The resource's identity."""
        name = self.args if type(self.args) is str else resolve_inside(self.args, scope)
        if name is UNKNOWN:
            return UNKNOWN
        if not isinstance(name, str) or name not in self.context.resources:
            raise wrong_reference(name)
        return scope.reference(name)


class GetAttr(Function):
    """`get_attr: [resource, attribute, key, …]`: an attribute, or what lies inside it."""

    __slots__ = ("fixed",)
    decides = True

    def __init__(self, name: str, args: Any, path: Any, context: CallContext) -> None:
        super().__init__(name, args, path, context)
        self.fixed: tuple[str, tuple[Any, ...]] | None = None
        """Resource and path, when they are written out."""
        if type(args) is list and isinstance(args[0], str):
            self.fixed = args[0], _path(args)

    def check(self, args: Any) -> None:
        """At least a resource and an attribute."""
        if not isinstance(args, list):
            raise CallInvalid(f'Argument to "{self.name}" must be a list')
        if len(args) < 2:
            raise CallInvalid(f'Arguments to "{self.name}" must be of the form [resource_name, attribute, (path), ...]')

    def target(self, scope: Scope | None) -> tuple[str, tuple[Any, ...]] | None:
        """Resource and path, resolved if need be (None: not known without a scope)."""
        if self.fixed is not None:
            return self.fixed
        try:
            args = self._resolved(scope)
        except ResolveError:
            # who resolves the value is told why; here it just names no resource
            return None
        if args is UNKNOWN or not isinstance(args, list) or not args or not isinstance(args[0], str):
            return None
        return args[0], _path(args)

    @property
    def undecided(self) -> bool:
        """Whether the resource, or any part of the path, is computed."""
        if self.fixed is not None:
            return False
        args = self.args
        return isinstance(args, Function) or (
            isinstance(args, list) and any(isinstance(part, Function) for part in args)
        )

    def tell(self, found: Found, scope: Scope | None) -> None:
        """The resource and the attribute."""
        target = self.fixed or self.target(scope)
        if target is not None:
            name, path = target
            found.resources.add(name)
            if not SCALARS.issuperset(map(type, path)):
                path = tuple([part if type(part) in SCALARS else str(part) for part in path])
            found.attributes.add((name, path))

    def _resolved(self, scope: Scope | None) -> Any:
        args = self.args
        if isinstance(args, str):
            args = [args]
        if type(args) is list:
            return args
        if scope is None:
            parts = list(args) if isinstance(args, list) else []
            while parts and isinstance(parts[-1], Function):
                parts.pop()
            return parts if parts and not any(isinstance(part, Function) for part in parts) else UNKNOWN
        args = resolve_inside(args, scope)
        return [args] if isinstance(args, str) else args

    def resolve(self, scope: Scope) -> Any:
        """The value at the path."""
        if self.fixed is not None and self.fixed[0] in self.context.resources:
            return scope.attribute(*self.fixed)
        args = self._resolved(scope)
        if args is UNKNOWN or (isinstance(args, list) and any(part is UNKNOWN for part in args)):
            return UNKNOWN
        if not isinstance(args, list) or not args:
            raise ResolveError(f'Argument to "{self.name}" must be a list')
        name = args[0]
        if not isinstance(name, str) or name not in self.context.resources:
            raise wrong_reference(name)
        return scope.attribute(name, _path(args))


def _path(args: list[Any]) -> tuple[Any, ...]:
    """The attribute and what lies inside it; a null in its place means all attributes."""
    path = tuple(args[1:])
    return () if path == (None,) else path


class GetAttrOrAll(GetAttr):
    """`get_attr` that also takes the resource alone and then gives all its attributes."""

    __slots__ = ()

    def check(self, args: Any) -> None:
        """A resource, and whatever follows."""
        if not args:
            raise CallInvalid(
                f'Arguments to "{self.name}" can be of the next forms: [resource_name] or '
                "[resource_name, attribute, (path), ...]"
            )
        if not isinstance(args, list | str):
            raise CallInvalid(f'Argument to "{self.name}" must be a list')


class CfnGetAtt(GetAttr):
    """`Fn::GetAtt: [resource, attribute]`."""

    __slots__ = ()

    def check(self, args: Any) -> None:
        """Exactly a resource and an attribute."""
        several(args, 2, f'Arguments to "{self.name}" must be of the form [resource_name, attribute]')


class Ref(GetResource):
    """`Ref: name`: a resource's identity, or else a parameter's value."""

    __slots__ = ()
    literal = True

    def check(self, args: Any) -> None:
        """A list, a map or a call names nothing."""
        if isinstance(args, list | Mapping | Function):
            raise CallInvalid(f'Argument to "{self.name}" must be a string')

    @property
    def parameter(self) -> str | None:
        """The parameter's name, when it is one."""
        name = self.args
        return name if isinstance(name, str) and name not in self.context.resources else None

    def target(self, scope: Scope | None) -> str | None:
        """The resource's name, None when it is a parameter."""
        name = _name(self.args, scope)
        return name if name in self.context.resources else None

    def tell(self, found: Found, scope: Scope | None) -> None:
        """The resource, or else the parameter; all of the template's when the name is not known."""
        name = self.target(scope)
        if name is not None:
            found.resources.add(name)
        elif self.parameter is None:
            found.parameters.update(self.context.parameters)
        else:
            found.parameters.add(self.parameter)

    def resolve(self, scope: Scope) -> Any:
        """Identity or value."""
        name = resolve_inside(self.args, scope)
        if name is UNKNOWN:
            return UNKNOWN
        if isinstance(name, str) and name in self.context.resources:
            return scope.reference(name)
        try:
            return scope.parameter(name)
        except (KeyError, TypeError):
            raise wrong_reference(name, "unknown") from None


class ParamRef(Ref):
    """`Ref` where only parameters may be meant: in conditions."""

    __slots__ = ()

    @property
    def parameter(self) -> str | None:
        """The parameter's name."""
        return self.args if isinstance(self.args, str) else None

    def target(self, scope: Scope | None) -> str | None:  # noqa: ARG002
        """Never a resource."""
        return None

    def resolve(self, scope: Scope) -> Any:
        """The parameter's value."""
        name = resolve_inside(self.args, scope)
        if name is UNKNOWN:
            return UNKNOWN
        try:
            return scope.parameter(name)
        except (KeyError, TypeError):
            raise wrong_reference(name, "unknown") from None


class GetFile(Function):
    """`get_file: key`: the content that was sent along under that key."""

    __slots__ = ()

    def evaluate(self, args: Any) -> Any:
        """The content."""
        if not isinstance(args, str):
            raise ResolveError(f'Argument to "{self.name}" must be a string')
        content = self.context.files.get(args)
        if content is None:
            raise ResolveError(f'No content found in the "files" section for {self.name} path: {args}')
        return content

    @property
    def content(self) -> str | None:
        """The content when the key is written out and there is some."""
        return self.context.files.get(self.args) if isinstance(self.args, str) else None


class ResourceFacade(Function):
    """`resource_facade: metadata | deletion_policy | update_policy`: a field of this stack's resource in the parent stack."""

    __slots__ = ()
    decides = True
    literal = True
    words: Mapping[str, str] = {
        "metadata": "metadata",
        "deletion_policy": "deletion_policy",
        "update_policy": "update_policy",
    }

    def check(self, args: Any) -> None:
        """One of the three words."""
        if not isinstance(args, str) or args not in self.words:
            raise CallInvalid(f'Incorrect arguments to "{self.name}" should be one of: {", ".join(self.words)}')

    def resolve(self, scope: Scope) -> Any:
        """The field."""
        word = resolve_inside(self.args, scope)
        if word is UNKNOWN:
            return UNKNOWN
        self.check(word)
        return scope.facade(self.words[word])

    def tell(self, found: Found, scope: Scope | None) -> None:  # noqa: ARG002
        """The parent."""
        found.parent = True


class CfnResourceFacade(ResourceFacade):
    """`Fn::ResourceFacade: Metadata | DeletionPolicy | UpdatePolicy`."""

    __slots__ = ()
    words = {"Metadata": "metadata", "DeletionPolicy": "deletion_policy", "UpdatePolicy": "update_policy"}


class If(Function):
    """`if: [condition, value, other]`; the condition decides when definitions are made, never later.

    `nullable`: the third item may be left out, and what is around the call vanishes when the condition is false.
    """

    __slots__ = ("branch_problems", "condition")
    macro = True
    decides = True
    nullable = False

    def __init__(self, name: str, args: Any, path: Any, context: Any) -> None:
        self.condition: Any = None
        self.branch_problems: tuple[tuple[Problem, ...], ...] = ()
        super().__init__(name, args, path, context)

    def check(self, args: Any) -> None:
        """Two or three items."""
        if not isinstance(args, list) or not (2 if self.nullable else 3) <= len(args) <= 3:
            raise CallInvalid(
                f'Arguments to "{self.name}" must be of the form: [condition_name, value_if_true, value_if_false]'
            )

    @property
    def undecided(self) -> bool:
        """Always."""
        return True

    def branch(self, decision: bool) -> Any:
        """The compiled value that the decision picks."""
        args = self.args
        if decision:
            return args[1]
        return args[2] if len(args) > 2 else ABSENT

    def problems_of(self, decision: bool) -> tuple[Problem, ...]:
        """What is wrong in the branch that the decision picks."""
        index = 0 if decision else 1
        return self.branch_problems[index] if index < len(self.branch_problems) else ()

    def resolve(self, scope: Scope) -> Any:  # noqa: ARG002
        """Not known: a call that could be decided was replaced by its branch when the definitions were made."""
        return UNKNOWN

    def children(self) -> Iterator[Any]:
        """The condition and both branches."""
        yield self.condition
        yield from self.args[1:]


class IfNullable(If):
    """`if` whose third item may be left out."""

    __slots__ = ()
    nullable = True


def _name(args: Any, scope: Scope | None) -> str | None:
    if isinstance(args, str):
        return args
    if scope is None or not isinstance(args, Function):
        return None
    try:
        name = resolve_inside(args, scope)
    except ResolveError:
        return None
    return name if isinstance(name, str) else None


def wrong_reference(name: Any, place: str = "unknown") -> ResolveError:
    """Heat's sentence on a resource that is not there."""
    return ResolveError(f'The specified reference "{name}" (in {place}) is incorrect.', "InvalidTemplateReference")
