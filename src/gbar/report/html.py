"""One HTML file that tells the whole story: no script, no request, every picture inside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from matplotlib.figure import Figure

from gbar.diagnose.narrowing import Correlation, Narrowing, correlations, narrowing
from gbar.files import write_whole
from gbar.report import tables
from gbar.report.content import Report
from gbar.report.networks import box_figure, scatter_figure, scores_figure, training_figure
from gbar.report.posteriors import marginals_figure, pairs_figure
from gbar.report.predictions import features_figure, predicted_figure
from gbar.report.style import svg
from gbar.report.sweeps import recording_figure

EDGE_WORDS = "presses against the {} end of its range"


@dataclass(frozen=True)
class Picture:
    """A figure as a data URI, what it shows for those who cannot see it, and its width in CSS pixels."""

    source: str
    alternative: str
    width: int


def write_report(content: Report, path: Path) -> Path:
    """Writes the report as one HTML file, whole or not at all; returns its path.

    Raises OutputError where the file cannot be written. Parts that `content` lacks are left out.
    """
    return write_whole(path, render(content).encode("utf-8", errors="replace"))


def render(content: Report) -> str:
    """The page as text."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        number=tables.number,
        quantity=tables.quantity,
        percent=tables.percent,
        duration=tables.duration,
        unit=tables.unit_text,
    )
    environment.globals.update(span=tables.span, measured=tables.measured)
    source = files("gbar.report").joinpath("report.html.j2").read_text(encoding="utf-8")
    found = narrowing(content.estimate) if content.estimate is not None else ()
    tied = correlations(content.estimate) if content.estimate is not None else ()
    return environment.from_string(source).render(
        content=content,
        found=found,
        shaped=content.estimate is not None and not content.estimate.space.uniform,
        totals={name: np.quantile(values, (0.05, 0.5, 0.95)).tolist() for name, values in content.totals.items()},
        tied=tied,
        conclusions=conclusions(content, found, tied),
        warnings=warnings(content),
        pictures=pictures(content),
        provenance=list(_provenance(content)),
    )


def conclusions(content: Report, found: Sequence[Narrowing], tied: Sequence[Correlation]) -> list[str]:
    """What was found, in a few plain sentences; each of them follows from a number on the page."""
    sentences = list(content.summary)
    if found:
        sentences += [_subject(content, len(found)), _determined(found)]
    if found and content.truth is not None:
        hit = [one.interval[0] <= true <= one.interval[1] for one, true in zip(found, content.truth, strict=True)]
        sentences.append(f"The truth lies in the 90 % interval of {sum(hit)} of {len(hit)} parameters.")
    for one in found:
        if one.edge:
            sentences.append(f"{one.name} {EDGE_WORDS.format(one.edge)}: a better value may lie beyond it.")
    if tied:
        pairs = ", ".join(
            f"{pair.first} with {pair.second} (r = {pair.r:.2f})".replace("-0", "−0") for pair in tied[:4]
        )
        more = f", and {len(tied) - 4} more pairs" if len(tied) > 4 else ""
        sentences.append(f"Known better together than each alone: {pairs}{more}.")
    if content.features:
        sentences.append(content.features.verdict)
    if content.held_out is not None:
        sentences.append(f"In sweeps that were held out: {_uncapitalised(content.held_out.features.verdict)}")
    return list(dict.fromkeys(sentences))


def warnings(content: Report) -> list[str]:
    """Everything the reader must know before believing a number, without repetition."""
    said = [*content.warnings, *(content.estimate.warnings if content.estimate is not None else ())]
    if content.recording is not None:
        said += content.recording.warnings
        said += [f"Left out of the recording: {reason}" for reason in content.recording.refused]
    said += [f"{sweep.name}: {warning}" for sweep in content.observed for warning in sweep.warnings]
    return list(dict.fromkeys(said))


