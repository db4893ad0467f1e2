"""The model card: what a model states and what was measured, in the Hub's form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from anofpdm.cli.app import app
from anofpdm.common.errors import BundleError
from anofpdm.evaluation.report.model_card import model_card
from anofpdm.evaluation.report.recorded import Evaluation, read_evaluation
from anofpdm.model.bundle import ModelBundle, load_bundle


def score(value: float | None, low: float | None = None, high: float | None = None) -> Any:
    return {"value": value, "low": low, "high": high, "n": 3}


def document(digest: str, **changes: Any) -> dict[str, Any]:
    groups = {
        "mixed": {"dice": score(0.9)},
        "unhealthy": {"dice": score(0.5, 0.4, 0.6), "hd95_mm": score(None)},
    }
    lesions = dict.fromkeys(
        ("sensitivity", "precision", "f1", "false_positives_per_scan"), score(None)
    )
    method = {
        "slices": groups,
        "volumes": groups,
        "lesions": lesions | {"by_size": {}},
        "images": {"accuracy": score(0.8125)},
    }
    values = {
        "scans": "phantoms 1:4",
        "model": {"name": "tiny", "version": "1.0", "hash": digest},
        "counts": {
            "scans": 3,
            "patients": 3,
            "slices": {"healthy": 7, "unhealthy": 5, "left_out": 1},
        },
        "methods": {"model": method, "intensity, 1 mm, z > 2": method},
        "maps": {"model": {"auprc_brain": {"mixed": score(0.7), "scan_mean": score(0.6)}}},
    }
    return values | changes


def front_matter(card: str) -> dict[str, Any]:
    start, rows, rest = card.split("---\n", 2)
    assert start == "" and rest
    return {
        key: json.loads(value) for key, value in (line.split(": ", 1) for line in rows.splitlines())
    }


def test_the_front_matter_has_licence_tags_and_the_models_own_scores(
    tiny_bundle: ModelBundle,
) -> None:
    metadata = tiny_bundle.metadata.model_copy(update={"licence": "BSD-3-Clause"})
    evaluation = Evaluation.model_validate(document(tiny_bundle.hash))
    values = front_matter(model_card(metadata, tiny_bundle.hash, 10, [evaluation]))
    assert values["license"] == "bsd-3-clause"
    assert set(metadata.modalities) < set(values["tags"])
    (model,) = values["model-index"]
    (result,) = model["results"]
    assert result["dataset"]["name"] == "phantoms 1:4"
    # Undefined scores are left out; those of baselines are not the model's.
    assert [(one["type"], one["value"]) for one in result["metrics"]] == [
        ("dice", 0.5),
        ("dice", 0.5),
        ("accuracy", 0.8125),
    ]


def test_the_card_tells_intervals_and_what_is_missing(tiny_bundle: ModelBundle) -> None:
    metadata = tiny_bundle.metadata.model_copy(
        update={"licence": "my own", "calibration": None, "eval_metrics": {"dice | mean": 0.25}}
    )
    evaluation = Evaluation.model_validate(document(tiny_bundle.hash))
    card = model_card(metadata, tiny_bundle.hash, 12345, [evaluation])
    assert front_matter(card)["license"] == "other"
    assert front_matter(card)["license_name"] == "my own"
    for words in (
        "12,345 parameters",
        "| intensity, 1 mm, z > 2 | 0.500 (0.400 to 0.600) | 0.500 (0.400 to 0.600) | - | 0.812 |",
        "| model | 0.700 | 0.600 |",
        "a threshold must be given by hand",
        "| dice \\| mean | 0.25 |",
        "not a medical device",
    ):
        assert words in card
    bare = model_card(metadata.model_copy(update={"eval_metrics": {}}), tiny_bundle.hash, 1)
    assert "Not evaluated" in bare and "model-index" not in front_matter(bare)


def test_scores_of_another_model_are_refused(tiny_bundle: ModelBundle) -> None:
    evaluation = Evaluation.model_validate(document("0" * 64))
    with pytest.raises(BundleError, match=r"phantoms 1:4 is of tiny 1\.0"):
        model_card(tiny_bundle.metadata, tiny_bundle.hash, 1, [evaluation])


def test_the_command_writes_the_card_of_the_bundled_model(tmp_path: Path) -> None:
    model = load_bundle("flair-synth")
    scores, out = tmp_path / "evaluation.json", tmp_path / "README.md"
    scores.write_text(json.dumps(document(model.hash)))
    arguments = ["bundle", "card", "flair-synth", "--evaluation", str(scores), "--out", str(out)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    card = out.read_text()
    chosen = model.metadata.calibration
    assert chosen is not None
    grid = f"w = {chosen.guidance:g}, DDIM, {chosen.steps} steps up to t = {chosen.t_max}"
    assert grid in card and "### phantoms 1:4" in card
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code != 0 and "README.md" in again.output
    assert out.read_text() == card


@pytest.mark.parametrize("text", ["[]", '{"scans": 1}', "no JSON", '{"methods": {}}'])
def test_other_files_are_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(Exception, match=r"other\.json") as caught:
        read_evaluation(path)
    assert type(caught.value).__name__ == "DatasetError"
    assert "\n" not in str(caught.value)
