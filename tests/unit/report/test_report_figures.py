"""What the figures draw: the right numbers at the right places, units on the axes, odd input survived."""

from __future__ import annotations

import dataclasses

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from gbar.diagnose.predictive import check_predictions
from gbar.estimate import Estimate
from gbar.parameters import FreeParameter, ParameterSpace
from gbar.prior import LogNormal
from gbar.recordings.recording import Recording, Sweep
from gbar.report.content import NetworkScore, ParameterBox, Report, TrainingHistory
from gbar.report.networks import box_figure, scatter_figure, scores_figure, training_figure
from gbar.report.posteriors import marginals_figure, pairs_figure
from gbar.report.predictions import features_figure, predicted_figure
from gbar.report.style import _log_ticks, _tick, plain, svg
from gbar.report.sweeps import recording_figure
from gbar.report.vetting import ClassOfRows, Example, vetting_figure
from gbar.traces import Traces


def words(figure: Figure) -> str:
    """Everything that is written in a figure."""
    return " | ".join(text.get_text() for text in figure.findobj(mpl.text.Text))


def test_the_recording_shows_every_sweep_with_its_units_and_spikes(recording: Recording) -> None:
    figure = recording_figure(recording.sweeps)
    text = words(figure)
    assert "voltage (mV)" in text
    assert "current\n(pA)" in text
    assert "time (ms)" in text
    for sweep in recording.sweeps:
        assert f"{sweep.name}  ·  {sweep.spike_count()} spikes" in text


@pytest.mark.parametrize("count", [1, 2, 3, 5, 9, 45])
def test_any_number_of_sweeps_of_any_length(count: int) -> None:
    sweeps = [Sweep(f"s{k}", np.full(50 + 10 * k, -60.0), np.full(50 + 10 * k, 2.0), 100.0, 0.0) for k in range(count)]
    text = words(recording_figure(sweeps))
    assert "current\n(nA)" in text
    assert "time (s)" in text
    assert ("s44" in text) is False


def test_a_sweep_with_nan_is_drawn() -> None:
    v = np.full(5000, -65.0)
    v[100:200] = np.nan
    svg(recording_figure([Sweep("gap", v, np.zeros(5000), 0.1, 0.0)]))


def test_failed_rows_are_not_drawn(recording: Recording, predicted: Traces) -> None:
    everything_failed = dataclasses.replace(predicted, status=np.ones(len(predicted), dtype=np.uint8))
    svg(predicted_figure(recording.sweeps, everything_failed))
    figure = predicted_figure(recording.sweeps, predicted)
    assert "3 of the predicted cells" in words(figure)
    assert len(figure.axes) == 4
    for axes in figure.axes:
        for line in axes.lines:
            assert np.isfinite(line.get_ydata()).all()


def test_a_silent_recording_without_predicted_spikes_has_no_zoom() -> None:
    flat = np.full(1000, -65.0)
    traces = Traces((np.full((5, 1, 500), -66.0),), (0.2,), np.zeros(5, dtype=np.uint8))
    assert len(predicted_figure([Sweep("quiet", flat, np.zeros(1000), 0.1, 0.0)], traces).axes) == 1


def test_marginals_say_median_interval_and_unit(estimate: Estimate, truth: np.ndarray) -> None:
    text = words(marginals_figure(estimate, truth))
    for expected in ("gnabar_hh.soma", "S/cm²", "0.06", "0.24", "truth", "density (prior = 1)"):
        assert expected in text
    assert "truth" not in words(marginals_figure(estimate))


def test_a_prior_that_is_not_uniform_is_drawn_with_its_density(estimate: Estimate) -> None:
    first, second = estimate.space.parameters
    space = ParameterSpace((dataclasses.replace(first, prior=LogNormal(0.1, 0.1)), second))
    samples = space.draw(1, 0, 4000)
    figure = marginals_figure(dataclasses.replace(estimate, space=space, samples=samples, log_prob=np.zeros(4000)))
    assert "density (uniform = 1)" in words(figure) and "prior = 1" not in words(figure)
    (density,) = [axes for axes in figure.axes if axes.get_ylabel() == "density (uniform = 1)"]
    (curve,) = [line for line in density.lines if len(line.get_xdata()) > 2]
    unit, y = space.parameters[0].to_unit(curve.get_xdata()), np.asarray(curve.get_ydata())
    assert np.trapezoid(y / 2, unit) == pytest.approx(1, abs=1e-3)  # the whole prior is in view
    counts, edges = np.histogram(space.to_unit(samples)[:, 0], bins=20, range=(-1, 1))
    drawn = np.interp((edges[1:] + edges[:-1]) / 2, unit, y)
    np.testing.assert_allclose(counts / 4000 * 10 * 2, drawn, atol=0.35)


def test_the_density_integrates_to_the_samples_in_view(wide_estimate: Estimate) -> None:
    figure = marginals_figure(wide_estimate)
    unit = wide_estimate.space.to_unit(wide_estimate.samples)
    for k, axes in enumerate(figure.axes[1::2]):
        stairs = axes.patches[0].get_data()
        edges = np.full((len(stairs.edges), len(wide_estimate.space)), wide_estimate.space.low)
        edges[:, k] = stairs.edges
        at = wide_estimate.space.to_unit(edges)[:, k]
        inside = np.mean((unit[:, k] >= at[0]) & (unit[:, k] <= at[-1]))
        assert np.sum(stairs.values * np.diff(at)) / 2 == pytest.approx(inside, abs=1e-6)


