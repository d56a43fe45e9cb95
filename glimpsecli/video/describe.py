"""The films that this installation can write, for ``glimpse info``."""

from __future__ import annotations

import io
from typing import Any

from glimpsecli.errors import UnavailableError, extra
from glimpsecli.video.codecs import ENCODERS, find_encoder, load_av
from glimpsecli.video.formats import FILMS, FilmFormat

_GPL = ("libx264", "libx265")


def describe() -> dict[str, Any]:
    """Describe the formats of films and the encoders of each that are there.

    Returns
    -------
    dict
        ``formats`` holds for each name ``available``, ``encoders`` (FFmpeg's name and the title of each, by default the
        first; none where Pillow writes the films) and the ``reason`` why it is not available. ``gpl`` lists the
        encoders that are under the GNU General Public License, unlike PyAV itself.
    """
    try:
        av = load_av("a film")
    except UnavailableError:
        av = None
    formats = {name: _format(av, kind) for name, kind in FILMS.items()}
    there = {name for facts in formats.values() for name in facts["encoders"]}
    return {"formats": formats, "gpl": [name for name in _GPL if name in there]}


def _format(av: Any, kind: FilmFormat) -> dict[str, Any]:
    facts: dict[str, Any] = {"available": av is not None or kind.muxer is None, "encoders": {}, "reason": None}
    if not facts["available"]:
        return facts | {"reason": f"needs PyAV: {extra('video')}"}
    if kind.muxer is None:
        return facts
    with av.open(io.BytesIO(), "w", format=kind.muxer) as container:
        able = container.supported_codecs
    first = [name for name in (kind.codec, kind.lossless, kind.alpha) if name]
    for name in dict.fromkeys([*first, *ENCODERS]):
        try:
            _, encoder, codec = find_encoder(name)
        except UnavailableError:
            continue
        if codec.canonical_name in able:
            facts["encoders"][name] = encoder.title
    return facts
