"""The kinds of video files, recognised by their first bytes."""

from __future__ import annotations

HEAD = 1024
"""Bytes at the start of a file that show its kind: room for the marks of several packets of a transport stream."""

_SIGNATURES = {
    b"\x1a\x45\xdf\xa3": "Matroska",
    b"FLV\x01": "FLV",
    b"OggS": "Ogg",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "ASF",
    b"YUV4MPEG2 ": "Y4M",
    b"\0\0\x01\xba": "MPEG program stream",
    b"DKIF\0\0": "IVF",
    b"\x06\x0e\x2b\x34\x02\x05\x01\x01": "MXF",
    b"nut/multimedia container\0": "NUT",
}
_ATOMS = {b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}  # a film of old QuickTime has no ftyp
_IMAGE_BRANDS = {b"miaf", b"crx "}  # of images that glimpse does not read
_SYNC = 0x47
_PACKETS = {188: 0, 192: 4, 204: 0}  # bytes of a packet of a transport stream, and where the mark in it is


def video_kind(head: bytes) -> str | None:
    """Name the kind of a video from the first `HEAD` bytes of a file that is no image, or give None."""
    for signature, kind in _SIGNATURES.items():
        if head.startswith(signature):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "AVI"
    if head[4:8] == b"ftyp":
        return None if head[8:12] in _IMAGE_BRANDS else "MP4"
    if head[4:8] in _ATOMS:
        return "MP4"
    for step, start in _PACKETS.items():
        marks = head[start::step]
        if len(marks) > 1 and set(marks) == {_SYNC}:
            return "MPEG transport stream"
    return None
