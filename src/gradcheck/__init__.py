"""The gradient checker that names the mistake.

>>> from gradcheck import check_layer
>>> report = check_layer(linear_forward, linear_backward, {"X": X, "W": W, "b": b})  # doctest: +SKIP
>>> print(report)  # doctest: +SKIP

To read the package, begin with ``difference``: it is the loop that you write in chapter 4. The verdict comes next:
``problem`` calls the learner's functions, ``direction`` and ``finite`` measure a slope along a random direction in two
ways, ``verdict`` judges by both and, where they leave a doubt, by the steps of forward that ``trace`` records;
``localise`` finds the entries that are wrong, ``behaviour`` what a backward does besides. The name of a mistake is
looked for only in a wrong answer: ``diagnosis`` is the table of rules, ``slips`` holds the tables of wrong steps,
``replay`` the chain rule with such a step in it, ``explain`` asks them all, and ``measured`` tells a difference
quotient. ``evidence`` and ``report`` turn both into sentences, ``check`` puts all of it in order, and ``values`` checks
what has no gradient. ``plain`` and ``grid`` are the checker of the exercises in the pages.
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
