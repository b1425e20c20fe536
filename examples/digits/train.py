# SPDX-License-Identifier: Apache-2.0
"""Train the model of examples/digits, and write it with its held-out digits as .npy files.

    python train.py [folder]        (default: data/ beside this script)

A perceptron 64 -> 64 relu -> 32 relu -> 10 softmax learns scikit-learn's bundled 8x8 handwritten
digits: 1437 of the 1797 for training, 360 held out, each digit in its share. Everything is float32
from start to end, so what is written is exactly the model that scikit-learn predicts with.

Weights are written [out][in], as a linear layer of tributary takes them (and of torch):
y = x w^T + b. scikit-learn keeps them [in][out], hence the transpose below.

The held-out digits only show that two programs agree if their answers do not hang on rounding.
check_margins() makes sure of that: it sums the same products in other orders, and in float64, and
fails unless every order gives scikit-learn's labels with plenty of room.
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

SEED = 4  # of 0 to 7, the one whose closest call (see check_margins) is the clearest
HELD_OUT = 360
LARGEST_PIXEL = 16.0
ORDERS = 200
LEAST_ROOM = 1000.0


def train():
    """Return the fitted classifier, the held-out images and their true labels."""
    pixels, labels = load_digits(return_X_y=True)
    images = (pixels / LARGEST_PIXEL).astype(np.float32)
    train_x, test_x, train_y, test_y = train_test_split(
        images, labels, test_size=HELD_OUT, random_state=SEED, stratify=labels)
    classifier = MLPClassifier(hidden_layer_sizes=(64, 32), activation="relu", alpha=1e-3,
                               batch_size=32, max_iter=200, random_state=SEED)
    classifier.fit(train_x, train_y)
    return classifier, test_x, test_y


def forward(images, layers, dtype=np.float32, order=None):
    """Return the scores before softmax. `order` shuffles the terms of every sum, then adds them up
    one after the other: the order that rounds worst."""
    x = images.astype(dtype)
    for i, (weight, bias) in enumerate(layers):
        weight, bias = weight.astype(dtype), bias.astype(dtype)
        if order is None:
            x = x @ weight.T + bias
        else:
            y = np.tile(bias, (len(x), 1))
            for k in order.permutation(x.shape[1]):
                y = y + x[:, k, None] * weight[None, :, k]
            x = y
        if i + 1 < len(layers):
            x = np.maximum(x, 0)
    return x


def check_margins(images, layers, expected):
    """Return (smallest gap between best and second score, largest error of a float32 score), or
    stop if the gap leaves too little room for rounding."""
    exact = forward(images, layers, np.float64)
    best_two = np.sort(exact, axis=1)[:, -2:]
    gap = float((best_two[:, 1] - best_two[:, 0]).min())
    worst = 0.0
    for seed in range(ORDERS):
        order = np.random.default_rng(seed) if seed > 0 else None
        scores = forward(images, layers, order=order)
        if not np.array_equal(scores.argmax(axis=1), expected):
            sys.exit(f"train.py: order {seed} of float32 sums changes a predicted digit")
        worst = max(worst, float(np.abs(scores - exact).max()))
    if not np.array_equal(exact.argmax(axis=1), expected):
        sys.exit("train.py: float64 sums change a predicted digit")
    if gap < LEAST_ROOM * worst:
        sys.exit(f"train.py: top-2 gap {gap:.3g} is under {LEAST_ROOM:g} x error {worst:.3g}")
    return gap, worst


def main():
    here = Path(__file__).resolve().parent
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else here / "data"
    folder.mkdir(parents=True, exist_ok=True)

    # One BLAS thread: the sums of training then have one order, and a rerun gives the same bytes.
    with threadpool_limits(limits=1):
        classifier, images, labels = train()
        expected = classifier.predict(images)

    layers = [(np.ascontiguousarray(weight.T), bias)
              for weight, bias in zip(classifier.coefs_, classifier.intercepts_)]
    gap, worst = check_margins(images, layers, expected)

    for i, (weight, bias) in enumerate(layers):
        assert weight.dtype == bias.dtype == np.float32
        np.save(folder / f"w{i}.npy", weight)
        np.save(folder / f"b{i}.npy", bias)
    np.save(folder / "test_images.npy", images)
    np.save(folder / "test_labels.npy", labels.astype(np.int32))
    np.save(folder / "expected.npy", expected.astype(np.int32))
    accuracy = f"{int((expected == labels).sum())} of {len(labels)}"
    (folder / "accuracy.txt").write_text(accuracy + "\n", encoding="ascii")

    print(f"scikit-learn: {accuracy} right; {ORDERS} float32 orders and float64 agree on every "
          f"digit\nsmallest top-2 gap of scores {gap:.3g}, largest float32 error {worst:.3g} "
          f"({gap / worst:.0f}x)")


if __name__ == "__main__":
    main()
