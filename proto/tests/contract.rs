//! What the whole contract keeps to, so that no call added later forgets it.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message as _;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    MethodDescriptorProto,
};

fn files() -> Vec<FileDescriptorProto> {
    let set =
        FileDescriptorSet::decode(vekha_proto::FILE_DESCRIPTOR_SET).expect("a descriptor set");
    set.file.into_iter().filter(|file| file.package().starts_with("vekha.")).collect()
}

/// Reads, by the beginning of their name; every other call of `vekha.v1` changes something.
const READS: [&str; 9] =
    ["Get", "List", "Watch", "Check", "Compare", "Preview", "Verify", "Draft", "Download"];

fn calls(reads: bool) -> Vec<(String, DescriptorProto)> {
    let files: Vec<_> = files().into_iter().filter(|f| f.package() == "vekha.v1").collect();
    let messages: BTreeMap<String, DescriptorProto> = files
        .iter()
        .flat_map(|f| &f.message_type)
        .map(|m| (format!(".vekha.v1.{}", m.name()), m.clone()))
        .collect();
    files
        .iter()
        .flat_map(|f| &f.service)
        .flat_map(|s| &s.method)
        .filter(|m| READS.iter().any(|read| m.name().starts_with(read)) == reads)
        .map(|m| (m.name().to_owned(), asked(m, &messages)))
        .collect()
}

/// What a call asks. A stream of requests carries each in a message of its own, beside the parent of all.
fn asked(
    method: &MethodDescriptorProto,
    messages: &BTreeMap<String, DescriptorProto>,
) -> DescriptorProto {
    let message = &messages[method.input_type()];
    let carried = message.field.iter().find(|field| messages.contains_key(field.type_name()));
    match carried.filter(|_| method.client_streaming()) {
        Some(request) => messages[request.type_name()].clone(),
        None => message.clone(),
    }
}

fn has(message: &DescriptorProto, field: &str, number: i32) -> bool {
    message.field.iter().any(|f| f.name() == field && f.number() == number)
}

#[test]
fn every_mutation_says_who_asks_can_be_repeated_and_can_be_tried() {
    let mutations = calls(false);
    assert!(mutations.len() > 20);
    for (call, request) in mutations {
        for (field, number) in [("actor", 12), ("request_id", 13), ("validate_only", 14)] {
            assert!(has(&request, field, number), "{call} lacks {field} = {number}");
        }
    }
}

#[test]
fn every_list_comes_in_pages() {
    for (call, request) in calls(true).into_iter().filter(|(call, _)| call.starts_with("List")) {
        for field in ["page_size", "page_token"] {
            assert!(request.field.iter().any(|f| f.name() == field), "{call} lacks {field}");
        }
    }
}

#[test]
fn every_watch_resumes_from_a_cursor() {
    for (call, request) in calls(true).into_iter().filter(|(call, _)| call.starts_with("Watch")) {
        assert!(has(&request, "after_cursor", 2), "{call} lacks after_cursor");
    }
}

#[test]
fn every_enum_begins_unspecified_and_carries_its_name() {
    for file in files() {
        for e in &file.enum_type {
            let prefix = screaming(e.name());
            assert_eq!(e.value[0].name(), format!("{prefix}_UNSPECIFIED"));
            assert!(
                e.value.iter().all(|v| v.name().starts_with(&format!("{prefix}_"))),
                "{}",
                e.name()
            );
        }
    }
}

fn screaming(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(c.to_ascii_uppercase());
    }
    text
}

/// Reflection has no other documentation than these comments.
#[test]
fn everything_is_explained_where_it_is_declared() {
    let mut silent = Vec::new();
    for file in files() {
        let spoken: BTreeSet<Vec<i32>> = file
            .source_code_info
            .iter()
            .flat_map(|info| &info.location)
            .filter(|l| !l.leading_comments().trim().is_empty())
            .map(|l| l.path.clone())
            .collect();
        let mut expect = |path: &[i32], name: String| {
            if !spoken.contains(path) {
                silent.push(format!("{}: {name}", file.name()));
            }
        };
        for (i, message) in (0..).zip(&file.message_type) {
            expect(&[4, i], message.name().into());
            for (j, field) in (0..).zip(&message.field) {
                expect(&[4, i, 2, j], format!("{}.{}", message.name(), field.name()));
            }
        }
        for (i, e) in (0..).zip(&file.enum_type as &[EnumDescriptorProto]) {
            expect(&[5, i], e.name().into());
            for (j, value) in (0..).zip(&e.value) {
                expect(&[5, i, 2, j], value.name().into());
            }
        }
        for (i, service) in (0..).zip(&file.service) {
            expect(&[6, i], service.name().into());
            for (j, method) in (0..).zip(&service.method) {
                expect(&[6, i, 2, j], format!("{}.{}", service.name(), method.name()));
            }
        }
    }
    assert!(silent.is_empty(), "without a comment: {silent:#?}");
}
