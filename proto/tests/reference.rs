//! The reference of the contract is its own comments: `REFERENCE.md` says what the files say.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    FileDescriptorSet, ServiceDescriptorProto,
};

/// Has the file written anew: `UPDATE_REFERENCE=1 cargo test -p vekha-proto --test reference`.
const UPDATE: &str = "UPDATE_REFERENCE";

/// A file's comments by the path of what they stand at.
type Comments = BTreeMap<Vec<i32>, String>;

// Numbers of fields in `descriptor.proto`: by them paths lead to what is declared.
const MESSAGES: i32 = 4;
const ENUMS: i32 = 5;
const SERVICES: i32 = 6;
const FIELDS: i32 = 2;
const METHODS: i32 = 2;
const VALUES: i32 = 2;
const ONEOFS: i32 = 8;
const NESTED_MESSAGES: i32 = 3;
const NESTED_ENUMS: i32 = 4;

fn comments(file: &FileDescriptorProto) -> Comments {
    let info = file.source_code_info.iter().flat_map(|info| &info.location);
    let said = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    info.map(|place| (place.path.clone(), said(place.leading_comments()).trim().to_owned()))
        .filter(|(_, text)| !text.is_empty())
        .collect()
}

/// A type's name within the reference, with a link to it if it stands there.
fn named(full: &str) -> String {
    let full = full.trim_start_matches('.');
    let short = full.rsplit('.').next().unwrap_or(full);
    match full.starts_with("vekha.") {
        true => format!("[{short}](#{})", full.replace('.', "").to_lowercase()),
        false => full.to_owned(),
    }
}

fn kind(field: &FieldDescriptorProto, own: &DescriptorProto) -> String {
    let plain = match field.r#type() {
        Type::Message | Type::Enum => {
            let nested = field.type_name().rsplit('.').next().unwrap_or_default();
            let entry = own.nested_type.iter().find(|m| m.name() == nested);
            let is_map = |m: &&DescriptorProto| m.options.as_ref().is_some_and(|o| o.map_entry());
            if let Some(entry) = entry.filter(is_map) {
                return format!(
                    "map<{}, {}>",
                    kind(&entry.field[0], own),
                    kind(&entry.field[1], own)
                );
            }
            named(field.type_name())
        }
        other => other.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
    };
    match field.label() {
        Label::Repeated => format!("repeated {plain}"),
        _ if field.proto3_optional() => format!("optional {plain}"),
        _ => plain,
    }
}

/// Text in a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

struct Reference<'a> {
    text: String,
    package: &'a str,
    comments: Comments,
}

