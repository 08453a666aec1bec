//! The command line's own words in Russian: clap's help and its complaints.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command, Error};

/// Headings and frame of a help page.
const TEMPLATE: &str = "{about-with-newline}\nПрименение: {usage}\n\n{all-args}{after-help}";

/// The command and all below it, with headings and remarks in Russian.
pub fn spoken(command: Command) -> Command {
    let help = Arg::new("help").short('h').long("help").action(ArgAction::Help);
    let command = command
        .help_template(TEMPLATE)
        .subcommand_help_heading("Команды")
        .subcommand_value_name("КОМАНДА")
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .mut_args(remarked)
        .arg(help.help("Показать эту справку").help_heading("Параметры"));
    let version = Arg::new("version").short('V').long("version").action(ArgAction::Version);
    let command = match command.get_version() {
        Some(_) => command
            .disable_version_flag(true)
            .arg(version.help("Показать версию").help_heading("Параметры")),
        None => command,
    };
    command.mut_subcommands(spoken)
}

/// An argument whose help says in Russian what clap would add in English.
fn remarked(arg: Arg) -> Arg {
    let mut remarks = Vec::new();
    let texts = |values: &[clap::builder::OsStr]| {
        values.iter().map(|v| v.to_string_lossy().into_owned()).collect::<Vec<_>>().join(", ")
    };
    let is_told = arg.get_default_values().iter().any(|value| !value.is_empty());
    if is_told && arg.get_action().takes_values() {
        remarks.push(format!("по умолчанию {}", texts(arg.get_default_values())));
    }
    if let Some(variable) = arg.get_env() {
        remarks.push(format!("переменная {}", variable.to_string_lossy()));
    }
    let possible = arg.get_possible_values();
    if !possible.is_empty() && arg.get_action().takes_values() {
        let names: Vec<&str> =
            possible.iter().map(clap::builder::PossibleValue::get_name).collect();
        remarks.push(format!("одно из: {}", names.join(", ")));
    }
    let heading = if arg.is_positional() { "Аргументы" } else { "Параметры" };
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let arg = arg.help_heading(heading);
    let takes = arg.get_action().takes_values();
    let arg = arg.hide_default_value(takes).hide_env(takes).hide_possible_values(takes);
    match remarks.is_empty() {
        true => arg,
        false => arg.help(format!("{help} ({})", remarks.join("; "))),
    }
}

/// What is wrong with a call, and how the command is used. None where clap was asked for help or the
/// version.
pub fn complaint(error: &Error) -> Option<String> {
    let text = |kind| error.get(kind).map(shown);
    let arg = || text(ContextKind::InvalidArg).unwrap_or_default();
    let value = || text(ContextKind::InvalidValue).unwrap_or_default();
    let mut said = match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => return None,
        ErrorKind::UnknownArgument => format!("неизвестный аргумент {}", arg()),
        ErrorKind::InvalidSubcommand => {
            format!(
                "неизвестная команда {}",
                text(ContextKind::InvalidSubcommand).unwrap_or_default()
            )
        }
        ErrorKind::MissingSubcommand => "нужна команда".to_owned(),
        ErrorKind::MissingRequiredArgument => format!("не хватает: {}", arg()),
        ErrorKind::InvalidValue if value().is_empty() => format!("не хватает значения у {}", arg()),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            format!("«{}» не годится для {}", value(), arg())
        }
        ErrorKind::ArgumentConflict => {
            let other = text(ContextKind::PriorArg).unwrap_or_default();
            match other == arg() {
                true => format!("{} задан дважды", arg()),
                false => format!("{} и {other} вместе не бывают", arg()),
            }
        }
        ErrorKind::NoEquals => format!("нужен знак «=» у {}", arg()),
        ErrorKind::TooManyValues => format!("лишнее значение «{}» у {}", value(), arg()),
        ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            format!("не столько значений, сколько нужно, у {}", arg())
        }
        ErrorKind::InvalidUtf8 => "аргумент не в UTF-8".to_owned(),
        _ => error.to_string(),
    };
    let better =
        [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    if let Some(better) = better.into_iter().find_map(text) {
        said.push_str(&format!("; может быть, {better}?"));
    } else if let Some(valid) = text(ContextKind::ValidValue) {
        said.push_str(&format!("; бывает: {valid}"));
    } else if let Some(valid) = text(ContextKind::ValidSubcommand) {
        said.push_str(&format!("; бывают: {valid}"));
    }
    if let Some(usage) = text(ContextKind::Usage) {
        said.push_str(&format!(
            "\n\n{}",
            usage.replace("Usage:", "Применение:").replace("[OPTIONS]", OPTIONS)
        ));
    }
    Some(format!("{said}\n\nСправка: --help"))
}

/// Help as it is printed.
pub fn help(error: &Error, styled: bool) -> String {
    let rendered = error.render();
    let text = if styled { rendered.ansi().to_string() } else { rendered.to_string() };
    text.replace("[OPTIONS]", OPTIONS)
}

/// What stands for parameters in a usage.
const OPTIONS: &str = "[ПАРАМЕТРЫ]";

fn shown(value: &ContextValue) -> String {
    match value {
        ContextValue::Strings(all) => all.join(", "),
        ContextValue::StyledStrs(all) => {
            all.iter().map(StyledStr::to_string).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::CommandFactory as _;

    use super::super::Cli;
    use super::*;

    fn refused(line: &str) -> String {
        let called = spoken(Cli::command()).try_get_matches_from(line.split(' '));
        complaint(&called.unwrap_err()).unwrap()
    }

    #[test]
    fn a_wrong_call_is_told_in_russian_with_what_would_be_right() {
        for (line, said) in [
            ("vekha --colour", "неизвестный аргумент --colour"),
            ("vekha stauts", "неизвестная команда stauts; может быть, status?"),
            ("vekha submit", "не хватает: <ASSIGNMENT>"),
            ("vekha status --format yaml", "«yaml» не годится для --format"),
            ("vekha status --actor", "не хватает значения у --actor"),
        ] {
            let told = refused(line);
            assert!(told.starts_with(said), "{line}: {told}");
            let english = |word: &str| told.contains(word);
            assert!(!["error", "Usage", "tip:"].into_iter().any(english), "{line}: {told}");
        }
    }

    #[test]
    fn help_is_in_russian_all_the_way_down() {
        fn walk(command: &mut Command) {
            let help = command.render_long_help().to_string();
            for english in [
                "Usage:",
                "Options:",
                "Commands:",
                "Arguments:",
                "Print help",
                "[default",
                "[env",
                "[possible",
            ] {
                assert!(!help.contains(english), "{}: {help}", command.get_name());
            }
            for below in command.get_subcommands_mut() {
                walk(below);
            }
        }
        let mut command = spoken(Cli::command());
        command.build();
        walk(&mut command);
    }
}
