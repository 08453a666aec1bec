//! Answers in files, one on a line or a file each: read one after the other, so that of however many
//! only one is at hand.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::{Map, Value};
use vekha_engine::AssignmentKey;

use crate::files::words;

/// Longest answer, in bytes of its file.
const LONGEST: u64 = 32 << 20;

/// What a line holds.
const LINE: &str =
    r#"нужен объект в одну строку: {"assignment": "29/2026-27/collect.school-1", "answers": {…}}"#;

/// Where answers are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// One on a line; `-` is the standard input.
    Lines(PathBuf),
    /// One, in a file that is called like its assignment.
    One { file: PathBuf, assignment: String },
}

/// An answer that was found, or why it cannot be read.
#[derive(Debug)]
pub(super) struct Found {
    pub place: Place,
    pub answer: Result<Answer, String>,
}

/// An answer.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    /// `29/2026-27/collect.school-1`, or within a run `collect.school-1`.
    pub assignment: String,
    /// Answers by field.
    pub answers: Map<String, Value>,
}

/// Where an answer stands.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub file: Arc<str>,
    /// From 1; none of a file that holds only the one.
    pub line: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}, строка {line}", self.file),
            None => f.write_str(&self.file),
        }
    }
}

/// What files and folders hold, in their order, those of a folder by name.
///
/// # Errors
/// All that is not there, cannot be read, or is called otherwise than an assignment.
pub(super) fn sources(named: &[PathBuf]) -> anyhow::Result<Vec<Source>> {
    let (mut sources, mut wrong) = (Vec::new(), Vec::new());
    for path in named {
        match held(path) {
            Ok(mut held) => sources.append(&mut held),
            Err(e) => wrong.push(format!("{}: {e:#}", path.display())),
        }
    }
    match wrong.is_empty() {
        true => Ok(sources),
        false => bail!("{}", wrong.join("\n")),
    }
}

fn held(path: &Path) -> anyhow::Result<Vec<Source>> {
    if path.as_os_str() == "-" {
        return Ok(vec![Source::Lines(path.to_owned())]);
    }
    let told = |e: io::Error| anyhow::anyhow!(words(&e));
    if !fs::metadata(path).map_err(told)?.is_dir() {
        File::open(path).map_err(told)?;
        return Ok(vec![source(path).context(CALLED)?]);
    }
    let entries: io::Result<Vec<_>> = fs::read_dir(path).map_err(told)?.collect();
    let mut files: Vec<PathBuf> = entries.map_err(told)?.iter().map(fs::DirEntry::path).collect();
    files.retain(|file| ends_with(file, &["json", "jsonl", "ndjson"]));
    files.sort();
    if files.is_empty() {
        bail!("в папке нет ни одного файла вида collect.school-1.json");
    }
    let called = files.iter().map(|file| {
        source(file).with_context(|| {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            format!("{name}: {CALLED}")
        })
    });
    called.collect()
}

/// How a file of one answer is called.
const CALLED: &str = "файл одного ответа называется как его поручение, collect.school-1.json; \
                      у файла со строками — другое окончание, .jsonl";

fn ends_with(file: &Path, endings: &[&str]) -> bool {
    let ending = file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    endings.contains(&ending.as_str())
}

/// What a file holds, by its name; none if that says nothing.
fn source(file: &Path) -> Option<Source> {
    if !ends_with(file, &["json"]) {
        return Some(Source::Lines(file.to_owned()));
    }
    let assignment = file.file_stem()?.to_str()?.to_owned();
    assignment.parse::<AssignmentKey>().ok()?;
    Some(Source::One { file: file.to_owned(), assignment })
}

/// All answers, in their order.
pub(super) fn read(sources: Vec<Source>) -> impl Iterator<Item = anyhow::Result<Found>> {
    sources.into_iter().flat_map(|source| -> Box<dyn Iterator<Item = anyhow::Result<Found>>> {
        match source {
            Source::One { file, assignment } => {
                Box::new(std::iter::once(Ok(one(&file, assignment))))
            }
            Source::Lines(file) => match Lines::of(&file) {
                Ok(lines) => Box::new(lines),
                Err(e) => Box::new(std::iter::once(Err(e))),
            },
        }
    })
}

fn one(file: &Path, assignment: String) -> Found {
    let place = Place { file: file.display().to_string().into(), line: None };
    let answers = || {
        let told = |e: io::Error| words(&e);
        let mut text = Vec::new();
        File::open(file).map_err(told)?.take(LONGEST + 1).read_to_end(&mut text).map_err(told)?;
        if text.len() as u64 > LONGEST {
            return Err(too_long());
        }
        serde_json::from_slice(bare(&text))
            .map_err(|e| format!("нужен объект JSON с ответами: {e}"))
    };
    Found { place, answer: answers().map(|answers| Answer { assignment, answers }) }
}

fn too_long() -> String {
    format!("ответ больше {} МБ", LONGEST >> 20)
}

