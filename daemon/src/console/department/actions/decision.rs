//! Recording what the authority decided, and what it ordered.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use vekha_engine::run::{Measure, MeasureState, Run, Stage};
use vekha_engine::{
    Command, DecisionKind, Document, NewAttachment, NewDocument, NewMeasure, Offer, limits,
};
use vekha_roadmap::answers::{FieldError, Values};
use vekha_roadmap::model::{
    Choice, Decide, Field, FieldKind, FileRule, Organisation, OrganisationKind, Required, Rows,
    Table, Work,
};
use vekha_roadmap::russian;

use super::sheet::{Page, Sent, Sheet, choice, chosen, day, field, optional, text};
use super::{About, Scene, Step, Texts};
use crate::console::department::administrator;
use crate::console::frame::paging::plain;
use crate::console::frame::said::Said;
use crate::glossary;
use crate::runtime::Runtime;
use crate::runtime::documents::wording::{self, planned};
use crate::runtime::road_maps::Version;

/// Stands for all participants of the run among the organisations of a measure. No code has it.
const PARTICIPANTS: &str = "*";

/// The field for a file.
const ATTACHMENT: &str = "attachment";

/// Before a kind of organisations: all of that kind. No code begins so.
const KIND: &str = "*kind:";

/// Stands for all whom the run's analyses found.
const FOUND: &str = "*found";

/// Most measures of one form.
const MOST_MEASURES: usize = 100;

/// Most organisations that every row of a form lists one by one; of more they are named.
const MOST_LISTED: usize = 60;

fn decide<'a>(scene: &Scene<'a>, stage: &str) -> Option<&'a Decide> {
    match &scene.activity()?.stage(stage)?.1.work {
        Work::Decide(decide) => Some(decide),
        _ => None,
    }
}

/// Codes of those who take part in the run and are still there.
fn participants<'a>(scene: &Scene<'a>) -> BTreeSet<&'a str> {
    let asked = scene.run.assignments.keys().map(|key| key.organisation.as_str());
    let named = scene.run.named.iter().chain(&scene.run.key.part).map(String::as_str);
    let found = scene.run.found.values().flatten().map(String::as_str);
    let active =
        |code: &&str| scene.map.organisation(code).is_some_and(|o| o.active_on(scene.today));
    asked.chain(named).chain(found).filter(active).collect()
}

/// Those of whom all can be chosen at once: how the form calls them, and who they are.
fn groups<'a>(scene: &Scene<'a>) -> Vec<(String, String, BTreeSet<&'a str>)> {
    let active =
        |code: &&str| scene.map.organisation(code).is_some_and(|o| o.active_on(scene.today));
    let found = scene.run.found.values().flatten().map(String::as_str).filter(active).collect();
    let mut groups: Vec<(String, String, BTreeSet<&str>)> = vec![
        (PARTICIPANTS.to_owned(), "все участники".to_owned(), participants(scene)),
        (FOUND.to_owned(), "все, кого нашёл анализ".to_owned(), found),
    ];
    for kind in OrganisationKind::ALL {
        let own = scene.map.organisations.iter().filter(|o| o.kind == *kind);
        let own = own.filter(|o| o.active_on(scene.today)).map(|o| o.code.as_str()).collect();
        let words = glossary::organisations(*kind).to_lowercase();
        groups.push((format!("{KIND}{}", kind.as_str()), format!("все {words}"), own));
    }
    groups.retain(|(.., codes)| codes.len() > 1);
    groups
}

/// Whether there are too many organisations for a list in every row.
fn are_named(scene: &Scene<'_>) -> bool {
    scene.map.organisations.iter().filter(|o| o.active_on(scene.today)).count() > MOST_LISTED
}

