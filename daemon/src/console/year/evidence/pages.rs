//! What the archive's pages tell.

use serde_json::{Value, json};
use vekha_engine::run::RecommendationState;
use vekha_roadmap::RoadMap;
use vekha_roadmap::model::{Activity, Better, Field, FieldKind, Work};
use vekha_roadmap::russian;

use super::Told;
use super::formulas::Meaning;
use crate::console::department::administrator;
use crate::glossary;
use crate::reports::{Advice, Report};
use crate::runtime::documents::reports::place_for_others;

/// The file with an activity's recommendations.
pub(super) const ADVICES: &str = "recommendations.docx";

/// A report of a run, in the folder of its activity and without an ending.
pub(super) fn name(one: &Told, report: &Report) -> String {
    format!("{}-{}", one.run.key.run_id(), report.stage)
}

/// The document of a decision, in the folder of its activity.
pub(super) fn written(one: &Told, number: usize) -> String {
    format!("{}-decision-{number}.docx", one.run.key.run_id())
}

/// What is attached to a decision, in the folder of its activity. A name that came from outside leads
/// nowhere.
pub(super) fn attached(one: &Told, number: usize, place: usize, name: &str) -> String {
    format!("{}-decision-{number}-{place}-{}", one.run.key.run_id(), harmless(name))
}

/// The file that proves the report on a measure, in the folder of its activity.
pub(super) fn proof(one: &Told, measure: usize, name: &str) -> String {
    format!("{}-measure-{measure}-{}", one.run.key.run_id(), harmless(name))
}

fn harmless(name: &str) -> String {
    name.replace(['/', '\\', ':'], "_")
}

/// What was recommended, as far as it was sent.
pub(super) fn advices(map: &RoadMap, activity: &Activity, told: &[Told]) -> Vec<Advice> {
    let mut all = Vec::new();
    for run in told.iter().map(|one| &one.run) {
        let sent = run.recommendations.iter().filter(|(_, one)| {
            matches!(one.state, RecommendationState::Issued | RecommendationState::Acknowledged)
        });
        all.extend(sent.map(|(key, one)| {
            let at = one.issued_at.unwrap_or(run.opened_at);
            Advice {
                authority: map.municipality.authority.clone(),
                organisation: map
                    .organisation(&key.organisation)
                    .map_or_else(|| key.organisation.clone(), |o| o.name.clone()),
                number: activity.number,
                activity: activity.title.clone(),
                period: run.key.period.words(),
                date: russian::date_words(map.municipality.today(at)),
                outgoing: String::new(),
                due: String::new(),
                items: one.items.iter().map(Into::into).collect(),
            }
        }));
    }
    all
}

