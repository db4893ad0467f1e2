"""`anofpdm phantom`: write a synthetic subject with a known lesion."""

from __future__ import annotations

from typing import Annotated

import typer

from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.console import Console, with_console
from anofpdm.results.folder import result_folder

ModalityOption = Annotated[
    list[str] | None,
    typer.Option(
        "--modality",
        metavar="flair|t1|t2",
        help="A contrast to synthesise. Repeat the option for several contrasts on one grid.",
        show_default="flair",
    ),
]
SubjectSeedOption = Annotated[
    int,
    typer.Option(
        "--seed",
        min=0,
        metavar="N",
        help="Seed of the subject; bundled models were not trained on 500000 and above.",
    ),
]
HealthyOption = Annotated[
    bool | None,
    typer.Option(
        "--healthy/--lesion",
        help="Generate a healthy subject, or one with lesions.",
        show_default="chosen by the seed; about 30 % are healthy",
    ),
]
KindOption = Annotated[
    str | None,
    typer.Option(
        "--kind",
        metavar="tumour|infarct|ms|vascular|spots",
        help="Generate a subject with lesions of this kind.",
        show_default="chosen by the seed",
    ),
]


@with_console
def phantom(
    seed: SubjectSeedOption,
    out: opt.OutOption,
    modality: ModalityOption = None,
    healthy: HealthyOption = None,
    kind: KindOption = None,
    overwrite: opt.OverwriteOption = False,
    *,
    console: Console,
) -> None:
    """Write a synthetic subject: its scans (flair.nii.gz, t1, t2) and its mask (lesion.nii.gz).

    Example: anofpdm phantom --seed 500001 --out subject
    """
    from anofpdm.synthetic import write_phantom
    from anofpdm.synthetic.signal import MODALITIES

    modalities = list(dict.fromkeys(modality or ["flair"]))
    names = tuple(f"{m}.nii.gz" for m in [*MODALITIES, "lesion"])
    with result_folder(out, overwrite=overwrite, names=(*names, "phantom.json")) as staging:
        subject = write_phantom(seed, staging, modalities, healthy=healthy, kind=kind)
    files = [f"{m}.nii.gz" for m in [*modalities, "lesion"]]
    description = subject.description
    console.finish(
        {"out": str(out), "files": files, **description},
        f"Subject {seed} ({description['kind']}, {description['lesion_ml']:.2f} ml of lesion): "
        f"{', '.join(files)} in {out}",
    )
