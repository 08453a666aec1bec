//! Writes the seeds that are made and not kept: the parts of filled workbooks, the files of the
//! shipped road map and its formulas, each into the corpus of its target.

use std::fs;

use vekha_fuzz::{FORMS, SHIPPED, SMALL, book, root};
use vekha_plugin_tables::template_csv;

/// Longest text between quotes that may be a formula.
const LONGEST: usize = 300;

fn main() {
    for (target, parts) in [("xlsx", book::xlsx(true)), ("ods", book::ods())] {
        for (at, (_, content)) in parts.iter().enumerate() {
            put(target, at, &chosen(at, content));
        }
        // Beyond the parts the archive itself is the fuzzer's.
        put(target, "archive", &chosen(u8::MAX.into(), &book::with_part(&parts, &[0])));
    }
    for (at, (_, content)) in book::xlsx(false).iter().enumerate() {
        put("xlsx", format!("blank-{at}"), &chosen(at, content));
    }
    for (at, form) in FORMS.iter().enumerate().skip(1) {
        if let Ok(text) = template_csv(form, Some(&book::answers())) {
            put("csv", at, &text);
        }
    }
    let small: Vec<&String> = SMALL.0.keys().collect();
    for (path, text) in SHIPPED.0.iter().chain(&SMALL.0) {
        let folder = path.split('/').next();
        let same = small.iter().position(|other| *other == path);
        let like = || small.iter().position(|other| other.split('/').next() == folder);
        if let Some(at) = same.or_else(like) {
            put("road_map", path.replace('/', "-"), &chosen(at, text.as_bytes()));
        }
        if path.ends_with(".toml") {
            let quoted = text.split('"').skip(1).step_by(2);
            let formula = |text: &&str| text.len() < LONGEST && text.contains(['(', '<', '>', '=']);
            for (at, formula) in quoted.filter(formula).enumerate() {
                put("formula", format!("{}-{at}", path.replace('/', "-")), formula.as_bytes());
            }
        }
    }
}

/// A seed whose first byte says what the rest replaces.
fn chosen(at: usize, content: &[u8]) -> Vec<u8> {
    [&[u8::try_from(at).unwrap()], content].concat()
}

fn put(target: &str, name: impl ToString, content: &[u8]) {
    let folder = root().join("corpus").join(target);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("seed-{}", name.to_string())), content).unwrap();
}
