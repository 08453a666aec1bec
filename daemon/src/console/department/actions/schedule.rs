//! An activity's schedule, from the activity's page: stop it, let it go on, start a run by hand.

use jiff::civil::Date;
use serde_json::{Value, json};
use vekha_engine::{RunKey, Why};
use vekha_roadmap::RoadMap;
use vekha_roadmap::answers::{FieldError, Values, validate};
use vekha_roadmap::model::{
    Activity, Choice, Every, Field, FieldKind, Participants, PeriodOf, Required, Work,
};
use vekha_roadmap::period::Period;

use super::sheet::{Page, Sent, Sheet, choice, chosen, field, optional, reason, text};
use crate::access::Role;
use crate::console::frame::access::Person;
use crate::console::frame::said::{self, Said};
use crate::console::frame::sending;
use crate::glossary;
use crate::runtime::committer::Caller;
use crate::runtime::{Ask, Runtime};
use crate::store::write::activities::{Pause, Paused};

/// What was done: the notice's word, and the run that was opened.
pub struct Done {
    /// See [`super::told::notice`].
    pub word: &'static str,
    /// Which run was opened, if one was.
    pub opened: Option<RunKey>,
}

/// The activity and what it stands in.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// The newest road map.
    pub map: &'a RoadMap,
    /// The activity.
    pub activity: &'a Activity,
    /// The day, where the municipality is.
    pub today: Date,
    /// What who looks may do there.
    pub role: Role,
}

