//! What keeps the daemon from doing all that it should, in words: the console's first page, `vekha
//! status` and the API show the same.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::PoisonError;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use vekha_roadmap::model::Work;

use crate::port::tls::Ailment;
use crate::runtime::Runtime;
use crate::runtime::letters::outage::Away;
use crate::runtime::letters::returns::Unheard;
use crate::runtime::listeners::standing::Standing;
use crate::runtime::loops::wellbeing::Illness;
use crate::timekeeper::Doubt;

/// Something that is wrong, gravest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The database confirmed what it does not hold.
    Unsound,
    /// The database does not answer, or takes nothing.
    Database(Illness),
    /// The machine's clock is not believed.
    Clock(Doubt),
    /// The mail server is away.
    Mail(Away),
    /// What came back cannot be read.
    Returns(Unheard),
    /// The port's certificate ends, or is not taken as it is now.
    Certificate(Ailment),
    /// A plugin in a process of its own does not work.
    Plugin {
        /// Its name in the settings.
        name: String,
        /// What is wrong and what to do.
        words: String,
        /// Since when.
        since: Timestamp,
        /// What it wrote last.
        lines: Vec<String>,
    },
    /// A listener is not told what it should be.
    Listener(Standing),
    /// A version of a road map cannot be read.
    Version {
        /// Which: municipality, slash, number.
        id: String,
        /// Why.
        why: String,
    },
    /// A folder of the settings and the road map on pages have both changed.
    Folder {
        /// Whose road map it is.
        municipality: String,
        /// The folder.
        folder: String,
    },
    /// A road map names a system or an analyzer that the settings do not know.
    Unset {
        /// The section that the settings lack: `analyzer.region`.
        section: String,
        /// The stages that need it: municipality, activity, stage.
        stages: Vec<[String; 3]>,
    },
    /// A row cannot be read.
    Row {
        /// Its key.
        row: String,
        /// Why.
        why: String,
    },
    /// Somebody holds an old state of the database open, and its log grows.
    Log {
        /// Its size.
        megabytes: u64,
    },
}

