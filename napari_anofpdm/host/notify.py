"""Messages to the user as napari notifications, one sentence each."""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)


def show_info(text: str) -> None:
    """Show one sentence about what was done."""
    from napari.utils.notifications import show_info as show

    show(text)


def show_warning(text: str) -> None:
    """Show one sentence about something that may affect a result."""
    from napari.utils.notifications import show_warning as show

    show(text)


def show_error(text: str) -> None:
    """Show one sentence about a failure and its remedy."""
    from napari.utils.notifications import show_error as show

    show(text)


def sentence_of(error: BaseException, doing: str) -> str:
    """Return the message to show for a failure.

    Parameters
    ----------
    error : BaseException
        The message of an `AnofpdmError` is used as it is. The traceback of any other error is
        logged.
    doing : str
        What failed, as a gerund: "reading the labels".
    """
    from anofpdm.common.errors import AnofpdmError

    if isinstance(error, AnofpdmError):
        return str(error)
    logger.error("Unexpected failure while %s.", doing, exc_info=error)
    what = str(error).strip().split("\n")[0]
    kind = type(error).__name__
    return f"An unexpected error occurred while {doing} ({kind}{': ' if what else ''}{what})."


def show_failure(error: BaseException, doing: str) -> None:
    """Show the message of `sentence_of` as an error."""
    show_error(sentence_of(error, doing))
