"""Что нужно любому плагину Вехи на Python: приветствие, настройки, завершение.

Плагин — класс с методами, которые он умеет: deliver(message), fetch(request), publish(document),
hear(events), analyze(asked).
Тексты для людей — по-русски. Как это устроено — plugins/README.md.
"""

import itertools
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf import json_format
from vekha.plugin.v1 import analyzer_pb2, analyzer_pb2_grpc
from vekha.plugin.v1 import listener_pb2, listener_pb2_grpc
from vekha.plugin.v1 import notifier_pb2, notifier_pb2_grpc, plugin_pb2, plugin_pb2_grpc
from vekha.plugin.v1 import publisher_pb2, publisher_pb2_grpc, source_pb2, source_pb2_grpc

LARGEST = 256 * 1024 * 1024

# Показателей и выводов в одной части ответа.
TOGETHER = 1000


class Refused(Exception):
    """Повторять бесполезно."""


class Postponed(Exception):
    """Не в этот раз: попробуйте позже."""


class Unavailable(Exception):
    """Та сторона недоступна: письмо ни при чём, остальные тоже подождут."""


def setting(name, help, kind="UNSPECIFIED", required=False, choices=()):
    """Один ключ настроек; kind — как в plugin.proto: SECRET, INTEGER, PATH, ..."""
    kind = plugin_pb2.Setting.Kind.Value("KIND_" + kind)
    return plugin_pb2.Setting(name=name, help=help, kind=kind, required=required, choices=choices)


def figure(indicator, organisation, value=None, why=""):
    """Значение показателя организации (None — муниципалитета в целом) или почему его нет."""
    outcome = {"withheld": why or "не посчитано"} if value is None else {"value": value}
    return analyzer_pb2.Figure(indicator=indicator, organisation=organisation or "", **outcome)


def finding(rule, organisation, figures=()):
    """Вывод по правилу; figures — цифры к нему: {"Название": число}."""
    shown = [analyzer_pb2.ShownFigure(title=title, value=value, decimals=0 if value == int(value) else 1)
             for title, value in dict(figures).items()]
    return analyzer_pb2.Finding(rule=rule, organisation=organisation, figures=shown)


class Asked:
    """Что спрошено, и набор данных, собранный из частей.

    task — задание целиком; indicators, rules, thresholds, period — из него; organisations — код ->
    организация; datasets — имя набора -> код -> ответы по id полей, таблица — список строк; data — набор
    без имени.
    """

    def __init__(self, parts):
        self.task, self.organisations, self.datasets = None, {}, {}
        for part in parts:
            if part.HasField("task"):
                self.task = part.task
            if self.task is None:
                raise Refused("данные пришли раньше задания")
            for one in part.data.organisations:
                self.organisations[one.code] = one
            for one in part.data.answers:
                known = json_format.MessageToDict(one.values)
                self.datasets.setdefault(one.dataset, {})[one.organisation] = known
            for one in part.data.rows:
                known = self.datasets[one.dataset][one.organisation]
                known.setdefault(one.table, []).extend(json_format.MessageToDict(row) for row in one.rows)
        if self.task is None:
            raise Refused("задания нет")
        self.indicators, self.rules, self.period = self.task.indicators, self.task.rules, self.task.period
        self.thresholds, self.data = dict(self.task.thresholds), self.datasets.get("", {})


class Plugin:
    """Основа плагина: переопределите нужное."""

    name, version, summary, settings = "", "1.0", "", []

    def check(self, configuration):
        """Ошибки настроек по ключам: {"url": "нужен адрес"}; пусто, если всё верно."""
        return {}

    def health(self):
        """Почему сейчас не может работать; None, если может."""


class _Base(plugin_pb2_grpc.PluginServicer):
    def __init__(self, plugin):
        self.plugin = plugin

    def Describe(self, request, context):
        can = {"deliver": "NOTIFIER", "fetch": "SOURCE", "publish": "PUBLISHER",
               "hear": "LISTENER", "analyze": "ANALYZER"}
        names = ["CAPABILITY_" + word for method, word in can.items() if hasattr(self.plugin, method)]
        p = self.plugin
        return plugin_pb2.Description(name=p.name, version=p.version, summary=p.summary,
                                      capabilities=names, settings=p.settings)

    def Check(self, request, context):
        configuration = json_format.MessageToDict(request.configuration)
        problems = {s.name: "не указано. " + s.help for s in self.plugin.settings
                    if s.required and s.name not in configuration}
        problems = problems or self.plugin.check(configuration)
        if not problems and request.adopt:
            self.plugin.configuration = configuration
        problems = [plugin_pb2.Problem(field=k, message=v) for k, v in problems.items()]
        return plugin_pb2.CheckResponse(problems=problems)

    def Health(self, request, context):
        ready = hasattr(self.plugin, "configuration")
        reason = self.plugin.health() if ready else "ещё не настроен"
        state = "HEALTH_STATE_UNHEALTHY" if reason else "HEALTH_STATE_HEALTHY"
        return plugin_pb2.HealthResponse(state=state, reason=reason or "")