/// Text without the mark that some programs begin files with.
fn bare(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// A file with an answer on a line.
struct Lines {
    name: Arc<str>,
    from: Box<dyn BufRead>,
    /// The line that was read last, from 1.
    number: usize,
    /// Whether one was an answer.
    is_known: bool,
    is_over: bool,
}

impl Lines {
    fn of(file: &Path) -> anyhow::Result<Self> {
        let name: Arc<str> = match file.as_os_str() == "-" {
            true => "стандартный ввод".into(),
            false => file.display().to_string().into(),
        };
        let from: Box<dyn BufRead> = match file.as_os_str() == "-" {
            true => Box::new(io::stdin().lock()),
            false => Box::new(BufReader::new(File::open(file).with_context(|| name.to_string())?)),
        };
        Ok(Lines { name, from, number: 0, is_known: false, is_over: false })
    }

    /// The next line, if it is not too long to be one; none at the end.
    fn line(&mut self) -> io::Result<Option<Result<Vec<u8>, String>>> {
        let mut line = Vec::new();
        (&mut self.from).take(LONGEST).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        if line.len() as u64 == LONGEST && !line.ends_with(b"\n") {
            self.from.skip_until(b'\n')?;
            return Ok(Some(Err(too_long())));
        }
        Ok(Some(Ok(line)))
    }
}

impl Iterator for Lines {
    type Item = anyhow::Result<Found>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_over {
            let line = match self.line() {
                Ok(Some(line)) => line,
                Ok(None) => return None,
                Err(e) => {
                    self.is_over = true;
                    return Some(Err(e).with_context(|| self.name.to_string()));
                }
            };
            if line.as_ref().is_ok_and(|line| bare(line).trim_ascii().is_empty()) {
                continue;
            }
            let read = |line: Vec<u8>| {
                serde_json::from_slice(bare(&line)).map_err(|e| format!("{LINE}: {e}"))
            };
            let mut answer = line.and_then(read);
            // A file that begins with something else is something else.
            self.is_over = answer.is_err() && !self.is_known;
            if self.is_over {
                answer = answer.map_err(|e| format!("файл не читается дальше: {e}"));
            }
            self.is_known = true;
            let place = Place { file: self.name.clone(), line: Some(self.number) };
            return Some(Ok(Found { place, answer }));
        }
        None
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn folder(files: &[(&str, &str)]) -> TempDir {
        let folder = TempDir::new().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn all(folder: &TempDir, named: &[&str]) -> Vec<(String, Result<String, String>)> {
        let named: Vec<PathBuf> = named.iter().map(|name| folder.path().join(name)).collect();
        let beginning = format!("{}/", folder.path().display());
        let told = |found: anyhow::Result<Found>| {
            let Found { place, answer } = found.unwrap();
            (place.to_string().replace(&beginning, ""), answer.map(|answer| answer.assignment))
        };
        read(sources(&named).unwrap()).map(told).collect()
    }

    #[test]
    fn lines_and_files_are_read_in_order_and_what_is_no_answer_is_told_by_its_place() {
        let folder = folder(&[
            (
                "все.jsonl",
                "\u{feff}{\"assignment\": \"29/2026-27/collect.a\", \"answers\": {}}\r\n\n\
                 {\"assignment\": \"x\"}\n{\"assignment\": \"29/2026-27/collect.b\", \"answers\": {}}",
            ),
            ("collect.b.json", "{\"pupils\": 1}"),
            ("collect.a.json", "[]"),
            ("notes.txt", "not an answer"),
        ]);
        let read = all(&folder, &["все.jsonl", ""]);
        let places: Vec<&str> = read.iter().map(|(place, _)| place.as_str()).collect();
        assert_eq!(
            places[..3],
            ["все.jsonl, строка 1", "все.jsonl, строка 3", "все.jsonl, строка 4"]
        );
        // A folder's own, by name.
        assert_eq!(places[3..5], ["collect.a.json", "collect.b.json"]);
        let taken: Vec<Option<&str>> =
            read.iter().map(|(_, answer)| answer.as_deref().ok()).collect();
        assert_eq!(taken[..3], [Some("29/2026-27/collect.a"), None, Some("29/2026-27/collect.b")]);
        assert_eq!(taken[3..5], [None, Some("collect.b")]);
        assert!(read[1].1.as_ref().unwrap_err().contains("answers"), "{read:?}");
    }

    #[test]
    fn a_file_that_begins_with_something_else_is_told_once() {
        let folder = folder(&[("pretty.jsonl", "{\n  \"assignment\": \"a\"\n}\n")]);
        let read = all(&folder, &["pretty.jsonl"]);
        assert_eq!(read.len(), 1);
        assert!(read[0].1.as_ref().unwrap_err().contains("в одну строку"), "{read:?}");
    }

    #[test]
    fn all_that_is_wrong_with_the_files_is_told_before_any_is_read() {
        let folder = folder(&[("answers.json", "{}"), ("a.jsonl", "")]);
        fs::create_dir(folder.path().join("empty")).unwrap();
        let named = ["answers.json", "a.jsonl", "empty", "nowhere"];
        let named: Vec<PathBuf> = named.iter().map(|name| folder.path().join(name)).collect();
        let told = sources(&named).unwrap_err().to_string();
        assert_eq!(told.lines().count(), 3, "{told}");
        for words in ["называется как его поручение", "нет ни одного файла", "nowhere: не найдено"]
        {
            assert!(told.contains(words), "{words}: {told}");
        }
    }
}
