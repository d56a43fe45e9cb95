"""XML of other people: a document type is refused, and with it every entity."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from glimpsecli.annotations.text import read_bytes
from glimpsecli.errors import InvalidInputError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def parse_xml(file: Path | str) -> Element:
    """Read an XML file; give its root."""
    from xml.etree.ElementTree import TreeBuilder
    from xml.parsers import expat

    def refuse(*_: object) -> None:
        raise InvalidInputError(f"{file} declares a document type", "glimpse reads XML without one")

    builder, parser = TreeBuilder(), expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse  # it comes before any entity can
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(read_bytes(file), True)
    except expat.ExpatError as error:
        raise InvalidInputError(f"{file} is not XML: {error}") from None
    except InvalidInputError:
        raise
    except (LookupError, ValueError) as error:
        raise InvalidInputError(f"{file} is in an encoding that cannot be read: {error}") from None
    return builder.close()
