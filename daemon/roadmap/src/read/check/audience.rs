//! Whether what is for few is shown to many.

use super::Check;
use crate::model::{Activity, Analysis, Audience, Covers, Publish, Work};

impl Check<'_> {
    pub(super) fn audiences(&self) {
        for analysis in self.road_map.analyses.values() {
            self.audiences_of(analysis);
        }
        for activity in &self.road_map.activities {
            for stage in &activity.stages {
                if let Work::Publish(publish) = &stage.work {
                    self.published(activity, &stage.id, publish);
                }
            }
        }
    }

    fn audiences_of(&self, analysis: &Analysis) {
        for indicator in &analysis.indicators {
            let counted = indicator.rests_on.is_some() || !indicator.is_share();
            if indicator.audience == Some(Audience::Public) && indicator.people && !counted {
                let at = format!("analyses/{}/{}/audience", analysis.id, indicator.id);
                let message =
                    "доля людей для всех, а скольких — не сказано: за нею может стоять один";
                let help =
                    "назовите, на скольких она стоит (of); если она не о людях — people = false";
                self.error(&at, message, Some(help.into()));
            }
        }
        for (i, rule) in analysis.rules.iter().enumerate() {
            let at = format!("analyses/{}/rule/{i}/audience", analysis.id);
            match rule.audience {
                Some(Audience::Public) => {
                    let message = "вывод — об одной организации: всем его не показывают";
                    self.error(&at, message, None);
                }
                Some(Audience::Department) if rule.recommendation.is_some() => {
                    let message =
                        "вывод только для отдела, а рекомендация по нему уходит организации";
                    self.error(&at, message, None);
                }
                _ => {}
            }
        }
    }

    /// A report for everybody shows what is for everybody; one that does not say for whom it is shows
    /// all that there is, and there must be nothing for fewer.
    fn published(&self, activity: &Activity, stage: &str, publish: &Publish) {
        let at = format!("activities/{}/stage/{stage}", activity.id);
        let activities = match publish.covers {
            Covers::Run => std::slice::from_ref(activity),
            Covers::Period => &self.road_map.activities,
        };
        let analyses = || {
            let stages = activities.iter().flat_map(|activity| &activity.stages);
            stages.filter_map(|stage| match &stage.work {
                Work::Analyze(analyze) => self.road_map.analyses.get(&analyze.analysis),
                _ => None,
            })
        };
        let mut indicators = analyses().flat_map(|a| a.indicators.iter().map(move |i| (a, i)));
        match publish.audience {
            Some(Audience::Public) => {
                if analyses().next().is_some()
                    && !indicators.any(|(_, i)| i.audience == Some(Audience::Public))
                {
                    let message = "отчёт для всех, а ни одного показателя для всех нет";
                    let help = "поставьте показателям audience = \"public\"".to_owned();
                    self.error(&format!("{at}/audience"), message, Some(help));
                }
            }
            _ => {
                let narrow = |a: Option<Audience>| a.is_some_and(|a| a < Audience::Public);
                if let Some((analysis, indicator)) = indicators.find(|(_, i)| narrow(i.audience)) {
                    let message = format!(
                        "отчёт показывает всё, и «{}» ({}) тоже, а это не для всех",
                        indicator.title, analysis.id
                    );
                    let help = "скажите audience = \"public\": тогда в нём лишь то, что для всех";
                    self.error(&format!("{at}/report"), message, Some(help.to_owned()));
                }
            }
        }
    }
}
