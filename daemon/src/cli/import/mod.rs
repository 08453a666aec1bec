//! `vekha import`: answers of many organisations from files, by streams of `ImportSubmissions`. Each
//! answer is taken or refused by itself. The id of its call is made of what it says, so that the same
//! command said once more takes nothing twice, whatever broke it off.

mod files;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use prost::Message as _;
use serde_json::json;
use tonic::Code;
use vekha_proto::v1;

use self::files::{Answer, Found, Place, Source};
use super::client::{Client, all_pages};
use super::names::{Names, is_full};
use super::output::{Mistakes, Output, Trouble, leaves_out};
use crate::api::{LARGEST_FILE_CALL, convert};

/// Most answers of a stream: of so many refusals the daemon tells each in words.
const MOST: usize = 500;

/// Bytes of a stream, all of which are at hand until it is answered.
const LARGEST: usize = LARGEST_FILE_CALL;

/// What goes beside an answer in its message.
const BESIDE: usize = 1 << 12;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Чьи это ответы: выполнения 29/2026-27, мероприятия 29 или «-» — всего муниципалитета
    #[arg(value_name = "ЧЬИ")]
    of: String,
    /// Файлы со строками {"assignment": "29/2026-27/collect.school-1", "answers": {…}}, «-» — со
    /// стандартного ввода; у одного выполнения — и файлы collect.school-1.json с одними ответами или
    /// папка таких файлов. Та же команда ещё раз дважды ничего не примет; чтобы прежний ответ был
    /// принят снова, — с другим --request-id
    #[arg(required = true, value_name = "ФАЙЛ")]
    files: Vec<PathBuf>,
}

