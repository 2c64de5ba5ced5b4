"""One of scikit-learn's classifiers on the rows that a member of the zoo was trained on.

    peer_sklearn.py NAME LOG TRAIN_ROWS TRAFFIC

LOG and TRAFFIC are .jsonl files with a .minilm.npy beside them; TRAIN_ROWS has a line a row of LOG,
"true" where it was trained on. Prints the accuracy on TRAFFIC and the seconds of one fit.
"""

import json
import sys
import time

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (ExtraTreesClassifier, HistGradientBoostingClassifier,
                              RandomForestClassifier)
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier


def scaled(classifier):
    return make_pipeline(StandardScaler(), classifier)


MEMBERS = {
    "logreg_c1": lambda: LogisticRegression(C=1, max_iter=1000),
    "logreg_c10": lambda: LogisticRegression(C=10, max_iter=1000),
    "sgd_log": lambda: SGDClassifier(loss="log_loss", random_state=1),
    "svm": lambda: LinearSVC(C=0.5),
    "lda": lambda: LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
    "mlp_1h": lambda: scaled(MLPClassifier((256,), early_stopping=True, random_state=1)),
    "mlp_2h": lambda: scaled(MLPClassifier((256, 96), early_stopping=True, random_state=1)),
    "knn": lambda: KNeighborsClassifier(20, metric="cosine", weights="distance"),
    "dt": lambda: DecisionTreeClassifier(max_depth=16, random_state=1),
    "rf": lambda: RandomForestClassifier(200, random_state=1),
    "et": lambda: ExtraTreesClassifier(200, random_state=1),
    "gbt": lambda: HistGradientBoostingClassifier(max_iter=30, random_state=1),
}

# All rows would take scikit-learn's boosting the better part of an hour.
MOST = {"gbt": 4000}


def load(path):
    with open(path, encoding="utf-8") as lines:
        labels = np.array([json.loads(line)["teacher"] for line in lines])
    return np.load(path.removesuffix(".jsonl") + ".minilm.npy").astype(np.float32) * 2, labels


def main(name, log, train_rows, traffic):
    x, y = load(log)
    with open(train_rows, encoding="utf-8") as lines:
        chosen = np.array([line.strip() == "true" for line in lines])
    x, y = x[chosen], y[chosen]
    if name in MOST:
        order = np.random.default_rng(1).permutation(len(x))[:MOST[name]]
        x, y = x[order], y[order]
    classifier = MEMBERS[name]()
    began = time.process_time()
    classifier.fit(x, y)
    seconds = time.process_time() - began
    x, y = load(traffic)
    print(f"{np.mean(classifier.predict(x) == y):.4f} {seconds:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