class _Calls(notifier_pb2_grpc.NotifierServicer, source_pb2_grpc.SourceServicer,
             publisher_pb2_grpc.PublisherServicer, listener_pb2_grpc.ListenerServicer,
             analyzer_pb2_grpc.AnalyzerServicer):
    def __init__(self, plugin):
        self.plugin = plugin

    def _ready(self, context):
        if not hasattr(self.plugin, "configuration"):
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "плагин ещё не настроен")

    def Deliver(self, request, context):
        self._ready(context)
        try:
            delivery, detail = "SENT", self.plugin.deliver(request.message) or ""
        except (Refused, Postponed, Unavailable) as e:
            delivery, detail = type(e).__name__.upper(), str(e)
        return notifier_pb2.DeliverResponse(delivery="DELIVERY_" + delivery, detail=detail)

    def Fetch(self, request, context):
        self._ready(context)
        try:
            for organisation, answers in self.plugin.fetch(request):
                record = source_pb2.Record(organisation=organisation)
                record.answers.update(answers)
                yield source_pb2.FetchResponse(records=[record])
        except Refused as e:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(e))
        except (Postponed, Unavailable) as e:
            context.abort(grpc.StatusCode.UNAVAILABLE, str(e))

    def Publish(self, request, context):
        self._ready(context)
        try:
            return publisher_pb2.PublishResponse(location=self.plugin.publish(request.document))
        except Refused as e:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(e))
        except (Postponed, Unavailable) as e:
            context.abort(grpc.StatusCode.UNAVAILABLE, str(e))

    def Hear(self, request, context):
        self._ready(context)
        try:
            self.plugin.hear(request.events)
            return listener_pb2.HearResponse(taken=len(request.events))
        except Refused as e:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(e))
        except (Postponed, Unavailable) as e:
            context.abort(grpc.StatusCode.UNAVAILABLE, str(e))


    def Analyze(self, request_iterator, context):
        self._ready(context)
        try:
            answer = iter(self.plugin.analyze(Asked(request_iterator)))
            while part := list(itertools.islice(answer, TOGETHER)):
                figures = [one for one in part if isinstance(one, analyzer_pb2.Figure)]
                findings = [one for one in part if isinstance(one, analyzer_pb2.Finding)]
                yield analyzer_pb2.AnalyzeResponse(figures=figures, findings=findings)
        except Refused as e:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(e))
        except (Postponed, Unavailable) as e:
            context.abort(grpc.StatusCode.UNAVAILABLE, str(e))


def serve(plugin):
    """Служит, пока демон не закроет вход."""
    path = os.environ.get("VEKHA_PLUGIN_SOCKET")
    if not path:
        sys.exit("это плагин Вехи: его запускает демон, а проверяет vekha plugin test")
    options = [("grpc.max_receive_message_length", LARGEST), ("grpc.max_send_message_length", LARGEST)]
    server = grpc.server(ThreadPoolExecutor(max_workers=8), options=options)
    calls = _Calls(plugin)
    plugin_pb2_grpc.add_PluginServicer_to_server(_Base(plugin), server)
    if hasattr(plugin, "deliver"):
        notifier_pb2_grpc.add_NotifierServicer_to_server(calls, server)
    if hasattr(plugin, "fetch"):
        source_pb2_grpc.add_SourceServicer_to_server(calls, server)
    if hasattr(plugin, "publish"):
        publisher_pb2_grpc.add_PublisherServicer_to_server(calls, server)
    if hasattr(plugin, "hear"):
        listener_pb2_grpc.add_ListenerServicer_to_server(calls, server)
    if hasattr(plugin, "analyze"):
        analyzer_pb2_grpc.add_AnalyzerServicer_to_server(calls, server)
    server.add_insecure_port("unix:" + path)
    server.start()
    print(f"vekha-plugin|1|unix|{path}", flush=True)
    sys.stdin.buffer.read()
    server.stop(grace=1).wait()
