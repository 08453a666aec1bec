//! Whether what is published of each organisation was asked and is said to be for everybody, and what a
//! decision lists was asked.

use super::Check;
use crate::diagnostic::perhaps;
use crate::model::{
    Activity, AnsweredRows, AskedTable, Audience, Covers, Field, FieldKind, Pages, Publish, Stage,
    Work,
};
use crate::read::templates;

impl Check<'_> {
    pub(super) fn pages(&self, activity: &Activity, stage: &str, at: &str, publish: &Publish) {
        let Some(pages) = &publish.pages else { return };
        let at = format!("{at}/pages");
        if publish.audience != Some(Audience::Public) {
            let help = Some("скажите audience = \"public\"".to_owned());
            self.error(&at, "страницы организаций видны всем, а отчёт — не сказано кому", help);
        }
        if publish.covers == Covers::Period {
            let message = "страницы организаций — об одном выполнении, а отчёт — обо всём периоде";
            self.error(&at, message, None);
        }
        let template = format!("reports/{}.html", pages.report);
        if !self.road_map.templates.contains_key(&template) {
            self.error(&format!("{at}/report"), format!("нет файла {template}"), None);
        }
        if let Some(columns) = self.asked_table(activity, stage, &at, &pages.asked) {
            self.shown(&at, pages, columns);
        }
    }

    /// Who publishes the same report twice says what tells one from the other.
    pub(super) fn edition(&self, activity: &Activity, stage: &Stage, at: &str, publish: &Publish) {
        let same = |other: &&Stage| match &other.work {
            Work::Publish(other) => {
                other.report == publish.report && other.edition == publish.edition
            }
            _ => false,
        };
        let before = activity.stages.iter().take_while(|one| one.id != stage.id);
        if let Some(twin) = before.clone().find(same) {
            let message = format!(
                "тот же отчёт публикует этап «{}», и на страницах не видно, который из них какой",
                twin.id
            );
            let place = self.findings.place(&format!("{at}/edition"));
            self.findings.warn(&place, message);
        }
    }

    /// What a decision lists must have been asked before.
    pub(super) fn lists(&self, activity: &Activity, stage: &str, at: &str, lists: &[AnsweredRows]) {
        for (i, list) in lists.iter().enumerate() {
            let at = format!("{at}/list/{i}");
            if let Some(columns) = self.asked_table(activity, stage, &at, &list.asked) {
                self.has_columns(&at, &list.asked, columns);
            }
        }
    }

    /// The columns of the table, which a stage before this one must have asked for.
    fn asked_table<'a>(
        &'a self,
        activity: &'a Activity,
        stage: &str,
        at: &str,
        wanted: &AskedTable,
    ) -> Option<&'a [Field]> {
        let before = || activity.stages.iter().take_while(|one| one.id != stage);
        let collects = || before().filter(|one| matches!(one.work, Work::Collect(_)));
        let asked = collects().find(|one| one.id == wanted.stage);
        let Some(Work::Collect(collect)) = asked.map(|one| &one.work) else {
            if !self.has_unread_stages(activity) {
                let help = perhaps(&wanted.stage, collects().map(|one| &one.id));
                let message = format!("до этого этапа нет сбора «{}»", wanted.stage);
                self.error(&format!("{at}/stage"), message, help);
            }
            return None;
        };
        let form = self.road_map.forms.get(&collect.form)?;
        match form.field(&wanted.table).map(|field| &field.kind) {
            Some(FieldKind::Table(table)) => Some(&table.columns),
            _ => {
                let unread = self.findings.below(&format!("forms/{}", form.id));
                if !unread.contains(&wanted.table) {
                    let tables = form.fields.iter();
                    let tables = tables.filter(|f| matches!(f.kind, FieldKind::Table(_)));
                    let help = perhaps(&wanted.table, tables.map(|field| &field.id));
                    let message = format!("таблицы «{}» в форме нет", wanted.table);
                    self.error(&format!("{at}/table"), message, help);
                }
                None
            }
        }
    }

    fn has_columns(&self, at: &str, wanted: &AskedTable, columns: &[Field]) {
        let ids = || columns.iter().map(|column| &column.id);
        for (i, column) in wanted.columns.iter().enumerate() {
            if !ids().any(|id| id == column) {
                let message = format!("столбца «{column}» в таблице нет");
                self.error(&format!("{at}/columns/{i}"), message, perhaps(column, ids()));
            }
        }
    }

    fn shown(&self, at: &str, pages: &Pages, columns: &[Field]) {
        self.has_columns(at, &pages.asked, columns);
        let ids = || columns.iter().map(|column| &column.id);
        let Some(calendar) = &pages.calendar else { return };
        let days = || columns.iter().filter(|column| matches!(column.kind, FieldKind::Date));
        if !days().any(|column| column.id == calendar.day) {
            let help = perhaps(&calendar.day, days().map(|column| &column.id));
            let message = format!("столбца «{}» с датой в таблице нет", calendar.day);
            self.error(&format!("{at}/calendar/day"), message, help);
        }
        // What the calendar says everybody reads: it names no column that the page does not show.
        for (key, text) in [("title", Some(&calendar.title)), ("about", calendar.about.as_ref())] {
            let place = self.findings.place(&format!("{at}/calendar/{key}"));
            let shown = pages.asked.columns.iter().filter(|column| ids().any(|id| id == *column));
            if let Some(text) = text {
                templates::check_row_text(&place, text, shown, self.findings);
            }
        }
    }
}
