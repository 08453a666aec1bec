"""Figures and findings of the shipped analyses, computed by another implementation: Python's
`fractions` and `statistics`, and scipy.

    python3 shipped.py > shipped.json

The inputs are drawn from a seed; what is printed is kept, so that the test needs no Python. The
thresholds are said again here: who changes one in the road map changes it here, too.
"""

import json
import random
import statistics
from fractions import Fraction

from scipy.stats import binom, binomtest, chi2_contingency, hypergeom, norm, ttest_1samp

random.seed(714)

#: Fewer organisations are not compared; fewer participants are not spoken of.
ORGANISATIONS, PARTICIPANTS = 5, 10


def share(part, whole, least=PARTICIPANTS):
    """A share in percent, none of too few."""
    return Fraction(100 * part, whole) if whole and whole >= least else None


def met(value, threshold):
    """Whether a value is known and not less."""
    return value is not None and value >= threshold


def difference(a, n, b, m):
    """Two shares; the root of scipy's chi-squared without correction, with its sign."""
    if not n or not m or a + b == 0 or a + b == n + m:
        return None
    chi2 = chi2_contingency([[a, n - a], [b, m - b]], correction=False)[0]
    return chi2**0.5 if a / n >= b / m else -(chi2**0.5)


def spike(counts, at):
    """The count at a place against its neighbours, two on each side where there are so many."""
    reach = min(2, at, len(counts) - 1 - at)
    if reach < 1:
        return None
    around = [counts[at + d] for d in range(-reach, reach + 1) if d]
    mean = Fraction(sum(around), len(around))
    variance = mean * (1 + Fraction(1, len(around)))
    return float(counts[at] - mean) / float(variance) ** 0.5 if mean else None


def number(value):
    """As JSON knows it."""
    return None if value is None else float(value)


def split(total, weights):
    """So many pupils, by chance, over as many places as there are weights."""
    places = random.choices(range(len(weights)), weights, k=total)
    return [places.count(place) for place in range(len(weights))]


class Case:
    """An analysis of years of data, and what it must yield for the last of them."""

    def __init__(self, analysis, years, named=False):
        self.case = {"analysis": analysis, "named": named, "years": years}
        self.figures, self.findings = {}, {}

    def figure(self, indicator, school, value):
        values = self.figures.setdefault(indicator, {})
        values[school] = None if value is None else float(value)

    def finding(self, rule, school, holds):
        schools = self.findings.setdefault(rule, [])
        if holds:
            schools.append(school)

    def printed(self):
        return {**self.case, "figures": self.figures, "findings": self.findings}


def lower(part, whole):
    """Wilson's lower bound of a share, one-sided at the 95 % that are 1.645 standard errors."""
    level = norm.cdf(1.645)
    return 100 * binomtest(part, whole, alternative="greater").proportion_ci(level, "wilson").low


