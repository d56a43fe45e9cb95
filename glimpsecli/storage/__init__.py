"""Where bytes live: local files and the objects of stores, each whole or not there."""

from glimpsecli.storage.addresses import (
    folder_of,
    inside_tar,
    is_address,
    is_stored,
    joined,
    name_of,
    path_of,
    relative,
    shown,
)
from glimpsecli.storage.opening import storage_of
from glimpsecli.storage.placing import place
from glimpsecli.storage.protocol import Entry, Storage

__all__ = [
    "Entry",
    "Storage",
    "folder_of",
    "inside_tar",
    "is_address",
    "is_stored",
    "joined",
    "name_of",
    "path_of",
    "place",
    "relative",
    "shown",
    "storage_of",
]
