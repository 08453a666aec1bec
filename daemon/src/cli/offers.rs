//! What may be done now: `vekha run offers`, and what a shell completes. Both ask the daemon, and know
//! of each call by which command it is made.

use std::ffi::OsStr;
use std::time::Duration;

use clap::{Command, CommandFactory as _, FromArgMatches as _};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use strum::VariantArray as _;
use vekha_engine::OfferKind;
use vekha_proto::v1::{self, Method};

use super::client::{Client, all_pages, short};
use super::output::{Output, table};
use super::{Cli, russian};
use crate::offered::{self, Offered};

/// How long a shell waits for the daemon.
const PATIENCE: Duration = Duration::from_secs(2);

/// Most words that a shell is given.
const MOST: i32 = 200;

/// By which command each call is made that may be offered.
fn commands() -> Vec<Offered> {
    let mut all: Vec<Offered> = OfferKind::VARIANTS.iter().map(|kind| offered::of(*kind)).collect();
    all.sort_by_key(|offered| offered.method.path());
    all.dedup_by_key(|offered| offered.method);
    all
}

/// What may be done with a run.
pub(super) async fn list(client: &Client, run: &str, out: &mut Output) -> anyhow::Result<()> {
    let request = v1::ListOffersRequest { parent: client.run(run).await?, ..Default::default() };
    let offers = all_pages!(client.offers(), list_offers, request, offers);
    out.many(&offers, || {
        let commands = commands();
        let row = |offer: &v1::Offer| {
            let made_by = commands.iter().find(|made| dotted(made.method) == offer.method);
            let command = made_by.map(|made| line(offer, made));
            [offer.title.clone(), command.unwrap_or_default()]
        };
        table(["что можно сделать", "команда"], offers.iter().map(row).collect())
    })?;
    Ok(())
}

/// The stage of a run with which something may be done now.
///
/// # Errors
/// When there is none, or more than one: then they are named.
pub(super) async fn only_stage(
    client: &Client,
    run: &str,
    method: Method,
) -> anyhow::Result<String> {
    let request = v1::ListOffersRequest { parent: run.to_owned(), ..Default::default() };
    let offers: Vec<v1::Offer> = all_pages!(client.offers(), list_offers, request, offers);
    let own = offers.iter().filter(|offer| offer.method == dotted(method));
    let fields = own.flat_map(|offer| &offer.fields).filter(|field| field.path == "stage");
    let stages: Vec<&str> = fields.map(|field| field.value.as_str()).collect();
    match stages.as_slice() {
        [stage] => Ok((*stage).to_owned()),
        [] => anyhow::bail!("{}: сейчас этого ни с одним этапом не сделать", short(run)),
        several => {
            let several = several.join(", ");
            anyhow::bail!("{}: назовите этап (--stage), их несколько: {several}", short(run))
        }
    }
}

/// The command that takes up an offer, with all that it must say to mean this offer and no other.
fn line(offer: &v1::Offer, made: &Offered) -> String {
    let mut line = format!("vekha {} {}", made.command, word(offer, made.argument));
    let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    for field in offer.fields.iter().filter(|field| !field.value.is_empty()) {
        match field.path.as_str() {
            "stage" => line += &format!(" --stage {}", field.value),
            "corrects" => line += &format!(" --corrects {}", last(&field.value)),
            "names" => {
                // A recommendation is called by its stage and organisation.
                let name = last(&field.value);
                let organisation = name.split_once('.').map_or(name.as_str(), |(_, code)| code);
                line += &format!(" --organisations {organisation}");
            }
            _ => {}
        }
    }
    line
}

/// A method as the contract calls it.
fn dotted(method: Method) -> String {
    method.path().trim_start_matches('/').replace('/', ".")
}

/// An offer's target as this argument of a command takes it.
fn word(offer: &v1::Offer, argument: &str) -> String {
    short(if argument == "run" { &offer.run } else { &offer.target })
}

/// The commands, with what the daemon offers in the place of arguments that say with what something
/// is done.
pub(super) fn completing() -> Command {
    let command = russian::spoken(Cli::command());
    commands().into_iter().fold(
        command,
        |command, Offered { method, command: path, argument, .. }| {
            let offered = ArgValueCompleter::new(move |begun: &OsStr| {
                let begun = begun.to_string_lossy();
                offered(method, argument, &begun).unwrap_or_default()
            });
            // One argument changed by itself would lose its place among those that have none but that.
            at(command, &mut path.split(' '), |command| {
                command.mut_args(|arg| match arg.get_id() == argument {
                    true => arg.add(offered.clone()),
                    false => arg,
                })
            })
        },
    )
}

