//! Drafts of recommendations: read with the figures that they rest on, mended, released or kept
//! back. All drafts of a stage are one form, so that no button loses what was typed for another.
//!
//! Each draft comes with a digest of its texts as the page showed them. By it the page knows what
//! the person has changed, and whether somebody else has changed the same in the meantime.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use vekha_analysis::Finding;
use vekha_engine::run::{Recommendation, RecommendationState};
use vekha_engine::{AssignmentKey, Command, Offer, limits};
use vekha_roadmap::answers::{FieldError, Values};
use vekha_roadmap::model::{Choice, Field, FieldKind, Work};

use super::sheet::{Page, Sent, Sheet, choice, optional, text};
use super::{About, Scene, Step};
use crate::console::department::administrator;
use crate::console::frame::paging::{Asked, Paging};
use crate::console::frame::said::Said;
use crate::console::school::acknowledge;

/// Drafts of a page.
const DRAFTS: usize = 20;

/// The field for the number under which letters leave.
const OUTGOING: &str = "outgoing";

fn of_stage<'a>(
    scene: &Scene<'a>,
    stage: &str,
) -> impl Iterator<Item = (&'a AssignmentKey, &'a Recommendation)> {
    scene.run.recommendations.iter().filter(move |(key, _)| key.stage == stage)
}

/// The name of a field of an organisation's draft.
fn name(code: &str, field: &str) -> String {
    format!("{code}/{field}")
}

/// Texts as they stand.
fn texts(recommendation: &Recommendation) -> Vec<String> {
    let text = |f: &Finding| f.recommendation.clone().unwrap_or_default();
    recommendation.items.iter().map(text).collect()
}

/// Texts as a page shows and sends them.
fn digest(texts: &[String]) -> String {
    let mut hasher = Sha256::new();
    for text in texts {
        let plain = text.replace("\r\n", "\n");
        hasher.update(plain.trim().as_bytes());
        hasher.update([0]);
    }
    hex::encode(&hasher.finalize()[..8])
}

/// All that may have been sent.
pub(super) fn sheet(name: &str, scene: &Scene<'_>, stage: &str) -> Option<Sheet> {
    of(name, scene, stage, of_stage(scene, stage))
}

fn of<'a>(
    sheet: &str,
    scene: &Scene<'_>,
    stage: &str,
    drafts: impl Iterator<Item = (&'a AssignmentKey, &'a Recommendation)>,
) -> Option<Sheet> {
    let (_, definition) = scene.activity()?.stage(stage)?;
    let Work::Recommend(_) = &definition.work else { return None };
    let mut form = Sheet::new(sheet, vec![]);
    for (key, recommendation) in drafts {
        let code = &key.organisation;
        let current = texts(recommendation);
        for (number, current) in current.iter().enumerate() {
            let id = name(code, &format!("texts[{number}]"));
            let kind = FieldKind::LongText { max_length: limits::RECOMMENDATION };
            form.form.fields.push(Field {
                // Half the page would consist of this sentence.
                help: " ".to_owned(),
                ..super::sheet::field(&id, "Рекомендация", kind)
            });
            form = form.with(&id, current.clone());
        }
        for (number, item) in recommendation.items.iter().enumerate() {
            if let Some(choice) = alternatives(&name(code, &format!("choice[{number}]")), item) {
                form.form.fields.push(choice);
            }
        }
        let kind = FieldKind::Text { max_length: limits::REASON };
        form.form.fields.push(optional(&name(code, "reason"), "Почему не отправлять", kind));
    }
    let kind = FieldKind::Text { max_length: limits::NUMBER };
    let number = optional(OUTGOING, "Исходящий номер", kind);
    form.form.fields.push(Field {
        help: "если отдел его даёт: он встанет в письмах с сегодняшней датой".to_owned(),
        ..number
    });
    Some(form)
}

/// The choice between what is written and the catalogue's other texts for the same finding.
fn alternatives(id: &str, finding: &Finding) -> Option<Field> {
    let texts = finding.alternatives.iter().enumerate();
    let options: Vec<Choice> =
        texts.map(|(number, text)| choice(&number.to_string(), text.trim())).collect();
    (!options.is_empty())
        .then(|| optional(id, "Заменить готовым текстом", FieldKind::Choice(options)))
}

/// What was typed for a draft, or chosen instead.
fn typed(sent: &Sent, code: &str, items: &[Finding]) -> Vec<String> {
    let written = |(number, finding): (usize, &Finding)| {
        let chosen = text(&sent.posted.values, &name(code, &format!("choice[{number}]")));
        let chosen = chosen.parse().ok().and_then(|n: usize| finding.alternatives.get(n));
        chosen
            .map(|text| text.trim().to_owned())
            .unwrap_or_else(|| text(&sent.posted.values, &name(code, &format!("texts[{number}]"))))
    };
    items.iter().enumerate().map(written).collect()
}

