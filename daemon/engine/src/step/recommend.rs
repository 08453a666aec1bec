//! Drafts, their approval, the letters and their acknowledgement.

use serde_json::{Value, json};
use vekha_analysis::{Outcome as AnalysisOutcome, Recommendation as Draft, Values};
use vekha_roadmap::answers::FieldError;
use vekha_roadmap::model::{Due, Recommend, Work};
use vekha_roadmap::russian::date_words;
use vekha_roadmap::schedule::due_date;

use super::decide::bare;
use super::{Transition, due_words, reason};
use crate::command::Origin;
use crate::entry::Happened;
use crate::key::AssignmentKey;
use crate::limits;
use crate::outcome::LetterKind;
use crate::refusal::Refusal;
use crate::run::{
    AssignmentKind, AssignmentState, Recommendation, RecommendationState, StageState,
};

impl Transition<'_> {
    pub(super) fn drafted(&mut self, stage: String, drafts: Vec<Draft>) -> Result<(), Refusal> {
        let position = self.run.at_work(&stage)?;
        let Work::Recommend(recommend) = &self.activity.stages[position].work else {
            return Err(Refusal::NotFound(format!("этап рекомендаций «{stage}»")));
        };
        if self.run.recommendations.of_stage(&stage).next().is_some() {
            return Err(Refusal::State("проекты уже составлены".into()));
        }
        self.take_drafts(position, recommend, drafts);
        Ok(())
    }

    /// The findings that a stage recommends by, if this very step has brought all of them: then the
    /// drafts need not be asked for.
    pub(super) fn findings_at_hand(&self, recommend: &Recommend) -> Option<&AnalysisOutcome> {
        let (analyzed, outcome) = self.out.analyses.last()?;
        let own = recommend.findings.as_ref().is_none_or(|of| *of == self.run.key.activity);
        let done = |id: &str| {
            self.run.stages.iter().any(|s| s.id == id && s.state == StageState::Completed)
        };
        let others = self.activity.analyses().any(|id| id != analyzed && done(id));
        (own && !others).then_some(outcome)
    }

    pub(super) fn take_drafts(
        &mut self,
        position: usize,
        recommend: &Recommend,
        drafts: Vec<Draft>,
    ) {
        let stage = self.run.stages[position].id.clone();
        let codes: Vec<&str> = drafts.iter().map(|d| d.organisation.as_str()).collect();
        self.record(Happened::Drafted { stage: stage.clone(), organisations: owned(&codes) });
        let count = drafts.len();
        for draft in drafts {
            let key = AssignmentKey::new(&stage, &draft.organisation);
            self.run.recommendations.put(
                key,
                Recommendation {
                    state: RecommendationState::Draft,
                    items: draft.items,
                    issued_at: None,
                    acknowledged_at: None,
                    report: String::new(),
                    reported_at: None,
                    drafted_at: Some(self.now),
                    discarded_at: None,
                    reason: String::new(),
                },
                &mut self.out.recommendations,
            );
        }
        if count == 0 {
            self.complete_stage(position);
        } else if recommend.approve {
            let suffix = format!("{stage}/drafts");
            self.letter_to_department(LetterKind::Drafts, &suffix, None, json!({ "count": count }));
        } else {
            self.issue(position, self.drafts_of(&stage), "");
        }
    }

    pub(super) fn drafts_of(&self, stage: &str) -> Vec<AssignmentKey> {
        self.run.recommendations.drafts(stage).cloned().collect()
    }

    pub(super) fn has_drafts(&self, stage: &str) -> bool {
        self.run.recommendations.drafts(stage).next().is_some()
    }

    pub(super) fn revise(&mut self, key: AssignmentKey, texts: Vec<String>) -> Result<(), Refusal> {
        let draft = self.run.draft(&key)?;
        let mut errors = Vec::new();
        if texts.len() != draft.items.len() {
            errors.push(FieldError {
                field: "texts".into(),
                message: format!("нужно текстов: {}, по одному на вывод", draft.items.len()),
            });
        }
        for (number, text) in texts.iter().enumerate() {
            let field = format!("texts[{number}]");
            errors.extend(limits::text(&field, text, true));
            if text.trim().is_empty() || text.chars().count() > limits::RECOMMENDATION {
                errors
                    .push(FieldError { field, message: "от 1 до 10 000 знаков".into() });
            }
        }
        if !errors.is_empty() {
            return Err(Refusal::Invalid(errors));
        }
        self.record(Happened::Revised { recommendation: key.clone(), texts: texts.clone() });
        self.touch_recommendation(&key, |draft| {
            for (item, text) in draft.items.iter_mut().zip(texts) {
                item.recommendation = Some(text);
            }
        });
        Ok(())
    }

    pub(super) fn approve(
        &mut self,
        stage: String,
        organisations: Vec<String>,
        outgoing: &str,
    ) -> Result<(), Refusal> {
        let position = self.run.at_work(&stage)?;
        let outgoing = bare(outgoing);
        let mut errors: Vec<FieldError> =
            limits::text("outgoing", outgoing, false).into_iter().collect();
        if outgoing.chars().count() > limits::NUMBER {
            let message = format!("не длиннее {} знаков", limits::NUMBER);
            errors.push(FieldError { field: "outgoing".into(), message });
        }
        if !errors.is_empty() {
            return Err(Refusal::Invalid(errors));
        }
        let mut keys = if organisations.is_empty() {
            self.drafts_of(&stage)
        } else {
            organisations.iter().map(|code| AssignmentKey::new(&stage, code)).collect()
        };
        keys.sort();
        keys.dedup();
        self.issue(position, keys, outgoing);
        Ok(())
    }

    pub(super) fn discard(&mut self, key: AssignmentKey, why: String) -> Result<(), Refusal> {
        reason("reason", &why)?;
        let position = self.run.at_work(&key.stage)?;
        self.record(Happened::Discarded { recommendation: key.clone(), reason: why.clone() });
        let now = self.now;
        self.touch_recommendation(&key, |draft| {
            draft.state = RecommendationState::Discarded;
            draft.discarded_at = Some(now);
            draft.reason = why;
        });
        self.close_if_released(position);
        Ok(())
    }

    /// Releases the letters of these drafts, under the department's outgoing number if it gives one.
    fn issue(&mut self, position: usize, keys: Vec<AssignmentKey>, outgoing: &str) {
        let Work::Recommend(recommend) = &self.activity.stages[position].work else { return };
        let codes: Vec<&str> = keys.iter().map(|k| k.organisation.as_str()).collect();
        let stage = self.run.stages[position].id.clone();
        self.record(Happened::Approved {
            stage,
            organisations: owned(&codes),
            outgoing: outgoing.to_owned(),
        });
        // The number is of the day on which it was given.
        let outgoing = (!outgoing.is_empty())
            .then(|| json!({ "number": outgoing, "date": date_words(self.today()) }));
        let due = recommend
            .acknowledge
            .map(|span| due_date(&self.road_map.calendar, self.today(), Due::After(span)));
        if due.is_some() {
            self.stage_mut(position).due = due;
        }
        for key in keys {
            let now = self.now;
            self.touch_recommendation(&key, |r| {
                r.state = RecommendationState::Issued;
                r.issued_at = Some(now);
            });
            let items: Vec<_> = self.run.recommendations[&key]
                .items
                .iter()
                .map(|f| {
                    json!({
                        "finding": f.text,
                        "recommendation": f.recommendation.clone().unwrap_or_default(),
                        "figures": f.figures,
                    })
                })
                .collect();
            // Without a term the letter still has a link, at which it can be read and confirmed.
            let last_day = due.unwrap_or_else(|| self.today());
            self.assign(key.clone(), AssignmentKind::Acknowledge, last_day);
            if due.is_none() {
                self.touch(&key, |assignment| assignment.state = AssignmentState::Waived);
            }
            let mut facts =
                json!({ "items": items, "due": due.map(due_words).unwrap_or_default() });
            if let Some(outgoing) = &outgoing {
                facts["outgoing"] = outgoing.clone();
            }
            self.letter_to_participant(LetterKind::Recommendation, &key, "asked", facts);
        }
        self.close_if_released(position);
    }

    /// The organisation confirms that it has read its recommendations, and may say, at once or
    /// later, what it did about them.
    pub(super) fn acknowledge(
        &mut self,
        key: AssignmentKey,
        answers: Values,
        origin: Origin,
    ) -> Result<(), Refusal> {
        let report = answers.get("report").and_then(Value::as_str).unwrap_or_default().trim();
        if report.chars().count() > limits::REPORT {
            return Err(Refusal::field("report", format!("не длиннее {} знаков", limits::REPORT)));
        }
        if let Some(wrong) = limits::text("report", report, true) {
            return Err(Refusal::Invalid(vec![wrong]));
        }
        // To confirm twice is to confirm.
        if self.run.assignments[&key].state != AssignmentState::Answered {
            self.confirm_read(key.clone());
        }
        if report.is_empty() {
            return Ok(());
        }
        let mut kept = Values::new();
        kept.insert("report".into(), report.into());
        let now = self.now;
        self.touch_recommendation(&key, |recommendation| {
            recommendation.report = report.to_owned();
            recommendation.reported_at = Some(now);
        });
        self.answered(&key, kept, origin);
        Ok(())
    }

    fn confirm_read(&mut self, key: AssignmentKey) {
        let now = self.now;
        self.touch(&key, |assignment| {
            assignment.state = AssignmentState::Answered;
            assignment.answered_at = Some(now);
            assignment.version = 1;
        });
        self.touch_recommendation(&key, |r| {
            r.state = RecommendationState::Acknowledged;
            r.acknowledged_at = Some(now);
        });
        self.record(Happened::Acknowledged { recommendation: key.clone() });
        if let Some(position) = self.run.stages.iter().position(|s| s.id == key.stage) {
            self.close_if_released(position);
        }
    }

    /// Completes the stage once no draft waits and no acknowledgement is awaited.
    pub(super) fn close_if_released(&mut self, position: usize) {
        let stage = &self.run.stages[position];
        if stage.state == StageState::Active && !self.has_drafts(&stage.id) {
            self.close_if_answered(position);
        }
    }
}

fn owned(codes: &[&str]) -> Vec<String> {
    codes.iter().map(|code| (*code).to_owned()).collect()
}
