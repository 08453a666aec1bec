//! What commands print: tables and sentences for people, the contract's own JSON for programs.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::ValueEnum;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use prost::Name;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde::Serialize;
use tonic_types::StatusExt as _;
use vekha_proto::v1;
use vekha_roadmap::answers::turns;

use super::russian;
use crate::files;

/// How a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// For programs: messages as protobuf's canonical JSON.
    Json,
}

/// Where a command prints.
pub(super) struct Output {
    format: Format,
}

impl Output {
    pub fn new(format: Format) -> Self {
        Output { format }
    }

    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// One message.
    pub fn one<M: Name>(&mut self, message: &M, text: impl FnOnce() -> String) -> io::Result<()> {
        match self.format {
            Format::Text => self.say(text()),
            Format::Json => self.json(&json(message)),
        }
    }

    /// A list of messages.
    pub fn many<M: Name>(&mut self, list: &[M], text: impl FnOnce() -> String) -> io::Result<()> {
        match self.format {
            Format::Text if list.is_empty() => self.say("ничего нет"),
            Format::Text => self.say(text()),
            Format::Json => self.json(&messages(list)),
        }
    }

    /// A message of a stream: one line each.
    pub fn next<M: Name>(&mut self, message: &M, text: impl FnOnce() -> String) -> io::Result<()> {
        match self.format {
            Format::Text => self.say(text()),
            Format::Json => self.say(json(message).to_string()),
        }
    }

    /// Anything that is not of the contract.
    pub fn json<T: Serialize>(&mut self, value: &T) -> io::Result<()> {
        self.say(serde_json::to_string_pretty(value).map_err(io::Error::other)?)
    }

    /// A text. Whatever a school or another system wrote, a terminal is not steered by it.
    pub fn say(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{}", harmless(text.as_ref().trim_end()))
    }
}

/// Control characters as people see them, and what turns the direction of writing left out.
fn harmless(text: &str) -> std::borrow::Cow<'_, str> {
    let steers = |c: char| (c.is_control() && !matches!(c, '\n' | '\t')) || turns(c);
    if !text.contains(steers) {
        return text.into();
    }
    let shown = |c: char| match c {
        c if !steers(c) => c.to_string(),
        c if turns(c) => String::new(),
        // Unicode's own pictures of them.
        c if u32::from(c) < 0x20 => {
            char::from_u32(0x2400 + u32::from(c)).map(String::from).unwrap_or_default()
        }
        c => format!("\\u{{{:x}}}", u32::from(c)),
    };
    text.chars().map(shown).collect::<String>().into()
}

/// The exit code of a command line that was misused.
const MISUSED: u8 = 2;

/// Tells how the command line was misused.
pub(super) fn complain(text: &str) -> ExitCode {
    // Nobody to tell: the exit code still says it.
    writeln!(io::stderr().lock(), "{}", harmless(text)).ok();
    ExitCode::from(MISUSED)
}

/// Help or the version; asked for, or because there was nothing else to do.
pub(super) fn help(error: &clap::Error) -> ExitCode {
    // Whoever had enough of it needs no complaint.
    if error.use_stderr() {
        let text = russian::help(error, io::stderr().is_terminal());
        write!(io::stderr().lock(), "{text}").ok();
        return ExitCode::from(MISUSED);
    }
    let text = russian::help(error, io::stdout().is_terminal());
    write!(io::stdout().lock(), "{text}").ok();
    ExitCode::SUCCESS
}

/// A message as protobuf's canonical JSON; what is not set is shown too, so that programs need no
/// defaults of their own.
fn json<M: Name>(message: &M) -> serde_json::Value {
    let described = DescriptorPool::decode(vekha_proto::FILE_DESCRIPTOR_SET)
        .ok()
        .and_then(|pool| pool.get_message_by_name(&M::full_name()))
        .and_then(|descriptor| {
            DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).ok()
        });
    let options = SerializeOptions::new().skip_default_fields(false);
    described
        .and_then(|m| m.serialize_with_options(serde_json::value::Serializer, &options).ok())
        .unwrap_or_default()
}

/// Messages as protobuf's canonical JSON, to stand within something that is not of the contract.
pub(super) fn messages<M: Name>(list: &[M]) -> Vec<serde_json::Value> {
    list.iter().map(json).collect()
}