impl Trouble {
    /// A name for machines.
    pub fn kind(&self) -> &'static str {
        match self {
            Trouble::Unsound => "database-unsound",
            Trouble::Database(_) => "database-away",
            Trouble::Clock(_) => "clock-doubtful",
            Trouble::Mail(_) => "mail-away",
            Trouble::Returns(_) => "returns-unread",
            Trouble::Certificate(_) => "certificate-ends",
            Trouble::Plugin { .. } => "plugin-away",
            Trouble::Listener(_) => "listener-away",
            Trouble::Version { .. } => "road-map-unreadable",
            Trouble::Folder { .. } => "road-map-folder-apart",
            Trouble::Unset { .. } => "settings-incomplete",
            Trouble::Row { .. } => "row-unreadable",
            Trouble::Log { .. } => "log-grows",
        }
    }

    /// Since when it is known.
    pub fn since(&self) -> Option<Timestamp> {
        match self {
            Trouble::Database(illness) => Some(illness.since),
            Trouble::Mail(away) => Some(away.since),
            Trouble::Returns(unheard) => Some(unheard.since),
            Trouble::Plugin { since, .. } => Some(*since),
            Trouble::Listener(standing) => standing.since,
            _ => None,
        }
    }

    /// What is wrong and what to do about it; times are those of this zone.
    pub fn words(&self, zone: &TimeZone) -> String {
        let moment = |at: Timestamp| zone.to_datetime(at).strftime("%d.%m.%Y %H:%M");
        match self {
            Trouble::Unsound => "База данных подтвердила запись, которой в ней нет. Демон больше \
                                 ничего не принимает: перезапустите его и проверьте диск."
                .to_owned(),
            Trouble::Database(Illness { since, ill }) => {
                let what = if ill.reads {
                    "не отвечает"
                } else {
                    "не принимает записей"
                };
                format!(
                    "База данных {what} с {}: {}. Ответы школ и действия не принимаются, пока это \
                     не пройдёт; демон продолжит сам.",
                    moment(*since),
                    ill.reason
                )
            }
            Trouble::Clock(Doubt { shows, expected }) => format!(
                "Часы сервера показывают {}, а должно быть около {}. Ничего не начинается и письма \
                 не уходят, пока часы не исправлены. Если они верны: vekha clock confirm",
                moment(*shows),
                moment(*expected)
            ),
            // Whoever sends them names himself.
            Trouble::Mail(Away { since, reason, .. }) if reason.starts_with("плагин «") => {
                format!(
                    "Письма не отправляются с {}: {reason}. Они ждут и уйдут сами, как только это пройдёт.",
                    moment(*since)
                )
            }
            Trouble::Mail(Away { since, reason, .. }) => format!(
                "Почтовый сервер недоступен с {}: {reason}. Письма ждут и уйдут сами, как только \
                 он ответит.",
                moment(*since)
            ),
            Trouble::Returns(Unheard { since, reason }) => format!(
                "Возвращённые письма не читаются с {}: {reason}. Пока это не пройдёт, о недоставленных \
                 письмах узнать не от кого; остальное идёт.",
                moment(*since)
            ),
            Trouble::Certificate(Ailment::Ends { at }) => format!(
                "Сертификат демона ([tls] certificate) действует до {}: потом браузеры и системы к нему \
                 не войдут. Замените файлы: демон прочитает их сам, перезапуск не нужен.",
                moment(*at)
            ),
            Trouble::Certificate(Ailment::Ended { at }) => format!(
                "Срок сертификата демона ([tls] certificate) истёк {}: браузеры и системы к нему не \
                 входят. Замените файлы: демон прочитает их сам, перезапуск не нужен.",
                moment(*at)
            ),
            Trouble::Certificate(Ailment::Unread { why }) => format!(
                "Файлы [tls] изменились, но не приняты: {why}. Демон показывает прежний сертификат; \
                 исправьте файлы, он прочитает их сам."
            ),
            Trouble::Plugin { words, .. } | Trouble::Listener(Standing { words, .. }) => {
                format!("{words}.")
            }
            Trouble::Version { id, why } => format!(
                "Версия дорожной карты {id} не читается: {why}. Выполнения, начатые по ней, стоят; \
                 ничего не удалено."
            ),
            Trouble::Folder { municipality, folder } => format!(
                "Папка {folder} изменилась, но карту «{municipality}» с тех пор меняли и на страницах: \
                 папка не применена. Загрузите её архивом на странице «Определения» — будет видно, что \
                 изменится; или перенесите в папку то, что действует: скачайте карту архивом."
            ),
            Trouble::Unset { section, stages } => {
                let named = |[municipality, activity, stage]: &[String; 3]| {
                    format!("{municipality}/{activity}, этап {stage}")
                };
                let named: Vec<String> = stages.iter().take(NAMED).map(named).collect();
                let more = stages.len().saturating_sub(NAMED);
                let more = if more > 0 { format!(" и ещё {more}") } else { String::new() };
                let follows = match section.starts_with("source.") {
                    true => "организациям придут пустые формы",
                    false => "этап не будет выполнен",
                };
                format!(
                    "В настройках нет раздела [{section}], а карта его называет: {}{more}. Когда дойдёт \
                     до этого этапа, {follows}: добавьте раздел и перезапустите демон.",
                    named.join("; ")
                )
            }
            Trouble::Row { row, why } => format!(
                "Запись в базе не прочитана: {why}. Отложено «{row}»; остальное идёт, ничего не \
                 удалено."
            ),
            Trouble::Log { megabytes } => format!(
                "Журнал базы (-wal) вырос до {megabytes} МБ: какая-то программа держит её прежнее \
                 состояние открытым. Закройте её."
            ),
        }
    }
}

/// Stages that are named when settings lack what they need.
const NAMED: usize = 3;

/// What a plugin wrote last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its lines with when each came, oldest first.
    pub lines: Vec<(Timestamp, String)>,
    /// What is wrong with it.
    pub trouble: Option<String>,
}

/// Lines that are asked of a plugin.
const LINES: usize = 200;

impl Runtime {
    /// What a plugin in a process of its own wrote last; none if there is no such plugin.
    pub fn written_by(&self, plugin: &str) -> Option<Written> {
        let plugin = self.plugins.get()?.get(plugin)?;
        let now = self.clock.now();
        let lines = plugin.log(LINES).into_iter().map(|line| {
            let age = self.clock.span(line.at.elapsed());
            (now.saturating_sub(age).unwrap_or(now), line.text)
        });
        let trouble = plugin.trouble().map(|trouble| trouble.words);
        Some(Written { lines: lines.collect(), trouble })
    }

