//! Controls as HTML. Their templates are compiled into the binary: a form may have hundreds of them,
//! and everybody opens it on the same morning. The other pages' templates reach them as `controls`.

use std::sync::Arc;

use askama::Template;
use minijinja::value::{Object, Serde, Value, from_args};
use minijinja::{Error, ErrorKind, State};

use crate::console::frame::form::{self, Control, Grid};

#[derive(Template)]
#[template(path = "controls/question.html")]
struct Question<'a> {
    control: &'a Control,
}

#[derive(Template)]
#[template(path = "controls/grid.html")]
struct Table<'a> {
    control: &'a Control,
    table: &'a Grid,
    action: &'a str,
}

#[derive(Template)]
#[template(path = "controls/histogram.html")]
struct Histogram<'a> {
    control: &'a Control,
    scores: &'a [Control],
}

#[derive(Template)]
#[template(source = "<h3>{{ section }}</h3>\n", ext = "html")]
struct Heading<'a> {
    section: &'a str,
}

/// The questions of a form, each under its section's heading where that begins; `action` is where
/// the buttons for more rows send the form.
pub fn questions(questions: &[form::Question], action: &str) -> String {
    let mut html = String::new();
    for form::Question { section, control, table, scores } in questions {
        if !section.is_empty() {
            add(&mut html, &Heading { section });
        }
        match table {
            Some(table) => add(&mut html, &Table { control, table, action }),
            None if !scores.is_empty() => add(&mut html, &Histogram { control, scores }),
            None => add(&mut html, &Question { control }),
        }
    }
    html
}

fn add(html: &mut String, template: &impl Template) {
    template.render_into(html).expect("writing to a string does not fail");
}

/// The same for templates that are read at run time.
#[derive(Debug)]
pub struct Controls;

impl Object for Controls {
    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        let mut html = String::new();
        match method {
            "question" => {
                let (control,): (Serde<Control>,) = from_args(args)?;
                add(&mut html, &Question { control: &control });
            }
            "grid" => {
                let (control, table, action): (Serde<Control>, Serde<Grid>, &str) =
                    from_args(args)?;
                add(&mut html, &Table { control: &control, table: &table, action });
            }
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        }
        Ok(Value::from_safe_string(html))
    }
}