def low_results():
    """Low procedures of a year and of two; some schools are tiny, one is silent in the first."""
    kinds = [
        ("ВПР", "Русский язык"),
        ("ВПР", "Математика"),
        ("ОГЭ", "Математика"),
        ("ЕГЭ", "Математика базовая"),
        # These do not count.
        ("ВПР", "География"),
        ("ОГЭ", "Информатика"),
        ("ДКР", "Математика"),
    ]

    def procedure(kind, marks):
        row = {"procedure": kind[0], "subject": kind[1], "grade": random.randint(4, 11)}
        return {**row, "participants": sum(marks), **named_marks(marks)}

    def year(silent=()):
        schools = {}
        for n in range(1, 17):
            weights = [3 * n, 12, 8, 3]
            rows = []
            for _ in range(random.randint(1, 7)):
                marks = split(random.choice([3, 5, 9, 10, 12, 20, 40]), weights)
                rows.append(procedure(random.choice(kinds), marks))
            if f"s{n:02}" not in silent:
                schools[f"s{n:02}"] = {"procedures": rows}
        # One of three, and no others; and a share that is thirty percent to the pupil.
        schools["s17"] = {"procedures": [procedure(kinds[0], [1, 1, 1, 0])]}
        schools["s18"] = {"procedures": [procedure(kinds[0], [6, 8, 4, 2])]}
        # The same procedure, low in both years.
        schools["s19"] = {"procedures": [procedure(kinds[1], [14, 3, 2, 1])]}
        return schools

    before, now = year(silent=["s09", "s10"]), year()
    case = Case("low-results", [before, now])

    def computed(rows):
        enough = [r for r in rows if r["participants"] >= PARTICIPANTS]
        counted = [r for r in enough if (r["procedure"], r["subject"]) in kinds[:4]]
        over = [r for r in counted if met(share(r["marks_2"], r["participants"]), 30)]
        is_low = lambda r: lower(r["marks_2"], r["participants"]) >= 30
        low = [(r["procedure"], r["subject"]) for r in counted if is_low(r)]
        chosen = [r for r in enough if r["subject"] == "Информатика" and is_low(r)]
        # At least 30 % of so many pupils, each of whom fails with 15 %.
        least = lambda r: -(-r["participants"] * 30 // 100)
        tails = [binom.sf(least(r) - 1, r["participants"], 0.15) for r in counted]
        pupils = sum(r["participants"] for r in rows)
        low_share = share(sum(r["marks_2"] for r in rows), pupils)
        return {
            "low": low if counted else None,
            "over": len(over) if counted else None,
            "expected": float(sum(tails)) if counted else None,
            "chosen": chosen,
            "share": low_share,
        }

    unknown = {"low": None, "share": None}
    for school, answers in now.items():
        this = computed(answers["procedures"])
        earlier = before.get(school)
        then = computed(earlier["procedures"]) if earlier else unknown
        low = None if this["low"] is None else len(this["low"])
        # Who answered has rows, though none of them may count.
        known = earlier is not None
        repeated = None
        if low == 0:
            repeated = 0
        elif low is not None and known:
            repeated = sum(kind in (then["low"] or []) for kind in this["low"])
        years = None if low is None else 1 if then["low"] is None else 2
        grown = None if None in (this["share"], then["share"]) else this["share"] - then["share"]
        case.figure("low_procedures", school, low)
        case.figure("repeated_procedures", school, repeated)
        case.figure("over_procedures", school, this["over"])
        case.figure("expected_over", school, this["expected"])
        case.figure("years", school, years)
        case.figure("low_share", school, this["share"])
        case.figure("low_share_growth", school, grown)
        found = met(low, 2) or met(repeated, 1)
        case.figure("level", school, None if low is None else 2 if found else min(low, 1))
        case.finding("low-result", school, found)
        case.finding("at-risk", school, low == 1 and not repeated)
        unconfirmed = low is not None and this["over"] >= max(2, 2 * this["expected"])
        case.finding("unconfirmed", school, unconfirmed and low < 2 and not repeated)
        case.finding("chosen-exams", school, bool(this["chosen"]))
        case.finding("growth", school, met(grown, 10))
    return case


def named_marks(counts):
    return dict(zip(["marks_2", "marks_3", "marks_4", "marks_5"], counts))


def compared_with_others(schools, school, part, table="results", whole="participants"):
    """Work by work against the same work elsewhere, put together; none with nobody to compare."""
    kind = lambda row: (row.get("subject"), row.get("grade"), row.get("row"))
    surplus, variance = 0, 0
    for row in schools[school][table]:
        same = {
            other: [r for r in answers[table] if kind(r) == kind(row)]
            for other, answers in schools.items()
        }
        if sum(map(bool, same.values())) < ORGANISATIONS:
            continue
        rest = [r for other, rows in same.items() if other != school for r in rows]
        all_ = row[whole] + sum(r[whole] for r in rest)
        cell = hypergeom(all_, row[part] + sum(r[part] for r in rest), row[whole])
        surplus += row[part] - cell.mean()
        variance += cell.var()
    return surplus / variance**0.5 if variance else None


def vpr_results():
    """Marks against the journal, pupils at the boundaries, and means."""
    schools = {}
    for n in range(1, 13):
        # Schools differ in marks, in how strictly the journal is kept and in what they pull over.
        weights = [[3, 12, 9, 4], [1, 6, 12, 9], [9, 12, 4, 1]][n % 3]
        journal = [[6, 20, 2], [12, 14, 2], [2, 14, 9]][n % 4 % 3]
        pulled = n in (5, 7, 8)
        rows = []
        kinds = [(subject, grade) for subject in ("Русский язык", "Математика") for grade in (5, 6, 8)]
        for subject, grade in random.sample(kinds, random.randint(2, 6)):
            size = {11: 2, 12: 4}.get(n, random.randint(8, 40))
            marks = split(size, weights)
            lowered, confirmed, raised = split(size, journal)
            row = {"participants": size, **named_marks(marks), "subject": subject, "grade": grade}
            row |= {"lowered": lowered, "confirmed": confirmed, "raised": raised}
            if n % 4 == 0 or n in (2, 11):
                row |= {"lowered_2": lowered // 4, "raised_2": raised // 3}
            for mark, below, own in zip("345", marks, marks[1:]):
                before = random.randint(0, below) // 2
                at = min(own, random.randint(0, 3) + before // 2)
                if pulled:
                    before, at = 0, min(own, at + before)
                row |= {f"score_before_{mark}": before, f"score_at_{mark}": at}
            rows.append(row)
        observed = random.choice([0, 30, 80])
        schools[f"s{n:02}"] = {"results": rows, "observed": observed, "cross_checked": 20}
    # Two pupils with one mark: no error at all, and no reason to speak.
    alike = {"participants": 2, **named_marks([0, 0, 0, 2]), "subject": "Химия", "grade": 8, "lowered": 0, "confirmed": 2, "raised": 0}
    alike |= {f"score_{at}_{mark}": 0 for at in ("before", "at") for mark in "345"}
    schools["s13"] = {"results": [alike], "observed": 0, "cross_checked": 0}

    case = Case("vpr-results", [schools])
    total = lambda school, key: sum(row[key] for row in schools[school]["results"])
    works = {school: total(school, "participants") for school in schools}
    marks = {
        school: [m for m in (2, 3, 4, 5) for _ in range(total(school, f"marks_{m}"))]
        for school in schools
    }
    means = {s: statistics.fmean(m) for s, m in marks.items() if len(m) >= PARTICIPANTS}
    everybody = statistics.fmean(means.values())
    assert len(means) >= ORGANISATIONS
    for school in schools:
        apart = {key: compared_with_others(schools, school, key) for key in ("lowered", "raised")}
        # Each boundary of each work against the same of the others, put together.
        surplus, variance, children, compared = 0, 0, 0, 0
        for row in schools[school]["results"]:
            kind = row["subject"], row["grade"]
            same = {
                other: [r for r in answers["results"] if (r["subject"], r["grade"]) == kind]
                for other, answers in schools.items()
            }
            if sum(map(bool, same.values())) < ORGANISATIONS:
                continue
            compared += row["participants"]
            rest = [r for other, rows in same.items() if other != school for r in rows]
            for m in "345":
                at, before = f"score_at_{m}", f"score_before_{m}"
                n1 = row[at] + row[before]
                m1 = row[at] + sum(r[at] for r in rest)
                all_ = n1 + sum(r[at] + r[before] for r in rest)
                if all_ == n1:
                    continue
                children += n1
                if n1 == 0:
                    continue
                cell = hypergeom(all_, m1, n1)
                surplus += row[at] - cell.mean()
                variance += cell.var()
        enough = children >= PARTICIPANTS and compared >= PARTICIPANTS
        excess = 100 * surplus / children if enough else None
        test = surplus / variance**0.5 if enough and variance else None
        case.figure("boundary_works", school, compared)
        case.figure("boundary_excess", school, excess)
        case.figure("boundary_test", school, test)
        spiked = met(excess, 10) and met(test, 2.58)
        case.finding("boundary", school, spiked and compared >= 50)
        case.finding("boundary-few", school, spiked and 30 <= compared < 50)
        for key, rule, most in [("lowered", "lowered", 30), ("raised", "raised", 15)]:
            part = total(school, key)
            value = share(part, works[school])
            case.figure(f"{key}_share", school, value)
            test = apart[key] if works[school] >= PARTICIPANTS else None
            case.figure(f"{key}_test", school, test)
            far = [r for r in schools[school]["results"] if f"{key}_2" in r]
            far = share(sum(r[f"{key}_2"] for r in far), sum(r["participants"] for r in far))
            case.figure(f"{key}_far_share", school, far)
            case.finding(f"{rule}-far", school, met(far, 5))
            own = met(value, most) and (test is None or test >= 2)
            sign = None if value is None else own if far is None else met(far, 5)
            case.figure(f"{key}_sign", school, sign)
            case.finding(rule, school, far is None and own)
        mean, own = means.get(school), marks[school]
        case.figure("mean_mark", school, mean)
        deviation = statistics.stdev(own) if mean is not None else None
        case.figure("mean_mark_deviation", school, deviation)
        t = float(ttest_1samp(own, everybody).statistic) if works[school] >= 30 else None
        answers = schools[school]
        unseen = answers["observed"] < 50 and answers["cross_checked"] < 50
        case.finding("mean-low", school, t is not None and t <= -3)
        case.finding("mean-high", school, met(t, 3) and unseen)
    return case


def gia_results():
    """Medals, and VPR of the year before against OGE of the same pupils."""

    def year():
        gia, vpr = {}, {}
        for n in range(1, 10):
            school, pupils = f"s{n:02}", [5, 8, 12, 25, 60][n % 5]
            oge, results = [], []
            for subject in ("Русский язык", "Математика"):
                marks = split(pupils, [1, 9, 6, 3] if n % 2 else [1, 4, 9, 6])
                row = {"subject": subject, "participants": pupils, **named_marks(marks)}
                oge.append({**row, "confirmed": pupils // 2})
                marks = split(pupils + 1, [1, 4, 9, 6])
                row = {"subject": subject, "grade": 8, "participants": pupils + 1}
                results.append({**row, **named_marks(marks)})
            first, second = [0, 1, 2, 3, 7][n % 5], [1, 0, 0, 2, 1][n % 5]
            medals = {"medals_1": first, "medals_1_below": random.randint(0, first)}
            medals |= {"medals_2": second, "medals_2_below": random.randint(0, second)}
            gia[school] = {"oge": oge, **medals}
            vpr[school] = {"results": results}
        gia["s10"] = {**gia["s04"], "medals_1": 4, "medals_1_below": 1, "medals_2_below": 0}
        vpr["s10"] = vpr["s04"]
        return {"gia": gia, "vpr": vpr}

    before, now = year(), year()
    case = Case("gia-results", [before, now], named=True)
    for school, answers in now["gia"].items():
        medals = answers["medals_1"] + answers["medals_2"]
        below = answers["medals_1_below"] + answers["medals_2_below"]
        value = share(below, medals, least=3)
        case.figure("medal_unconfirmed_share", school, value)
        case.finding("medals", school, met(value, 20) and below >= 2)
        both = []
        for place, name in enumerate(["russian", "math"]):
            oge, vpr = answers["oge"][place], before["vpr"][school]["results"][place]
            high = lambda row: row["marks_4"] + row["marks_5"]
            now_share = share(high(oge), oge["participants"])
            then_share = share(high(vpr), vpr["participants"])
            gap = None if None in (now_share, then_share) else then_share - now_share
            parts = high(vpr), vpr["participants"], high(oge), oge["participants"]
            test = None if gap is None else difference(*parts)
            case.figure(f"oge_{name}", school, now_share)
            case.figure(f"gap_{name}", school, gap)
            case.figure(f"gap_{name}_test", school, test)
            case.finding(f"gap-{name}", school, met(gap, 20) and met(test, 2))
            # Only pupils of whom both are known.
            both += [] if gap is None else [parts]
        parts = [sum(column) for column in zip(*both)]
        case.figure("cohort_vpr_share", school, share(*parts[:2]) if both else None)
        case.figure("cohort_oge_share", school, share(*parts[2:]) if both else None)
        case.figure("cohort_test", school, difference(*parts) if both else None)
    return case


def objectivity_indices():
    """Signs of marks that are not objective, from what other analyses say of them."""
    schools = {}
    for n in range(1, 11):
        works = [3, 12, 40, 120][n % 4]
        marks = []
        for procedure in ["ВПР, русский язык", "ВПР, математика", "ДКР, математика"]:
            lowered, confirmed, raised = split(works, [[6, 20, 2], [14, 10, 2], [2, 10, 12]][n % 3])
            row = {"row": procedure, "compared": works, "lowered": lowered}
            marks.append({**row, "confirmed": confirmed, "raised": raised})
        cohort = []
        for subject in ("Русский язык", "Математика"):
            pupils = [4, 9, 20, 60][n % 4]
            high = [random.randint(pupils // 2, pupils), random.randint(0, pupils * 3 // 4)]
            row = {"row": subject, "vpr_participants": pupils, "oge_participants": pupils}
            vpr, oge = high if n % 3 else reversed(high)
            cohort.append({**row, "vpr_high": vpr, "oge_high": oge})
        first, second = [0, 1, 3, 4][n % 4], [0, 0, 1, 2][n % 4]
        answers = {"marks": marks, "cohort": cohort}
        answers |= {"medals_1": first, "medals_1_below": random.randint(0, first)}
        answers |= {"medals_2": second, "medals_2_below": random.randint(0, second)}
        schools[f"s{n:02}"] = answers
    vpr_said, dkr_said, gia_said = {}, {}, {}
    datasets = {"vpr": vpr_said, "external": dkr_said, "gia": gia_said, "conditions": {}}
    case = Case("objectivity-indices", [datasets], named=True)

    def total(answers, table, key, begins=""):
        rows = answers[table]
        return sum(row[key] for row in rows if row["row"].startswith(begins))

    for school, answers in schools.items():
        works = total(answers, "marks", "compared", "ВПР")
        lowered = share(total(answers, "marks", "lowered", "ВПР"), works)
        raised = share(total(answers, "marks", "raised", "ВПР"), works)
        unlike = total(answers, "marks", "lowered", "ДКР") + total(answers, "marks", "raised", "ДКР")
        dkr = share(unlike, total(answers, "marks", "compared", "ДКР"))
        parts = [
            total(answers, "cohort", f"{of}_{what}")
            for of in ("vpr", "oge")
            for what in ("high", "participants")
        ]
        vpr, oge = share(*parts[:2]), share(*parts[2:])
        gap = None if None in (vpr, oge) else vpr - oge
        test = None if gap is None else difference(*parts)
        below = answers["medals_1_below"] + answers["medals_2_below"]
        medals = share(below, answers["medals_1"] + answers["medals_2"], least=3)
        few_medals = met(medals, 20) and below >= 2
        wide = met(gap and abs(gap), 20) and met(test and abs(test), 2)
        own = {}
        for key, value, most in [("lowered", lowered, 30), ("raised", raised, 15)]:
            of_vpr = {s: {"marks": a["marks"][:2]} for s, a in schools.items()}
            apart = compared_with_others(of_vpr, school, key, "marks", "compared")
            own[key] = met(value, most) and (apart is None or apart >= 2)
            case.finding(key, school, own[key])
            said = {f"{key}_share": number(value)}
            said |= {f"{key}_sign": None if value is None else int(own[key])}
            vpr_said[school] = vpr_said.get(school, {}) | said
        dkr_said[school] = {"dkr_unconfirmed_share": number(dkr)}
        exams = {"cohort_vpr_share": number(vpr), "cohort_oge_share": number(oge)}
        exams |= {"cohort_test": test, "medal_unconfirmed_share": number(medals)}
        few = medals is None
        for degree in (1, 2):
            exams[f"medals_unconfirmed_{degree}"] = None if few else answers[f"medals_{degree}_below"]
        gia_said[school] = exams
        signs = [own["lowered"], own["raised"], met(dkr, 40), wide, few_medals]
        known = [value is not None for value in (lowered, raised, dkr, gap, medals)]
        for indicator, value in [
            ("lowered_share", lowered),
            ("raised_share", raised),
            ("dkr_unconfirmed_share", dkr),
            ("vpr_oge_gap", gap),
            ("vpr_oge_test", test),
            ("medal_unconfirmed_share", medals),
            ("known_signs", sum(known)),
            ("signs", sum(signs) if any(known) else None),
        ]:
            case.figure(indicator, school, value)
        case.finding("prevention", school, sum(signs) >= 2)
        case.finding("vpr-above-oge", school, wide and gap > 0)
        case.finding("oge-above-vpr", school, wide and gap < 0)
        case.finding("medals", school, few_medals)
    return case


def low_result_trend():
    """A school against its own earlier year."""

    def year():
        schools = {}
        for n in range(1, 11):
            pupils = [6, 30, 80, 400][n % 4]
            failing = random.randint(0, pupils // 6)
            groups = []
            for _ in range(4):
                members = random.choice([0, 1, 2, 10])
                groups.append({"members": members, "members_failing": random.randint(0, members)})
            answers = {"pupils": pupils, "failing": failing, "groups": groups}
            answers["achieving"] = random.randint(pupils // 4, pupils // 2)
            participants = [4, 12, 30][n % 3]
            answers["exam_participants"] = participants
            answers["exam_failed"] = random.randint(0, participants // 4)
            schools[f"s{n:02}"] = answers
        return schools

    before, now = year(), year()
    case = Case("low-result-trend", [before, now])
    for school, answers in now.items():
        then, pupils = before[school], answers["pupils"]
        failing = share(answers["failing"], pupils)
        changes = []
        for key in ("failing", "achieving"):
            values = share(answers[key], pupils), share(then[key], then["pupils"])
            changes.append(None if None in values else values[0] - values[1])
        members = sum(g["members"] for g in answers["groups"])
        of_groups = share(sum(g["members_failing"] for g in answers["groups"]), members)
        gap = None if None in (of_groups, failing) else of_groups - failing
        exams = share(answers["exam_failed"], answers["exam_participants"])
        for indicator, value in [
            ("failing_share", failing),
            ("failing_change", changes[0]),
            ("achieving_change", changes[1]),
            ("gap", gap),
            ("exam_failed_share", exams),
        ]:
            case.figure(indicator, school, value)
        moved = lambda change: met(change, 2) and change * pupils / 100 >= 2
        against = [change and -change for change in changes]
        case.finding("worse", school, moved(changes[0]) or moved(against[1]))
        case.finding("better", school, moved(against[0]) or moved(changes[1]))
        case.finding("gap", school, met(gap, 10))
        case.finding("exams", school, met(exams, 10))
    return case


def municipal_assessment():
    """A spike where a mark begins."""
    schools = {}
    for n in range(1, 9):
        pupils = [9, 25, 60, 150][n % 4]
        starts = sorted(random.sample(range(4, 29), 3))
        scores = split(pupils, [1 + 14 * (abs(score - 15) < 8) for score in range(31)])
        if n % 2:
            # The neighbour below is pulled over the line.
            scores[starts[0]] += scores[starts[0] - 1] + scores[starts[0] - 2]
            scores[starts[0] - 1] = scores[starts[0] - 2] = 0
        marks = split(pupils, [2, 6, 5, 2])
        row = {"participants": pupils, "enrolled": pupils, "score": 50, **named_marks(marks)}
        answers = {"classes": [row], "primary_scores": scores, "checked_by": "commission"}
        schools[f"s{n:02}"] = answers | dict(zip(["from_3", "from_4", "from_5"], starts))
    case = Case("municipal-assessment", [schools])
    for school, answers in schools.items():
        row, scores = answers["classes"][0], answers["primary_scores"]
        low = share(row["marks_2"], row["participants"])
        case.figure("low_share", school, low)
        case.finding("low", school, met(low, 30))
        spikes = []
        for mark in "345":
            known = sum(scores) >= 30
            spikes.append(spike(scores, answers[f"from_{mark}"]) if known else None)
            case.figure(f"spike_{mark}", school, spikes[-1])
        spiked = any(met(value, 3) for value in spikes)
        case.finding("boundary", school, spiked and row["participants"] >= 50)
        case.finding("boundary-few", school, spiked and row["participants"] < 50)
    return case


CASES = [
    low_results,
    vpr_results,
    gia_results,
    objectivity_indices,
    low_result_trend,
    municipal_assessment,
]
cases = (json.dumps(make().printed(), ensure_ascii=False, separators=(",", ":")) for make in CASES)
print("[" + ",\n".join(cases) + "]")
