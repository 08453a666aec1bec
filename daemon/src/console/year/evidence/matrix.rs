//! The matrix with which the archive opens: the directions that a method of assessment looks at, by the
//! components that it wants, and in each cell what proves it. What is only planned proves nothing.

use serde::Serialize;
use vekha_analysis::effect::Effect;
use vekha_engine::AssignmentKey;
use vekha_engine::run::{
    AssignmentState, MeasureState, RecommendationState, Run, StageState, measure_stage,
};
use vekha_roadmap::model::{
    Activity, Component, Direction, EvidenceMethod, Municipality, Proof, Work,
};

use super::{Told, pages};
use crate::runtime::views::effects::Traced;
use crate::runtime::views::in_force::holding;

/// A document of the archive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Document {
    /// What it is.
    title: String,
    /// Its path in the archive.
    place: String,
}

/// What a year has recorded of an activity.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// Activity id.
    activity: String,
    /// «29. Школы с низкими результатами»
    title: String,
    /// The activity's page in the archive.
    page: String,
    acts: Vec<Document>,
    asked: usize,
    answered: usize,
    reports: Vec<Document>,
    /// Analyses that runs of the year have yet to make.
    unmade: usize,
    sent: usize,
    drafts: usize,
    measures: usize,
    done: usize,
    decisions: Vec<Document>,
    /// Decisions that runs of the year still wait for.
    awaited: usize,
    traced: usize,
    known: usize,
}

impl Recorded {
    /// Of an activity whose files lie in a folder.
    pub(super) fn of(
        municipality: &Municipality,
        activity: &Activity,
        folder: &str,
        told: &[Told],
        traced: &[Traced],
        year: i16,
    ) -> Self {
        let mut all = Recorded {
            activity: activity.id.clone(),
            title: format!("{}. {}", activity.number, activity.short),
            page: format!("{folder}/index.html"),
            traced: traced.len(),
            known: traced.iter().filter(|one| one.effect != Effect::Unknown).count(),
            ..Recorded::default()
        };
        for one in told {
            all.decided(folder, one, year);
            // A run about another period is there for what was decided or recommended.
            if one.of_year {
                all.ran(activity, folder, one);
            }
            let issued = |state| {
                matches!(state, RecommendationState::Issued | RecommendationState::Acknowledged)
            };
            let in_year = |at: Option<jiff::Timestamp>| {
                one.of_year || at.is_some_and(|at| municipality.today(at).year() == year)
            };
            let sent = one.run.recommendations.iter();
            all.sent += sent.filter(|(_, r)| issued(r.state) && in_year(r.issued_at)).count();
        }
        all
    }

    fn decided(&mut self, folder: &str, one: &Told, year: i16) {
        let run = &one.run;
        let document = |number: usize| {
            let decision = &one.chapter.decisions[number - 1];
            Document {
                title: format!("{} от {} № {}", decision.kind, decision.date, decision.number),
                place: format!("{folder}/{}", pages::written(one, number)),
            }
        };
        let acts = holding(&run.decisions, year).map(|(number, _)| document(number));
        self.acts.extend(acts);
        let of_year = (1..).zip(&run.decisions).filter(|(_, d)| d.document.date.year() == year);
        for (number, _) in of_year {
            self.decisions.push(document(number));
            for place in run.measures_of(number).filter(|place| !taken_back(run, *place)) {
                self.measures += 1;
                self.done += usize::from(run.measures[place].state == MeasureState::Done);
            }
        }
    }

    fn ran(&mut self, activity: &Activity, folder: &str, one: &Told) {
        let Told { run, chapter, .. } = one;
        self.asked += chapter.asked;
        self.answered += chapter.answered;
        self.reports.extend(chapter.reports.iter().map(|report| Document {
            title: format!("{}, {}", report.title, report.period),
            place: format!("{folder}/{}.docx", pages::name(one, report)),
        }));
        // One that is made anew is told once.
        let planned = activity.analyses().filter(|stage| activity.repeats(stage).is_none());
        self.unmade += planned.count().saturating_sub(chapter.reports.len());
        let drafts = run.recommendations.iter();
        self.drafts += drafts.filter(|(_, r)| r.state == RecommendationState::Draft).count();
        self.awaited += awaited(activity, run);
    }
}

/// Whether nobody has to do what a measure asked for, by its position.
fn taken_back(run: &Run, place: usize) -> bool {
    let key = AssignmentKey::new(&measure_stage(place + 1), &run.measures[place].organisation);
    run.assignments.get(&key).is_some_and(|one| one.state == AssignmentState::Waived)
}

/// How many decisions a run still waits for.
fn awaited(activity: &Activity, run: &Run) -> usize {
    let deciding = run.stages.iter().filter(|stage| stage.state == StageState::Active);
    let titles = deciding.filter_map(|stage| match &activity.stage(&stage.id)?.1.work {
        Work::Decide(decide) => Some(decide.awaited(run.awaited_decisions(&stage.id)).len()),
        _ => None,
    });
    titles.sum()
}

/// What stands in a cell.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Cell {
    /// `whole`, `part`, `none` or `uncovered`.
    state: &'static str,
    /// What is to be said of it; empty where the documents say it.
    words: String,
    documents: Vec<Document>,
}

/// A direction with its cells, in the order of the components.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    title: String,
    cells: Vec<Cell>,
}

