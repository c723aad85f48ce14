"""Honest answers whose forward rounds more than they do."""

import numpy as np
import slips

from gradcheck import check_gradients


def test_saturated_probabilities_do_no_harm():
    rng = np.random.default_rng(0)
    setting = slips.SETTINGS["two layers"]
    for seed in range(60):
        inputs = setting.draw(rng)
        inputs["b2"] = inputs["b2"] + rng.uniform(3, 6)
        report = check_gradients(setting.forward, setting.right, inputs, wrt=setting.wrt, seed=seed)
        assert report.verdict == "pass", str(report)


def test_small_error_is_seen_beside_that_rounding():
    rng = np.random.default_rng(0)
    setting = slips.SETTINGS["two layers"]

    def wrong(cache):
        grads = setting.right(cache)
        grads["dW1"][0, 0] *= 1 + 1e-4
        return grads

    for seed in range(20):
        inputs = setting.draw(rng)
        inputs["b2"] = inputs["b2"] + rng.uniform(3, 6)
        report = check_gradients(setting.forward, wrong, inputs, wrt=setting.wrt, seed=seed)
        assert [finding.ok for finding in report.findings] == [False, True, True, True]
