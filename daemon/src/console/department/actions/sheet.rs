//! A form of the administrator's pages: made of the same fields as the schools' forms, read,
//! checked and shown by the same code.

use jiff::civil::Date;
use serde_json::{Map, Value, json};
use vekha_engine::limits;
use vekha_roadmap::answers::{FieldError, Values};
use vekha_roadmap::model::{Choice, Field, FieldKind, Form, Required};

use crate::console::frame::form::{Filled, mistakes, questions};
use crate::console::frame::posted::{self, Posted};
use crate::console::frame::said::Said;

/// Rows that one press of the button adds.
const MORE_ROWS: usize = 3;

/// A form that a page offers.
pub struct Sheet {
    /// Tells it from the page's other forms.
    pub name: String,
    /// Its fields.
    pub form: Form,
    /// What stands in it before anybody has typed.
    pub values: Values,
}

/// What a person sent, and what came of it.
pub struct Sent {
    /// The form's name.
    pub sheet: String,
    /// The button.
    pub action: String,
    /// What was typed.
    pub posted: Posted,
    /// Everything as it came.
    pub pairs: Vec<(String, String)>,
    /// What came of it.
    pub said: Said,
}

impl Sent {
    /// Which form was sent, by which button.
    pub fn new(pairs: Vec<(String, String)>) -> Self {
        // Browsers end lines as the network does; what is kept ends them as texts do.
        let pairs: Vec<(String, String)> =
            pairs.into_iter().map(|(name, text)| (name, text.replace("\r\n", "\n"))).collect();
        let mut sent = Sent {
            sheet: String::new(),
            action: String::new(),
            posted: Posted::default(),
            pairs,
            said: Said::Nothing,
        };
        sent.sheet = sent.raw("_form").to_owned();
        sent.action = sent.raw("_do").to_owned();
        sent
    }

    /// What the person said, without what only names the page: pressed twice, a button says the same,
    /// though the run may ask for something else by then.
    pub fn said_there(&self) -> Vec<&(String, String)> {
        self.pairs.iter().filter(|(name, _)| name != "_once").collect()
    }

    /// Reads the answers by the form's fields. Says whether only more rows are wanted.
    pub fn read(&mut self, form: &Form) -> bool {
        self.posted = posted::read(form, &self.pairs);
        let table = self.posted.add.as_ref().and_then(|table| self.posted.rows.get_mut(table));
        table.map(|rows| *rows += MORE_ROWS).is_some()
    }

    /// A pair as it came; empty if it did not.
    pub fn raw(&self, name: &str) -> &str {
        let pair = self.pairs.iter().find(|(n, _)| n == name);
        pair.map(|(_, text)| text.as_str()).unwrap_or_default()
    }

    /// What the person wrote, for a page that has no form for it any more.
    pub fn written(&self) -> Vec<&str> {
        let own = self.pairs.iter().filter(|(name, _)| !name.starts_with('_'));
        own.map(|(_, text)| text.trim()).filter(|text| !text.is_empty()).collect()
    }
}

impl Sheet {
    /// A form without fields: buttons alone.
    pub fn new(name: &str, fields: Vec<Field>) -> Self {
        let form = Form { id: name.to_owned(), fields, ..Form::default() };
        Sheet { name: name.to_owned(), form, values: Values::new() }
    }

    /// With something standing in a field.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.values.insert(field.to_owned(), value.into());
        self
    }

    /// For a template: the controls by name and in order, filled with what was sent, mistakes
    /// beside them.
    pub fn show(&self, page: &Page<'_>) -> Value {
        let sent = page.sent.filter(|sent| sent.sheet == self.name);
        let filled = Filled {
            values: sent.map_or_else(|| self.values.clone(), |s| s.posted.values.clone()),
            errors: sent.map(|s| s.said.errors().to_vec()).unwrap_or_default(),
            rows: sent.map(|s| s.posted.rows.clone()).unwrap_or_default(),
            prefix: format!("{}-", self.name.replace(':', "-")),
            ..Filled::default()
        };
        let questions = json!(questions(&self.form, &filled));
        let fields: Map<String, Value> = questions
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|q| Some((q["control"]["name"].as_str()?.to_owned(), q["control"].clone())))
            .collect();
        json!({
            "name": self.name,
            "address": page.address,
            "once": page.once,
            "questions": questions,
            "fields": fields,
            "errors": mistakes(&self.form, &filled),
            "sent": sent.is_some(),
        })
    }
}

/// What all forms of a page have in common.
pub struct Page<'a> {
    /// Where they are sent.
    pub address: &'a str,
    /// What tells this page's posts from those of other pages.
    pub once: &'a str,
    /// What was sent from it.
    pub sent: Option<&'a Sent>,
}

/// A field without help.
pub fn field(id: &str, label: &str, kind: FieldKind) -> Field {
    Field {
        id: id.to_owned(),
        label: label.to_owned(),
        help: String::new(),
        section: String::new(),
        unit: String::new(),
        kind,
        required: Required::Always,
        jump: None,
        within_period: false,
        letter_of: None,
    }
}

/// The same that need not be answered.
pub fn optional(id: &str, label: &str, kind: FieldKind) -> Field {
    Field { required: Required::Optional, ..field(id, label, kind) }
}

/// Why something is done.
pub fn reason() -> Field {
    let help = "Останется в журнале; до 1000 знаков".to_owned();
    Field {
        help, ..field("reason", "Причина", FieldKind::Text { max_length: limits::REASON })
    }
}

/// An option.
pub fn choice(value: &str, label: &str) -> Choice {
    Choice { value: value.to_owned(), label: label.to_owned() }
}

/// A checked text; empty if nothing was typed.
pub fn text(values: &Values, field: &str) -> String {
    values.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Checked choices.
pub fn chosen(values: &Values, field: &str) -> Vec<String> {
    let list = values.get(field).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
}

/// A checked date.
///
/// # Errors
/// That there is none.
pub fn day(values: &Values, field: &str) -> Result<Date, FieldError> {
    text(values, field)
        .parse()
        .map_err(|_| FieldError {
            field: field.to_owned(), message: "укажите дату".to_owned()
        })
}

/// A checked date, if there is one.
///
/// # Errors
/// That it is none.
pub fn optional_day(values: &Values, field: &str) -> Result<Option<Date>, FieldError> {
    (!text(values, field).is_empty()).then(|| day(values, field)).transpose()
}
