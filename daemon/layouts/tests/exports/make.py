"""Makes the synthetic exports beside it, in the ways in which they differ from year to year.

    pip install openpyxl==3.1.5 && python3 make.py

What each of them must yield stands in ../exports.rs, reckoned by hand.
"""

import csv
import sys
from pathlib import Path

from openpyxl import Workbook

HERE = Path(__file__).parent


def sheet(book, name, rows, merged=()):
    made = book.create_sheet(name)
    for row in rows:
        made.append(row)
    for cells in merged:
        made.merge_cells(cells)
    return made


def book(name, *sheets):
    made = Workbook()
    made.remove(made.active)
    for args in sheets:
        sheet(made, *args)
    made.save(HERE / name)


HEAD = ["ОО", "Муниципалитет", "Название ОО", "Код участника", "Класс", "Вариант"]
TAIL = ["Первичный балл", "Отметка", "Отметка по журналу"]


def pupils(login, name, rows):
    """Rows of pupils; the last three of each are score, mark and the journal's mark."""
    return [
        [login, "Заречный", name, 50001 + number, "5А", 1 + number % 2, *row]
        for number, row in enumerate(rows)
    ]


ONE = "МБОУ «Заречная средняя общеобразовательная школа № 1»"
TWO = "МБОУ «Заречная средняя общеобразовательная школа № 2»"

mathematics = [
    ["ВПР 2026 Математика 5 класс"],
    ["Предмет: Математика"],
    ["Максимальный первичный балл", 6],
    ["Дата", "14.04.2026"],
    [*HEAD, "1 (2б)", "2 (1б)", "9.1 (3б)", *TAIL],
    ["", "", "", "", "", "", "Б", "Б", "П"],
    [f"{ONE} (edu660001) | Кол-во участников: 6"],
    *pupils("edu660001", ONE, [
        [2, 1, 3, 6, 5, 5],
        [1, 1, 2, 4, 4, 5],
        [0, 1, 2, 3, 3, 3],
        [1, 0, 0, 1, 2, 4],
        [2, 0, 0, 2, 3, "Нет отметки"],
        ["X", "X", "X", "X", "Нет отметки", 3],
    ]),
    [f"{TWO} (edu660002) | Кол-во участников: 4"],
    *pupils("edu660002", TWO, [
        [2, 1, 2, 5, 4, 3],
        [0, 1, 0, 1, 2, 2],
        [1, 1, 1, 3, 3, 3],
        [0, "X", 0, 0, 2, 5],
    ]),
    ["МБОУ «Чужая школа» (edu999999) | Кол-во участников: 2"],
    *pupils("edu999999", "МБОУ «Чужая школа»", [[2, 1, 3, 6, 5, 5]]),
]

# Two columns further, other headings, in two rows, in another order.
russian = [
    [],
    ["", "", "ВПР 2026 Русский язык 5 класс"],
    [],
    ["", "", "Отметка в журнале", "Отметка за ВПР", "Класс", "Задания", "", "Перв. балл", "Логин", "Название ОО"],
    ["", "", "", "", "", "1 (1 балл)", "2 (2 балла)"],
    ["", "", 3, 3, "5Б", 1, 0, 1, "edu660001", ONE],
    ["", "", "2", "2", "5Б", 0, 0, 0, "EDU660001", ONE],
]

book(
    "form-1.xlsx",
    ("Математика 5", mathematics, ["A1:L1", "A2:L2", "A7:L7"]),
    ("Русский 5", russian, ["C2:J2", "F4:G4"]),
)

# The same school's own export: several works below each other, a column less, and a row that says
# nothing.
own = [
    ["ВПР 2026 Математика 5 класс"],
    ["ОО", "Код участника", "1 (2б)", "2 (1б)", *TAIL],
    ["edu123456", 1, 2, 1, 3, 5, 5],
    ["edu123456", 2, 0, 1, 1, 3, 4],
    ["edu123456", 3, 1, 1, 2, "", 4],
    ["Итого", "", "", "", "", "", ""],
    ["ВПР 2026 Астрономия 5 класс"],
    ["ОО", "Код участника", "1 (2б)", *TAIL],
    ["edu123456", 1, 2, 2, 5, 5],
    ["ВПР 2025 Математика 6 класс"],
    ["ОО", "Код участника", "1 (2б)", *TAIL],
    ["edu123456", 1, 2, 2, 5, 5],
    ["ВПР 2026 Математика 7 класс"],
    ["ОО", "Код участника", "1 (2б)", *TAIL],
    ["edu123456", 1, 2, 2, 5, "пять"],
    ["edu660002", 1, 2, 2, 5, 5],
]
book("own.xlsx", ("Лист1", own))
book("own-alone.xlsx", ("Лист1", own[:5]))

GROUPS = ["Группы участников", "Кол-во участников"]
LEVELS = ["Вся выборка", "Свердловская обл.", "Заречный муниципальный округ"]

