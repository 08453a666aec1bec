//! Forms in the contract's words: what other systems and spreadsheets are told of them.

pub mod exports;
pub mod reports;
pub mod sheets;

use jiff::civil::Date;
use vekha_engine::{AssignmentKey, RunKey};
use vekha_plugin::{FieldKind as Wanted, FieldOption, WantedField};
use vekha_plugin_tables::{Heading, Values};
use vekha_proto::v1;
use vekha_roadmap::model::{self, FieldKind, Rows};
use vekha_roadmap::{RoadMap, russian};

/// The media type of spreadsheets.
pub const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// The media type of documents for Word.
pub const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

/// The name of the file that an assignment's form has as a spreadsheet.
pub fn file_name(run: &RunKey, assignment: &AssignmentKey) -> String {
    format!("{}-{}.xlsx", run.activity, assignment.organisation)
}

/// The form of an assignment as a spreadsheet, with what stands in it so far.
///
/// # Errors
/// Why there is none, for people.
pub fn template(
    road_map: &RoadMap,
    run: &RunKey,
    assignment: &AssignmentKey,
    due: Date,
    standing: &Values,
) -> Result<Vec<u8>, String> {
    let form = road_map.form_of(&run.activity, &assignment.stage).ok_or("формы нет")?;
    let contact = &road_map.municipality.contact;
    let organisation = road_map.organisation(&assignment.organisation);
    let heading = Heading {
        organisation: organisation.map(|o| o.name.clone()).unwrap_or_default(),
        period: run.period.words(),
        due: russian::date_words_with_weekday(due),
        contact: [&contact.name, &contact.phone, &contact.email]
            .into_iter()
            .filter(|text| !text.is_empty())
            .cloned()
            .collect::<Vec<_>>()
            .join(", "),
    };
    let standing = sheets::fold(form, standing.clone());
    vekha_plugin_tables::template(&sheets::describe(form), &heading, Some(&standing))
        .map_err(|e| e.to_string())
}

/// The form's fields as sources are asked for them.
pub fn wanted(form: &model::Form) -> Vec<WantedField> {
    let options = |options: &[model::Choice]| {
        let option =
            |o: &model::Choice| FieldOption { value: o.value.clone(), label: o.label.clone() };
        options.iter().map(option).collect()
    };
    let wanted = |field: &model::Field| WantedField {
        id: field.id.clone(),
        label: field.label.clone(),
        unit: field.unit.clone(),
        kind: match &field.kind {
            FieldKind::Integer(_) | FieldKind::Decimal(_) => Wanted::Number,
            FieldKind::Percent(_) => Wanted::Percent,
            FieldKind::Text { .. } | FieldKind::LongText { .. } => Wanted::Text,
            FieldKind::Date => Wanted::Date,
            FieldKind::YesNo => Wanted::YesNo,
            FieldKind::Choice(choices) => Wanted::Choice(options(choices)),
            FieldKind::Choices(choices) => Wanted::Choices(options(choices)),
            // Nobody else has the files that people are asked for.
            FieldKind::File(_) => Wanted::Text,
            FieldKind::Table(_) | FieldKind::Histogram(_) => Wanted::Table,
        },
    };
    let known = |field: &&model::Field| !matches!(field.kind, FieldKind::File(_));
    form.fields.iter().filter(known).map(wanted).collect()
}

/// A form in the contract's words.
pub fn describe(form: &model::Form) -> v1::Form {
    v1::Form {
        id: form.id.clone(),
        title: form.title.clone(),
        intro: form.intro.clone(),
        fields: form.fields.iter().map(question).collect(),
        rules: form
            .rules
            .iter()
            .map(|rule| v1::FormRule {
                check: rule.check.text().to_owned(),
                each: rule.each.clone().unwrap_or_default(),
                at: rule.at.clone(),
                message: rule.message.clone(),
                by: grouped(rule).map(|groups| groups.grouping.by.clone()).unwrap_or_default(),
                whole: grouped(rule)
                    .map(|groups| groups.grouping.whole.clone())
                    .unwrap_or_default(),
                member: grouped(rule).and_then(|groups| groups.member.clone()).unwrap_or_default(),
                soft: rule.soft,
                beside: grouped(rule)
                    .and_then(|groups| groups.grouping.beside.clone())
                    .unwrap_or_default(),
            })
            .collect(),
        thresholds: form.thresholds.clone().into_iter().collect(),
        department: form.department.clone().unwrap_or_default(),
    }
}

fn grouped(rule: &model::FormRule) -> Option<&model::RuleGroups> {
    rule.groups.as_ref()
}

fn question(field: &model::Field) -> v1::FormField {
    let choices = |options: &[model::Choice]| {
        let choice =
            |o: &model::Choice| v1::Choice { value: o.value.clone(), label: o.label.clone() };
        options.iter().map(choice).collect()
    };
    let (required, required_when) = match &field.required {
        model::Required::Always => (v1::Required::Always, String::new()),
        model::Required::Optional => (v1::Required::Optional, String::new()),
        model::Required::When(formula) => (v1::Required::When, formula.text().to_owned()),
    };
    let mut described = v1::FormField {
        id: field.id.clone(),
        label: field.label.clone(),
        help: field.help.clone(),
        section: field.section.clone(),
        unit: field.unit.clone(),
        required: required.into(),
        required_when,
        within_period: field.within_period,
        letter_of: field.letter_of.clone().unwrap_or_default(),
        ..v1::FormField::default()
    };
    let kind = match &field.kind {
        FieldKind::Integer(range) | FieldKind::Decimal(range) | FieldKind::Percent(range) => {
            (described.min, described.max) = (range.min, range.max);
            match &field.kind {
                FieldKind::Integer(_) => v1::FieldType::Integer,
                FieldKind::Decimal(_) => v1::FieldType::Decimal,
                _ => v1::FieldType::Percent,
            }
        }
        FieldKind::Text { max_length } => {
            described.max_length = *max_length as u32;
            v1::FieldType::Text
        }
        FieldKind::LongText { max_length } => {
            described.max_length = *max_length as u32;
            v1::FieldType::LongText
        }
        FieldKind::Date => v1::FieldType::Date,
        FieldKind::Choice(options) => {
            described.options = choices(options);
            v1::FieldType::Choice
        }
        FieldKind::Choices(options) => {
            described.options = choices(options);
            v1::FieldType::Choices
        }
        FieldKind::YesNo => v1::FieldType::YesNo,
        FieldKind::File(rule) => {
            described.endings.clone_from(&rule.endings);
            described.max_bytes = rule.max_bytes;
            v1::FieldType::File
        }
        FieldKind::Histogram(scores) => {
            described.rows = scores.all().map(|score| score.to_string()).collect();
            v1::FieldType::Histogram
        }
        FieldKind::Table(table) => {
            described.columns = table.columns.iter().map(question).collect();
            match &table.rows {
                Rows::Fixed(rows) => described.rows.clone_from(rows),
                Rows::Free { min, max } => {
                    (described.min_rows, described.max_rows) = (*min as u32, *max as u32);
                }
            }
            v1::FieldType::Table
        }
    };
    described.r#type = kind.into();
    described
}
