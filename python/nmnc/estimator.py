"""Jacobians of black boxes by ask and tell."""

from __future__ import annotations

from typing import Any, Optional, Union

from nmnc import _native

__all__ = ["JacobianEstimator"]


class JacobianEstimator(_native.JacobianEstimator):
    """Estimates the Jacobian J = dy/dx of outputs y by an activity x, from what perturbations of x do to y.

    Nothing but the changes of the output is seen: what is between x and y may be hardware, a simulator or a brain.

    Parameters
    ----------
    units : int
        Number of units of x.
    outputs : int
        Number of outputs y.
    dim : int, float or None
        Principal components of the activity that perturbations are kept in (NMNC), as a number or as the fraction of variance
        that they explain; ``None`` perturbs anywhere (VNC).
    seed : int
        Fixes all perturbations.
    index : int
        Which of several estimators of one seed this is (of a network, the stage).
    estimator : {"recursive", "least-squares", "average", "kalman"}
        ``"recursive"`` keeps least squares over all answers so far. ``"least-squares"`` explains the answers of each `tell` by the
        smallest change of what is known. ``"average"`` is the leaky average of change times perturbation of Kang et al. (2026).
        ``"kalman"`` is a filter that needs no setting: how far J moves from one `tell` to the next, on which components it lies
        and how large the errors of answers are, it finds in the answers.
    eta : float, optional
        Learning rate of ``"least-squares"`` (1 when left out) and ``"average"`` (0.1), in (0, 1].
    forgetting : float
        Weight that earlier answers keep at each `tell`, in (0, 1] (``"recursive"``). Below 1 where the black box drifts: the memory
        is 1 / (1 - forgetting) calls of `tell`.
    ridge : float
        Variance of an answer that no Jacobian explains, of a perturbation of unit variance along each coordinate, over the variance
        of one entry of the Jacobian along a coordinate (``"recursive"``): larger where observations are noisy.
    exponent : float, optional
        Perturbations have along each component of `dim` a variance in proportion to that of the activity to this power: 0 for all
        alike, 1 for the activity's own covariance (0.5 where `rest` alone is given).
    rest : float, optional
        Share of the energy of perturbations off the components, in [0, 1): with any, no direction stays unseen (0.1 where
        `exponent` alone is given).
    aimed : bool
        Perturbations go where what is not known of J and the variance of the activity are large, along the components of `dim` and
        off them (``"kalman"``); `exponent` and `rest` are for the first answers alone then.
    noise : {"gaussian", "rademacher", "orthogonal", "hadamard"}
        Distribution of perturbations. Orthogonal ones need fewer.
    sigma : float
        Norm of a perturbation over that of the activity. Smaller where the output saturates, larger where observations are noisy.
    antithetic : bool
        A change is half of f(x + xi) - f(x - xi): two observations, and no error of second order.
    method : {"incremental", "randomized", "exact"}, optional
        How components are found: from each activity and what was seen before (``"incremental"``), or from the last activity alone.
        ``"incremental"`` when left out, ``"exact"`` where `dim` is a fraction of variance.
    manifold_forgetting : float, optional
        Weight that earlier activities keep in the components, in (0, 1] (``"incremental"``; 0.9 when left out).

    Attributes
    ----------
    jacobian_ : ndarray, shape (outputs, units)
        The estimate B of J.
    error_ : float or None
        Expected error ``||B - J|| / ||J||`` in the span of the perturbations, by the law of the estimator; None before an answer.
    residual_ : float or None
        What the last answers showed of B as it was before them: the root of the share of their squares that B did not explain.
        Where the black box drifts this is what grows.
    components_ : ndarray, shape (dim_, units), or None
        Principal components, the largest first.
    dim_ : int or None
        Coordinates of a perturbation.
    probes_, dropped_ : int
        Answers used so far, and answers that were not finite or missing.

    Notes
    -----
    Observation noise of each answer: raise `ridge` to its variance, or `sigma`. Drift: `forgetting`, and `partial_fit` with fresh
    activity. Saturation: a smaller `sigma`, `antithetic`; answers at a rail are best told as NaN. Delays: answers may come in any
    order, in parts and late, also after the components have moved.

    Where activity varies by itself and its outputs are seen, `observe` learns from that without perturbing anything. It learns
    nothing of directions that the activity does not take, and takes for an effect of x what moves y together with x.

    The same seed and calls give the same bits on any number of threads. Estimators pickle.

    Examples
    --------
    >>> import numpy as np, nmnc
    >>> rng = np.random.default_rng(0)
    >>> weights = rng.normal(size=(8, 3))
    >>> est = nmnc.JacobianEstimator(units=8, outputs=3, ridge=1e-6)
    >>> x = rng.normal(size=(1, 8))
    >>> probes = est.partial_fit(x).ask(16)
    >>> est.tell(probes, (x + probes.values) @ weights - x @ weights)
    16
    >>> bool(np.allclose(est.jacobian_, weights.T, atol=1e-3))
    True
    >>> est.signal(np.ones((1, 3))).shape
    (1, 8)
    """

    _arguments: dict[str, Any]

    def __new__(
        cls,
        units: int,
        outputs: int,
        dim: Optional[Union[int, float]] = None,
        *,
        seed: int = 0,
        index: int = 0,
        estimator: str = "recursive",
        eta: Optional[float] = None,
        forgetting: float = 1.0,
        ridge: float = 1e-3,
        exponent: Optional[float] = None,
        rest: Optional[float] = None,
        aimed: bool = False,
        noise: str = "gaussian",
        sigma: float = 0.1,
        antithetic: bool = False,
        method: Optional[str] = None,
        manifold_forgetting: Optional[float] = None,
    ) -> JacobianEstimator:
        options = {
            "seed": seed,
            "index": index,
            "estimator": estimator,
            "eta": eta,
            "forgetting": forgetting,
            "ridge": ridge,
            "exponent": exponent,
            "rest": rest,
            "aimed": aimed,
            "noise": noise,
            "sigma": sigma,
            "antithetic": antithetic,
            "method": method,
            "manifold_forgetting": manifold_forgetting,
        }
        own = super().__new__(cls, units, outputs, dim, **options)
        own._arguments = {"units": units, "outputs": outputs, "dim": dim, **options}
        return own

    def __getnewargs_ex__(self) -> tuple[tuple[()], dict[str, Any]]:
        return (), self._arguments

    def __getstate__(self) -> dict[str, Any]:
        return self._state()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._restore(state)

    def state(self) -> dict[str, Any]:
        """What the estimator knows, as plain arrays and numbers, for `restore`."""
        return self._state()

    def restore(self, state: dict[str, Any]) -> JacobianEstimator:
        """Takes back what `state` gave of an estimator with the same arguments."""
        self._restore(state)
        return self

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self._arguments.items())
        return f"JacobianEstimator({options})"