form_2 = [
    ["ВПР 2026 Математика 5 класс"],
    [*GROUPS, 2, 3, 4, 5],
    [LEVELS[0], 1000000, 10.5, 40, 35, 14.5],
    [LEVELS[1], 40000, 12, 40, 33, 15],
    [LEVELS[2], 400, 11.25, 38.75, 35, 15],
    [f"{ONE} (edu660001)", 32, 12.5, 37.5, 34.38, 15.63],
    ["МБОУ СОШ № 2", 7, "14,29", "28,57", "42,86", "14,29"],
    ["Гимназия «Росток» (edu777777)", 20, 10, 40, 30, 20],
    [],
    ["ВПР 2026 Русский язык 5 класс"],
    ["Кол-во участников", "Группы участников", 5, 4, 3, 2],
    [30, f"(edu660001) {ONE}", 10, 40, 40, 10],
]
book("form-2.xlsx", ("Статистика", form_2, ["A1:F1"]))


def compared(label, lowered, confirmed, raised):
    whole = lowered + confirmed + raised
    rows = [
        ["Понизили (Отметка < Отметка по журналу), %", lowered],
        ["Подтвердили (Отметка = Отметке по журналу), %", confirmed],
        ["Повысили (Отметка > Отметка по журналу), %", raised],
        ["Всего", whole],
    ]
    return [[label], *([name, count, round(count * 100 / whole, 2)] for name, count in rows)]


form_3 = [
    ["ВПР 2026 Математика 5 класс"],
    ["Группы участников", "Кол-во участников", "%"],
    *compared(LEVELS[1], 9000, 28000, 3000),
    *compared(f"{ONE} (edu660001)", 8, 20, 4),
    *compared("Гимназия «Росток» (edu777777)", 1, 2, 3),
    *compared("МБОУ СОШ № 2", 2, 4, 1),
]
book("form-3.xlsx", ("Сравнение", form_3))

form_4 = [
    ["ВПР 2026 Математика 5 класс"],
    [*GROUPS, 0, 1, 2, 3, 4, 5, 6],
    [LEVELS[1], 40000, 5, 10, 15, 20, 20, 20, 10],
    [f"{ONE} (edu660001)", 32, 0, 12.5, 12.5, 25, 25, 12.5, 12.5],
]
book("form-4.xlsx", ("Распределение", form_4))

oge = [
    ["Школа", "Предмет", "Участников", "2", "3", "4", "5", "Примечание"],
    ["МБОУ СОШ № 1", "Математика", 40, 3, 20, 12, 5],
    ["МБОУ СОШ № 1", "Английский язык", 2, 0, 0, 1, 1],
    ["МБОУ СОШ № 1", "Немецкий язык", 1, 0, 1, 0, 0],
    ["МБОУ СОШ № 2", "Математика", 0, 0, 0, 0, 0],
    ["МБОУ СОШ № 2", "Черчение", 3, 0, 1, 1, 1],
]
with open(HERE / "oge.csv", "w", encoding="cp1251", newline="") as file:
    csv.writer(file, delimiter=";").writerows(oge)

ege = [
    ["ЕГЭ 2026 Физика"],
    ["Код ОО", "Участников", "Ниже минимума", "81–100", "Средний балл"],
    ["edu660001", 10, 1, 2, 58.4],
]
book("ege.xlsx", ("ЕГЭ", ege))

# Nothing that anybody knows, and something that nearly is.
book("strange.xlsx", ("Лист1", [["Меню", "Цена"], ["Суп", 100]]))
lacking = [["ВПР 2026 Математика 5 класс"], [*HEAD, "1 (2б)", "Первичный балл", "Оценка"], ["edu660001"]]
book("lacking.xlsx", ("Лист1", lacking))


def large(name, schools, pupils_of, works, tasks):
    """A file for measuring: no fixture, it is made where it is asked for."""
    made = Workbook(write_only=True)
    subjects = ["Русский язык", "Математика", "История", "Биология", "География", "Химия", "Физика"]
    total = 0
    for work in range(works):
        subject, grade = subjects[work % len(subjects)], 5 + work // len(subjects)
        sheet = made.create_sheet(f"{subject} {grade}")
        sheet.append([f"ВПР 2026 {subject} {grade} класс"])
        sheet.append([*HEAD, *[f"{n + 1} (2б)" for n in range(tasks)], *TAIL])
        sheet.append([None] * 6 + ["Б"] * (tasks // 2) + ["П"] * (tasks - tasks // 2))
        for school in range(schools):
            count = pupils_of(school, work)
            login = f"edu{700001 + school}"
            sheet.append([f"МБОУ «Школа № {school + 1}» ({login}) | Кол-во участников: {count}"])
            for pupil in range(count):
                points = [(pupil * 7 + n * 3 + school + work) % 3 for n in range(tasks)]
                score = sum(points)
                mark = 2 + min(3, score * 4 // (2 * tasks + 1))
                journal = 2 + (mark + pupil) % 4
                sheet.append([login, "Заречный", f"МБОУ «Школа № {school + 1}»", 10000 + pupil,
                              "5А", 1 + pupil % 2, *points, score, mark, journal])
                total += 1
    made.save(name)
    return total


if len(sys.argv) == 2:
    folder = Path(sys.argv[1])
    # 60 schools with 30 to 400 rows each, in all works together.
    town = large(folder / "town.xlsx", 60, lambda s, w: (30 + s * 370 // 59) // 10 + (w < (30 + s * 370 // 59) % 10), 10, 20)
    whole = large(folder / "large.xlsx", 100, lambda s, w: 100, 10, 20)
    print(town, whole)
