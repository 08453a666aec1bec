//! Controls as HTML. Their templates are compiled into the binary: a form may have hundreds of them,
//! and everybody opens it on the same morning. The other pages' templates reach them as `controls`.

use std::sync::Arc;

use askama::Template;
use minijinja::value::{Object, Serde, Value, from_args};
use minijinja::{Error, ErrorKind, State};

use super::form::{Control, Grid};

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

/// A single control with its label and all that is said about it.
pub fn question(control: &Control) -> String {
    html(&Question { control })
}

/// A table of controls; `action` is where the button for more rows sends the form.
pub fn grid(control: &Control, table: &Grid, action: &str) -> String {
    html(&Table { control, table, action })
}

/// A control for each score.
pub fn histogram(control: &Control, scores: &[Control]) -> String {
    html(&Histogram { control, scores })
}

fn html(template: &impl Template) -> String {
    template.render().expect("writing to a string does not fail")
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
        let html = match method {
            "question" => {
                let (control,): (Serde<Control>,) = from_args(args)?;
                question(&control)
            }
            "grid" => {
                let (control, table, action): (Serde<Control>, Serde<Grid>, &str) =
                    from_args(args)?;
                grid(&control, &table, action)
            }
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        };
        Ok(Value::from_safe_string(html))
    }
}
