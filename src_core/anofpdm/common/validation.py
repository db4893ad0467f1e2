"""Turn pydantic's validation errors into one-sentence errors of this project."""

from __future__ import annotations

import json
from collections.abc import Collection
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from anofpdm.common.errors import AnofpdmError, SettingsError
from anofpdm.common.reading import one_line, reading

Model = TypeVar("Model", bound=BaseModel)
_MOST_SAID = 400
"""Characters of a validator's words, which may quote the file's own."""


def validated(
    model: type[Model],
    document: object = None,
    /,
    *,
    raises: type[AnofpdmError] = SettingsError,
    where: str = "",
    **values: Any,
) -> Model:
    """Build a pydantic model; invalid values become a one-sentence error.

    Parameters
    ----------
    model : type
        The pydantic class to build.
    document : mapping, optional
        Fields whose names come from a file; any key is a field here, `where` and `raises` too.
    raises : type
        The error class that fits the origin of the values.
    where : str
        Source of the values (a file, an option), named at the start of the sentence.
    **values
        Fields named in the program.

    Raises
    ------
    AnofpdmError
        Of class `raises`, naming the first wrong field, its value and what is allowed.
    """
    try:
        return model.model_validate(values if document is None else document)
    except ValidationError as error:
        raise raises(sentence(error, where, model.model_fields)) from None


def parsed(
    model: type[Model],
    text: str | bytes,
    source: str,
    *,
    version: int,
    what: str,
    remedy: str,
    raises: type[AnofpdmError],
) -> Model:
    """Build a pydantic model of a JSON document that states its `format_version`.

    Parameters
    ----------
    model : type
        The pydantic class to build.
    text : str or bytes
        The document (UTF-8).
    source : str
        What to call it in errors: the path of the file.
    version : int
        The format version that is read.
    what : str
        What the document should be, such as "a settings file".
    remedy : str
        How to replace a damaged one, such as "save it again".
    raises : type
        The error class that fits the origin of the text.

    Raises
    ------
    AnofpdmError
        Of class `raises`, when it is not a JSON object, has another format version, lacks a
        key, has an unknown one, or a value out of range.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise raises(f"{source} is not valid JSON ({one_line(error)}); {remedy}.") from error
    if not isinstance(document, dict) or "format_version" not in document:
        raise raises(f"{source} is not {what}; choose another file or {remedy}.")
    if document["format_version"] != version:
        found = short_repr(document["format_version"])
        raise raises(
            f"{source} has format_version {found}, but this program reads {version}; "
            f"update anofpdm or {remedy}."
        )
    with reading(source, raises, remedy):
        try:
            return model.model_validate_json(json.dumps(document))
        except ValidationError as error:
            said = sentence(error, source, model.model_fields).rstrip(".")
            raise raises(f"{said}; {remedy}.") from error
        except AnofpdmError as error:
            raise raises(f"{source}: {error}") from error


def sentence(error: ValidationError, where: str = "", known: Collection[str] = ()) -> str:
    """Return one sentence about the first error of a pydantic report, and the number of others.

    Parameters
    ----------
    error : ValidationError
        The report.
    where : str
        Source of the values, named at the start of the sentence.
    known : collection of str
        Names of the outermost fields, of which one may have been meant by an unknown one.
    """
    details = error.errors(include_url=False)
    first = details[0]
    message = one_line(first["msg"].removeprefix("Value error, "), _MOST_SAID).rstrip(".")
    message = message.replace("Input should be", "It must be").split(", unable to")[0]
    field = one_line(".".join(str(part) for part in first["loc"]))
    text = message
    if first["type"] == "missing":
        text = f"{field} is missing"
    elif first["type"] == "extra_forbidden":
        text = f"{field} is not a known field{_meant(first['loc'], known)}"
    elif field and isinstance(first["input"], dict):
        text = f"{field}: {message}"
    elif field:
        text = f"{field} is {short_repr(first['input'])}, but {message[:1].lower()}{message[1:]}"
    others = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return f"{where + ': ' if where else ''}{text}{others}."


def _meant(place: tuple[int | str, ...], known: Collection[str]) -> str:
    """Name the field that a misspelled one resembles."""
    near = get_close_matches(str(place[0]), known, 1) if len(place) == 1 else []
    return f" (did you mean {near[0]}?)" if near else ""


def short_repr(value: Any, limit: int = 60) -> str:
    """Return a value in Python's notation, cut to a number of characters."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of 5,000 digits, a list within itself
        return f"an unfit {type(value).__name__}"
    return text if len(text) <= limit else text[: limit - 3] + "..."