/// Participants first: a measure is seldom for anybody else.
fn holders(scene: &Scene<'_>) -> Vec<Choice> {
    let mut options: Vec<Choice> = groups(scene)
        .into_iter()
        .map(|(value, words, codes)| choice(&value, &format!("{words} ({})", codes.len())))
        .collect();
    if are_named(scene) {
        return options;
    }
    let participants = participants(scene);
    let others = scene.map.organisations.iter().filter(|o| o.active_on(scene.today));
    let others = others.map(|o| o.code.as_str()).filter(|code| !participants.contains(code));
    let codes = participants.iter().copied().chain(others);
    options.extend(codes.map(|code| choice(code, &administrator::name(scene.map, code))));
    options
}

/// Organisations that are named by their codes or their short names.
fn named(scene: &Scene<'_>, text: &str) -> Result<BTreeSet<String>, String> {
    let mut codes = BTreeSet::new();
    for name in text.split([',', ';', '\n']).map(str::trim).filter(|name| !name.is_empty()) {
        let is_called = |o: &&Organisation| {
            let same = |own: &str| plain(own) == plain(name);
            o.active_on(scene.today) && (same(&o.code) || same(&o.short) || same(&o.name))
        };
        let found: Vec<&Organisation> = scene.map.organisations.iter().filter(is_called).collect();
        match found.as_slice() {
            [one] => codes.insert(one.code.clone()),
            [] => return Err(format!("организации «{name}» в реестре нет")),
            _ => return Err(format!("«{name}» зовутся несколько организаций: назовите код")),
        };
    }
    Ok(codes)
}

/// The fields of a document and of the measures that it orders.
fn fields(scene: &Scene<'_>) -> Vec<Field> {
    let text = |longest| FieldKind::Text { max_length: longest };
    let document = |field: Field| Field { section: "Документ".to_owned(), ..field };
    let helped = |help: &str, field: Field| Field { help: help.to_owned(), ..field };
    let mut columns = vec![
        field("text", "Что сделать", FieldKind::LongText { max_length: limits::MEASURE }),
        field("organisations", "Кому", FieldKind::Choices(holders(scene))),
        field("due", "Срок", FieldKind::Date),
    ];
    if are_named(scene) {
        columns[1].required = Required::Optional;
        let named = FieldKind::LongText { max_length: limits::OUTCOME };
        let help = "коды или краткие названия, через запятую";
        columns.insert(2, helped(help, optional("codes", "Кому ещё", named)));
    }
    let table = Table { columns, rows: Rows::Free { min: 0, max: MOST_MEASURES } };
    let kinds = DecisionKind::ALL.iter().map(|kind| choice(kind.as_str(), kind.words()));
    vec![
        document(field("kind", "Что за документ", FieldKind::Choice(kinds.collect()))),
        document(helped("например, 47-од", field("number", "Номер", text(limits::NUMBER)))),
        document(field("date", "Дата", FieldKind::Date)),
        document(optional("title", "О чём", text(limits::TITLE))),
        document(field(
            "outcome",
            "Что решено",
            FieldKind::LongText { max_length: limits::OUTCOME },
        )),
        document(optional(
            "text",
            "Текст документа",
            FieldKind::LongText { max_length: limits::TEXT },
        )),
        document(helped(
            "должность и фамилия",
            field("signatory", "Кто подписал", text(limits::SIGNATORY)),
        )),
        document(optional(ATTACHMENT, "Скан или приложение", FieldKind::File(FileRule::default()))),
        of_measures(field("measures", "Что поручено", FieldKind::Table(table))),
    ]
}

fn of_measures(field: Field) -> Field {
    Field { section: "Меры".to_owned(), required: Required::Optional, ..field }
}

fn filled(
    name: &str,
    fields: Vec<Field>,
    scene: &Scene<'_>,
    title: &str,
    kind: DecisionKind,
) -> Sheet {
    Sheet::new(name, fields)
        .with("kind", kind.as_str())
        .with("date", scene.today.to_string())
        .with("title", title)
}

