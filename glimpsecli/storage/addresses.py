"""Addresses of files on object stores and web servers: ``s3://bucket/path``, ``https://host/path``.

A path that is not an address names a local file; the functions of this module leave it as it is.
"""

from __future__ import annotations

import os
import posixpath
import re
from typing import NamedTuple

from glimpsecli.errors import InvalidInputError

BUCKETS = ("s3", "gs", "az", "abfss")
"""Schemes of object stores."""

WEB = ("https", "http")
"""Schemes of web servers, whose files can be read by name; ``http`` is for this machine alone."""

KNOWN = "s3://, gs://, az://, abfss:// and https://"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")  # one letter is a drive of Windows
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PLACES = {
    "abfss": re.compile(r"[A-Za-z0-9$][A-Za-z0-9-]*@[A-Za-z0-9][A-Za-z0-9.-]*"),  # container@account.host
    "https": re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s/@:\[\]\\]+)(:[0-9]{1,5})?"),
}
_PLACES["http"] = _PLACES["https"]


class Address(NamedTuple):
    """The parts of an address.

    Attributes
    ----------
    scheme : str
        In lower case.
    place : str
        The bucket, the container or the host.
    path : str
        The path in it, without the first slash. That of a web address is percent-encoded.
    query : str
        The query of a web address, without its question mark. It may hold a signature.
    """

    scheme: str
    place: str
    path: str
    query: str = ""

    @property
    def root(self) -> str:
        """The address of the bucket, the container or the host."""
        return f"{self.scheme}://{self.place}"


def is_address(path: str | os.PathLike[str]) -> bool:
    """Return whether a path starts with a scheme, known or not."""
    return isinstance(path, str) and _SCHEME.match(path) is not None


def inside_tar(path: str) -> tuple[str, str] | None:
    """Take the path of a member of a tar, ``x.tar/a/b.jpg``, to that of the tar and the member's; None for any other.

    A folder on a disk may have a name that ends in ``.tar``.
    """
    lower = path.lower()
    if ".tar/" not in lower:
        return None
    scheme = _SCHEME.match(path)
    begin = 0 if scheme is None else path.find("/", scheme.end())  # a bucket is no tar
    end = len(path) if scheme is None else len(path.partition("?")[0])
    found = lower.find(".tar/", begin, end) if begin >= 0 else -1
    while found >= 0:
        tar, member = path[: found + 4], path[found + 5 :]
        if scheme is not None or os.path.isfile(tar):
            return tar, member
        found = lower.find(".tar/", found + 1, end)
    return None


def is_stored(path: str) -> bool:
    """Return whether a path is read through its storage, and not by the system: an address, or a member of a tar."""
    return is_address(path) or inside_tar(path) is not None


def parse(address: str) -> Address:
    """Take an address to its parts.

    Raises
    ------
    InvalidInputError
        The scheme is unknown, there is no bucket or host, or the address holds a user name, a password or a part that
        an object's name cannot have.
    """
    found = _SCHEME.match(address)
    label = shown(address)
    scheme = found[1].lower() if found else ""
    if found is None or scheme not in (*BUCKETS, *WEB):
        raise InvalidInputError(f"{label} has a scheme that is not known", f"use {KNOWN}, or the path of a file")
    place, _, path = address[found.end() :].partition("/")
    query = ""
    if scheme in WEB:
        path, _, query = path.partition("#")[0].partition("?")
        place = re.split(r"[?#]", place)[0]
    if "@" in place and scheme != "abfss":
        raise InvalidInputError(
            f"{label} was given with a user name or a password, which an address may not hold",
            "use a signed address" if scheme in WEB else "set the credentials in the environment or in a profile",
        )
    if _PLACES.get(scheme, _BUCKET).fullmatch(place) is None:
        form = {"abfss": "container@account.dfs.core.windows.net", "https": "host", "http": "host"}.get(
            scheme, "bucket"
        )
        raise InvalidInputError(f"{label} names no {form.partition('@')[0]}", f"write {scheme}://{form}/path")
    if scheme in BUCKETS:
        _check_name(path, label)
    return Address(scheme, place, path, query)


def shown(address: str) -> str:
    """Give an address as messages and files may hold it: without its query, a user name and a password."""
    found = _SCHEME.match(address)
    if found is None:
        return address
    scheme = found[1].lower()
    rest = address[found.end() :].partition("?")[0]
    if scheme in WEB:
        rest = rest.partition("#")[0]
    place, slash, path = rest.partition("/")
    known = _PLACES.get(scheme, _BUCKET)
    if known.fullmatch(place) is None:
        place = place.rpartition("@")[2]
        if known.fullmatch(place) is None and (scheme != "abfss" or _BUCKET.fullmatch(place) is None):
            return f"{scheme}://..."  # perhaps a piece of a password with a slash in it
    return f"{scheme}://{place}{slash}{path}"


def path_of(address: str) -> str:
    """Give the path by which the storage of an address knows it; that of a web address holds its query."""
    inside = inside_tar(address)
    if inside is not None:
        return inside[1]
    if not is_address(address):
        return address
    parts = parse(address)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def joined(folder: str, *names: str) -> str:
    """Join a folder and names below it; the names of a store are parted by slashes."""
    if not is_address(folder):
        return os.path.join(folder, *names)
    return "/".join([folder.rstrip("/"), *(name.strip("/") for name in names if name.strip("/"))])


def folder_of(address: str) -> str:
    """Give the folder that holds a file; that of a web address without its query."""
    if not is_address(address):
        return os.path.dirname(address)
    parts = parse(address)
    folder = posixpath.dirname(parts.path.rstrip("/"))
    return f"{parts.root}/{folder}" if folder else parts.root


def name_of(address: str) -> str:
    """Give the last part of a path or an address, without a query; empty for a bucket."""
    if not is_address(address):
        return os.path.basename(os.path.normpath(address))
    parts = parse(address)
    name = posixpath.basename(parts.path.rstrip("/"))
    if parts.scheme not in WEB:
        return name
    from urllib.parse import unquote

    return unquote(name)


def relative(address: str, folder: str) -> str:
    """Give the path of a file below a folder that holds it, with slashes."""
    if not is_address(address):
        return os.path.relpath(address, folder).replace(os.sep, "/")
    start = folder.rstrip("/") + "/"
    if not address.startswith(start):
        raise InvalidInputError(f"{shown(address)} does not lie in {shown(folder)}", "check the addresses")
    return shown(address)[len(shown(start)) :]


def _check_name(path: str, label: str) -> None:
    """Refuse a path that an object of a store cannot have, or that would be taken for a query."""
    if "?" in path:
        raise InvalidInputError(f"{label} goes on with a ?, which an address may not hold", "rename the object")
    parts = path.removesuffix("/").split("/") if path else []
    if any(part in ("", ".", "..") for part in parts):
        raise InvalidInputError(f"{label} has an empty part, . or .. in its path", "write its path in full")
    if re.search(r"[\x00-\x1f\x7f]", path):
        raise InvalidInputError(f"{label!r} holds a control character", "rename the object")
