"""A model card in the form of the Hugging Face Hub: front matter, then the usual sections."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from anofpdm.common.errors import BundleError
from anofpdm.common.quantities import counted
from anofpdm.evaluation.report.recorded import Evaluation, MethodScores, Score
from anofpdm.method.settings_words import rates_words
from anofpdm.model.bundle_metadata import BundleMetadata

_NOT_SAID = "Not recorded in the model."
_LICENCE_KEYS = {
    "BSD-3-Clause": "bsd-3-clause",
    "BSD-2-Clause": "bsd-2-clause",
    "MIT": "mit",
    "Apache-2.0": "apache-2.0",
    "CC-BY-4.0": "cc-by-4.0",
    "CC-BY-NC-4.0": "cc-by-nc-4.0",
}
"""SPDX names as the Hub spells them; any other licence is "other"."""


def model_card(
    metadata: BundleMetadata, digest: str, parameters: int, evaluations: Sequence[Evaluation] = ()
) -> str:
    """Describe a model in Markdown with YAML front matter.

    Parameters
    ----------
    metadata : BundleMetadata
    digest : str
        `ModelBundle.hash`.
    parameters : int
        Number of weights.
    evaluations : sequence of Evaluation
        Of this very model.

    Raises
    ------
    BundleError
        When an evaluation is of another model.
    """
    for each in evaluations:
        if each.model.hash != digest:
            raise BundleError(
                f"The evaluation on {each.scans} is of {each.model.name} {each.model.version} "
                f"(hash {each.model.hash[:12]}), not of {metadata.name} {metadata.version} (hash "
                f"{digest[:12]}); evaluate this model, or leave the file out."
            )
    sections = {
        "Model details": _details(metadata, digest, parameters),
        "Intended use": [
            *([metadata.intended_use] if metadata.intended_use else []),
            "Research use only; not a medical device.",
        ],
        "How to use it": _use(metadata),
        "Training data": [metadata.data_source or _NOT_SAID],
        "Training": _training(metadata),
        "Calibration": _calibration(metadata),
        "Evaluation": _evaluation(metadata, evaluations),
        "Citation": [f"- {reference}" for reference in metadata.references] or [_NOT_SAID],
    }
    lines = [*_front_matter(metadata, evaluations), "", f"# {metadata.name} {metadata.version}", ""]
    lines += [metadata.description]
    for title, body in sections.items():
        lines += ["", f"## {title}", "", *body]
    return "\n".join(lines) + "\n"


def _front_matter(metadata: BundleMetadata, evaluations: Sequence[Evaluation]) -> list[str]:
    licence = _LICENCE_KEYS.get(metadata.licence, "other")
    tags = ["medical", "mri", "brain", "anomaly-segmentation", "weakly-supervised", "diffusion"]
    values: dict[str, Any] = {"license": licence}
    if licence == "other" and metadata.licence:
        values["license_name"] = metadata.licence
    values |= {
        "library_name": "anofpdm",
        "pipeline_tag": "image-segmentation",
        "tags": [*tags, *metadata.modalities],
    }
    if evaluations:
        results = [_index(each) for each in evaluations]
        values["model-index"] = [{"name": metadata.name, "results": results}]
    # JSON is YAML, and quotes whatever a name may contain.
    rows = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return ["---", *rows, "---"]


def _index(evaluation: Evaluation) -> dict[str, Any]:
    name, own = next(iter(evaluation.methods.items()))
    metrics = [
        {"type": kind, "name": words, "value": round(score.value, 4)}
        for kind, words, score in _main_scores(own)
        if score is not None and score.value is not None
    ]
    return {
        "task": {"type": "image-segmentation", "name": f"Lesion mask: {name}"},
        "dataset": {"type": "brain-mri", "name": evaluation.scans},
        "metrics": metrics,
    }


def _main_scores(method: MethodScores) -> Iterable[tuple[str, str, Score | None]]:
    yield "dice", "DICE, lesion slices", method.slices.unhealthy.get("dice")
    yield "dice", "DICE, scans with a lesion", method.volumes.unhealthy.get("dice")
    yield "f1", "Lesion-wise F1", method.lesions.f1
    yield "accuracy", "Verdicts on slices", method.images.get("accuracy")
    yield "false_alarm_rate", "Marked healthy slices", method.images.get("false_alarm_rate")


def _details(metadata: BundleMetadata, digest: str, parameters: int) -> list[str]:
    network, preprocessing = metadata.network, metadata.preprocessing
    size = preprocessing.size
    extent = preprocessing.extent_mm
    field = "the whole slice" if extent is None else f"a field of {extent:g} mm"
    brain = "brain-extracted" if preprocessing.brain_extracted else "with or without skull"
    limits = preprocessing.spacing_range_mm
    rows = {
        "Developed by": metadata.authors,
        "Model type": f"diffusion U-Net, {parameters:,} parameters, levels of "
        f"{', '.join(str(network.base_channels * m) for m in network.channel_multipliers)} "
        "channels; healthy, unhealthy and null label",
        "Method": "AnoFPDM: anomalies along the forward process of a diffusion model",
        "Input": f"{', '.join(metadata.modalities)}; {brain}",
        "Scored": ", ".join(metadata.scored),
        "Grid": f"slices of {size} x {size} pixels over {field}",
        "Intensity": f"`{preprocessing.intensity}`",
        "Voxel sizes trained on": "" if limits is None else f"{limits[0]:g} to {limits[1]:g} mm",
        "Licence": metadata.licence,
        "Copyright": metadata.copyright,
        "Hash": f"`{digest}`",
    }
    return ["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows.items() if value)]


def _use(metadata: BundleMetadata) -> list[str]:
    images = " ".join(f"--image {name}={name}.nii.gz" for name in metadata.modalities)
    return [f"    anofpdm segment {images} --bundle {metadata.name} --out result"]


def _training(metadata: BundleMetadata) -> list[str]:
    training = dict(metadata.training)
    configuration = training.pop("config", None)
    lines = [f"- {key.replace('_', ' ')}: {_plain(value)}" for key, value in training.items()]
    if metadata.max_timestep is not None:
        lines.append(f"- noise levels: t up to {metadata.max_timestep}")
    if isinstance(configuration, dict):
        lines += ["", "| setting | value |", "|---|---|"]
        lines += [f"| {key} | {_plain(value)} |" for key, value in configuration.items()]
    return lines or [_NOT_SAID]


def _calibration(metadata: BundleMetadata) -> list[str]:
    found = metadata.calibration
    if found is None:
        return ["None: a threshold must be given by hand."]
    rule = (
        f"a fixed threshold on the map, {found.map_threshold:.4g}, spots extending down to "
        f"{found.map_extent:g} of it"
        if found.rule == "absolute" and found.map_threshold is not None
        else f"the dynamic quantile, with the cosine gate at {found.cosine_threshold:.4f}"
    )
    lines = [
        f"w = {found.guidance:g}, {found.process.upper()}, {found.steps} steps up to t = "
        f"{found.t_max}; {rule}; polarity {found.polarity}.",
    ]
    if found.slices:
        counts = ", ".join(f"{count} {name}" for name, count in found.slices.items())
        lines.append(f"Chosen on {counts} slices ({found.source or 'source not recorded'}).")
    rates = rates_words(found)
    if rates is not None:
        lines.append(rates)
    if found.told_apart is False:
        lines.append("**The model does not tell the classes apart on these slices.**")
    return lines


def _evaluation(metadata: BundleMetadata, evaluations: Sequence[Evaluation]) -> list[str]:
    lines: list[str] = []
    if metadata.eval_metrics:
        lines += ["| score | value |", "|---|---|"]
        lines += [
            f"| {_plain(key)} | {_plain(value)} |" for key, value in metadata.eval_metrics.items()
        ]
    for each in evaluations:
        counts = each.counts
        lines += [
            *([""] if lines else []),
            f"### {each.scans}",
            "",
            f"{counted(counts.scans, 'scan')} of {counted(counts.patients, 'patient')}; "
            f"{counts.slices.healthy} healthy "
            f"and {counts.slices.unhealthy} unhealthy slices. In brackets: 95 % intervals over "
            "patients. The rows after the model's own are baselines.",
            "",
        ]
        titles = [words for _, words, _ in _main_scores(next(iter(each.methods.values())))]
        lines += [f"| mask | {' | '.join(titles)} |", "|---" * (len(titles) + 1) + "|"]
        for name, method in each.methods.items():
            cells = [_words(score) for _, _, score in _main_scores(method)]
            lines.append(f"| {name} | {' | '.join(cells)} |")
        lines += ["", "| map | AUPRC in the brain | mean over scans |", "|---|---|---|"]
        for name, one in each.maps.items():
            precision = one.auprc_brain
            lines.append(f"| {name} | {_words(precision.mixed)} | {_words(precision.scan_mean)} |")
    return lines or ["Not evaluated; see `anofpdm evaluate`."]


def _words(score: Score | None) -> str:
    if score is None or score.value is None:
        return "-"
    if score.low is None or score.high is None:
        return f"{score.value:.3f}"
    return f"{score.value:.3f} ({score.low:.3f} to {score.high:.3f})"


def _plain(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.replace("|", "\\|")
