"""Right answers of exercise 9 that look different from the solution."""

import numpy as np
from scipy.special import expit


def two_layer_joint(cache):
    dZ2 = (cache["p"] - cache["y"]) / len(cache["y"])
    dZ1 = (dZ2 @ cache["W2"].T) * (cache["Z1"] > 0)
    return {
        "dW1": cache["X"].T @ dZ1,
        "db1": dZ1.sum(axis=0),
        "dW2": cache["A1"].T @ dZ2,
        "db2": dZ2.sum(axis=0),
    }


def two_layer_in_loops(cache):
    X, y, W2, Z1, A1, p = (cache[name] for name in ["X", "y", "W2", "Z1", "A1", "p"])
    grads = {"dW1": np.zeros((2, 5)), "db1": np.zeros(5), "dW2": np.zeros((5, 1)), "db2": np.zeros(1)}
    for i in range(len(X)):
        dz2 = (p[i] - y[i]) / len(X)
        grads["dW2"] += np.outer(A1[i], dz2)
        grads["db2"] += dz2
        dz1 = np.where(Z1[i] > 0, W2 @ dz2, 0)
        grads["dW1"] += np.outer(X[i], dz1)
        grads["db1"] += dz1
    return grads


def two_layer_einsum(cache):
    p, y = cache["p"], cache["y"]
    dp = np.where(y == 1, -1 / p, 1 / (1 - p)) / y.size
    dZ2 = dp * expit(cache["Z2"]) * expit(-cache["Z2"])
    dA1 = np.einsum("nk,jk->nj", dZ2, cache["W2"])
    dZ1 = np.where(cache["A1"] > 0, dA1, 0.0)
    return {
        "db2": np.einsum("nk->k", dZ2),
        "dW2": np.einsum("nj,nk->jk", cache["A1"], dZ2),
        "db1": np.einsum("nj->j", dZ1),
        "dW1": np.einsum("ni,nj->ij", cache["X"], dZ1),
        "dZ2": dZ2,
        "dA1": dA1,
    }


ACTIVATION = {"relu": lambda Z: Z * (Z > 0), "tanh": np.tanh, "sigmoid": expit}


def mlp_forward_counted(X, params, act):
    caches, A = [], X
    for k, layer in enumerate(params, start=1):
        linear_cache = (A, layer["W"], layer["b"])
        Z = np.einsum("ni,ij->nj", A, layer["W"]) + layer["b"]
        if k == len(params):
            caches.append((linear_cache, None, None))
            return Z, caches
        A = ACTIVATION[act](Z)
        caches.append((linear_cache, act, Z if act == "relu" else A))


def mlp_forward_recursive(X, params, act):
    W, b = params[0]["W"], params[0]["b"]
    Z = np.dot(X, W) + b
    if len(params) == 1:
        return Z, [((X, W, b), None, None)]
    A = ACTIVATION[act](Z)
    out, rest = mlp_forward_recursive(A, params[1:], act)
    return out, [((X, W, b), act, Z if act == "relu" else A), *rest]


def slope(act, kept):
    if act == "relu":
        return np.where(kept > 0, 1.0, 0.0)
    return 1 - kept * kept if act == "tanh" else kept - kept**2


def mlp_backward_counted(dZ, caches):
    grads = [None] * len(caches)
    for k in range(len(caches) - 1, -1, -1):
        (A, W, _), act, kept = caches[k]
        if act is not None:
            dZ = dZ * slope(act, kept)
        grads[k] = {"dW": np.einsum("ni,nj->ij", A, dZ), "db": np.ones(len(dZ)) @ dZ}
        dZ = np.dot(dZ, np.transpose(W))
    return grads


def mlp_backward_recursive(dZ, caches):
    *before, ((A, W, _), act, kept) = caches
    dZ = dZ if act is None else dZ * slope(act, kept)
    earlier = mlp_backward_recursive(dZ @ W.T, before) if before else []
    return [*earlier, {"db": dZ.sum(0), "dW": np.asfortranarray(A.T @ dZ)}]


def mlp_backward_by_example(dZ, caches):
    grads = [{"dW": np.zeros_like(W), "db": np.zeros_like(b)} for (_, W, b), _, _ in caches]
    for i, delta in enumerate(dZ):
        for grad, ((A, W, _), act, kept) in zip(reversed(grads), reversed(caches), strict=True):
            delta = delta if act is None else delta * slope(act, kept[i])
            grad["dW"] += np.outer(A[i], delta)
            grad["db"] += delta
            delta = W @ delta
    return grads


def l2_in_loops(params, lam):
    loss, grads = 0.0, []
    for layer in params:
        for weight in layer["W"].flat:
            loss += 0.5 * lam * weight**2
        grads.append({"dW": lam * layer["W"], "db": np.zeros(len(layer["b"]))})
    return loss, grads


def l2_norm(params, lam):
    loss = lam / 2 * np.sum([np.linalg.norm(layer["W"]) ** 2 for layer in params])
    return loss, [{"db": 0 * layer["b"], "dW": layer["W"] * lam} for layer in params]


ALTERNATIVES = {
    "two_layer_backward": {
        "p minus y and only the four": two_layer_joint,
        "loops over examples": two_layer_in_loops,
        "einsum": two_layer_einsum,
    },
    "mlp_forward": {"einsum": mlp_forward_counted, "recursive": mlp_forward_recursive},
    "mlp_backward": {
        "einsum": mlp_backward_counted,
        "recursive": mlp_backward_recursive,
        "loops over examples": mlp_backward_by_example,
    },
    "l2": {"loops": l2_in_loops, "norm": l2_norm},
}
