"""Messages to the user: one sentence each, in napari's own notifications."""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)


def show_info(text: str) -> None:
    """Tell what was done, in one sentence."""
    from napari.utils.notifications import show_info as show

    show(text)


def show_warning(text: str) -> None:
    """Tell what may spoil a result, in one sentence."""
    from napari.utils.notifications import show_warning as show

    show(text)


def show_error(text: str) -> None:
    """Tell what failed and the remedy, in one sentence."""
    from napari.utils.notifications import show_error as show

    show(text)


def sentence_of(error: BaseException, doing: str) -> str:
    """Return what to tell the user of a failure.

    Parameters
    ----------
    error : BaseException
        An `AnofpdmError` speaks for itself; of any other the traceback goes to the log.
    doing : str
        What was going on, as a noun: "the analysis".
    """
    from anofpdm.common.errors import AnofpdmError

    if isinstance(error, AnofpdmError):
        return str(error)
    logger.error("Unexpected failure while %s.", doing, exc_info=error)
    what = str(error).strip().split("\n")[0]
    kind = type(error).__name__
    return f"An unexpected error stopped {doing} ({kind}{': ' if what else ''}{what})."


def show_failure(error: BaseException, doing: str) -> None:
    """Show `sentence_of` the failure as an error."""
    show_error(sentence_of(error, doing))
