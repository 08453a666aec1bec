"""Figures of the methods, computed by another implementation: Python's own `statistics`.

    python3 methods.py > methods.json

The inputs are drawn from a seed; what is printed is kept, so that the test needs no Python.
"""

import json
import random
import statistics

random.seed(714)


def lists():
    yield [3.0]
    yield [1.0, 2.0]
    yield [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]
    yield [10.0, 10.0, 10.0, 10.0, 97.0]
    for size in (2, 3, 4, 5, 6, 9, 13, 40, 101):
        # Shares of a handful of schools, marks of many pupils, and one that lies apart.
        yield [round(random.uniform(0, 100), 1) for _ in range(size)]
        yield [float(random.choice([2, 3, 3, 4, 4, 5])) for _ in range(size)]
        yield [random.gauss(50, 5) for _ in range(size)] + [120.0]


def figures(values):
    middle = statistics.median(values)
    apart = statistics.median(abs(v - middle) for v in values)
    quartiles = (
        statistics.quantiles(values, n=4, method="inclusive")
        if len(values) > 1
        else [values[0]] * 3
    )
    return {
        "values": values,
        "mean": statistics.fmean(values),
        "median": middle,
        "deviation": statistics.stdev(values) if len(values) > 1 else 0.0,
        "lower_quartile": quartiles[0],
        "upper_quartile": quartiles[2],
        "median_deviation": apart,
        "outlyingness": [0.6745 * (v - middle) / apart for v in values] if apart else None,
    }


print(json.dumps([figures(values) for values in lists()], separators=(",", ":")))
