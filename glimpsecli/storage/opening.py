"""The storage of an address; obstore is loaded when the first one is opened."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import Any

from glimpsecli.errors import InvalidInputError, UnavailableError, extra
from glimpsecli.storage.addresses import WEB, inside_tar, is_address, parse, shown
from glimpsecli.storage.local import LocalStorage
from glimpsecli.storage.members import tar_of
from glimpsecli.storage.protocol import Storage
from glimpsecli.storage.refusals import attempt

_LOCAL = LocalStorage()
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_OWN_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_SKIP_SIGNATURE")
_LONGEST_REQUEST = "5m"  # obstore's half a minute is short for a large image on a slow line


def storage_of(address: str) -> Storage:
    """Give the storage that holds an address, or the local disks for a path.

    Each bucket is opened once, with the credentials that obstore finds in the environment, in a profile (through boto3,
    where that is installed) or as the role of the machine.

    Raises
    ------
    InvalidInputError
        The address has a scheme that is not known, or a form that none has; or it would be sent over a network without
        encryption.
    UnavailableError
        obstore is not installed.
    """
    inside = inside_tar(address)
    if inside is not None:
        return tar_of(inside[0], storage_of(inside[0]))
    if not is_address(address):
        return _LOCAL
    parts = parse(address)
    return _opened(parts.scheme, parts.place)


@lru_cache(maxsize=256)
def _opened(scheme: str, place: str) -> Storage:
    root = f"{scheme}://{place}"
    try:
        import obstore.store as stores
    except ImportError as error:
        raise UnavailableError(f"{root} needs obstore", extra("cloud")) from error
    if scheme in WEB:
        from glimpsecli.storage.web import WebStorage

        if scheme == "http" and not _is_loopback(root):
            raise InvalidInputError(f"{root} is not encrypted", "use https://")
        options: Any = {"timeout": _LONGEST_REQUEST, "allow_http": scheme == "http"}
        return WebStorage(root, lambda address: stores.HTTPStore(address, client_options=options))
    from glimpsecli.storage.objects import ObjectStorage

    def open_store() -> Any:
        if scheme == "s3":
            return stores.S3Store(place, config=_settings("AWS") | _over_http(), **_of_profile(root))
        if scheme == "gs":
            return stores.GCSStore(place, config=_settings("GOOGLE"))
        if scheme == "az":
            return stores.AzureStore(place, client_options=_settings("AZURE"))  # config does not take these there
        return stores.AzureStore.from_url(root, client_options=_settings("AZURE"))

    return ObjectStorage(root, attempt(open_store, root, "opened"))


def _settings(prefix: str) -> Any:
    """Give the settings of a store that differ from obstore's own, unless the environment has them."""
    return {} if f"{prefix}_TIMEOUT" in os.environ else {"timeout": _LONGEST_REQUEST}


def _over_http() -> dict[str, str]:
    """Allow an endpoint without encryption on this machine alone; AWS_ALLOW_HTTP is for whoever trusts the network."""
    given = [endpoint for name in _ENDPOINTS if (endpoint := os.environ.get(name, "")).lower().startswith("http:")]
    if not given or os.environ.get("AWS_ALLOW_HTTP"):
        return {}
    for endpoint in given:
        if not _is_loopback(endpoint):
            raise InvalidInputError(
                f"the endpoint {shown(endpoint)} is not encrypted",
                "give an https endpoint, or set AWS_ALLOW_HTTP=true if the network is to be trusted",
            )
    return {"allow_http": "true"}


def _is_loopback(address: str) -> bool:
    """Return whether an address is one of this machine."""
    from urllib.parse import urlsplit

    host = urlsplit(address).hostname or ""
    return host in ("localhost", "::1") or re.fullmatch(r"127(\.[0-9]{1,3}){3}", host) is not None


def _of_profile(root: str) -> dict[str, Any]:
    """Give the credentials of an AWS profile, which obstore reads through boto3; none where others are set."""
    if any(os.environ.get(name) for name in _OWN_KEYS):
        return {}
    profile = os.environ.get("AWS_PROFILE")
    file = os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or os.path.join(os.path.expanduser("~"), ".aws", "credentials")
    if profile is None and not os.path.isfile(file):
        return {}
    try:
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError as error:
        if profile is None:
            return {}  # the machine may have a role
        raise UnavailableError(f"the profile {profile} of {root} needs boto3", "pip install boto3") from error
    try:
        return {"credential_provider": attempt(Boto3CredentialProvider, f"{root}, with its profile,", "opened")}
    except InvalidInputError:
        if profile is None:
            return {}  # it holds other profiles
        raise
