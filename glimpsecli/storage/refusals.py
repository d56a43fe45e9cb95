"""Refusals of a store or a web server, in one line without secrets.

The text of the library's own errors may hold signed addresses, headers and keys. Nothing of it is passed on: a status,
a code or a cause that is known is looked for in it, and given in words of this module.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from glimpsecli.errors import FileProblemError, GlimpseError, InvalidInputError

Result = TypeVar("Result")

_STATUS = re.compile(r"status code: ([1-5][0-9]{2})\b")
_MISSING, _PRESENT, _NO_PART, _UNSUPPORTED, _DENIED, _MOVED = (404, 410), (412,), (416,), (501,), (401, 403), (301, 307)
"""Statuses of answers, by their meaning."""

_CODES = {
    "NoSuchBucket": "",
    "ContainerNotFound": "",
    "AccessDenied": "",
    "ExpiredToken": "the credentials have expired",
    "InvalidAccessKeyId": "the access key is not known",
    "InvalidBucketName": "there can be no bucket of this name",
    "RequestTimeTooSkewed": "the clock of this machine is wrong",
    "SignatureDoesNotMatch": "the secret key does not fit",
    "SlowDown": "too many requests",
}
"""Codes in the answers of stores that are passed on, and their meaning where the code does not say it."""

_CAUSES = (
    ("ConnectionRefused", "the connection was refused"),
    ("dns error", "the name of its host is not known"),
    ("certificate", "the certificate of its host is not trusted"),
    ("TimedOut", "there was no answer in time"),
    ("ConnectionReset", "the connection was broken off"),
    ("Incomplete", "the connection was broken off"),
    ("MissingContentLength", "the server does not say how large it is"),
    ("NetworkUnreachable", "the network cannot be reached"),
    ("HostUnreachable", "its host cannot be reached"),
    ("BadScheme", "its endpoint is http, which is not encrypted"),
)
"""Pieces of errors of connections, and their meaning."""

_OF_MACHINE = ("169.254.", "metadata.google.internal", "fd00:ec2")
"""Hosts that are asked for the credentials of the machine itself, where no others are set."""

_VARIABLES = {"s3": "AWS", "gs": "GOOGLE", "az": "AZURE", "abfss": "AZURE"}
"""Starts of the names of variables in the environment, by scheme."""


class MissingError(InvalidInputError):
    """A file or an object that does not exist."""


class PresentError(InvalidInputError):
    """A file or an object that exists already, where none may be replaced."""


class UnconditionalError(InvalidInputError):
    """A store that cannot refuse to replace an object."""


class DeniedError(FileProblemError):
    """A refusal for want of credentials or rights. A store may give it for an object that is not there."""


class NoPartsError(FileProblemError):
    """A web server that gives files whole, or a part that begins after the end of the file."""


def attempt(call: Callable[[], Result], label: str, doing: str) -> Result:
    """Call the library of stores, and turn its errors into those of glimpse.

    The error is raised after the library's has gone, so that it is not kept as a context either.

    Parameters
    ----------
    call : callable
        Takes nothing.
    label : str
        The address, as messages may hold it.
    doing : str
        The past participle in "could not be ...": opened, read, written, listed, deleted.
    """
    try:
        return call()
    except GlimpseError:
        raise
    except Exception as error:
        problem = refusal(label, doing, type(error).__name__, str(error))
    raise problem


def refusal(label: str, doing: str, kind: str, text: str) -> GlimpseError:
    """Find the meaning of an error of the library.

    Parameters
    ----------
    label, doing : str
        See :func:`attempt`.
    kind : str
        Name of the error's class.
    text : str
        Text of the error.
    """
    variables = _VARIABLES.get(label.partition(":")[0], "AWS")
    if "MissingAccount" in text:
        return InvalidInputError(f"{label} names no storage account", "set AZURE_STORAGE_ACCOUNT_NAME")
    if doing == "opened" or 'store: "Config"' in text:
        return InvalidInputError(
            f"{label} could not be {doing}: a setting is not valid", f"check the variables that start with {variables}_"
        )
    found = _STATUS.search(text)
    status = int(found[1]) if found else 0
    code = next((code for code in _CODES if f"<Code>{code}</Code>" in text), "")
    if code in ("NoSuchBucket", "ContainerNotFound"):
        return MissingError(f"{label}: there is no such bucket", "check the address, and the endpoint if one is set")
    if any(host in text for host in _OF_MACHINE):
        return FileProblemError(
            f"{label} could not be {doing}: no credentials were found",
            f"set them in the environment or in a profile; for a public bucket set {variables}_SKIP_SIGNATURE=true",
        )
    if kind in ("FileNotFoundError", "NotFoundError") or status in _MISSING:
        return MissingError(f"{label} does not exist", "check the address")
    if kind in ("AlreadyExistsError", "PreconditionError") or status in _PRESENT:
        return PresentError(f"{label} exists already", "use `--overwrite` to replace it")
    if status in _NO_PART or "StartTooLarge" in text or "RangeNotSupported" in text:
        return NoPartsError(f"{label} has no such part", "read it whole")
    if kind in ("NotImplementedError", "NotSupportedError") or status in _UNSUPPORTED:
        return UnconditionalError(f"{label} could not be {doing}: the store does not know how", "choose another store")
    reason = _reason(status, code, text)
    kind_of_problem = DeniedError if status in _DENIED else FileProblemError
    return kind_of_problem(f"{label} could not be {doing}: {reason}", _hint(status, reason))


def _reason(status: int, code: str, text: str) -> str:
    """Say in words why an answer or a connection failed."""
    if status:
        from http import HTTPStatus

        try:
            phrase = f"{status} {HTTPStatus(status).phrase}"
        except ValueError:  # a number of the server's own
            phrase = f"status {status}"
        known = ", ".join(filter(None, (code, _CODES.get(code, ""))))
        return f"{phrase} ({known})" if known else phrase
    if "without LOCATION" in text:
        return "its bucket is in another region"
    return next((meaning for mark, meaning in _CAUSES if mark in text), "the connection failed")


def _hint(status: int, reason: str) -> str:
    """Give the way out."""
    if status in _DENIED:
        return "check the credentials, and that they allow it"
    if "region" in reason or status in _MOVED:
        return "set AWS_REGION to that of the bucket"
    if "not encrypted" in reason:
        return "give an https endpoint"
    return "check the address, or try again later" if status else "check the address, the endpoint and the network"