/// What an activity is for and how it works.
pub(super) fn described(map: &RoadMap, activity: &Activity) -> Value {
    let section = map.municipality.sections.iter().find(|one| one.id == activity.section);
    let party = |id: &String| map.municipality.parties.get(id).cloned().unwrap_or_default();
    let forms = activity.stages.iter().filter_map(|stage| match &stage.work {
        Work::Collect(collect) => map.forms.get(&collect.form),
        _ => None,
    });
    let analyses = activity.stages.iter().filter_map(|stage| match &stage.work {
        Work::Analyze(analyze) => Some((analyze, map.analyses.get(&analyze.analysis)?)),
        _ => None,
    });
    let analyses = analyses.map(|(analyze, analysis)| {
        let plugin = analyze.plugin.as_deref().unwrap_or_default();
        let meaning = Meaning::of(map, activity, analyze, analysis);
        json!({
            "title": analysis.title,
            "method": analysis.method.trim(),
            "min_count": analysis.min_count,
            "indicators": analysis.indicators.iter().map(|one| json!({
                "title": one.title,
                "unit": one.unit,
                "better": match one.better {
                    Some(Better::Higher) => "больше",
                    Some(Better::Lower) => "меньше",
                    None => "—",
                },
                "formula": match &one.formula {
                    Some(formula) => formula.words(&meaning),
                    None => format!("считает плагин «{plugin}»"),
                },
            })).collect::<Vec<_>>(),
        })
    });
    json!({
        "number": activity.number,
        "title": activity.title,
        "short": activity.short,
        "section": section.map(|section| &section.title),
        "goal": section.map(|section| &section.goal),
        "deadline": activity.deadline,
        "responsible": activity.responsible.iter().map(party).collect::<Vec<_>>().join(", "),
        "forms": forms.map(|form| json!({
            "title": form.title,
            "intro": form.intro.trim(),
            "fields": form.fields.iter().map(question).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "analyses": analyses.collect::<Vec<_>>(),
    })
}

/// What a field asks; of a table, with what its columns ask.
fn question(field: &Field) -> String {
    match &field.kind {
        FieldKind::Table(table) => {
            let columns: Vec<&str> = table.columns.iter().map(|c| c.label.as_str()).collect();
            format!("{}: {}", field.label, columns.join(", "))
        }
        _ => field.label.clone(),
    }
}

/// What a run did.
pub(super) fn run(map: &RoadMap, one: &Told) -> Value {
    let Told { run, chapter, published, .. } = one;
    let day = |at| glossary::date(map.municipality.today(at));
    let recommendations = run.recommendations.iter().map(|(key, r)| {
        json!({
            "organisation": administrator::name(map, &key.organisation),
            "words": glossary::recommendation_state(r.state),
            "report": r.report,
            "issued": r.issued_at.map(day),
            "texts": r.items.iter().filter_map(|item| item.recommendation.as_deref())
                .map(str::trim).collect::<Vec<_>>(),
        })
    });
    let reports = chapter.reports.iter().map(|report| {
        json!({
            "title": report.title,
            "name": name(one, report),
            "findings": report.findings.len(),
        })
    });
    let decisions = (1..).zip(chapter.decisions.iter().zip(&run.decisions));
    let decisions = decisions.map(|(number, (shown, decision))| {
        let mut shown = json!(shown);
        shown["document"] = written(one, number).into();
        shown["attachments"] = (1..)
            .zip(&decision.attachments)
            .map(|(place, file)| {
                json!({ "name": file.name, "file": attached(one, number, place, &file.name) })
            })
            .collect();
        for (shown, own) in
            (shown["measures"].as_array_mut().into_iter().flatten()).zip(run.measures_of(number))
        {
            shown["document"] = json!(run.measures[own].document.as_ref().map(|file| {
                json!({ "name": file.name, "file": proof(one, own + 1, &file.name) })
            }));
        }
        shown
    });
    // Where it stands for everybody, and as what it lies here.
    let later = |stage: &vekha_engine::run::Stage| {
        let same = run.stages.iter().filter(|other| other.location == stage.location);
        same.map(|other| other.completed_at).max() > Some(stage.completed_at)
    };
    let stages = run.stages.iter().filter(|stage| !stage.location.is_empty() && !later(stage));
    let places = stages.map(|stage| {
        let location = place_for_others(&run.key, &stage.location);
        let public = location.starts_with("https://") || location.starts_with("http://");
        json!({ "location": location, "public": public, "at": stage.completed_at.map(day) })
    });
    // What lies beside a report the report itself leads to.
    let files = published.iter().map(|(path, _)| path);
    let files: Vec<&String> = files.filter(|path| path.matches('/').count() == 1).collect();
    json!({
        "period": chapter.period,
        "part": run.key.part.as_ref().map(|code| administrator::name(map, code)),
        "state": chapter.state,
        "held": one.held,
        "asked": chapter.asked,
        "answered": chapter.answered,
        "reports": reports.collect::<Vec<_>>(),
        "published": places.collect::<Vec<_>>(),
        "files": files,
        "recommendations": recommendations.collect::<Vec<_>>(),
        "decisions": decisions.collect::<Vec<_>>(),
    })
}

/// How much there is of an activity, for the index.
pub(super) fn line(activity: &Activity, page: &str, runs: &[Told], traced: usize) -> Value {
    let runs: Vec<&Told> = runs.iter().filter(|one| !one.held).collect();
    let sum = |count: fn(&Told) -> usize| runs.iter().copied().map(count).sum::<usize>();
    json!({
        "number": activity.number,
        "short": activity.short,
        "page": page,
        "runs": runs.len(),
        "asked": sum(|one| one.chapter.asked),
        "answered": sum(|one| one.chapter.answered),
        "reports": sum(|one| one.chapter.reports.len()),
        "recommendations": sum(|one| one.run.recommendations.len()),
        "measures": sum(|one| one.run.measures.len()),
        "decisions": sum(|one| one.run.decisions.len()),
        "effects": traced,
    })
}
