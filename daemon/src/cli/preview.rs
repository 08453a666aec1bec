//! `vekha preview`: a coming period as it would go, before one letter is sent.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::civil::Date;
use vekha_engine::RunKey;
use vekha_engine::preview::{Line, What, Wish, preview};
use vekha_roadmap::RoadMap;
use vekha_roadmap::read::read;
use vekha_roadmap::russian::{date_words, plural, weekday};

use super::output::Output;
use crate::files;
use crate::glossary;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Папка дорожной карты; без неё — первая из настроек
    pub folder: Option<PathBuf>,
    /// Первый день, например 2027-01-01
    #[arg(long)]
    from: Date,
    /// Последний день
    #[arg(long)]
    to: Date,
    /// Никто не отвечает: какие будут напоминания и когда сбор закроется
    #[arg(long)]
    silent: bool,
    /// Только мероприятия с этими номерами
    #[arg(long, value_delimiter = ',')]
    activity: Vec<u32>,
}

pub(super) fn run(folder: &Path, args: &Args, out: &mut Output) -> anyhow::Result<ExitCode> {
    let files = files::load(folder)?;
    let Ok(road_map) = read(&files) else {
        return super::check::run(folder, out);
    };
    if args.to < args.from {
        anyhow::bail!("--to раньше, чем --from");
    }
    for number in &args.activity {
        if !road_map.activities.iter().any(|activity| activity.number == *number) {
            anyhow::bail!("мероприятия {number} в дорожной карте нет");
        }
    }
    let wish = Wish { from: args.from, to: args.to, silent: args.silent };
    let mut lines = preview(&road_map, wish);
    if !args.activity.is_empty() {
        lines.retain(|line| args.activity.contains(&line.number));
    }
    if out.is_json() {
        out.json(&lines)?;
    } else {
        out.say(text(&road_map, wish, &lines))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A preview as people read it: day by day, with the municipality's hours.
pub fn text(road_map: &RoadMap, wish: Wish, lines: &[Line]) -> String {
    let mut page = Page { road_map, text: String::new() };
    let municipality = &road_map.municipality;
    writeln!(
        page.text,
        "{}: с {} по {}{}",
        municipality.name,
        date_words(wish.from),
        date_words(wish.to),
        if wish.silent { ", никто не отвечает" } else { "" }
    )
    .expect("writing to a string succeeds");
    let (mut day, mut run) = (None, None);
    for line in lines {
        let at = municipality.time_zone.to_datetime(line.at);
        if day != Some(at.date()) {
            (day, run) = (Some(at.date()), None);
            let (date, weekday) = (date_words(at.date()), weekday(at.date().weekday()));
            page.text.push_str(&format!("\n{date}, {weekday}\n"));
        }
        if run != Some(&line.run) {
            run = Some(&line.run);
            page.text.push_str(&format!("  {}. {}\n", line.number, page.run(&line.run)));
        }
        page.line(line, at.time());
    }
    page.sum(lines);
    page.text
}

struct Page<'a> {
    road_map: &'a RoadMap,
    text: String,
}

impl Page<'_> {
    fn run(&self, id: &str) -> String {
        let Ok(key) = id.parse::<RunKey>() else { return id.to_owned() };
        let activity = self.road_map.activity(&key.activity);
        let name = activity.map_or(key.activity.as_str(), |a| a.short.as_str());
        let part = match &key.part {
            Some(part) => format!(", {}", self.organisation(part)),
            None => String::new(),
        };
        format!("{name}, {}{part}", key.period.words())
    }

    fn organisation(&self, code: &str) -> String {
        self.road_map.short_name(code)
    }

    fn line(&mut self, line: &Line, time: jiff::civil::Time) {
        let what = match &line.what {
            What::Opened { latest: false } => "открыто".to_owned(),
            What::Opened { latest: true } => {
                "открыто (не позже этого дня: раньше — по событию)".to_owned()
            }
            What::Waiting { runs } => {
                let runs: Vec<String> = runs.iter().map(|r| self.run(r)).collect();
                format!("ждёт: {}", runs.join("; "))
            }
            What::Stage { title, due, .. } => match due {
                Some(due) => format!("этап «{title}», срок {}", date_words(*due)),
                None => format!("этап «{title}»"),
            },
            What::Letters { letter, to } => {
                let names: Vec<String> = to.iter().map(|code| self.organisation(code)).collect();
                let count = names.len();
                let words = plural(count as i64, "письмо", "письма", "писем");
                format!("{count} {words} «{}»: {}", glossary::letter(*letter), names.join(", "))
            }
            What::Ended { state } => match state.as_str() {
                "completed" => "завершено".to_owned(),
                "cancelled" => "отменено".to_owned(),
                _ => "пропущено".to_owned(),
            },
        };
        let (hour, minute) = (time.hour(), time.minute());
        self.text.push_str(&format!("    {hour:02}:{minute:02}  {what}\n"));
    }

    fn sum(&mut self, lines: &[Line]) {
        let count = |holds: fn(&What) -> bool| lines.iter().filter(|l| holds(&l.what)).count();
        let opened = count(|what| matches!(what, What::Opened { .. }));
        let completed = count(|what| matches!(what, What::Ended { state } if state == "completed"));
        let letters: usize = lines
            .iter()
            .map(|line| match &line.what {
                What::Letters { to, .. } => to.len(),
                _ => 0,
            })
            .sum();
        self.text.push_str(&format!(
            "\nВсего: открыто выполнений — {opened}, завершено — {completed}, писем — {letters}.\n\
             Люди здесь отвечают в последний день, а выводы получает каждый, кого спросили: писем \
             будет не больше.\n"
        ));
    }
}
