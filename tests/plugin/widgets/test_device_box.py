from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from napari_anofpdm.host.preferences import RunPreferences
from napari_anofpdm.widgets.boxes import device_box
from napari_anofpdm.widgets.boxes.device_box import DeviceBox


@pytest.mark.parametrize(
    ("mac", "preferred", "offered", "chosen"),
    [
        (False, "cuda", ["auto", "cpu", "cuda"], "cuda"),
        (False, "mps", ["auto", "cpu", "cuda"], "auto"),
        (True, "mps", ["auto", "cpu", "cuda", "mps"], "mps"),
    ],
)
def test_the_platforms_devices_are_offered_and_the_preferred_one_chosen(
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    mac: bool,
    preferred: str,
    offered: list[str],
    chosen: str,
) -> None:
    monkeypatch.setattr(device_box, "_is_mac", lambda: mac)
    given = RunPreferences(device=preferred)  # type: ignore[arg-type]
    monkeypatch.setattr(device_box, "run_preferences", lambda: given)
    box = DeviceBox()
    qtbot.addWidget(box)
    assert [box.itemData(i) for i in range(box.count())] == offered
    assert box.key == chosen
