from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from anofpdm.common.errors import BundleError
from napari_anofpdm.host import notify


@pytest.mark.parametrize(
    ("show", "severity"),
    [
        (notify.show_info, "info"),
        (notify.show_warning, "warning"),
        (notify.show_error, "error"),
    ],
)
def test_each_has_its_severity(
    told: list[tuple[str, str]], show: Callable[[str], None], severity: str
) -> None:
    show("A sentence.")
    assert told == [(severity, "A sentence.")]


def test_a_known_error_speaks_for_itself(
    told: list[tuple[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    notify.show_failure(BundleError("The bundle has gone."), "reading the bundle")
    assert told == [("error", "The bundle has gone.")]
    assert not caplog.records


def test_an_unexpected_error_is_one_sentence_and_its_traceback_goes_to_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    try:
        raise ValueError("wrong\nand more")
    except ValueError as error:
        with caplog.at_level(logging.ERROR, logger="napari_anofpdm"):
            said = notify.sentence_of(error, "reading the bundle")
    assert said == "An unexpected error occurred while reading the bundle (ValueError: wrong)."
    assert "Traceback" in caplog.text
