//! `vekha journal`: what happened, and the proof that nothing was altered.

use std::process::ExitCode;

use vekha_proto::v1;

use super::client::{Client, all_pages, filter, short};
use super::output::Output;
use crate::glossary::{journal_facts, journal_kind};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Записи
    List {
        /// Только этого выполнения
        run: Option<String>,
        /// Только такие: submitted, approved, decided, …
        #[arg(long)]
        kind: Option<String>,
    },
    /// Следить за записями; прервать — Ctrl-C
    Watch {
        /// Только этого выполнения
        run: Option<String>,
        /// После этой записи
        #[arg(long)]
        after: Option<i64>,
    },
    /// Доказать, что журнал цел
    Verify {
        /// Только этого выполнения
        run: Option<String>,
    },
}

pub(super) async fn run(
    client: &Client,
    command: &Command,
    out: &mut Output,
) -> anyhow::Result<ExitCode> {
    let mut service = client.journal();
    let (Command::List { run, .. } | Command::Watch { run, .. } | Command::Verify { run }) =
        command;
    let parent = match run {
        Some(run) => client.run(run).await?,
        None => client.municipality.clone(),
    };
    match command {
        Command::List { kind, .. } => {
            let filter = filter([("kind", kind.as_deref())]);
            let request = v1::ListEntriesRequest { parent, filter, ..Default::default() };
            let entries = all_pages!(service, list_entries, request, entries);
            out.many(&entries, || {
                entries.iter().map(|e| line(client, e)).collect::<Vec<_>>().join("\n")
            })?;
        }
        Command::Watch { after, .. } => {
            let (after_cursor, filter) = (*after, String::new());
            let request = v1::WatchEntriesRequest { parent, after_cursor, filter };
            let mut entries = service.watch_entries(request).await?.into_inner();
            while let Some(entry) = entries.message().await? {
                out.next(&entry, || format!("{}  {}", entry.cursor, line(client, &entry)))?;
            }
        }
        Command::Verify { .. } => {
            let request = v1::VerifyJournalRequest { parent };
            let proof = service.verify_journal(request).await?.into_inner();
            out.one(&proof, || match proof.reason.as_str() {
                "" => format!("журнал цел: выполнений {}, записей {}", proof.runs, proof.entries),
                reason => {
                    let at =
                        proof.first_broken.as_ref().map(|e| line(client, e)).unwrap_or_default();
                    format!("ЖУРНАЛ НАРУШЕН: {reason}\n{at}")
                }
            })?;
            if !proof.reason.is_empty() {
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// An entry on a line.
pub(super) fn line(client: &Client, e: &v1::JournalEntry) -> String {
    let at = client.moment(e.at);
    let told = journal_facts(&e.kind, &e.data_text);
    let about = if e.run.is_empty() { &e.activity } else { &e.run };
    format!("{at}  {}  {}  {}  {told}", short(about), journal_kind(&e.kind), e.actor)
}
