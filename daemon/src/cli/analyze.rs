//! `vekha analyze`: what an analysis would say of a dataset from a file, before anything is
//! scheduled. What a plugin gives of it, the plugin of the settings is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use vekha_analysis::{Dataset, Given, Inputs, Outcome, Values, analyze};
use vekha_plugin::{Analyzer as _, Problem};
use vekha_plugin_host::{Host, Hosted};
use vekha_roadmap::RoadMap;
use vekha_roadmap::answers::validate;
use vekha_roadmap::model::{Activity, Analysis, Analyze, DatasetSource, Form, Work};
use vekha_roadmap::read::read;

use super::output::Output;
use super::run::figures_text;
use crate::api::figures;
use crate::files;
use crate::runtime::consultation::{About, given, key, request};
use crate::settings::Settings;

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
    /// Ничего не запускать и не записывать: так эта команда работает всегда
    #[arg(long = "dry-run")]
    _dry_run: bool,
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

pub(super) async fn run(
    config: &Path,
    folder: &Path,
    args: &Args,
    out: &mut Output,
) -> anyhow::Result<ExitCode> {
    let files = files::load(folder)?;
    let road_map = read(&files).map_err(|mistakes| {
        anyhow!("в дорожной карте ошибок: {}; их назовёт vekha check", mistakes.len())
    })?;
    let activity = road_map
        .activities
        .iter()
        .find(|a| a.id == args.activity || a.number.to_string() == args.activity)
        .ok_or_else(|| anyhow!("мероприятия «{}» в карте нет", args.activity))?;
    let (id, stage, definition) = stage(&road_map, activity, args.stage.as_deref())?;
    let asking = match &stage.plugin {
        Some(analyzer) => Some(Asking::start(config, analyzer).await?),
        None => None,
    };
    let about = |period| About {
        road_map: &road_map,
        activity,
        stage: id,
        analyze: stage,
        definition,
        period,
    };
    let (mut before, mut outcome_before) = (Inputs::default(), Outcome::default());
    if let Some(path) = &args.earlier {
        before = inputs(&road_map, activity, stage, path)?;
        if let Some(asking) = &asking {
            before.given = Some(asking.given(&about("earlier"), &before).await?);
        }
        outcome_before = analyze(definition, &before);
    }
    let mut inputs = Inputs {
        earlier: outcome_before.as_earlier(),
        own_before: before.own,
        named_before: before.named,
        ..inputs(&road_map, activity, stage, &args.data)?
    };
    if let Some(asking) = asking {
        inputs.given = Some(asking.given(&about("now"), &inputs).await?);
        asking.host.stop().await;
    }
    let figures = figures::table(&analyze(definition, &inputs), Some(definition));
    out.one(&figures, || figures_text(&figures))?;
    Ok(ExitCode::SUCCESS)
}

fn stage<'m>(
    road_map: &'m RoadMap,
    activity: &'m Activity,
    wanted: Option<&str>,
) -> anyhow::Result<(&'m str, &'m Analyze, &'m Analysis)> {
    let found = activity.stages.iter().find_map(|stage| match &stage.work {
        Work::Analyze(analyze) if wanted.is_none_or(|id| id == stage.id) => {
            Some((stage.id.as_str(), analyze))
        }
        _ => None,
    });
    let (id, stage) =
        found.ok_or_else(|| anyhow!("у мероприятия {} нет такого анализа", activity.number))?;
    let definition = road_map.analyses.get(&stage.analysis);
    Ok((id, stage, definition.context("анализа нет в карте")?))
}

/// The plugin that gives what the analysis has no formulas for, started for this command alone.
struct Asking {
    host: Host,
    plugin: Arc<Hosted>,
}

impl Asking {
    async fn start(config: &Path, analyzer: &str) -> anyhow::Result<Self> {
        let settings = Settings::load(config)
            .with_context(|| format!("часть анализа считает плагин [analyzer.{analyzer}]"))?;
        let named = settings.analyzer.get(analyzer).with_context(|| {
            format!(
                "часть анализа считает плагин, а раздела [analyzer.{analyzer}] в настройках нет"
            )
        })?;
        let name = named.plugin.clone();
        let own = settings.plugin.get(&name).cloned();
        let own = own.with_context(|| format!("раздела [plugin.{name}] в настройках нет"))?;
        let told = |problems: Vec<Problem>| {
            let lines = problems.iter().map(|problem| format!("\n  {problem}"));
            anyhow!("плагин «{name}»:{}", lines.collect::<String>())
        };
        own.check().map_err(told)?;
        let one = BTreeMap::from([(name.clone(), own)]);
        let host = Host::start(one, &settings.manner).await.map_err(told)?;
        let plugin = host.get(&name).context("плагин не запустился")?;
        Ok(Asking { host, plugin })
    }