/// Rows under headings, without borders.
pub(super) fn table<const N: usize>(head: [&str; N], rows: Vec<[String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(head);
    table.add_rows(rows);
    table.trim_fmt()
}

/// All mistakes of a call whose error had no room for them.
#[derive(Debug, thiserror::Error)]
#[error("ошибок: {}", .0.len())]
pub(super) struct Mistakes(pub Vec<v1::Mistake>);

/// Whether an error tells only some of the mistakes.
pub(super) fn leaves_out(status: &tonic::Status) -> bool {
    let info = status.get_details_error_info();
    info.is_some_and(|info| info.metadata.contains_key(crate::api::status::OMITTED))
}

/// An error and what caused it, each in our words where the system has only its own.
fn told(error: &anyhow::Error) -> String {
    let cause = |cause: &(dyn std::error::Error + 'static)| match cause.downcast_ref() {
        Some(io) => files::words(io),
        None => cause.to_string(),
    };
    error.chain().map(cause).collect::<Vec<_>>().join(": ")
}

/// What went wrong, as it is told.
pub(super) struct Trouble {
    code: String,
    message: String,
    /// The wrong fields.
    fields: Vec<(String, String)>,
    /// What tells of those for which the error had no room.
    rest: Option<String>,
}

impl Trouble {
    pub fn of(error: &anyhow::Error) -> Self {
        let status = error.downcast_ref::<tonic::Status>();
        let all = error.downcast_ref::<Mistakes>();
        let listed = all.map(|Mistakes(all)| {
            all.iter().map(|m| (m.field.clone(), m.description.clone())).collect::<Vec<_>>()
        });
        let fields = listed.or_else(|| {
            let bad = status?.get_details_bad_request()?;
            Some(bad.field_violations.into_iter().map(|v| (v.field, v.description)).collect())
        });
        let code = match status {
            Some(status) => format!("{:?}", status.code()),
            None if all.is_some() => format!("{:?}", tonic::Code::InvalidArgument),
            None => "LOCAL".to_owned(),
        };
        Trouble {
            code,
            message: status.map_or_else(|| told(error), |status| status.message().to_owned()),
            fields: fields.unwrap_or_default(),
            rest: status.filter(|status| leaves_out(status)).map(|s| s.message().to_owned()),
        }
    }

    /// The wrong fields, each on a line, and whether there are more; none if no field is wrong.
    pub fn lines(&self) -> Option<String> {
        let lines = self.fields.iter().map(|(field, message)| format!("  {field}: {message}"));
        let lines: Vec<String> = lines.chain(self.rest.clone()).collect();
        (!self.fields.is_empty()).then(|| lines.join("\n"))
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    pub fn json(&self) -> serde_json::Value {
        let field = |(field, message): &(String, String)| serde_json::json!({ "field": field, "message": message });
        let fields: Vec<_> = self.fields.iter().map(field).collect();
        serde_json::json!({ "code": self.code, "message": self.message, "fields": fields })
    }
}

/// Tells what went wrong, with every wrong field.
pub(super) fn error(format: Format, error: &anyhow::Error) {
    let trouble = Trouble::of(error);
    let told = match (format, trouble.lines()) {
        (Format::Text, Some(lines)) => harmless(&format!("исправьте:\n{lines}")).into_owned(),
        (Format::Text, None) => harmless(&format!("ошибка: {}", trouble.message())).into_owned(),
        (Format::Json, _) => serde_json::json!({ "error": trouble.json() }).to_string(),
    };
    // Nobody is left to be told.
    writeln!(io::stderr().lock(), "{told}").ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_does_not_steer_a_terminal() {
        assert_eq!(harmless("обычный\tтекст\nв строках"), "обычный\tтекст\nв строках");
        assert_eq!(harmless("\u{1b}]0;взлом\u{7}\u{202e}fdp"), "␛]0;взлом␇fdp");
        assert_eq!(harmless("\u{9b}31m"), "\\u{9b}31m");
    }

    #[test]
    fn what_the_system_says_is_told_in_russian_wherever_it_stands_in_the_chain() {
        use anyhow::Context as _;
        let missing = std::fs::read("/nowhere/акт.pdf").context("акт.pdf").unwrap_err();
        assert_eq!(told(&missing), "акт.pdf: не найдено");
        let folder = std::fs::read("/").context("отчёт").context("мера 1").unwrap_err();
        assert_eq!(told(&folder), "мера 1: отчёт: это папка, а нужен файл");
        let own = io::Error::new(io::ErrorKind::NotFound, "папка карты: не найдено");
        assert_eq!(told(&own.into()), "папка карты: не найдено");
    }
}