pub(super) fn sheet(name: &str, scene: &Scene<'_>, stage: &str) -> Option<Sheet> {
    let decide = decide(scene, stage)?;
    let mut fields = fields(scene);
    if !decide.measures.is_empty() {
        let options = vec![choice("none", "без мер: предписанные картой не поручать")];
        fields.push(of_measures(field("without", "Меры карты", FieldKind::Choices(options))));
    }
    let title =
        decide.awaited(scene.run.awaited_decisions(stage)).first().cloned().unwrap_or_default();
    let document = &decide.document;
    let issuer = scene.map.municipality.issuer(document.kind, document.issuer.as_deref());
    // Of a meeting it is the chair who answers for what is decided.
    let signatory = if issuer.signatory.is_empty() { &issuer.chair } else { &issuer.signatory };
    Some(filled(name, fields, scene, &title, document.kind).with("signatory", signatory.clone()))
}

/// A decision that corrects the one of this number.
pub(super) fn correction(name: &str, scene: &Scene<'_>, number: usize) -> Option<Sheet> {
    let corrected = scene.run.decisions.get(number.checked_sub(1)?)?;
    let mut fields = fields(scene);
    let open = |m: &Measure| m.decision == number && m.state == MeasureState::Ordered;
    if scene.run.measures.iter().any(open) {
        let options = vec![choice("withdraw", "неисполненные меры прежнего решения снять")];
        fields.push(of_measures(field("withdraw", "Прежние меры", FieldKind::Choices(options))));
    }
    let sheet = filled(name, fields, scene, &corrected.document.title, corrected.kind);
    Some(sheet.with("signatory", corrected.document.signatory.clone()))
}

/// The document that was filled in, and what it orders.
fn read(
    scene: &Scene<'_>,
    values: &Values,
) -> Result<(NewDocument, Vec<NewMeasure>), Vec<FieldError>> {
    let rows = values.get("measures").and_then(Value::as_array);
    let mut measures = Vec::new();
    let groups = groups(scene);
    let rows = rows.into_iter().flatten().filter_map(Value::as_object);
    for (number, row) in rows.enumerate() {
        let wrong = |column: &str, message: String| {
            vec![FieldError { field: format!("measures[{number}].{column}"), message }]
        };
        let mut organisations =
            named(scene, &text(row, "codes")).map_err(|message| wrong("codes", message))?;
        for code in chosen(row, "organisations") {
            match groups.iter().find(|(value, ..)| *value == code) {
                Some((.., codes)) => {
                    organisations.extend(codes.iter().map(|code| (*code).to_owned()));
                }
                None => {
                    organisations.insert(code);
                }
            }
        }
        if organisations.is_empty() {
            return Err(wrong("organisations", "выберите, кому поручено".to_owned()));
        }
        measures.push(NewMeasure {
            text: text(row, "text"),
            organisations: organisations.into_iter().collect(),
            due: day(row, "due").map_err(|e| vec![e])?,
        });
    }
    let kind = text(values, "kind");
    let kind = DecisionKind::ALL.iter().copied().find(|one| one.as_str() == kind);
    let document = Document {
        number: text(values, "number"),
        date: day(values, "date").map_err(|e| vec![e])?,
        title: text(values, "title"),
        outcome: text(values, "outcome"),
        text: text(values, "text"),
        signatory: text(values, "signatory"),
    };
    Ok((NewDocument { kind, document, attachments: attached(values) }, measures))
}

/// What came in the field for a file.
fn attached(values: &Values) -> Vec<NewAttachment> {
    let file = values.get(ATTACHMENT).and_then(|file| {
        Some(NewAttachment {
            name: file["name"].as_str()?.to_owned(),
            size: file["size"].as_u64()?,
            sha256: file["sha256"].as_str()?.to_owned(),
        })
    });
    file.into_iter().collect()
}

/// A file for a decision that was recorded.
pub(super) fn attachment(name: &str, scene: &Scene<'_>, number: usize) -> Option<Sheet> {
    let decision = scene.run.decisions.get(number.checked_sub(1)?)?;
    let file = field(ATTACHMENT, "Файл", FieldKind::File(FileRule::default()));
    let room = decision.attachments.len() < limits::ATTACHMENTS;
    room.then(|| Sheet::new(name, vec![file]))
}

