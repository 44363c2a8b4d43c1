"""Probes from sums are scikit-learn's ridge regression, fold by fold, with the penalty of the least inner error."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from attlas.pipeline.fitting.ridge import PENALTIES, Decomposition, fit_folds, measure_squared_errors
from attlas.pipeline.fitting.sums import Moments, add_moments

N_FOLDS = 4


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return columns of unlike scales and means, one constant; two targets; and folds."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 12)) * np.logspace(-2, 2, 12) + np.linspace(-30, 30, 12)
    x[:, 5] = 7.25
    y = np.stack([x[:, 0] * 40 + rng.normal(size=400), rng.random(400) < 0.1], axis=1).astype(float)
    return x, y, rng.integers(0, N_FOLDS, 400)


def make_moments(x: np.ndarray, y: np.ndarray) -> Moments:
    return Moments(len(x), x.sum(0), x.T @ x, y.sum(0), (y**2).sum(0), x.T @ y)


def predict_by_sklearn(x: np.ndarray, y: np.ndarray, held_out: np.ndarray, penalty: float) -> np.ndarray:
    scaler = StandardScaler().fit(x)
    ridge = Ridge(alpha=penalty * len(x)).fit(scaler.transform(x), y)
    return ridge.predict(scaler.transform(held_out))


def test_a_probe_is_the_ridge_of_scikit_learn(data: tuple[np.ndarray, ...]) -> None:
    x, y, _ = data
    probe = Decomposition(make_moments(x, y)).solve(np.array([1e-3, 1e-1]))
    scores = x @ probe.weights + probe.intercepts
    for target, penalty in enumerate(probe.penalties):
        expected = predict_by_sklearn(x, y[:, target], x, penalty)
        np.testing.assert_allclose(scores[:, target], expected, atol=1e-8 * np.abs(expected).max())


def test_squared_errors_from_sums_are_those_of_the_residues(data: tuple[np.ndarray, ...]) -> None:
    x, y, folds = data
    probes = Decomposition(make_moments(x[folds > 0], y[folds > 0])).all_penalties
    errors = measure_squared_errors(probes, make_moments(x[folds == 0], y[folds == 0]))
    for probe, error in zip(probes, errors, strict=True):
        scores = x[folds == 0] @ probe.weights + probe.intercepts
        np.testing.assert_allclose(error, ((y[folds == 0] - scores) ** 2).sum(0), rtol=1e-8)


@pytest.mark.slow
def test_a_fold_is_left_out_and_the_penalty_is_chosen_without_it(data: tuple[np.ndarray, ...]) -> None:
    x, y, folds = data
    fitted = fit_folds([make_moments(x[folds == fold], y[folds == fold]) for fold in range(N_FOLDS)])

    for fold, probes in enumerate(fitted):
        for target in range(2):
            errors = []
            for penalty in PENALTIES:
                error = 0.0
                for other in set(range(N_FOLDS)) - {fold}:
                    training = (folds != fold) & (folds != other)
                    held_out = folds == other
                    scores = predict_by_sklearn(x[training], y[training, target], x[held_out], penalty)
                    error += ((y[held_out, target] - scores) ** 2).sum()
                errors.append(error)
            penalty = PENALTIES[int(np.argmin(errors))]
            assert probes.outer.penalties[target] == penalty

            expected = predict_by_sklearn(x[folds != fold], y[folds != fold, target], x[folds == fold], penalty)
            scores = x[folds == fold] @ probes.outer.weights[:, target] + probes.outer.intercepts[target]
            np.testing.assert_allclose(scores, expected, atol=1e-8 * np.abs(expected).max())
            for other, inner in probes.inner.items():
                training = (folds != fold) & (folds != other)
                expected = predict_by_sklearn(x[training], y[training, target], x[folds == other], penalty)
                scores = x[folds == other] @ inner.weights[:, target] + inner.intercepts[target]
                np.testing.assert_allclose(scores, expected, atol=1e-8 * np.abs(expected).max())


def test_sums_of_parts_add_up_and_are_taken_away(data: tuple[np.ndarray, ...]) -> None:
    x, y, folds = data
    parts = [make_moments(x[folds == fold], y[folds == fold]) for fold in range(N_FOLDS)]
    training = add_moments(parts).minus(parts[1])
    expected = make_moments(x[folds != 1], y[folds != 1])
    for name in ("n", "x", "xx", "y", "yy", "xy"):
        np.testing.assert_allclose(getattr(training, name), getattr(expected, name), rtol=1e-9)