pub(super) fn steps(
    scene: &Scene<'_>,
    stage: &str,
    sent: &Sent,
    checked: Result<Values, Vec<FieldError>>,
) -> Result<Vec<Step>, Vec<FieldError>> {
    let (verb, only) = sent.action.split_once(':').unwrap_or((&sent.action, ""));
    let mut errors = checked.err().unwrap_or_default();
    let mut steps = Vec::new();
    for (key, recommendation) in of_stage(scene, stage) {
        let code = &key.organisation;
        let seen = sent.raw(&name(code, "seen"));
        let discarded = verb == "discard" && only == code;
        if seen.is_empty() || discarded {
            // Its text goes nowhere: whether it is right does not matter.
            errors.retain(|e| !e.field.starts_with(&name(code, "texts")));
            continue;
        }
        let current = texts(recommendation);
        let typed = typed(sent, code, &recommendation.items);
        let (now, own) = (digest(&current), digest(&typed));
        let released = verb == "approve" && (only.is_empty() || only == code);
        if own == now {
            continue;
        }
        if now != seen && (own != seen || released) {
            errors.push(FieldError {
                field: name(code, "texts[0]"),
                message: format!(
                    "тем временем проект изменил другой человек, теперь в нём: «{}». Нажмите ещё \
                     раз, чтобы остался ваш текст",
                    current.join(" / ")
                ),
            });
        } else if own != seen {
            let recommendation = key.clone();
            let command = Command::Revise { recommendation, texts: typed };
            let mut step = Step::new(command);
            step.within = name(code, "");
            steps.push(step);
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    match verb {
        "approve" => {
            let organisations = if only.is_empty() { vec![] } else { vec![only.to_owned()] };
            let outgoing = text(&sent.posted.values, OUTGOING);
            let command = Command::Approve { stage: stage.to_owned(), organisations, outgoing };
            steps.push(Step::new(command));
        }
        "discard" => {
            let reason = text(&sent.posted.values, &name(only, "reason"));
            let recommendation = AssignmentKey::new(stage, only);
            let command = Command::Discard { recommendation, reason };
            let mut step = Step::new(command);
            step.within = name(only, "");
            steps.push(step);
        }
        _ => {}
    }
    Ok(steps)
}

/// A form for each stage whose drafts wait: a page of them, as `shown` says.
pub(super) fn offers(scene: &Scene<'_>, page: &Page<'_>, shown: &Asked) -> Value {
    let waiting = scene.run.stages.iter().filter(|s| scene.offers(&Offer::Approve(s.id.clone())));
    waiting.filter_map(|stage| offer(scene, page, &stage.id, shown)).collect()
}

fn offer(scene: &Scene<'_>, page: &Page<'_>, stage: &str, asked: &Asked) -> Option<Value> {
    let all: Vec<_> =
        of_stage(scene, stage).filter(|(_, r)| r.state == RecommendationState::Draft).collect();
    if all.is_empty() {
        return None;
    }
    let paging = Paging::new(asked, "drafts", DRAFTS, all.len());
    let drafts: Vec<_> = paging.of(all.iter().copied()).collect();
    let name = About::Drafts(stage.to_owned()).to_string();
    let mut form = of(&name, scene, stage, drafts.iter().copied())?;
    let current = std::mem::take(&mut form.values);
    let sent = page.sent.filter(|sent| sent.sheet == form.name);
    let mut shown = form.show(page);
    let organisations: Vec<Value> = drafts
        .into_iter()
        .map(|(key, recommendation)| {
            let code = &key.organisation;
            let texts = texts(recommendation);
            let kept = sent.is_some_and(|sent| {
                let seen = sent.raw(&self::name(code, "seen"));
                !seen.is_empty() && digest(&typed(sent, code, &recommendation.items)) != seen
            });
            let items: Vec<Value> = recommendation
                .items
                .iter()
                .enumerate()
                .map(|(number, finding)| {
                    let field = self::name(code, &format!("texts[{number}]"));
                    let mut control = shown["fields"][&field].clone();
                    // What the person did not touch shows what stands there now.
                    if !kept {
                        control["value"] = current[&field].clone();
                    }
                    control["help"] = "".into();
                    let mut item = acknowledge::item(finding);
                    item["control"] = control;
                    let choice = self::name(code, &format!("choice[{number}]"));
                    item["choice"] = shown["fields"].get(&choice).cloned().unwrap_or_default();
                    item
                })
                .collect();
            let reason = self::name(code, "reason");
            // The one button that it stands by needs it.
            let mut why = shown["fields"][&reason].clone();
            why["required"] = true.into();
            let discarding = sent.is_some_and(|sent| {
                sent.action == format!("discard:{code}") || !sent.raw(&reason).is_empty()
            });
            json!({
                "code": code,
                "organisation": administrator::name(scene.map, code),
                "seen_name": self::name(code, "seen"),
                "seen": digest(&texts),
                "items": items,
                "reason": why,
                "discarding": discarding,
            })
        })
        .collect();
    shown["outgoing"] = shown["fields"][OUTGOING].clone();
    shown["drafts"] = organisations.into();
    shown["count"] = all.len().into();
    shown["paging"] = paging.show(&name);
    // Their controls stand among the drafts; once is enough.
    shown["questions"] = Value::Null;
    shown["fields"] = Value::Null;
    shown["unsaved"] = sent.is_some_and(|s| !matches!(s.said, Said::Nothing)).into();
    Some(shown)
}
