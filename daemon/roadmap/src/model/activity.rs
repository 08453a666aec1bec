//! An activity: a workflow of stages.

use super::{Collect, KnownValue, Schedule, Stage, Work};

/// One row of the road map.
#[derive(Debug, Clone)]
pub struct Activity {
    /// The row's number in the decree.
    pub number: u32,
    /// Latin id (the file's name without number and ending).
    pub id: String,
    /// The decree's words.
    pub title: String,
    /// A few words for tables, letters' subjects and chains.
    pub short: String,
    /// Section id.
    pub section: String,
    /// The decree's deadline column, word for word.
    pub deadline: String,
    /// Party ids in the decree's order.
    pub responsible: Vec<String>,
    /// When runs start.
    pub schedule: Schedule,
    /// What a run does, in order.
    pub stages: Vec<Stage>,
}

impl Activity {
    /// Position and definition of the stage with this id.
    pub fn stage(&self, id: &str) -> Option<(usize, &Stage)> {
        self.stages.iter().enumerate().find(|(_, s)| s.id == id)
    }

    /// What the collect stage with this id asks; none if it is no such stage.
    pub fn collect(&self, id: &str) -> Option<&Collect> {
        match &self.stage(id)?.1.work {
            Work::Collect(collect) => Some(collect),
            _ => None,
        }
    }

    /// The earlier stage whose outcome that of this one takes the place of: the answers that it asks
    /// once more, or the analysis that it makes anew, of the same data in the same way.
    pub fn repeats(&self, id: &str) -> Option<&str> {
        let (position, stage) = self.stage(id)?;
        match &stage.work {
            Work::Collect(collect) => collect.again.as_deref(),
            Work::Analyze(own) => {
                let mut earlier = self.stages[..position].iter().rev();
                let same =
                    earlier.find(|s| matches!(&s.work, Work::Analyze(other) if other == own));
                same.map(|stage| stage.id.as_str())
            }
            _ => None,
        }
    }

    /// The first of the stages that repeat each other, of which this is one.
    pub fn first_of<'a>(&'a self, id: &'a str) -> &'a str {
        let all = std::iter::successors(Some(id), |id| self.repeats(id));
        all.take(self.stages.len() + 1).last().unwrap_or(id)
    }

    /// Whether what the department changes later changes in what this stage, or the first that it
    /// repeats, has been answered.
    pub fn follows_department(&self, id: &str) -> bool {
        let first = self.collect(self.first_of(id));
        first.is_some_and(|collect| {
            collect.known.iter().any(|known| match &known.value {
                KnownValue::Rows(rows) => known.of_department && !rows.same.is_empty(),
                KnownValue::Formula(_) => false,
            })
        })
    }

    /// The stages before this one in which the department itself is asked a form, the latest first.
    pub fn of_department<'a>(
        &'a self,
        before: &'a str,
        form: &'a str,
    ) -> impl Iterator<Item = &'a Stage> {
        let position = self.stage(before).map_or(0, |(position, _)| position);
        self.stages[..position].iter().rev().filter(move |stage| match &stage.work {
            Work::Collect(collect) => collect.form == form && collect.participants.is_department(),
            _ => false,
        })
    }

    /// Ids of the stages that analyze.
    pub fn analyses(&self) -> impl Iterator<Item = &str> {
        let analyze = self.stages.iter().filter(|s| matches!(s.work, Work::Analyze(_)));
        analyze.map(|stage| stage.id.as_str())
    }
}
