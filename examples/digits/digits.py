"""The network and its training: plain NumPy, the digits that scikit-learn ships."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

Weights = dict[str, np.ndarray]


def train_network(
    learning_rate: float,
    epochs: int,
    batch_size: int,
    hidden: int,
    weight_decay: float = 0.0,
    test_fraction: float = 0.25,
    seed: int = 42,
) -> tuple[Weights, dict]:
    """Train a network with one hidden layer; return its weights and its metrics."""
    rng = np.random.default_rng(seed)
    (x, y), (x_test, y_test) = split(rng, test_fraction)
    weights = initial_weights(rng, inputs=x.shape[1], hidden=hidden, classes=10)
    for epoch in range(1, epochs + 1):
        order = rng.permutation(len(x))
        for start in range(0, len(x), batch_size):
            batch = order[start : start + batch_size]
            step(weights, x[batch], y[batch], learning_rate, weight_decay)
        if epoch % 10 == 0 or epoch == epochs:
            accuracy = evaluate(weights, x_test, y_test)
            print(f"epoch {epoch}/{epochs}  accuracy {accuracy:.3f}", flush=True)
    metrics = {
        "accuracy": evaluate(weights, x_test, y_test),
        "train_accuracy": evaluate(weights, x, y),
        "learning_rate": learning_rate,
        "epochs": epochs,
    }
    return weights, metrics


def split(rng: np.random.Generator, test_fraction: float) -> tuple[tuple, tuple]:
    """Return shuffled training and test images with their labels; pixels from 0 to 1."""
    images, labels = load_digits(return_X_y=True)
    order = rng.permutation(len(images))
    images, labels = images[order] / 16.0, labels[order]
    size = round(len(images) * test_fraction)
    return (images[size:], labels[size:]), (images[:size], labels[:size])


def initial_weights(rng: np.random.Generator, inputs: int, hidden: int, classes: int) -> Weights:
    return {
        "w1": rng.normal(0, np.sqrt(2 / inputs), (inputs, hidden)),
        "b1": np.zeros(hidden),
        "w2": rng.normal(0, np.sqrt(2 / hidden), (hidden, classes)),
        "b2": np.zeros(classes),
    }


def forward(weights: Weights, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the hidden layer and the class probabilities."""
    hidden = np.maximum(x @ weights["w1"] + weights["b1"], 0)
    scores = hidden @ weights["w2"] + weights["b2"]
    exponents = np.exp(scores - scores.max(axis=1, keepdims=True))
    return hidden, exponents / exponents.sum(axis=1, keepdims=True)


def step(weights: Weights, x: np.ndarray, y: np.ndarray, learning_rate: float, weight_decay: float) -> None:
    """Do one step of gradient descent on the cross-entropy of a batch."""
    hidden, error = forward(weights, x)
    error[np.arange(len(y)), y] -= 1
    error /= len(y)
    below = (error @ weights["w2"].T) * (hidden > 0)
    gradients = {"w1": x.T @ below, "b1": below.sum(0), "w2": hidden.T @ error, "b2": error.sum(0)}
    for name, gradient in gradients.items():
        weights[name] -= learning_rate * (gradient + weight_decay * weights[name])


def evaluate(weights: Weights, x: np.ndarray, y: np.ndarray) -> float:
    """Return the share of images that are classified rightly."""
    return float((forward(weights, x)[1].argmax(axis=1) == y).mean())


def save(weights: Weights, metrics: dict, metrics_file: str, model_file: str) -> None:
    """Write what a run leaves behind, relative to the working directory."""
    np.savez(model_file, **weights)
    Path(metrics_file).write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    print(f"accuracy {metrics['accuracy']:.3f}, written to {metrics_file} and {model_file}")
