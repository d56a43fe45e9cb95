"""Named tuples as data for JSON, and back: between processes, and in files."""

from __future__ import annotations

import functools
import math
import types
import typing
from typing import Any, TypeVar

from glimpsecli.errors import InvalidInputError

Kind = TypeVar("Kind")

_WORDS = {str: "a text", int: "a whole number", bool: "true or false", dict: "an object", list: "a list"}


def to_jsonable(value: Any) -> Any:
    """Give a value as dicts, lists and scalars."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: to_jsonable(one) for name, one in value._asdict().items()}
    if isinstance(value, dict):
        return {name: to_jsonable(one) for name, one in value.items()}
    return [to_jsonable(one) for one in value] if isinstance(value, list | tuple) else value


def from_jsonable(kind: type[Kind], data: Any, where: str = "") -> Kind:
    """Read a value that `to_jsonable` gave, and check all of it against the annotations.

    Parameters
    ----------
    kind : type
        A named tuple whose fields are named tuples, tuples, lists and dicts with str keys, str, bool, int and float,
        each perhaps with None, or one of several scalars. Floats are finite. A field of type Any takes any scalar.
    data : object
        Data from JSON. Names that the named tuple does not have are left out.
    where : str
        Name of the data in errors.

    Raises
    ------
    InvalidInputError
        A field is missing or of another type; the error names it.
    """
    return typing.cast("Kind", _read(kind, data, where))


def _read(kind: Any, data: Any, where: str) -> Any:
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        some = [part for part in parts if part is not types.NoneType]
        return None if data is None else _read(type(data) if type(data) in some else some[0], data, where)
    if kind is Any:
        return _checked(data, not isinstance(data, list | dict), "a single value", where)
    if origin is dict:
        _checked(data, isinstance(data, dict), _WORDS[dict], where)
        return {name: _read(parts[1], one, _join(where, name)) for name, one in data.items()}
    if origin in (list, tuple):
        return _read_many(origin, parts, data, where)
    if kind is float:
        # A text of digits is no number, and neither is a bool; whole ones come as int.
        good = isinstance(data, int | float) and not isinstance(data, bool) and _is_finite(data)
        return float(_checked(data, good, "a finite number", where))
    if kind in _WORDS:
        return _checked(data, type(data) is kind, _WORDS[kind], where)
    _checked(data, isinstance(data, dict), _WORDS[dict], where)
    fields = {}
    for name, one in _fields(kind).items():
        if name in data:
            fields[name] = _read(one, data[name], _join(where, name))
        elif name not in kind._field_defaults:
            raise InvalidInputError(f"{_join(where, name)} is missing")
    return kind(**fields)


def _read_many(origin: Any, parts: tuple[Any, ...], data: Any, where: str) -> Any:
    _checked(data, isinstance(data, list), _WORDS[list], where)
    if origin is list or parts[-1] is Ellipsis:
        kinds = [parts[0]] * len(data)
    else:
        _checked(data, len(data) == len(parts), f"a list of {len(parts)}", where)
        kinds = list(parts)
    return origin(_read(one, value, f"{where}[{k}]") for k, (one, value) in enumerate(zip(kinds, data, strict=True)))


def _checked(data: Any, good: bool, wanted: str, where: str) -> Any:
    if good:
        return data
    shown = repr(data)
    raise InvalidInputError(f"{where or 'it'} is {shown[:40]}{'...' * (len(shown) > 40)}, not {wanted}")


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number that no float can hold
        return False


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


@functools.cache
def _fields(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)