    async fn given(&self, about: &About<'_>, inputs: &Inputs<'_>) -> anyhow::Result<Given> {
        let mut asked = request(about, inputs);
        asked.key = key("vekha-analyze", &asked);
        match self.plugin.analyze(&asked).await {
            Ok(answer) => Ok(given(answer)),
            Err(error) => {
                self.host.stop().await;
                bail!("показателей нет: {error}")
            }
        }
    }
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
        let source = stage.from.iter().find(|source| source.alias.is_none());
        let form = source.and_then(|source| form(road_map, activity, source));
        let mut mistakes = Vec::new();
        inputs.own = records(checked(road_map, form, "", dataset, &mut mistakes));
        return none_of(mistakes, &file.to_string()).map(|()| inputs);
    }
    let named: BTreeMap<String, Answers> = serde_json::from_str(&text).with_context(|| {
        format!("{file}: нужен объект: имя набора -> код организации -> ответы")
    })?;
    let known: Vec<&str> = stage.from.iter().filter_map(|s| s.alias.as_deref()).collect();
    if let Some(unknown) = named.keys().find(|name| !known.contains(&name.as_str())) {
        bail!("{file}: набора «{unknown}» анализ не читает; он читает {}", known.join(", "));
    }
    let mut mistakes = Vec::new();
    for (name, rows) in named {
        let source = stage.from.iter().find(|source| source.alias.as_deref() == Some(&name));
        let form = source.and_then(|source| form(road_map, activity, source));
        // Indicators stand beside answers here.
        let known = source.map(|source| indicators(road_map, activity, source)).unwrap_or_default();
        let (mut answers, mut figures) = (Answers::new(), Answers::new());
        for (code, row) in rows {
            let of_form = |field: &String| form.is_some_and(|form| form.field(field).is_some());
            let (own, others): (Values, Values) =
                row.into_iter().partition(|(field, _)| of_form(field));
            if form.is_some() {
                let unknown = others.keys().filter(|field| !known.contains(field.as_str()));
                mistakes.extend(unknown.map(|field| {
                    format!("{name}: {code}: {field}: такого поля и показателя в наборе нет")
                }));
            }
            // Whoever gives indicators alone need not give the answers that they come from.
            if !own.is_empty() || others.is_empty() {
                answers.insert(code.clone(), own);
            }
            figures.insert(code, others);
        }
        let mut rows = checked(road_map, form, &format!("{name}: "), answers, &mut mistakes);
        for (code, others) in figures {
            rows.entry(code).or_default().extend(others);
        }
        inputs.named.insert(name, records(rows));
    }
    none_of(mistakes, &file.to_string()).map(|()| inputs)
}

/// The activity that a dataset is of.
fn activity_of<'m>(
    road_map: &'m RoadMap,
    own: &'m Activity,
    source: &DatasetSource,
) -> Option<&'m Activity> {
    match &source.activity {
        Some(id) => road_map.activity(id),
        None => Some(own),
    }
}

/// What the analyses of the activity compute.
fn indicators<'m>(
    road_map: &'m RoadMap,
    own: &'m Activity,
    source: &DatasetSource,
) -> BTreeSet<&'m str> {
    let stages = activity_of(road_map, own, source).into_iter().flat_map(|a| &a.stages);
    let analyses = stages.filter_map(|stage| match &stage.work {
        Work::Analyze(analyze) => road_map.analyses.get(&analyze.analysis),
        _ => None,
    });
    analyses.flat_map(|analysis| &analysis.indicators).map(|i| i.id.as_str()).collect()
}

/// All mistakes at once, if there are any.
fn none_of(mistakes: Vec<String>, file: &str) -> anyhow::Result<()> {
    if mistakes.is_empty() {
        return Ok(());
    }
    bail!("{file}: ошибок {}\n{}", mistakes.len(), mistakes.join("\n"))
}

/// The form of the dataset, if it is the answers to a single one.
fn form<'m>(road_map: &'m RoadMap, own: &'m Activity, source: &DatasetSource) -> Option<&'m Form> {
    let activity = activity_of(road_map, own, source)?;
    let mut forms = activity.stages.iter().filter_map(|stage| match &stage.work {
        // What is asked once more is the same form.
        Work::Collect(collect) if collect.again.is_none() => road_map.forms.get(&collect.form),
        _ => None,
    });
    let form = forms.next();
    form.filter(|_| forms.next().is_none())
}

/// Answers as the form would take them; what is wrong is added to the mistakes.
fn checked(
    road_map: &RoadMap,
    form: Option<&Form>,
    of: &str,
    dataset: Answers,
    mistakes: &mut Vec<String>,
) -> Answers {
    let mut typed = Answers::new();
    for (code, answers) in dataset {
        if road_map.organisation(&code).is_none() {
            mistakes.push(format!("{of}{code}: такой организации в реестре нет"));
        }
        match form.map(|form| validate(form, &answers, &Values::new())) {
            Some(Ok(answers)) => {
                typed.insert(code, answers);
            }
            Some(Err(errors)) => {
                mistakes.extend(
                    errors.iter().map(|e| format!("{of}{code}: {}: {}", e.field, e.message)),
                );
            }
            None => {
                typed.insert(code, answers);
            }
        }
    }
    typed
}
