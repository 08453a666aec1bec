"""Источник: выгрузка информационной системы школ, CSV со столбцом «Код ОО»."""

import csv

from vekha_plugin import Plugin, Postponed, serve, setting


class Contingent(Plugin):
    name, version, summary = "contingent", "1.0", "Читает выгрузку информационной системы школ."
    settings = [setting("file", "Файл выгрузки: CSV, точки с запятой, UTF-8.", kind="PATH", required=True)]

    def fetch(self, request):
        try:
            with open(self.configuration["file"], encoding="utf-8-sig", newline="") as file:
                for row in csv.DictReader(file, delimiter=";"):
                    if row["Код ОО"] in request.organisations:
                        known = [f for f in request.fields if row.get(f.label)]
                        yield row["Код ОО"], {f.id: float(row[f.label].replace(",", ".")) for f in known}
        except OSError as e:
            raise Postponed(f"выгрузка не читается: {e}")


serve(Contingent())