impl Setting<'_> {
    /// The role that a form needs.
    fn needed(name: &str) -> Role {
        if name == "start" { Role::Operator } else { Role::Approver }
    }

    /// The period that a run opened today would be about.
    fn period(&self) -> Period {
        let schedule = &self.activity.schedule;
        let current = Period::containing(schedule.period, self.today);
        match schedule.of {
            PeriodOf::Current => current,
            PeriodOf::Previous => current.previous(),
        }
    }

    fn organisations(
        &self,
        wanted: impl Fn(&vekha_roadmap::model::Organisation) -> bool,
    ) -> Vec<Choice> {
        let active = self.map.organisations.iter().filter(|o| o.active_on(self.today));
        active.filter(|o| wanted(o)).map(|o| choice(&o.code, &o.short)).collect()
    }

    fn sheet(&self, name: &str) -> Option<Sheet> {
        match name {
            "pause" => {
                let help = "Будет видна на этой странице; до 1000 знаков".to_owned();
                Some(Sheet::new(name, vec![Field { help, ..reason() }]))
            }
            "resume" => Some(Sheet::new(name, vec![])),
            "start" => Some(self.start()),
            _ => None,
        }
    }

    fn start(&self) -> Sheet {
        let schedule = &self.activity.schedule;
        let period = self.period();
        let mut fields = vec![Field {
            help: format!("например, {period} — это {}", period.words()),
            ..field("period", "Период", FieldKind::Text { max_length: 20 })
        }];
        match &schedule.every {
            Every::Rotation { kinds, .. } => {
                let options = self.organisations(|o| kinds.contains(&o.kind));
                fields.push(field("part", "Чья очередь", FieldKind::Choice(options)));
            }
            Every::OnDemand | Every::OnEvent { .. } => fields.push(Field {
                help: "если за период выполнений несколько: латинские буквы, цифры и дефис"
                    .to_owned(),
                ..optional("part", "Метка", FieldKind::Text { max_length: 64 })
            }),
            _ => {}
        }
        let named = |s: &vekha_roadmap::model::Stage| matches!(&s.work, Work::Collect(c) if c.participants == Participants::Named);
        if self.activity.stages.iter().any(named) {
            let options = self.organisations(|_| true);
            fields.push(field("organisations", "Кто участвует", FieldKind::Choices(options)));
        }
        if !schedule.after.is_empty() {
            let options = vec![choice("now", "не дожидаться предшествующих мероприятий")];
            let mut now = field("now", "Начало", FieldKind::Choices(options));
            now.required = Required::Optional;
            fields.push(now);
        }
        Sheet::new("start", fields).with("period", period.to_string())
    }

    /// Does what was sent; `sent` says why it was not done.
    pub async fn act(&self, runtime: &Runtime, person: &Person, sent: &mut Sent) -> Option<Done> {
        let Some(sheet) = self.sheet(&sent.sheet) else {
            sent.said = Said::Refused("такой формы на странице нет".to_owned());
            return None;
        };
        let needed = Setting::needed(&sent.sheet);
        if self.role < needed {
            let words = format!("для этого нужна роль «{}»", glossary::role(needed));
            sent.said = Said::Refused(words);
            return None;
        }
        sent.read(&sheet.form);
        let done = match validate(&sheet.form, &sent.posted.values, &Values::new()) {
            Ok(values) if sent.sheet == "start" => {
                self.open(runtime, person, &values, &sent.posted.once).await
            }
            Ok(values) => self.pause(runtime, person, sent.sheet == "pause", &values).await,
            Err(errors) => Err(Said::Wrong(errors)),
        };
        done.map_err(|said| sent.said = said).ok()
    }

    async fn pause(
        &self,
        runtime: &Runtime,
        person: &Person,
        paused: bool,
        values: &Values,
    ) -> Result<Done, Said> {
        let reason = text(values, "reason");
        let (municipality, id) = (&self.map.municipality.id, &self.activity.id);
        let pause = Pause { paused, reason: &reason, actor: &person.actor() };
        match runtime.pause(municipality, id, pause, None, None).await {
            Ok(Paused::Now | Paused::Before) => {
                Ok(Done { word: if paused { "paused" } else { "resumed" }, opened: None })
            }
            Ok(Paused::Stale | Paused::Unknown) => {
                Err(Said::Refused("у мероприятия нет расписания".to_owned()))
            }
            Err(e) => {
                tracing::error!("a schedule was not changed: {e}");
                Err(Said::Unsaved)
            }
        }
    }

    async fn open(
        &self,
        runtime: &Runtime,
        person: &Person,
        values: &Values,
        once: &str,
    ) -> Result<Done, Said> {
        // People write 2026/27 as well as 2026-27.
        let period: Period =
            text(values, "period").replace('/', "-").parse().map_err(|message| {
                Said::Wrong(vec![FieldError { field: "period".to_owned(), message }])
            })?;
        let part = text(values, "part");
        let key = RunKey {
            municipality: self.map.municipality.id.clone(),
            activity: self.activity.id.clone(),
            period,
            part: (!part.is_empty()).then_some(part),
        };
        let ask = Ask::Open {
            named: chosen(values, "organisations"),
            why: Why::Request,
            without_waiting: !chosen(values, "now").is_empty(),
        };
        let about = format!("{key}/start");
        let sent = sending::Sent { about: &about, once, said: values };
        let act = |by| runtime.act(key.clone(), ask.clone(), by);
        said::of(sent.act(runtime, Caller::new(person.actor()), act).await, &[])?;
        Ok(Done { word: "started", opened: Some(key) })
    }

    /// The forms that the activity's page has now.
    pub fn offers(&self, paused: bool, page: &Page<'_>) -> Value {
        let every = &self.activity.schedule.every;
        // Of itself nothing else opens runs, so there is nothing else to stop.
        let runs_by_itself = matches!(
            every,
            Every::Once { .. } | Every::Yearly { .. } | Every::Rotation { .. } | Every::Cron { .. }
        );
        let show = |offered: bool, name: &str| {
            let offered = offered && self.role >= Setting::needed(name);
            offered.then(|| self.sheet(name)).flatten().map(|sheet| sheet.show(page))
        };
        json!({
            "pause": show(runs_by_itself && !paused, "pause"),
            "resume": show(paused, "resume"),
            "start": show(true, "start"),
        })
    }
}
