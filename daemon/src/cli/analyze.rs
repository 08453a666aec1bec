//! `vekha analyze`: what an analysis would say of a dataset from a file, before anything is
//! scheduled.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use vekha_analysis::{Dataset, Inputs, Outcome, Values, analyze};
use vekha_roadmap::RoadMap;
use vekha_roadmap::answers::validate;
use vekha_roadmap::model::{Activity, Analysis, Analyze, Form, Work};
use vekha_roadmap::read::read;

use super::output::Output;
use super::run::figures_text;
use crate::api::figures;
use crate::files;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Мероприятие: номер или id
    activity: String,
    /// Этап анализа; без него — первый
    #[arg(long)]
    stage: Option<String>,
    /// Файл JSON: код организации -> ответы. Если анализ читает несколько наборов —
    /// имя набора -> код -> ответы
    #[arg(long)]
    data: PathBuf,
    /// Такой же файл прошлого периода, для сравнения
    #[arg(long)]
    earlier: Option<PathBuf>,
    /// Папка дорожной карты; без неё — первая из настроек
    #[arg(long)]
    pub folder: Option<PathBuf>,
}

/// Answers by organisation.
type Answers = BTreeMap<String, Values>;

/// Answers as an analysis takes them.
fn records(answers: Answers) -> Dataset<'static> {
    answers.into_iter().map(|(code, values)| (code, values.into())).collect()
}

pub(super) fn run(folder: &Path, args: &Args, out: &mut Output) -> anyhow::Result<ExitCode> {
    let files = files::load(folder)?;
    let road_map = read(&files).map_err(|mistakes| {
        anyhow!("в дорожной карте ошибок: {}; их назовёт vekha check", mistakes.len())
    })?;
    let activity = road_map
        .activities
        .iter()
        .find(|a| a.id == args.activity || a.number.to_string() == args.activity)
        .ok_or_else(|| anyhow!("мероприятия «{}» в карте нет", args.activity))?;
    let (stage, definition) = stage(&road_map, activity, args.stage.as_deref())?;
    let outcome = |path: &Path, before: &Outcome| {
        let inputs = inputs(&road_map, activity, stage, path)?;
        anyhow::Ok(analyze(definition, &Inputs { earlier: before.as_earlier(), ..inputs }))
    };
    let before = match &args.earlier {
        Some(path) => outcome(path, &Outcome::default())?,
        None => Outcome::default(),
    };
    let figures = figures::table(&outcome(&args.data, &before)?, Some(definition));
    out.one(&figures, || figures_text(&figures))?;
    Ok(ExitCode::SUCCESS)
}

fn stage<'m>(
    road_map: &'m RoadMap,
    activity: &'m Activity,
    wanted: Option<&str>,
) -> anyhow::Result<(&'m Analyze, &'m Analysis)> {
    let found = activity.stages.iter().find_map(|stage| match &stage.work {
        Work::Analyze(analyze) if wanted.is_none_or(|id| id == stage.id) => Some(analyze),
        _ => None,
    });
    let stage =
        found.ok_or_else(|| anyhow!("у мероприятия {} нет такого анализа", activity.number))?;
    let definition = road_map.analyses.get(&stage.analysis);
    Ok((stage, definition.context("анализа нет в карте")?))
}

fn inputs(
    road_map: &RoadMap,
    activity: &Activity,
    stage: &Analyze,
    path: &Path,
) -> anyhow::Result<Inputs<'static>> {
    let file = path.display();
    let text = std::fs::read_to_string(path).with_context(|| file.to_string())?;
    let mut inputs = Inputs { names: road_map.names(), ..Inputs::default() };
    if stage.from.iter().any(|source| source.alias.is_none()) {
        let dataset: Answers = serde_json::from_str(&text)
            .with_context(|| format!("{file}: нужен объект: код организации -> ответы"))?;
        let form = form(road_map, activity, stage);
        inputs.own = records(checked(road_map, form, &file.to_string(), dataset)?);
        return Ok(inputs);
    }
    // Datasets with names hold indicators beside answers: the formulas say what they need.
    let named: BTreeMap<String, Answers> = serde_json::from_str(&text).with_context(|| {
        format!("{file}: нужен объект: имя набора -> код организации -> ответы")
    })?;
    let known: Vec<&str> = stage.from.iter().filter_map(|s| s.alias.as_deref()).collect();
    if let Some(unknown) = named.keys().find(|name| !known.contains(&name.as_str())) {
        bail!("{file}: набора «{unknown}» анализ не читает; он читает {}", known.join(", "));
    }
    inputs.named = named.into_iter().map(|(name, rows)| (name, records(rows))).collect();
    Ok(inputs)
}

/// The form of the dataset, if it is the answers to a single one.
fn form<'m>(road_map: &'m RoadMap, activity: &'m Activity, stage: &Analyze) -> Option<&'m Form> {
    let source = stage.from.iter().find(|source| source.alias.is_none())?;
    let activity = match &source.activity {
        Some(id) => road_map.activity(id)?,
        None => activity,
    };
    let mut forms = activity.stages.iter().filter_map(|stage| match &stage.work {
        Work::Collect(collect) => road_map.forms.get(&collect.form),
        _ => None,
    });
    let form = forms.next();
    form.filter(|_| forms.next().is_none())
}

/// Answers as the form would take them, or all that is wrong with them at once.
fn checked(
    road_map: &RoadMap,
    form: Option<&Form>,
    file: &str,
    dataset: Answers,
) -> anyhow::Result<Answers> {
    let mut mistakes = Vec::new();
    let mut typed = Answers::new();
    for (code, answers) in dataset {
        if road_map.organisation(&code).is_none() {
            mistakes.push(format!("{code}: такой организации в реестре нет"));
        }
        match form.map(|form| validate(form, &answers, &Values::new())) {
            Some(Ok(answers)) => {
                typed.insert(code, answers);
            }
            Some(Err(errors)) => {
                mistakes
                    .extend(errors.iter().map(|e| format!("{code}: {}: {}", e.field, e.message)));
            }
            None => {
                typed.insert(code, answers);
            }
        }
    }
    if mistakes.is_empty() {
        return Ok(typed);
    }
    bail!("{file}: ошибок {}\n{}", mistakes.len(), mistakes.join("\n"))
}