def pictures(content: Report) -> dict[str, Picture]:
    """All figures that the content allows, by the name the template knows them under."""
    drawn: dict[str, tuple[Figure, str]] = {}
    if content.observed:
        drawn["recording"] = recording_figure(content.observed), "Voltage and injected current of every sweep"
    if content.estimate is not None:
        drawn["marginals"] = (
            marginals_figure(content.estimate, content.truth),
            "Posterior of each parameter and its prior",
        )
        if len(content.estimate.space) > 1:
            drawn["pairs"] = pairs_figure(content.estimate, content.truth), "Joint posterior of each pair of parameters"
    if content.predicted is not None and content.observed:
        answered = "recorded" if content.truth is None else "the trace that was inverted"
        drawn["predicted"] = (
            predicted_figure(content.observed, content.predicted, recorded=answered),
            "Predicted voltages over the recording",
        )
    if content.features and content.features.features:
        drawn["features"] = features_figure(content.features), "Predicted and measured features"
    if content.held_out is not None:
        held = content.held_out
        drawn["held_out"] = predicted_figure(held.sweeps, held.predicted), "Predicted voltages over sweeps held out"
        drawn["held_out_features"] = features_figure(held.features), "Predicted and measured features, held out"
    if content.training:
        drawn["training"] = training_figure(content.training), "Loss over epochs"
    if content.networks:
        drawn["scores"] = scores_figure(content.networks), "Mean squared error of each network"
        drawn["scatter"] = scatter_figure(content.networks), "Predicted against true parameters of test rows"
    if content.box is not None:
        drawn["box"] = box_figure(content.box), "Simulated voltages over a grid of two parameters"
    return {
        name: Picture(svg(figure), text, round(96 * figure.get_figwidth())) for name, (figure, text) in drawn.items()
    }


def _uncapitalised(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _subject(content: Report, size: int) -> str:
    """Which cell model was asked for how many parameters, by what."""
    count = len(content.observed)
    sweeps = f"{count} sweep{'' if count == 1 else 's'}"
    if content.truth is not None:
        source = f"{sweeps} of a simulated cell whose parameters are known"
    else:
        source = f"{sweeps} of {content.recording.source.name}" if content.recording is not None else sweeps
    return f"{size} parameters of the cell model {content.cell} were inferred from {source}."


def _determined(found: Sequence[Narrowing]) -> str:
    """How many of the parameters the recording determined, and which it did not."""
    good = [one.name for one in found if one.narrowed >= 0.5]
    open_ = [one.name for one in found if one.narrowed < 0.2]
    sentence = f"{len(good)} of {len(found)} parameters have a 90 % interval less than half as wide as their prior's"
    return sentence + (f"; this recording does not determine {', '.join(open_)}." if open_ else ".")


def _provenance(content: Report) -> Sequence[tuple[str, str]]:
    rows = [*_flat(content.provenance)]
    if content.recording is not None:
        rows += [
            ("recording", str(content.recording.source)),
            ("recording, format", content.recording.format),
            ("recording, sha256", content.recording.digest),
            ("recording, sweeps", str(len(content.recording.sweeps))),
        ]
    if content.estimate is not None:
        rows += [
            ("estimate, kind", content.estimate.kind),
            *_flat(content.estimate.noise, "noise"),
            *_flat(content.estimate.provenance, "estimate"),
        ]
    return list(dict.fromkeys(rows))


def _flat(value: Any, name: str = "") -> list[tuple[str, str]]:
    """Nested mappings as rows of a table: the path of names, and the value as text."""
    if isinstance(value, Mapping):
        return [row for key, part in value.items() for row in _flat(part, f"{name}, {key}" if name else str(key))]
    if isinstance(value, list | tuple):
        if any(isinstance(part, Mapping) for part in value):
            return [row for k, part in enumerate(value) for row in _flat(part, f"{name} {k + 1}")]
        return [(name, ", ".join(str(part) for part in value))]
    return [(name, tables.number(value, 6) if isinstance(value, float) else str(value))]
