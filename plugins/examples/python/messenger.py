"""Письма Вехи — сообщениями: POST на адрес мессенджера, по одному на адресата."""

import json
import urllib.error
import urllib.request

from vekha_plugin import Plugin, Postponed, Refused, Unavailable, serve, setting


class Messenger(Plugin):
    name, version, summary = "messenger", "1.0", "Отправляет письма сообщениями мессенджера."
    settings = [setting("url", "Адрес, на который отправлять сообщения.", required=True),
                setting("token", "Ключ доступа.", kind="SECRET")]

    def check(self, configuration):
        is_url = configuration["url"].startswith(("https://", "http://"))
        return {} if is_url else {"url": "нужен адрес вида https://messenger.example.org/send"}

    def deliver(self, message):
        for to in message.to:
            body = {"to": to.email, "subject": message.subject, "text": message.text}
            # По ключу мессенджер узнаёт повтор и второй раз не отправляет.
            headers = {"Content-Type": "application/json", "Idempotency-Key": message.key + to.email,
                       "Authorization": "Bearer " + self.configuration.get("token", "")}
            request = urllib.request.Request(self.configuration["url"], json.dumps(body).encode(), headers)
            try:
                urllib.request.urlopen(request, timeout=20).close()
            except urllib.error.HTTPError as e:
                raise (Postponed if e.code >= 500 else Refused)(f"мессенджер ответил {e.code}")
            except OSError as e:
                raise Unavailable(f"мессенджер недоступен: {e}")


serve(Messenger())
