from __future__ import annotations

from typing import Any

import pytest

from anofpdm import Analysis, interpret
from anofpdm.common.errors import SettingsError
from anofpdm.results.native import to_native
from anofpdm.results.review.verdicts import LesionReview
from napari_anofpdm.session.session import Session


class Heard:
    """Records what a session tells."""

    def __init__(self, session: Session) -> None:
        self.told: list[tuple[str, Any]] = []
        self.of: list[Any] = []
        for name in (
            "analysis_changed",
            "settings_changed",
            "position_changed",
            "step_changed",
            "slices_done",
            "review_changed",
            "native_changed",
            "shown_anyway_changed",
        ):
            self._listen(session, name)

    def _listen(self, session: Session, name: str) -> None:
        def hear(value: Any) -> None:
            self.told.append((name, value))

        getattr(session, name).connect(hear)

    def names(self) -> list[str]:
        return [name for name, _ in self.told]


@pytest.fixture
def session(tiny_analysis: Analysis) -> Session:
    session = Session()
    session.set_analysis(tiny_analysis)
    return session


def test_an_analysis_brings_its_bundles_settings(tiny_analysis: Analysis) -> None:
    session = Session()
    heard = Heard(session)
    session.set_analysis(tiny_analysis)
    assert heard.names() == ["analysis_changed", "settings_changed"]
    assert session.settings == session.calibrated == tiny_analysis.default_settings()
    assert session.done == {0, 1, 2, 3}


def test_the_same_model_keeps_the_users_settings(session: Session) -> None:
    analysis = session.analysis
    assert analysis is not None
    session.update_settings(guidance=7.0)
    session.set_analysis(analysis)
    assert session.settings is not None and session.settings.guidance == 7.0
    assert session.calibrated is not None and session.calibrated.guidance == 2.0


def test_signals_come_only_with_a_change(session: Session) -> None:
    heard = Heard(session)
    for _ in range(2):
        session.set_position(2)
        session.set_step(1)
        session.update_settings(median_kernel=3)
        session.show_anyway(2)
        session.add_done([0, 1])
    assert heard.names() == [
        "position_changed",
        "step_changed",
        "settings_changed",
        "shown_anyway_changed",
    ]


def test_slices_of_a_growing_analysis_are_told_once(tiny_analysis: Analysis) -> None:
    session = Session()
    session.set_analysis(tiny_analysis, done=[])
    heard = Heard(session)
    session.add_done([2, 1])
    session.add_done([1, 3])
    assert heard.told == [("slices_done", [1, 2]), ("slices_done", [3])]
    session.finish_analysis(tiny_analysis, tiny_analysis)
    assert session.done == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"guidance": -1.0}, "guidance is -1.0"),
        ({"median_kernel": 4}, "odd width"),
        ({"end_step": 250}, "such as 201 or"),
        ({"max_divergence": (0.1, 0.2)}, "M_max for 2 modalities"),
        ({"nonsense": 1}, "nonsense is not a known field"),
    ],
)
def test_settings_that_do_not_fit_change_nothing(
    session: Session, changes: dict[str, Any], sentence: str
) -> None:
    heard, before = Heard(session), session.settings
    with pytest.raises(SettingsError, match=sentence):
        session.update_settings(**changes)
    assert session.settings is before
    assert not heard.told


def test_settings_need_an_analysis() -> None:
    with pytest.raises(SettingsError, match="no settings to change yet"):
        Session().update_settings(guidance=2.0)


@pytest.mark.parametrize("position", [-2, 4])
def test_there_is_no_such_slice(session: Session, position: int) -> None:
    with pytest.raises(IndexError):
        session.set_position(position)


def test_rejected_lesions_are_found_again(session: Session) -> None:
    analysis = session.analysis
    assert analysis is not None
    session.update_settings(
        threshold={"kind": "absolute", "value": 0.01}, gate=False, median_kernel=1
    )
    assert session.settings is not None
    result = interpret(analysis, session.settings)
    native = to_native(analysis, result)
    session.accept_volume(result, native)
    assert session.lesions is native.lesions
    assert session.is_current
    heard = Heard(session)
    session.set_verdict(1, "rejected")
    assert heard.names() == ["review_changed", "native_changed"]
    assert session.native is not None and not session.native.mask.any()
    assert session.native_found is native and native.mask.any()
    session.update_settings(guidance=3.0)
    assert not session.is_current
    again = interpret(analysis, session.settings)
    session.accept_volume(again, to_native(analysis, again))
    assert session.rejected == {1}
    assert not session.native.mask.any()


def test_a_lesion_that_goes_and_comes_back_keeps_its_review(session: Session) -> None:
    analysis = session.analysis
    assert analysis is not None
    results = {}
    for value in (0.01, 1e6):
        session.update_settings(
            threshold={"kind": "absolute", "value": value}, gate=False, median_kernel=1
        )
        assert session.settings is not None
        results[value] = interpret(analysis, session.settings)
    here, none = (to_native(analysis, results[value]) for value in (0.01, 1e6))
    session.accept_volume(results[0.01], here)
    session.select_lesion(1)
    session.set_verdict(1, "accepted")
    session.set_note(1, "  cortical ")
    session.accept_volume(results[1e6], none)
    assert session.reviews.found is not None
    assert not session.reviews.found.review.entries
    assert session.reviews.selected is None
    session.accept_volume(results[0.01], to_native(analysis, results[0.01]))
    review = session.reviews.found.review
    assert review.of(1) == LesionReview("accepted", "cortical")


def test_the_edited_mask_has_a_review_of_its_own(session: Session) -> None:
    analysis = session.analysis
    assert analysis is not None
    session.update_settings(
        threshold={"kind": "absolute", "value": 0.01}, gate=False, median_kernel=1
    )
    assert session.settings is not None
    result = interpret(analysis, session.settings)
    session.accept_volume(result, to_native(analysis, result))
    session.set_note(1, "first")
    session.set_edited(to_native(analysis, result))
    assert session.reviews.shown is session.reviews.edited is not None
    assert session.reviews.edited.review.of(1).note == "first"
    session.set_verdict(1, "accepted")
    with pytest.raises(SettingsError, match="remove it from the layer"):
        session.set_verdict(1, "rejected")
    session.set_edited(None)
    assert session.reviews.shown is session.reviews.found is not None
    assert session.reviews.found.review.of(1).verdict == "unreviewed"


def test_closing_tells_once(session: Session) -> None:
    told: list[None] = []

    def hear() -> None:
        told.append(None)

    session.closed.connect(hear)
    session.close()
    session.close()
    assert told == [None]