/// Changes the command that this path of subcommands leads to.
fn at<'p>(
    command: Command,
    path: &mut impl Iterator<Item = &'p str>,
    change: impl FnOnce(Command) -> Command,
) -> Command {
    match path.next() {
        None => change(command),
        Some(first) => command.mut_subcommand(first, |command| at(command, path, change)),
    }
}

/// Words that go on as what was begun; none when the daemon does not answer: a shell is no place to
/// say why.
fn offered(method: Method, argument: &str, begun: &str) -> Option<Vec<CompletionCandidate>> {
    let cli = named();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let offers =
        runtime.block_on(async { tokio::time::timeout(PATIENCE, ask(&cli, method)).await });
    let (offers, activities) = offers.ok()?.ok()?;
    let mut words: Vec<CompletionCandidate> = Vec::new();
    for offer in &offers {
        let word = word(offer, argument);
        let (activity, rest) = word.split_once('/').unwrap_or((&word, ""));
        let known = activities.iter().find(|a| a.id == activity);
        // Activities are called by number or by name: as it was begun.
        let numbered = begun.starts_with(|c: char| c.is_ascii_digit());
        let word = match known {
            Some(a) if numbered => format!("{}/{rest}", a.number),
            _ => word.clone(),
        };
        if word.starts_with(begun) && words.iter().all(|other| other.get_value() != word.as_str()) {
            let help = known.map(|a| a.short.clone().into());
            words.push(CompletionCandidate::new(word).help(help));
        }
    }
    Some(words)
}

async fn ask(cli: &Cli, method: Method) -> anyhow::Result<(Vec<v1::Offer>, Vec<v1::Activity>)> {
    let client = Client::connect(cli).await?;
    let path = method.path();
    let name = path.rsplit('/').next().unwrap_or(path);
    let request = v1::ListOffersRequest {
        parent: format!("{}/activities/-/runs/-", client.municipality),
        filter: format!("method = {name}"),
        page_size: MOST,
        ..Default::default()
    };
    let offers = client.offers().list_offers(request).await?.into_inner().offers;
    Ok((offers, client.all_activities().await?))
}

/// What the line says so far of where the daemon is and who asks; the rest of it need not be right.
fn named() -> Cli {
    let mut line = std::env::args().skip_while(|word| word != "--").skip(1);
    let mut words: Vec<String> = line.next().into_iter().collect();
    while let Some(word) = line.next() {
        let name = word.split('=').next().unwrap_or_default();
        if !matches!(name, "--server" | "--token" | "--municipality") {
            continue;
        }
        let value = (!word.contains('=')).then(|| line.next()).flatten();
        words.extend([Some(word), value].into_iter().flatten());
    }
    let plain = || Cli::command().get_matches_from(["vekha"]);
    let matches = Cli::command().try_get_matches_from(words).unwrap_or_else(|_| plain());
    Cli::from_arg_matches(&matches).unwrap_or_else(|e| e.exit())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_of_one_stage_or_one_organisation_says_of_which() {
        let run = "municipalities/m/activities/assessment-list/runs/2026-H2";
        let offer = |kind: OfferKind, target: &str, fields: &[(&str, &str)]| {
            let field = |(path, value): &(&str, &str)| v1::OfferField {
                path: (*path).to_owned(),
                value: (*value).to_owned(),
                ..Default::default()
            };
            let offer = v1::Offer {
                run: run.to_owned(),
                target: target.to_owned(),
                fields: fields.iter().map(field).collect(),
                ..Default::default()
            };
            line(&offer, &offered::of(kind))
        };
        let stage = format!("{run}/stages/schedules");
        let fields = [("name", run), ("stage", "schedules")];
        assert_eq!(
            offer(OfferKind::AcceptAnswers, &stage, &fields),
            "vekha run accept assessment-list/2026-H2 --stage schedules"
        );
        let draft = format!("{run}/recommendations/recommend.school-2");
        assert_eq!(
            offer(OfferKind::Release, &draft, &[("parent", run), ("names", &draft)]),
            "vekha approve assessment-list/2026-H2 --organisations school-2"
        );
        let decision = format!("{run}/decisions/1");
        assert_eq!(
            offer(OfferKind::CorrectDecision, &decision, &[("corrects", &decision)]),
            "vekha decide assessment-list/2026-H2 --corrects 1"
        );
    }

    #[test]
    fn every_call_that_may_be_offered_has_a_command_with_that_argument() {
        // Arguments that lost their places would be told here.
        completing().debug_assert();
        for Offered { method, command: path, argument, .. } in commands() {
            let mut command = &Cli::command();
            for name in path.split(' ') {
                command = command.find_subcommand(name).unwrap_or_else(|| panic!("{method:?}"));
            }
            assert!(command.get_arguments().any(|arg| arg.get_id() == argument), "{method:?}");
        }
    }
}