pub(super) async fn run(
    client: &Client,
    args: &Args,
    out: &mut Output,
) -> anyhow::Result<ExitCode> {
    let sources = files::sources(&args.files)?;
    let parent = match args.of.as_str() {
        "-" => client.municipality.clone(),
        activity if !activity.contains('/') => client.activity(activity).await?,
        run => client.run(run).await?,
    };
    let of_run = parent.contains("/runs/");
    if !of_run && sources.iter().any(|source| matches!(source, Source::One { .. })) {
        bail!(
            "файлы, названные как поручения, — ответы одного выполнения, назовите его: \
             vekha import 29/2026-27 ПАПКА"
        );
    }
    let mut import = Import {
        client,
        parent,
        of_run,
        names: None,
        turns: HashMap::new(),
        taken: 0,
        outdated: 0,
        refused: 0,
    };
    let done = import.all(sources, out).await;
    if done.is_ok() || import.taken + import.refused > 0 {
        import.sum_up(done.is_ok(), out)?;
    }
    done?;
    Ok(if import.refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How far an import is.
struct Import<'a> {
    client: &'a Client,
    /// What all answers belong to.
    parent: String,
    of_run: bool,
    /// What short names mean, once one was met.
    names: Option<Names>,
    /// How many answers to an assignment there were so far, by a hash of its name.
    turns: HashMap<u64, u32>,
    taken: usize,
    /// How many of them were taken before, and another answer came since.
    outdated: usize,
    refused: usize,
}

/// An answer on its way.
struct Sent {
    place: Place,
    assignment: String,
    /// Why it does not go, if it does not.
    message: Result<v1::SubmitAssignmentRequest, String>,
}

impl Import<'_> {
    async fn all(&mut self, sources: Vec<Source>, out: &mut Output) -> anyhow::Result<()> {
        let (mut window, mut bytes) = (Vec::new(), 0);
        for found in files::read(sources) {
            let sent = self.ready(found?).await?;
            let own = sent.message.as_ref().map_or(0, v1::SubmitAssignmentRequest::encoded_len);
            if window.len() == MOST || bytes + own > LARGEST {
                self.send(std::mem::take(&mut window), out).await?;
                bytes = 0;
            }
            bytes += own;
            window.push(sent);
        }
        self.send(window, out).await
    }

    /// An answer as it is sent.
    async fn ready(&mut self, found: Found) -> anyhow::Result<Sent> {
        let Found { place, answer } = found;
        let Answer { assignment, answers } = match answer {
            Ok(answer) => answer,
            Err(why) => return Ok(Sent { place, assignment: String::new(), message: Err(why) }),
        };
        let name = match self.whole_name(&assignment).await? {
            Ok(name) => name,
            Err(why) => return Ok(Sent { place, assignment, message: Err(why) }),
        };
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let turn = self.turns.entry(hasher.finish()).or_default();
        *turn += 1;
        let message = v1::SubmitAssignmentRequest {
            name,
            answers: Some(convert::structure(&answers)),
            origin: v1::Origin::Api.into(),
            ..Default::default()
        };
        let message = match message.encoded_len() + BESIDE <= LARGEST {
            true => Ok(self.client.asked_once(*turn, message)),
            false => Err(format!("ответ больше {} МБ", LARGEST >> 20)),
        };
        Ok(Sent { place, assignment, message })
    }

    /// An assignment's full name, or why it has none.
    async fn whole_name(&mut self, assignment: &str) -> anyhow::Result<Result<String, String>> {
        if is_full(assignment) {
            return Ok(Ok(assignment.to_owned()));
        }
        if self.of_run && !assignment.contains('/') {
            return Ok(Ok(format!("{}/assignments/{assignment}", self.parent)));
        }
        if self.client.municipality.ends_with("/-") {
            let why = format!("«{assignment}»: муниципалитетов несколько, нужно полное имя");
            return Ok(Err(why));
        }
        let names = match &mut self.names {
            Some(names) => names,
            none => none.insert(self.client.names().await?),
        };
        Ok(names.below(assignment, "assignments").map_err(|e| e.to_string()))
    }

    /// Sends answers by a stream, and tells what was not taken.
    async fn send(&mut self, window: Vec<Sent>, out: &mut Output) -> anyhow::Result<()> {
        let messages: Vec<_> =
            window.iter().filter_map(|sent| sent.message.as_ref().ok()).cloned().collect();
        let (mut refused, mut outdated) = (HashMap::new(), HashMap::new());
        if !messages.is_empty() {
            let parent = self.parent.clone();
            let messages =
                messages.into_iter().map(move |submission| v1::ImportSubmissionsRequest {
                    parent: parent.clone(),
                    submission: Some(submission),
                });
            let mut service = self
                .client
                .assignments()
                .max_encoding_message_size(LARGEST_FILE_CALL)
                .max_decoding_message_size(LARGEST_FILE_CALL);
            let stream = tokio_stream::iter(messages);
            let told = service.import_submissions(stream).await?.into_inner();
            self.taken += told.taken.len();
            outdated = self.outdated(&told.taken).await?;
            refused.extend(told.refused.into_iter().map(|one| (one.index, one.status)));
        }
        let mut index = 0;
        for Sent { place, assignment, message } in window {
            let trouble = match message {
                Err(why) => anyhow::anyhow!(why),
                Ok(message) => {
                    let (status, newest) = (refused.remove(&index), outdated.remove(&index));
                    index += 1;
                    if let Some(newest) = newest {
                        self.outdated += 1;
                        note(&place, &assignment, newest, out)?;
                    }
                    let Some(status) = status else { continue };
                    self.all_wrong(status.unwrap_or_default(), message).await?
                }
            };
            self.refused += 1;
            refuse(&place, &assignment, &Trouble::of(&trouble), out)?;
        }
        Ok(())
    }

    /// Which of the answers that are taken, by their places in the stream, are not the newest of their
    /// assignments: they were taken before. With that newest version.
    async fn outdated(
        &self,
        taken: &[v1::ImportedSubmission],
    ) -> anyhow::Result<HashMap<i32, u32>> {
        // The last of those that came together, by assignment.
        let mut last: BTreeMap<&str, (u32, i32)> = BTreeMap::new();
        for one in taken.iter().filter(|_| !self.client.validate_only) {
            let Some((assignment, version)) = one.name.split_once("/submissions/") else {
                continue;
            };
            let own = (version.parse().unwrap_or_default(), one.index);
            last.entry(assignment).and_modify(|last| *last = own.max(*last)).or_insert(own);
        }
        let runs: BTreeSet<&str> =
            last.keys().filter_map(|name| Some(name.split_once("/assignments/")?.0)).collect();
        let mut outdated = HashMap::new();
        for run in runs {
            let request =
                v1::ListAssignmentsRequest { parent: run.to_owned(), ..Default::default() };
            let all = all_pages!(self.client.assignments(), list_assignments, request, assignments);
            for v1::Assignment { name, version: newest, .. } in all {
                match last.get(name.as_str()) {
                    Some((version, index)) if *version < newest => {
                        outdated.insert(*index, newest);
                    }
                    _ => {}
                }
            }
        }
        Ok(outdated)
    }

    /// Why an answer was refused: all of it, where the refusal had no room.
    async fn all_wrong(
        &self,
        status: tonic_types::pb::Status,
        mut message: v1::SubmitAssignmentRequest,
    ) -> anyhow::Result<anyhow::Error> {
        let details = status.encode_to_vec().into();
        let status =
            tonic::Status::with_details(Code::from_i32(status.code), status.message, details);
        if !leaves_out(&status) {
            return Ok(status.into());
        }
        // Asked under its id, it would be answered as the call that it repeats.
        message.request_id.clear();
        (message.validate_only, message.list_mistakes) = (true, true);
        let mut service = self
            .client
            .assignments()
            .max_encoding_message_size(LARGEST_FILE_CALL)
            .max_decoding_message_size(LARGEST_FILE_CALL);
        let mistakes = service.submit_assignment(message).await?.into_inner().mistakes;
        // Where it would be taken by now, it was refused all the same.
        Ok(if mistakes.is_empty() { status.into() } else { Mistakes(mistakes).into() })
    }

    fn sum_up(&self, is_whole: bool, out: &mut Output) -> anyhow::Result<()> {
        let Import { taken, outdated, refused, .. } = self;
        if out.is_json() {
            let said = json!({
                "taken": taken, "outdated": outdated, "refused": refused, "whole": is_whole,
            });
            return Ok(out.say(said.to_string())?);
        }
        let said = match self.client.validate_only {
            true => format!("можно принять {taken}, нельзя {refused}; ничего не отправлено"),
            false => format!("принято {taken}, не принято {refused}"),
        };
        out.say(said)?;
        if *outdated > 0 {
            out.say(format!(
                "Раньше приняты и уже заменены другими ответами: {outdated}. Чтобы они были приняты \
                 снова, повторите с другим --request-id."
            ))?;
        }
        if !is_whole {
            out.say("Прервано: повторите ту же команду, принятое дважды не примется.")?;
        }
        Ok(())
    }
}

/// Tells of an answer that was taken before, since when another came.
fn note(place: &Place, assignment: &str, newest: u32, out: &mut Output) -> anyhow::Result<()> {
    if out.is_json() {
        let said = json!({
            "assignment": assignment, "file": &*place.file, "line": place.line, "newest": newest,
        });
        return Ok(out.say(said.to_string())?);
    }
    let said = format!(
        "{assignment} ({place}): принят раньше, с тех пор есть другой ответ, версия {newest}"
    );
    Ok(out.say(said)?)
}

/// Tells of an answer that was not taken.
fn refuse(
    place: &Place,
    assignment: &str,
    trouble: &Trouble,
    out: &mut Output,
) -> anyhow::Result<()> {
    if out.is_json() {
        let said = json!({
            "assignment": assignment, "file": &*place.file, "line": place.line,
            "error": trouble.json(),
        });
        return Ok(out.say(said.to_string())?);
    }
    let named = match assignment {
        "" => place.to_string(),
        assignment => format!("{assignment} ({place})"),
    };
    Ok(out.say(match trouble.lines() {
        Some(lines) => format!("{named}: исправьте:\n{lines}"),
        None => format!("{named}: {}", trouble.message()),
    })?)
}