/// Attaches a file to the decision of this number.
pub(super) fn attach(number: usize, values: &Values) -> Vec<Step> {
    let command = Command::AttachToDecision { decision: number, files: attached(values) };
    vec![Step::new(command)]
}

/// A form for each decision that may be attached to.
pub(super) fn attachments(scene: &Scene<'_>, page: &Page<'_>) -> Value {
    let form = |number: usize| {
        let form = super::sheet(&About::Attachment(number), scene)?;
        Some((number.to_string(), form.show(page)))
    };
    Value::Object((1..=scene.run.decisions.len()).filter_map(form).collect())
}

pub(super) fn steps(
    scene: &Scene<'_>,
    stage: &str,
    values: &Values,
) -> Result<Vec<Step>, Vec<FieldError>> {
    let (document, measures) = read(scene, values)?;
    let without = !chosen(values, "without").is_empty();
    if without && !measures.is_empty() {
        let message = "отмечено «без мер», но меры указаны: уберите одно из двух".to_owned();
        return Err(vec![FieldError { field: "without".to_owned(), message }]);
    }
    let measures = (without || !measures.is_empty()).then_some(measures);
    let command = Command::RecordDecision { stage: stage.to_owned(), document, measures };
    Ok(vec![Step::new(command)])
}

pub(super) fn correct(
    scene: &Scene<'_>,
    decision: usize,
    values: &Values,
) -> Result<Vec<Step>, Vec<FieldError>> {
    let (document, measures) = read(scene, values)?;
    let withdraw = !chosen(values, "withdraw").is_empty();
    let command = Command::CorrectDecision { decision, document, measures, withdraw };
    Ok(vec![Step::new(command)])
}

/// Another kind of document was chosen than the road map says, and the text is still the one that was
/// drafted for that: it is drafted anew, to be looked at before it is recorded.
pub async fn redraft(runtime: &Runtime, version: &Version, run: &Run, sent: &mut Sent) {
    let Ok(About::Decision(stage)) = sent.sheet.parse() else { return };
    let Said::Wrong(errors) = &mut sent.said else { return };
    let Some(error) = errors.iter_mut().find(|error| error.field == "text") else { return };
    let values = &mut sent.posted.values;
    let chosen = text(values, "kind");
    let Some(kind) = DecisionKind::ALL.iter().find(|kind| kind.as_str() == chosen) else { return };
    let drafted = async |kind| {
        let drafted = wording::draft(runtime, version, run, &stage, kind).await;
        Some(drafted.ok().flatten()?.decision.text)
    };
    let Some(before) = drafted(None).await else { return };
    if before.trim() != text(values, "text").trim() {
        return;
    }
    if let Some(anew) = drafted(Some(*kind)).await {
        values.insert("text".to_owned(), anew.into());
        let kind = kind.words();
        error.message =
            format!("текст составлен заново, теперь это {kind}: проверьте его и внесите");
    }
}

/// A form for each stage that waits for a decision. `texts` are what is drafted for them.
pub(super) fn offers(scene: &Scene<'_>, page: &Page<'_>, texts: &Texts) -> Value {
    let awaited = |s: &&Stage| scene.offers(&Offer::RecordDecision(s.id.clone()));
    let offer = |stage: &Stage| {
        let decide = decide(scene, &stage.id)?;
        let about = About::Decision(stage.id.clone());
        let text = texts.get(&stage.id).cloned().unwrap_or_default();
        let mut shown = super::sheet(&about, scene)?.with("text", text).show(page);
        let awaited = decide.awaited(scene.run.awaited_decisions(&stage.id));
        shown["awaited"] = awaited.into();
        shown["due"] = stage.due.map(russian::date_words).into();
        shown["planned"] = json!(planned(scene.map, scene.run, decide, scene.today));
        // They come once, with the decision that completes the stage.
        shown["planned_now"] = (awaited.len() <= 1).into();
        Some(shown)
    };
    scene.run.stages.iter().filter(awaited).filter_map(offer).collect()
}
