"""The gradient checker that names the mistake.

>>> from gradcheck import check_layer
>>> report = check_layer(linear_forward, linear_backward, {"X": X, "W": W, "b": b})  # doctest: +SKIP
>>> print(report)  # doctest: +SKIP
"""

from gradcheck.check import assert_gradients, check_gradients, check_layer
from gradcheck.difference import central_difference, numerical_gradient, numerical_vjp, relative_error
from gradcheck.report import Finding, Report, combine
from gradcheck.values import check_values

__all__ = [
    "Finding",
    "Report",
    "assert_gradients",
    "central_difference",
    "check_gradients",
    "check_layer",
    "check_values",
    "combine",
    "numerical_gradient",
    "numerical_vjp",
    "relative_error",
]