@pytest.mark.parametrize("spread", [0.0, 1e-9, 1e-3, 10.0])
def test_posteriors_of_any_width(space: ParameterSpace, spread: float) -> None:
    unit = np.clip(np.random.default_rng(0).normal(0.5, 1.0, (300, 2)) * spread, -1, 1)
    made = Estimate(space, space.to_theta(unit), np.zeros(300), "network", {}, {})
    svg(marginals_figure(made, np.array([0.2, 0.05])))
    svg(pairs_figure(made, np.array([0.2, 0.05])))


def test_pairs_label_both_axes_and_the_correlation(estimate: Estimate) -> None:
    text = words(pairs_figure(estimate))
    assert "gkbar_hh.soma\n(S/cm²)" in text
    assert "r = 0.8" in text


def test_features_mark_what_is_outside_in_words(report: Report) -> None:
    assert report.features is not None
    text = words(features_figure(report.features))
    assert "spike height (mV)" in text
    assert "outside; undefined in 15 %" in text
    assert "undefined, in 100 % too" not in text  # that was not compared


def test_many_features_take_two_columns() -> None:
    names = [f"feature {k}" for k in range(30)]
    check = check_predictions(dict.fromkeys(names, 1.0), {name: np.full(20, 1.0) for name in names})
    svg(features_figure(check))


def test_a_training_with_negative_or_missing_losses() -> None:
    rows = tuple({"epoch": k, "train": -k / 10, "validation": float("nan") if k == 3 else -k / 12} for k in range(9))
    figure = training_figure([TrainingHistory("posterior", "negative log-likelihood", rows)] * 4)
    assert "best: −0.667 at epoch 8" in words(figure)
    svg(figure)


def test_mse_is_in_unit_space_and_written(scores: tuple[NetworkScore, ...]) -> None:
    assert scores[0].mse == pytest.approx(((scores[0].truth - scores[0].predicted) ** 2).mean(axis=0))
    assert "MSE 0.00027" in words(scatter_figure(scores))
    assert "mean squared error in unit space" in words(scores_figure(scores))


def test_the_box_names_both_parameters_and_leaves_failed_cells_empty(box: ParameterBox) -> None:
    v = box.v.copy()
    v[2, 2, 100] = np.nan
    figure = box_figure(dataclasses.replace(box, v=v))
    text = words(figure)
    assert "gnabar_hh.soma  →" in text
    assert "gkbar_hh.soma  →" in text
    assert "0.24 S/cm²" in text
    assert sum(len(axes.lines) for axes in figure.axes) == 24


def test_figures_leave_no_trace_in_the_settings(recording: Recording) -> None:
    before = dict(mpl.rcParams)
    svg(recording_figure(recording.sweeps))
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("ratio", [1.0001, 1.3, 2, 4, 7.9, 8, 12, 60, 1e3, 1.5e5, 1e12])
@pytest.mark.parametrize("low", [1e-7, 0.06, 0.9999, 3e4])
def test_a_logarithmic_axis_has_some_round_ticks_and_not_too_many(low: float, ratio: float) -> None:
    ticks = _log_ticks(low, low * ratio, 4)
    assert 1 <= len(ticks) <= 5
    assert all(low * 0.999 <= tick <= low * ratio * 1.001 for tick in ticks)
    assert len({_tick(tick) for tick in ticks}) == len(ticks)


@pytest.mark.parametrize(("value", "text"), [(1e-7, "10⁻⁷"), (4e-5, "4·10⁻⁵"), (-1.1e-5, "−1.1·10⁻⁵"), (0.02, "0.02")])
def test_ticks_are_short(value: float, text: str) -> None:
    assert _tick(value) == text


def test_text_is_made_fit_to_draw() -> None:
    assert plain("a\n  b\t\0c") == "a b \N{REPLACEMENT CHARACTER}c"
    assert plain("CurrentClampSeries_0017", 13) == "Curren…s_0017"


@pytest.mark.parametrize("parameters", [1, 3])
def test_the_picture_of_a_vetting_says_what_its_colours_mean(parameters: int) -> None:
    unit = np.random.default_rng(0).uniform(-1, 1, (200, parameters))
    space = ParameterSpace(tuple(FreeParameter(f"g{k}", "S/cm2", 0.0, 1.0) for k in range(parameters)))
    example = (Example("row 3", np.linspace(-70.0, 20.0, 100), 0.1),)
    wide, far = unit[:, 0] > 0.5, np.eye(parameters)[0]
    classes = [
        ClassOfRows("in order", ~wide, "", example, (), np.zeros(parameters)),
        ClassOfRows("width", wide, "width 0.1 to 5 ms", example, (-40.0,), far),
    ]
    figure = vetting_figure(classes, unit, space)
    text = words(figure)
    for meaning in ("its limits (mV)", "lies apart from the other rows", "no further apart than by chance", "median"):
        assert meaning in text
    assert ("row of the class" in text and "row in order" in text) == (parameters > 1)
    boxes = [legend.get_window_extent() for legend in figure.legends]
    panels = [axes.get_tightbbox() for axes in figure.axes]
    assert all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0 for box in boxes)
    assert not any(box.overlaps(other) for box in boxes for other in (*panels, *boxes) if box is not other)
