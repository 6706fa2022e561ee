"""The data: rows to train on, rows held out for the load generator."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler


class Screening:
    """The split and the model trained on it; the seed makes every start the same."""

    def __init__(self) -> None:
        data = load_breast_cancer()
        self.features: list[str] = [str(name) for name in data.feature_names]
        self.train, self.held_out, labels, self.held_out_labels = train_test_split(
            data.data, data.target, test_size=0.4, random_state=7, stratify=data.target
        )
        self.model: Pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        self.model.fit(self.train, labels)

    def accuracy(self) -> float:
        """Share of held-out rows the model gets right."""
        return float(self.model.score(self.held_out, self.held_out_labels))

    def write_training_table(self, path: Path) -> None:
        """The training rows with the model's answers on them: what `burnline profile` makes a reference of."""
        chances = self.model.predict_proba(self.train)
        with path.open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow([*self.features, "prediction", "confidence"])
            for row, chance in zip(self.train, chances, strict=True):
                label = "benign" if chance[1] >= 0.5 else "malignant"
                table.writerow([*(repr(float(value)) for value in row), label, repr(float(np.max(chance)))])
