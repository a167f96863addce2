"""Functions that make text: replacing, joining, splitting, digests, URLs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlunsplit

from kamado.template.functions.core import CallInvalid, Function, ResolveError, several
from kamado.template.unknown import MAPS, UNKNOWN


class StrReplace(Function):
    """`str_replace: {template, params}`: every key of `params` in the text becomes its value, longest key first."""

    __slots__ = ()
    json_values = False
    strict = False
    very_strict = False

    def parts(self, args: Any) -> tuple[Any, Any]:
        """Text and params; raises CallInvalid when they are not there."""
        if not isinstance(args, MAPS):
            raise CallInvalid(f'Arguments to "{self.name}" must be a map')
        if "template" not in args or "params" not in args:
            example = (
                f"{self.name}:\n              template: This is var1 template var2\n"
                "              params:\n                var1: a\n                var2: string"
            )
            raise CallInvalid(repr(f'"{self.name}" syntax should be {example}'))
        return args["template"], args["params"]

    def check(self, args: Any) -> None:
        """Text and a map of params."""
        _, params = self.parts(args)
        if not isinstance(params, (*MAPS, Function)):
            raise CallInvalid(f'"{self.name}" parameters must be a mapping')

    def evaluate(self, args: Any) -> Any:
        """The text with everything replaced."""
        text, params = self.parts(args)
        if not isinstance(text, str):
            raise ResolveError(f'"{self.name}" template must be a string')
        if not isinstance(params, MAPS):
            raise ResolveError(f'"{self.name}" params must be a map')
        self._strictly(params)
        return self._replace(text, sorted([(k, self._text(k, v)) for k, v in params.items()], key=_longest_first))

    def _strictly(self, params: Mapping[str, Any]) -> None:
        if self.very_strict:
            for key, value in params.items():
                if value is None or value == "" or value == [] or value == {}:
                    raise ResolveError(
                        f"{self.name} has an undefined or empty value for param {key}, must be a defined non-empty value"
                    )

    def _replace(self, text: str, pairs: list[tuple[str, str]]) -> str:
        unused = {key for key, _ in pairs}
        pieces = [text]
        """text that is left and values that replaced something, by turns"""
        for key, value in pairs:
            if key == "":
                raise ResolveError("empty separator")
            made: list[str] = []
            for index, piece in enumerate(pieces):
                if index % 2 or key not in piece:
                    made.append(piece)
                    continue
                unused.discard(key)
                parts = piece.split(key)
                self.bounded(len(parts) * max(len(value), 1))
                made.append(parts[0])
                for rest in parts[1:]:
                    made += (value, rest)
            pieces = made
        if self.strict and unused:
            raise ResolveError(
                f"The following params were not found in the template: {','.join(sorted(sorted(unused), key=len, reverse=True))}"
            )
        self.bounded(sum(map(len, pieces)))
        return "".join(pieces)

    def _text(self, key: Any, value: Any) -> str:
        if not isinstance(key, str):
            raise ResolveError(f'"{self.name}" param placeholders must be strings')
        if value is None:
            return ""
        if isinstance(value, (str, int, float)):
            return str(value)
        if self.json_values and isinstance(value, Mapping | list):
            return json.dumps(value, sort_keys=True)
        raise ResolveError(f'"{self.name}" params must be strings or numbers, param {key} is not valid')


def _longest_first(pair: tuple[str, str]) -> tuple[int, str]:
    return (-len(pair[0]), pair[0])


class StrReplaceJson(StrReplace):
    """`str_replace` that writes maps and lists as JSON."""

    __slots__ = ()
    json_values = True


class StrReplaceStrict(StrReplaceJson):
    """`str_replace_strict`: every key must occur in the text."""

    __slots__ = ()
    strict = True


class StrReplaceVeryStrict(StrReplaceStrict):
    """`str_replace_vstrict`: and no value may be empty."""

    __slots__ = ()
    very_strict = True


class CfnReplace(StrReplace):
    """`Fn::Replace: [params, text]`."""

    __slots__ = ()

    def parts(self, args: Any) -> tuple[Any, Any]:
        """Text and params."""
        example = f'{{"{self.name}": [ {{"$var1": "foo", "%var2%": "bar"}}, "$var1 is %var2%"]}}'
        params, text = several(args, 2, f'Incorrect arguments to "{self.name}" should be: {example}')
        return text, params


class ListJoin(Function):
    """`list_join: [delimiter, [text, …]]`."""

    __slots__ = ()
    many = False
    kinds = "strings"

    def _usage(self) -> str:
        more = " ..." if self.many else ""
        example = f'"{self.name}" : [ " ", [ "str1", "str2"]{more}]'
        return f'Incorrect arguments to "{self.name}" should be: {example}'

    def check(self, args: Any) -> None:
        """A delimiter and a list."""
        if not isinstance(args, list) or len(args) < 2 or (len(args) > 2 and not self.many):
            raise CallInvalid(self._usage())

    def evaluate(self, args: Any) -> Any:
        """The joined text."""
        self.check(args)
        delimiter, lists = args[0], args[1:]
        texts: list[str] = []
        for items in lists:
            if items is None:
                continue
            if not isinstance(items, list | tuple):
                raise ResolveError(f'"{self.name}" must operate on a list')
            texts.extend(self._text(item) for item in items)
        if not isinstance(delimiter, str):
            raise ResolveError(f'"{self.name}" delimiter must be a string')
        self.bounded(sum(map(len, texts)) + len(delimiter) * len(texts))
        return delimiter.join(texts)

    def _text(self, item: Any) -> str:
        if item is None:
            return ""
        if isinstance(item, str):
            return item
        if self.many and isinstance(item, Mapping | list):
            return json.dumps(item, sort_keys=True)
        raise ResolveError(f"Items to join must be {self.kinds} not {item!r}"[:255])


class ListJoinMany(ListJoin):
    """`list_join: [delimiter, list, list, …]`; maps and lists become JSON text."""

    __slots__ = ()
    many = True
    kinds = "string, map or list"


class StrSplit(Function):
    """`str_split: [delimiter, text]`, or with a position, that piece alone."""

    __slots__ = ()

    def _example(self) -> str:
        return f'should be: "{self.name}" : [ ",", "apples,pears", <index>]'

    def check(self, args: Any) -> None:
        """A text or map cannot be meant."""
        if isinstance(args, str | Mapping):
            raise CallInvalid(f'Incorrect arguments to "{self.name}" {self._example()}')

    def evaluate(self, args: Any) -> Any:
        """The pieces, or the one asked for."""
        if not isinstance(args, list) or len(args) < 2:
            raise ResolveError(f'Incorrect arguments to "{self.name}" {self._example()}')
        delimiter, text = args[0], args[1]
        if text is None:
            return None
        if not isinstance(text, str):
            raise ResolveError(f"'{type(text).__name__}' object has no attribute 'split'")
        pieces = text.split(delimiter)
        if len(args) < 3:
            return pieces
        try:
            index = int(args[2])
        except (ValueError, TypeError):
            raise ResolveError(f'Incorrect index to "{self.name}" {self._example()}') from None
        try:
            return pieces[index]
        except IndexError:
            raise ResolveError(f'Incorrect index to "{self.name}" should be between 0 and {len(pieces) - 1}') from None


class Digest(Function):
    """`digest: [algorithm, text]`: the hexadecimal digest of the text, taken as latin-1."""

    __slots__ = ()

    def evaluate(self, args: Any) -> Any:
        """The digest."""
        if not isinstance(args, list) or not all(isinstance(item, str) for item in args):
            raise ResolveError(f'Argument to function "{self.name}" must be a list of strings')
        if len(args) != 2:
            raise ResolveError(f'Function "{self.name}" usage: ["<algorithm>", "<value>"]')
        algorithm, text = args
        if algorithm.lower() not in hashlib.algorithms_available:
            raise ResolveError(f"Algorithm must be one of {', '.join(sorted(hashlib.algorithms_available))}")
        return hashlib.new(algorithm.lower(), text.encode("latin-1"), usedforsecurity=False).hexdigest()


_URL_KEYS = ("scheme", "username", "password", "host", "port", "path", "query", "fragment")


class MakeUrl(Function):
    """`make_url: {scheme, username, password, host, port, path, query, fragment}`."""

    __slots__ = ()

    def check(self, args: Any) -> None:
        """Known keys, each of its type, as far as it is written out."""
        if not isinstance(args, Mapping):
            raise CallInvalid(f'The arguments to "{self.name}" must be a map')
        strange = [key for key in args if key not in _URL_KEYS]
        if strange:
            raise CallInvalid(f'Invalid arguments to "{self.name}": {", ".join(strange)}')
        for key in _URL_KEYS:
            value = args.get(key)
            if key not in args or isinstance(value, Function) or value is UNKNOWN:
                continue
            self._check_part(key, value, args)

    def _check_part(self, key: str, value: Any, args: Any) -> None:
        if key == "query":
            if not isinstance(value, Mapping):
                raise CallInvalid(f'The "{key}" argument to "{self.name}" must be a map')
        elif key == "port":
            try:
                port = int(value)
            except ValueError:
                raise CallInvalid(f'Invalid URL port "{value}" for {self.name} called with {args!r}') from None
            except TypeError as error:
                raise CallInvalid(str(error)) from None
            if not 0 < port <= 65535:
                raise CallInvalid(f"Invalid URL port {port}, must be in range 1-65535")
        elif not isinstance(value, str):
            raise CallInvalid(f'The "{key}" argument to "{self.name}" must be a string')

    def evaluate(self, args: Any) -> Any:
        """The URL."""
        self.check(args)
        scheme = args.get("scheme", "")
        if ":" in scheme:
            raise ResolveError("URL \"scheme\" should not contain ':'")
        query = urlencode(args.get("query") or {}).replace("%2F", "/")
        return urlunsplit(
            (scheme, self._host(args), quote(args.get("path", "")), query, quote(args.get("fragment", "")))
        )

    def _host(self, args: Mapping[str, Any]) -> str:
        user = quote(args.get("username", ""), safe="")
        password = quote(args.get("password", ""), safe="")
        credentials = f"{user}:{password}@" if password else f"{user}@" if user else ""
        host = args.get("host", "")
        if ":" not in host:
            host = quote(host, safe="")
        elif not (host.startswith("[") and host.endswith("]")):
            host = f"[{host}]"
        port = f":{args['port']}" if args.get("port") else ""
        return f"{credentials}{host}{port}"