impl Reference<'_> {
    fn said(&self, path: &[i32]) -> &str {
        self.comments.get(path).map_or("", String::as_str)
    }

    fn head(&mut self, name: &str, path: &[i32]) {
        let said = self.said(path).to_owned();
        let _ = write!(self.text, "\n### {}.{name}\n\n{said}\n", self.package);
    }

    fn service(&mut self, service: &ServiceDescriptorProto, place: i32) {
        self.head(service.name(), &[SERVICES, place]);
        let _ = writeln!(self.text, "\n| Call | Takes | Gives | |\n|---|---|---|---|");
        for (number, method) in (0..).zip(&service.method) {
            let stream = |is: bool| if is { "stream of " } else { "" };
            let said = cell(self.said(&[SERVICES, place, METHODS, number]));
            let _ = writeln!(
                self.text,
                "| `{}` | {}{} | {}{} | {said} |",
                method.name(),
                stream(method.client_streaming()),
                named(method.input_type()),
                stream(method.server_streaming()),
                named(method.output_type()),
            );
        }
    }

    /// A message and what is declared within it; `within` is the message in which it is itself.
    fn message(&mut self, message: &DescriptorProto, within: &str, path: &[i32]) {
        let name = format!("{within}{}", message.name());
        self.head(&name, path);
        if !message.field.is_empty() {
            let _ = writeln!(self.text, "\n| Field | | Type | |\n|---|--:|---|---|");
        }
        for (number, field) in (0..).zip(&message.field) {
            let said = self.said(&[path, &[FIELDS, number]].concat()).to_owned();
            let one_of = field.oneof_index.filter(|_| !field.proto3_optional()).map(|place| {
                let name = message.oneof_decl[place as usize].name();
                let whole = self.said(&[path, &[ONEOFS, place]].concat());
                format!(" One of `{name}`: {whole}")
            });
            let _ = writeln!(
                self.text,
                "| `{}` | {} | {} | {}{} |",
                field.name(),
                field.number(),
                cell(&kind(field, message)),
                cell(&said),
                cell(&one_of.unwrap_or_default()),
            );
        }
        let within = format!("{name}.");
        for (place, nested) in (0..).zip(&message.nested_type) {
            if !nested.options.as_ref().is_some_and(|options| options.map_entry()) {
                self.message(nested, &within, &[path, &[NESTED_MESSAGES, place]].concat());
            }
        }
        for (place, words) in (0..).zip(&message.enum_type) {
            self.values(words, &within, &[path, &[NESTED_ENUMS, place]].concat());
        }
    }

    fn values(&mut self, words: &EnumDescriptorProto, within: &str, path: &[i32]) {
        self.head(&format!("{within}{}", words.name()), path);
        let _ = writeln!(self.text, "\n| Value | | |\n|---|--:|---|");
        for (number, value) in (0..).zip(&words.value) {
            let said = cell(self.said(&[path, &[VALUES, number]].concat()));
            let _ = writeln!(self.text, "| `{}` | {} | {said} |", value.name(), value.number());
        }
    }
}

fn reference() -> String {
    let set =
        FileDescriptorSet::decode(vekha_proto::FILE_DESCRIPTOR_SET).expect("a descriptor set");
    let mut files: Vec<FileDescriptorProto> = set.file;
    files.retain(|file| file.package().starts_with("vekha."));
    // What systems call stands before what is asked of plugins.
    files.sort_by_key(|file| (file.package().contains("plugin"), file.name().to_owned()));
    let mut text =
        "# Reference\n\nMade of the comments in the contract's files; what holds for every \
                    call is in [README.md](README.md).\n"
            .to_owned();
    for file in &files {
        let _ = write!(text, "\n- [{}](#{})", file.name(), file.name().replace(['/', '.'], ""));
    }
    text.push('\n');
    for file in &files {
        let _ = write!(text, "\n## {}\n", file.name());
        let (package, comments) = (file.package(), comments(file));
        let mut own = Reference { text, package, comments };
        for (place, service) in (0..).zip(&file.service) {
            own.service(service, place);
        }
        for (place, message) in (0..).zip(&file.message_type) {
            own.message(message, "", &[MESSAGES, place]);
        }
        for (place, words) in (0..).zip(&file.enum_type) {
            own.values(words, "", &[ENUMS, place]);
        }
        text = own.text;
    }
    text
}

#[test]
fn the_reference_says_what_the_contract_says() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("REFERENCE.md");
    let made = reference();
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&place, &made).expect("to write");
    }
    let kept = std::fs::read_to_string(&place).unwrap_or_default();
    let differs = kept.lines().zip(made.lines()).find(|(kept, made)| kept != made);
    assert!(kept == made, "REFERENCE.md is behind: {UPDATE}=1 writes it anew; {differs:?}");
}

#[test]
fn no_link_of_the_reference_leads_nowhere() {
    let made = reference();
    let place = |head: &str| {
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
        head.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
    };
    let heads: Vec<String> = made
        .lines()
        .filter(|line| line.starts_with("##"))
        .map(|l| place(l.trim_start_matches(['#', ' '])))
        .collect();
    let mut links = 0;
    for link in made.split("](#").skip(1) {
        let link = link.split(')').next().expect("it ends");
        assert!(heads.iter().any(|head| head == link), "{link} leads nowhere");
        links += 1;
    }
    assert!(links > 100, "{links}");
}
