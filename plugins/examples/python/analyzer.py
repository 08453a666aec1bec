"""Показатели: рейтинг — средневзвешенное отклонение полей от среднего, в стандартных отклонениях."""

from statistics import fmean, pstdev

from vekha_plugin import Plugin, Refused, figure, finding, serve, setting


class Rating(Plugin):
    name, version, summary = "rating", "1.0", "Считает рейтинг организаций по полям формы."
    settings = [setting("weights", "Поля формы и их веса: { marks = 0.7 }.", kind="TABLE", required=True)]

    def analyze(self, asked):
        if [indicator.id for indicator in asked.indicators] != ["rating"]:
            raise Refused("метод считает один показатель, rating: дайте ему его одного")
        weights = {field: float(weight) for field, weight in self.configuration["weights"].items()}
        known = {code: row for code, row in asked.data.items() if weights.keys() <= row.keys()}
        scale = {f: (fmean(v), pstdev(v) or 1) for f in weights if (v := [row[f] for row in known.values()])}
        for code in asked.organisations:
            if code not in known:
                yield figure("rating", code, why="нет сведений для рейтинга: " + ", ".join(weights))
                continue
            score = sum(w * (known[code][f] - scale[f][0]) / scale[f][1] for f, w in weights.items())
            yield figure("rating", code, score)
            if "behind" in asked.rules and score < asked.thresholds["behind"]:
                yield finding("behind", code, {"Организаций в рейтинге": len(known)})


serve(Rating())