/// The matrix of a year.
#[derive(Debug, Serialize)]
pub(super) struct Matrix {
    /// The method.
    title: String,
    source: String,
    components: Vec<String>,
    rows: Vec<Row>,
}

impl Matrix {
    /// By a method, of what was recorded.
    pub(super) fn of(method: &EvidenceMethod, recorded: &[Recorded]) -> Self {
        let row = |direction: &Direction| Row {
            title: direction.title.clone(),
            cells: method
                .components
                .iter()
                .map(|component| cell(method, direction, component, recorded))
                .collect(),
        };
        Matrix {
            title: method.title.clone(),
            source: method.source.clone(),
            components: method.components.iter().map(|one| one.title.clone()).collect(),
            rows: method.directions.iter().map(row).collect(),
        }
    }

    /// As a document tells it: of each direction its components, with what is said of each.
    pub(super) fn directions(&self) -> Vec<(String, Vec<(String, String)>)> {
        let said = |cell: &Cell| {
            let documents = cell.documents.iter().map(|one| one.title.as_str());
            let words = Some(cell.words.as_str()).filter(|words| !words.is_empty());
            words.into_iter().chain(documents).collect::<Vec<_>>().join("\n")
        };
        let row = |row: &Row| {
            let cells = self.components.iter().cloned().zip(row.cells.iter().map(said));
            (row.title.clone(), cells.collect())
        };
        self.rows.iter().map(row).collect()
    }
}

fn cell(
    method: &EvidenceMethod,
    direction: &Direction,
    component: &Component,
    recorded: &[Recorded],
) -> Cell {
    let mut yielding = method.yielding(direction, &component.id).peekable();
    if yielding.peek().is_none() {
        let words = "дорожной картой не охвачено".to_owned();
        return Cell { state: "uncovered", words, documents: Vec::new() };
    }
    let (mut documents, mut lacking) = (Vec::new(), Vec::new());
    for id in yielding {
        let Some(one) = recorded.iter().find(|one| one.activity == id) else {
            lacking.push(format!("мероприятия «{id}» в этом году в дорожной карте нет"));
            continue;
        };
        let (own, lacks) = one.proves(component.proof);
        documents.extend(own);
        lacking.extend(lacks.map(|why| format!("{} — {why}", one.title)));
    }
    documents.sort();
    documents.dedup();
    let lacking = lacking.join("; ");
    let (state, words) = match (documents.is_empty(), lacking.is_empty()) {
        (false, true) => ("whole", String::new()),
        (false, false) => ("part", format!("частично: {lacking}")),
        (true, _) => ("none", format!("документов нет: {lacking}")),
    };
    Cell { state, words, documents }
}

impl Recorded {
    /// The documents that prove a component, and what they lack.
    fn proves(&self, proof: Proof) -> (Vec<Document>, Option<String>) {
        let own = |anchor: &str, title: &str| Document {
            title: format!("{}: {title}", self.title),
            place: format!("{}#{anchor}", self.page),
        };
        // Of nothing that was to come nothing is proved; of less than all a part.
        let counted =
            |done: usize, all: usize, page: Document, words: &str, nothing: &str| match (done, all)
            {
                (_, 0) => (Vec::new(), Some(nothing.to_owned())),
                (0, all) => (Vec::new(), Some(format!("{words}: 0 из {all}"))),
                (done, all) if done < all => {
                    (vec![page], Some(format!("{words}: {done} из {all}")))
                }
                _ => (vec![page], None),
            };
        match proof {
            Proof::Act if self.acts.is_empty() => {
                (Vec::new(), Some("действующего акта нет".to_owned()))
            }
            Proof::Act => (self.acts.clone(), None),
            Proof::Collection => {
                let page =
                    own("collection", &format!("сведения {} из {}", self.answered, self.asked));
                let nothing = "сведений не собирали";
                counted(self.answered, self.asked, page, "сведения представили", nothing)
            }
            Proof::Analysis if self.reports.is_empty() => {
                (Vec::new(), Some("анализа нет".to_owned()))
            }
            Proof::Analysis => {
                let lacks = (self.unmade > 0).then(|| format!("анализов ждут: {}", self.unmade));
                (self.reports.clone(), lacks)
            }
            Proof::Recommendations => {
                let page = own("monitoring", &format!("отправлено рекомендаций: {}", self.sent));
                let (all, nothing) = (self.sent + self.drafts, "рекомендаций не составляли");
                counted(self.sent, all, page, "рекомендации отправлены", nothing)
            }
            Proof::Measures if self.measures == 0 => {
                (Vec::new(), Some("мер не поручали".to_owned()))
            }
            Proof::Measures => {
                let (done, all) = (self.done, self.measures);
                let page = own("monitoring", &format!("поручено мер: {all}, исполнено: {done}"));
                (vec![page], (done < all).then(|| format!("меры исполнены: {done} из {all}")))
            }
            Proof::Decisions if self.decisions.is_empty() => {
                (Vec::new(), Some("решений нет".to_owned()))
            }
            Proof::Decisions => {
                let lacks = (self.awaited > 0).then(|| format!("ждут решений: {}", self.awaited));
                (self.decisions.clone(), lacks)
            }
            Proof::Effects => {
                let page = own("effects", &format!("прослежено выводов: {}", self.known));
                let nothing = "выводов, которые можно проследить, нет";
                counted(self.known, self.traced, page, "выводы прослежены", nothing)
            }
        }
    }
}
