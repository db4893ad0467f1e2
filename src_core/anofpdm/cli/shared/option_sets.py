"""Options that several commands share: declared once in a dataclass, handed over as one value."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, TypeVar, get_type_hints

Options = TypeVar("Options")


def with_shared_options(
    command: Callable[..., None],
    keyword: str,
    options: type[Options],
    value_of: Callable[[Options, Mapping[str, Any]], object],
) -> Callable[..., None]:
    """Give a command, in place of one of its keywords, the options of a dataclass.

    Parameters
    ----------
    command : callable
        What typer would run.
    keyword : str
        The keyword of `command` in whose place the options stand.
    options : type
        A dataclass; its fields are annotated as typer's parameters are.
    value_of : callable
        Makes the value of the keyword from the options and the command's other arguments.

    Returns
    -------
    callable
        With the signature that typer is to read.
    """
    hints = get_type_hints(options, include_extras=True)
    shared = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=hints[field.name],
        )
        for field in fields(options)  # type: ignore[arg-type]
    ]
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        parameters += shared if parameter.name == keyword else [parameter]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        chosen = options(**{option.name: given.pop(option.name) for option in shared})
        command(**given, **{keyword: value_of(chosen, given)})

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run
