"""Figures of the methods, computed by another implementation: Python's own `statistics`, and scipy.

    python3 methods.py > methods.json
    python3 methods.py --tests > tests.json

The inputs are drawn from a seed; what is printed is kept, so that the test needs no Python.
"""

import json
import random
import statistics
import sys

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


def shares():
    """Two shares; scipy's chi-squared without correction is the square of the figure."""
    from scipy.stats import chi2_contingency

    for _ in range(20):
        n1, n2 = random.randint(5, 400), random.randint(5, 400)
        a, b = random.randint(1, n1 - 1), random.randint(1, n2 - 1)
        chi2 = chi2_contingency([[a, n1 - a], [b, n2 - b]], correction=False)[0]
        sign = 1 if a / n1 >= b / n2 else -1
        yield {"arguments": [a, n1, b, n2], "figure": sign * chi2**0.5}


def means():
    """A mean against a reference: scipy's one-sample t statistic."""
    from scipy.stats import ttest_1samp

    for size in (2, 3, 5, 12, 60):
        sample = [random.gauss(3.6, 0.8) for _ in range(size)]
        figure = float(ttest_1samp(sample, 3.5).statistic)
        mean, deviation = statistics.fmean(sample), statistics.stdev(sample)
        yield {"arguments": [mean, 3.5, deviation, size], "figure": figure}


def slopes():
    """Change from period to period: scipy's Theil-Sen estimator, gaps left out."""
    from scipy.stats import theilslopes

    for size in (3, 4, 5, 8, 12):
        values = [round(random.uniform(0, 100), 1) for _ in range(size)]
        values[1] = None if size > 4 else values[1]
        known = [(at, v) for at, v in enumerate(values) if v is not None]
        slope = theilslopes([v for _, v in known], [at for at, _ in known]).slope
        yield {"values": values, "figure": float(slope)}


def spikes():
    """The count at a place against four neighbours, in exact fractions up to the root."""
    from fractions import Fraction

    for _ in range(10):
        counts = [random.randint(1, 30) for _ in range(20)]
        at = random.randint(2, 17)
        expected = Fraction(counts[at - 2] + counts[at - 1] + counts[at + 1] + counts[at + 2], 4)
        variance = expected + expected / 4
        figure = float(counts[at] - expected) / float(variance) ** 0.5
        yield {"counts": counts, "at": at, "figure": figure}


def bounds():
    """Lower bounds of shares: scipy's one-sided interval after Wilson, in percent."""
    from scipy.stats import binomtest, norm

    for level in (0.9, 0.95, 0.975):
        for whole in (5, 12, 25, 400):
            for part in (0, whole // 3, whole // 2, whole):
                test = binomtest(part, whole, alternative="greater")
                low = test.proportion_ci(level, method="wilson").low
                arguments = [part, whole, float(norm.ppf(level))]
                yield {"arguments": arguments, "figure": 100 * float(low)}


def chances():
    """Upper tails of scipy's binomial distribution, in percent."""
    from scipy.stats import binom

    for whole in (1, 10, 12, 25, 120, 1000):
        for share in (5, 15, 30, 47.5):
            for least in (30, 50):
                from_ = -(-whole * least // 100)
                tail = float(binom.sf(from_ - 1, whole, share / 100))
                yield {"arguments": [whole, share, least], "figure": 100 * tail}


def tables(moment):
    """Two by two: what scipy's hypergeometric distribution says of the first cell."""
    from scipy.stats import hypergeom

    rows = random.Random(714)
    for _ in range(12):
        n1, n2 = rows.randint(2, 60), rows.randint(2, 400)
        a, b = rows.randint(0, n1), rows.randint(1, n2 - 1)
        cell = hypergeom(n1 + n2, a + b, n1)
        figure = a - cell.mean() if moment == "surplus" else cell.var()
        yield {"arguments": [a, n1, b, n2], "figure": float(figure)}


if "--tests" in sys.argv:
    tests = {
        "difference": shares,
        "shift": means,
        "slope": slopes,
        "spike": spikes,
        "lower": bounds,
        "chance": chances,
        "surplus": lambda: tables("surplus"),
        "variance": lambda: tables("variance"),
    }
    print(json.dumps({name: list(of()) for name, of in tests.items()}, separators=(",", ":")))
    sys.exit()

print(json.dumps([figures(values) for values in lists()], separators=(",", ":")))
