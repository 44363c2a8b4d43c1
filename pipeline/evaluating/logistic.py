"""Logistic regression with a ridge penalty, by Newton's method. Pure, over arrays.

Minimised is the sum over rows of weight x log loss, plus penalty / 2 x the squares of the coefficients, which are those
of standardised columns; the intercept is free. It is scikit-learn's `LogisticRegression` with C = 1 / penalty.

Axis letters: `R` rows, `K` columns.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_N_STEPS = 50
"""Newton steps at most; seven are usual."""
_TOLERANCE = 1e-5
"""Length of the gradient at the end, over that at the start."""


@dataclass(frozen=True)
class Scaling:
    """The mean and the spread of each column, by which it is standardised, (K,)."""

    mean: Floats
    deviation: Floats

    def apply(self, columns: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the columns standardised, (R, K)."""
        return ((columns - self.mean) / self.deviation).astype(np.float32)


@dataclass(frozen=True)
class LogisticModel:
    """A fitted model."""

    scaling: Scaling
    coefficients: Floats
    """Weights of the standardised columns, (K,)."""
    intercept: float

    def score(self, columns: NDArray[np.floating]) -> Floats:
        """Return the log odds of each row, (R,)."""
        weights = self.coefficients / self.scaling.deviation
        return np.asarray(columns @ weights + (self.intercept - self.scaling.mean @ weights), np.float64)

    def find_contribution(self, columns: NDArray[np.floating], part: slice) -> Floats:
        """Return the contribution of some columns to the log odds of an average row that was fitted, (N,)."""
        standard = (columns[:, part] - self.scaling.mean[part]) / self.scaling.deviation[part]
        return np.asarray(standard @ self.coefficients[part], np.float64)


def find_scaling(columns: NDArray[np.floating], row_weights: Floats) -> Scaling:
    """Return the weighted mean and spread of each column, (R, K); a column that does not vary has a spread of 1."""
    share = row_weights / row_weights.sum()
    mean = share @ columns
    variance = np.maximum(share @ np.square(columns, dtype=np.float64) - mean**2, 0)
    deviation = np.sqrt(variance)
    return Scaling(mean, np.where(deviation > 1e-9, deviation, 1.0))


def fit_logistic(
    columns: NDArray[np.floating],
    labels: NDArray[np.bool_],
    row_weights: Floats,
    *,
    penalty: float,
    start: LogisticModel | None = None,
) -> LogisticModel:
    """Return the model that minimises the penalised loss.

    Args:
        columns: (R, K).
        labels: (R,), of which some are True and some are not.
        row_weights: how much each row counts, (R,).
        penalty: of the squared coefficients, above 0.
        start: a model of the same columns and rows at another penalty, from which to begin.
    """
    scaling = start.scaling if start is not None else find_scaling(columns, row_weights)
    x = scaling.apply(columns)
    y = labels.astype(np.float64)

    prior = float(row_weights @ y / row_weights.sum())
    beta = np.zeros(x.shape[1] + 1)  # the intercept is the last
    beta[-1] = np.log(prior / (1 - prior))
    if start is not None:
        beta = np.append(start.coefficients, start.intercept)

    loss, gradient, curvature = _evaluate(x, y, row_weights, beta, penalty)
    first_length = float(np.linalg.norm(gradient))
    for _ in range(_N_STEPS):
        if np.linalg.norm(gradient) <= _TOLERANCE * max(first_length, 1.0):
            break
        step = _solve_newton(x, curvature, gradient, penalty)

        # The full step overshoots only far from the minimum: halve it until the loss falls.
        size = 1.0
        while size > 1e-4:
            candidate = _evaluate(x, y, row_weights, beta - size * step, penalty)
            if candidate[0] <= loss - 1e-4 * size * float(gradient @ step):
                break
            size /= 2
        else:
            break
        beta = beta - size * step
        loss, gradient, curvature = candidate
    return LogisticModel(scaling, beta[:-1], float(beta[-1]))


def _evaluate(
    x: NDArray[np.float32], y: Floats, row_weights: Floats, beta: Floats, penalty: float
) -> tuple[float, Floats, Floats]:
    """Return the penalised loss, its gradient (K + 1,), and the curvature of each row's loss (R,)."""
    odds = x @ beta[:-1].astype(np.float32) + beta[-1]
    loss = float(row_weights @ (np.logaddexp(0, odds) - y * odds)) + penalty / 2 * float(beta[:-1] @ beta[:-1])

    probability = 1 / (1 + np.exp(-np.clip(odds, -500, 500)))
    residual = row_weights * (probability - y)
    gradient = np.append(residual.astype(np.float32) @ x + penalty * beta[:-1], residual.sum())
    return loss, gradient.astype(np.float64), row_weights * probability * (1 - probability)


def _solve_newton(x: NDArray[np.float32], curvature: Floats, gradient: Floats, penalty: float) -> Floats:
    """Return the Newton step: the Hessian's inverse times the gradient, (K + 1,)."""
    n_columns = x.shape[1]
    light = curvature.astype(np.float32)
    hessian = np.empty((n_columns + 1, n_columns + 1))
    # A matrix times its own transpose costs half of a product of two matrices.
    rooted = x * np.sqrt(light)[:, None]
    hessian[:-1, :-1] = rooted.T @ rooted
    hessian[:-1, -1] = hessian[-1, :-1] = light @ x
    hessian[-1, -1] = curvature.sum() + 1e-9
    hessian[np.arange(n_columns), np.arange(n_columns)] += penalty
    return np.asarray(np.linalg.solve(hessian, gradient), np.float64)
