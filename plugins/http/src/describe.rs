//! What the plugin says of itself.

use vekha_plugin::SettingKind::{Choice, Flag, Integer, Path, Secret, Table, Text};
use vekha_plugin::{Capability, Description, Setting};

/// What the source is, without a configuration.
pub fn describe() -> Description {
    let words = |words: &[&str]| Choice(words.iter().map(|&word| word.to_owned()).collect());
    Description {
        name: "http".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        summary: "Забирает данные об организациях из другой системы по HTTP.".into(),
        capabilities: vec![Capability::Source],
        settings: vec![
            Setting::required(
                "url",
                Text,
                "Адрес данных; {period}, {municipality}, {activity} и {form} в нём заменяются \
                 тем, о чём запрос.",
            ),
            Setting::optional(
                "format",
                words(&["json", "csv"]),
                "В каком виде приходят данные; по умолчанию json.",
            ),
            Setting::optional(
                "records",
                Text,
                "JSON: указатель на список записей, например /data/items; по умолчанию список — \
                 весь ответ.",
            ),
            Setting::optional(
                "organisation",
                Text,
                "Где в записи код организации: имя или указатель JSON, заголовок столбца CSV; по \
                 умолчанию organisation.",
            ),
            Setting::optional(
                "codes",
                Table,
                "Код организации в той системе = её код в Вехе; нужна, где они разные.",
            ),
            Setting::optional(
                "fields",
                Table,
                "Поле формы = имя, указатель JSON или заголовок столбца CSV. Названное \
                 здесь обязано быть в каждой записи; остальные поля берутся под своими именами, \
                 если они есть.",
            ),
            Setting::optional(
                "auth.kind",
                words(&["none", "bearer", "basic", "header"]),
                "Как та система узнаёт нас: никак (так по умолчанию), токен, учётная запись или \
                 свой заголовок.",
            ),
            Setting::optional("auth.username", Text, "Учётная запись; нужна для basic."),
            Setting::optional("auth.header", Text, "Имя заголовка; нужно для header."),
            Setting::optional("auth.secret", Secret, "Токен, пароль или значение заголовка."),
            Setting::optional("auth.secret-file", Path, "Файл с ним, вместо auth.secret."),
            Setting::optional(
                "ca-file",
                Path,
                "Сертификаты в виде PEM, которым доверять помимо системных.",
            ),
            Setting::optional(
                "health-url",
                Text,
                "Адрес, по которому видно, что та система работает; по умолчанию её корень.",
            ),
            Setting::optional(
                "timeout-seconds",
                Integer,
                "Сколько секунд может длиться одна попытка, от 1 до 600; по умолчанию 30.",
            ),
            Setting::optional(
                "attempts",
                Integer,
                "Сколько делать попыток, от 1 до 10; по умолчанию 3.",
            ),
            Setting::optional(
                "backoff-milliseconds",
                Integer,
                "Пауза перед второй попыткой в миллисекундах, от 1 до 60000; по умолчанию 1000. \
                 Каждая следующая вдвое длиннее.",
            ),
            Setting::optional(
                "max-megabytes",
                Integer,
                "Самый большой ответ в мегабайтах, от 1 до 200; по умолчанию 20.",
            ),
            Setting::optional(
                "allow-private",
                Flag,
                "Разрешить адреса вне открытого интернета: своя машина, своя сеть; по умолчанию \
                 нет.",
            ),
        ],
    }
}