    /// Names of the plugins in processes of their own.
    pub fn plugin_names(&self) -> Vec<String> {
        let names = self.plugins.get().map(|host| host.names().map(str::to_owned).collect());
        names.unwrap_or_default()
    }

    /// Remembers that a folder was not applied since the road map was changed on pages, too.
    pub fn keep_apart(&self, municipality: &str, folder: &Path, digest: &str) {
        let mut apart = self.apart.lock().unwrap_or_else(PoisonError::into_inner);
        apart.insert(municipality.to_owned(), (folder.display().to_string(), digest.to_owned()));
    }

    /// Folders that were not applied, nor in any other way since.
    fn apart(&self) -> Vec<Trouble> {
        let apart = self.apart.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let known = |municipality: &str, digest: &str| {
            self.road_maps.history(municipality).iter().any(|version| version.digest() == digest)
        };
        let left = apart.into_iter().filter(|(id, (_, digest))| !known(id, digest));
        left.map(|(municipality, (folder, _))| Trouble::Folder { municipality, folder }).collect()
    }

    /// What road maps in force name and the settings lack.
    fn unset(&self) -> Vec<Trouble> {
        let mut lacking: BTreeMap<String, Vec<[String; 3]>> = BTreeMap::new();
        for version in self.road_maps.all_newest() {
            let map = &version.road_map;
            for activity in &map.activities {
                for stage in &activity.stages {
                    let section = match &stage.work {
                        Work::Collect(collect) => {
                            let source = collect.source.as_ref().map(|prefill| &prefill.id);
                            let unknown =
                                source.filter(|id| !self.integrations.sources.contains_key(*id));
                            unknown.map(|id| format!("source.{id}"))
                        }
                        Work::Analyze(analyze) => {
                            let plugin = analyze.plugin.as_ref();
                            let unknown =
                                plugin.filter(|id| !self.integrations.analyzers.contains_key(*id));
                            unknown.map(|id| format!("analyzer.{id}"))
                        }
                        _ => None,
                    };
                    if let Some(section) = section {
                        let stage =
                            [&map.municipality.id, &activity.id, &stage.id].map(Clone::clone);
                        lacking.entry(section).or_default().push(stage);
                    }
                }
            }
        }
        let each = lacking.into_iter();
        each.map(|(section, stages)| Trouble::Unset { section, stages }).collect()
    }

    /// All that is wrong at the moment.
    pub fn troubles(&self) -> Vec<Trouble> {
        let mut all = Vec::new();
        match self.store.is_sound() {
            true => all.extend(self.wellbeing.borrow().clone().map(Trouble::Database)),
            false => all.push(Trouble::Unsound),
        }
        all.extend(self.clock.doubt().map(Trouble::Clock));
        all.extend(self.outage.now().map(Trouble::Mail));
        all.extend(self.unheard().map(Trouble::Returns));
        let certificate = self.certificate.get();
        let ailment = certificate.and_then(|tls| tls.ailment());
        all.extend(ailment.map(Trouble::Certificate));
        let plugins = self.plugins.get().map(|host| host.troubles()).unwrap_or_default();
        all.extend(plugins.into_iter().map(|one| {
            let now = self.clock.now();
            let since = now.saturating_sub(self.clock.span(one.lasts)).unwrap_or(now);
            Trouble::Plugin { name: one.plugin, words: one.words, since, lines: one.lines }
        }));
        all.extend(self.listeners_away().into_iter().map(Trouble::Listener));
        let versions = self.road_maps.unreadable().into_iter();
        all.extend(versions.map(|(id, why)| Trouble::Version { id, why }));
        all.extend(self.apart());
        all.extend(self.unset());
        let rows = self.store.unreadable_rows().into_iter();
        all.extend(rows.map(|(row, why)| Trouble::Row { row, why }));
        let log = self.store.log().filter(|log| log.is_too_long());
        all.extend(log.map(|log| Trouble::Log { megabytes: log.bytes / 1024 / 1024 }));
        all
    }
}
