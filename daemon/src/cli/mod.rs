//! The commands. All but those that need no daemon (`serve`, `init`, `check`, `preview`, copies and the
//! registry as a table) are calls of the gRPC API and of nothing else: whatever they can do another system can.

mod activity;
mod analyze;
mod archive;
mod assignment;
mod backup;
mod check;
mod client;
mod clock;
mod completeness;
mod decision;
mod download;
mod effects;
mod event;
mod import;
mod init;
mod journal;
mod layout;
mod listener;
mod measure;
mod names;
mod offers;
mod organisations;
mod outbox;
mod output;
mod people;
mod plugin;
pub mod preview;
mod recommendation;
mod run;
mod russian;
mod serve;
mod status;
mod submission;
mod token;
mod way;
mod words;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use client::Client;
use output::{Format, Output};

/// Веха: ведёт дорожную карту органа управления образованием.
#[derive(Debug, Parser)]
#[command(name = "vekha", version, disable_help_subcommand = true)]
pub struct Cli {
    /// Файл настроек демона
    #[arg(long, global = true, env = "VEKHA_CONFIG", default_value = "config/vekha.toml")]
    config: PathBuf,
    /// Адрес демона
    #[arg(long, global = true, env = "VEKHA_SERVER", default_value = "http://127.0.0.1:7140")]
    server: String,
    /// Сертификаты своего удостоверяющего центра, если адрес https:// выдал сертификат он: файл PEM
    #[arg(long, global = true, env = "VEKHA_CA", value_name = "ФАЙЛ")]
    ca: Option<PathBuf>,
    /// Ключ доступа
    #[arg(long, global = true, env = "VEKHA_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Муниципалитет; не нужен, пока он один; «-» — все, где команда это умеет (журнал: и о входе)
    #[arg(long, global = true)]
    municipality: Option<String>,
    /// Кто действует: имя попадёт в журнал
    #[arg(long, global = true, env = "VEKHA_ACTOR")]
    actor: Option<String>,
    /// Идентификатор запроса: повторённый с ним вызов ничего не меняет
    #[arg(long, global = true)]
    request_id: Option<String>,
    /// Только проверить, ничего не меняя
    #[arg(long, global = true)]
    validate_only: bool,
    /// Вид вывода
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Запустить демон (так и без команды)
    Serve,
    /// Сложить базу, секрет, настройки и карты в один файл; демон может работать. Или копии, которые
    /// демон делает и хранит сам: create, list, download, delete
    Backup(backup::BackupArgs),
    /// Развернуть резервную копию в папку, из которой запускается демон
    Restore(backup::RestoreArgs),
    /// Когда часть базы или секрет утрачены; демон при этом остановлен
    #[command(subcommand)]
    Recover(backup::RecoverCommand),
    /// Создать папку карты нового муниципалитета: название, организации, первый день
    Init(init::Args),
    /// Проверить дорожную карту: все ошибки сразу
    Check(check::Args),
    /// Показать все выполнения, сроки и письма предстоящего времени
    Preview(preview::Args),
    /// Что сказал бы анализ о данных из файла; ничего не меняет
    Analyze(analyze::Args),
    /// Раскладки чужих выгрузок: как читается файл
    #[command(subcommand)]
    Layout(layout::Command),
    /// Что идёт, что опаздывает, что ждёт решения
    Status(status::Args),
    /// Часы сервера, когда демон им не верит
    #[command(subcommand)]
    Clock(clock::Command),
    /// Плагины отдельными процессами: список, проверка, договор
    #[command(subcommand)]
    Plugin(plugin::Command),
    /// Мероприятия: список, остановка и возобновление расписания, новая версия карты
    #[command(subcommand)]
    Activity(activity::Command),
    /// Выполнения мероприятий
    #[command(subcommand)]
    Run(run::Command),
    /// Сообщить о событии, которое называет организации
    Event(event::Args),
    /// Поручения участников
    #[command(subcommand)]
    Assignment(assignment::Command),
    /// Ответить на поручение
    Submit(submission::SubmitArgs),
    /// Принять из файлов ответы многих организаций: каждый принят или не принят сам по себе
    Import(import::Args),
    /// Адресные рекомендации
    #[command(subcommand)]
    Recommendation(recommendation::Command),
    /// Выпустить письма с рекомендациями
    Approve(recommendation::ApproveArgs),
    /// Записать решение
    Decide(decision::DecideArgs),
    /// Записанные решения
    #[command(subcommand)]
    Decision(decision::Command),
    /// Меры: отчёты и контроль
    #[command(subcommand)]
    Measure(measure::Command),
    /// Полнота: кого спросили, кто ответил в срок, кто молчит
    Completeness(completeness::Args),
    /// Что помогло: выводы года, помощь и показатели потом
    Effects(effects::Args),
    /// Документы года одним архивом: для тех, кто оценивает работу
    Archive(archive::Args),
    /// Организации: список, реестр таблицей туда и обратно
    #[command(subcommand)]
    Organisations(organisations::Command),
    /// Очередь писем
    #[command(subcommand)]
    Outbox(outbox::Command),
    /// Журнал: записи, наблюдение, проверка целостности
    #[command(subcommand)]
    Journal(journal::Command),
    /// Сотрудники: кто входит и что может
    #[command(subcommand)]
    People(people::Command),
    /// Ключи, по которым вызывают другие системы
    #[command(subcommand)]
    Token(token::Command),
    /// Слушатели: другие системы, которым передаётся, что происходит
    #[command(subcommand)]
    Listener(listener::Command),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    // The same binary stands between a daemon and its plugins.
    if let Some(code) = vekha_plugin_host::guard::entered() {
        return code;
    }
    // A shell asks what may follow: answered, and that is all.
    clap_complete::CompleteEnv::with_factory(offers::completing).complete();
    let cli = match spoken_cli() {
        Ok(cli) => cli,
        Err(e) => return misused(&e),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => return complain(cli.format, &e.into()),
    };
    let format = cli.format;
    match runtime.block_on(cli.run()) {
        Ok(code) => code,
        Err(e) => complain(format, &e),
    }
}

fn spoken_cli() -> Result<Cli, clap::Error> {
    let mut command = russian::spoken(Cli::command());
    let mut matches = command.try_get_matches_from_mut(std::env::args_os())?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|e| e.format(&mut command))
}

/// How clap itself would end, in our words.
fn misused(error: &clap::Error) -> ExitCode {
    let Some(complaint) = russian::complaint(error) else {
        return output::help(error);
    };
    output::complain(&complaint)
}

fn complain(format: Format, error: &anyhow::Error) -> ExitCode {
    // Whoever read the output has had enough of it: `vekha preview … | head`.
    let io = error.downcast_ref::<std::io::Error>();
    if io.is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe) {
        return ExitCode::SUCCESS;
    }
    output::error(format, error);
    ExitCode::FAILURE
}

impl Cli {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let server = self.server.clone();
        match self.carry_out().await {
            Err(e) => Err(way::explained(&server, e).await),
            done => done,
        }
    }

    async fn carry_out(self) -> anyhow::Result<ExitCode> {
        let mut out = Output::new(self.format);
        // What nobody could read is told whatever is asked for.
        let log = serve::log()?;
        let command = match &self.command {
            None | Some(Command::Serve) => return serve::run(&self.config, log).await,
            Some(Command::Backup(args)) => {
                match (&args.command, &args.file) {
                    (Some(command), _) => {
                        backup::kept(&Client::reach(&self).await?, command, &mut out).await?;
                    }
                    (None, Some(file)) => backup::backup(&self.config, file, &mut out).await?,
                    (None, None) => {}
                }
                return Ok(ExitCode::SUCCESS);
            }
            Some(Command::Restore(args)) => {
                backup::restore(args, &mut out).await?;
                return Ok(ExitCode::SUCCESS);
            }
            Some(Command::Recover(command)) => {
                backup::recover(&self.config, command, &mut out).await?;
                return Ok(ExitCode::SUCCESS);
            }
            Some(Command::Init(args)) => return init::run(args, self.validate_only, &mut out),
            Some(Command::Check(args)) => {
                return check::run(&self.folder(args.folder.as_deref())?, &mut out);
            }
            Some(Command::Preview(args)) => {
                return preview::run(&self.folder(args.folder.as_deref())?, args, &mut out);
            }
            Some(Command::Organisations(organisations::Command::Import(args))) => {
                let folder = self.folder(args.into.as_deref())?;
                return organisations::import::run(&folder, args, self.validate_only, &mut out);
            }
            Some(Command::Organisations(organisations::Command::Export(args))) => {
                organisations::export::run(&self.folder(args.from.as_deref())?, args, &mut out)?;
                return Ok(ExitCode::SUCCESS);
            }
            Some(Command::Plugin(plugin::Command::Logs { name })) => {
                plugin::logs(&Client::reach(&self).await?, name, &mut out).await?;
                return Ok(ExitCode::SUCCESS);
            }
            Some(Command::Plugin(plugin::Command::Show(args))) => {
                return plugin::show(&Client::reach(&self).await?, args, &mut out).await;
            }
            Some(Command::Plugin(command)) => {
                if matches!(command, plugin::Command::Serve(_)) {
                    serve::tell(log);
                }
                return plugin::run(&self.config, command, &mut out).await;
            }
            Some(Command::Analyze(args)) => {
                let folder = self.folder(args.folder.as_deref())?;
                return analyze::run(&self.config, &folder, args, &mut out).await;
            }
            Some(Command::Layout(command)) => {
                return layout::run(&self.folder(command.folder())?, command, &mut out);
            }
            Some(Command::People(people::Command::Reset { email })) => {
                people::reset(&self.config, email, &mut out).await?;
                return Ok(ExitCode::SUCCESS);
            }
            // People, tokens and listeners belong to no municipality.
            Some(Command::People(command)) => {
                people::run(&Client::reach(&self).await?, command, &mut out).await?;
                return Ok(ExitCode::SUCCESS);
            }
            Some(Command::Token(command)) => {
                token::run(&Client::reach(&self).await?, command, &mut out).await?;
                return Ok(ExitCode::SUCCESS);
            }
            Some(Command::Listener(command)) => {
                listener::run(&Client::reach(&self).await?, command, &mut out).await?;
                return Ok(ExitCode::SUCCESS);
            }
            Some(command) => command,
        };
        let client = Client::connect(&self).await?;
        match command {
            Command::Serve
            | Command::Backup(_)
            | Command::Restore(_)
            | Command::Recover(_)
            | Command::Init(_)
            | Command::Check(_)
            | Command::Preview(_)
            | Command::Plugin(_)
            | Command::Analyze(_)
            | Command::People(_)
            | Command::Token(_)
            | Command::Listener(_)
            | Command::Layout(_) => {}
            Command::Status(args) => status::run(&client, args, &mut out).await?,
            Command::Clock(command) => clock::run(&client, command, &mut out).await?,
            Command::Activity(command) => activity::run(&client, command, &mut out).await?,
            Command::Run(command) => run::run(&client, command, &mut out).await?,
            Command::Event(args) => event::run(&client, args, &mut out).await?,
            Command::Assignment(command) => assignment::run(&client, command, &mut out).await?,
            Command::Submit(args) => submission::submit(&client, args, &mut out).await?,
            Command::Import(args) => return import::run(&client, args, &mut out).await,
            Command::Recommendation(command) => {
                recommendation::run(&client, command, &mut out).await?;
            }
            Command::Approve(args) => recommendation::approve(&client, args, &mut out).await?,
            Command::Decide(args) => decision::decide(&client, args, &mut out).await?,
            Command::Decision(command) => decision::run(&client, command, &mut out).await?,
            Command::Measure(command) => measure::run(&client, command, &mut out).await?,
            Command::Completeness(args) => completeness::run(&client, args, &mut out).await?,
            Command::Effects(args) => effects::run(&client, args, &mut out).await?,
            Command::Archive(args) => archive::run(&client, args, &mut out).await?,
            Command::Organisations(command) => {
                organisations::run(&client, command, &mut out).await?;
            }
            Command::Outbox(command) => outbox::run(&client, command, &mut out).await?,
            Command::Journal(command) => return journal::run(&client, command, &mut out).await,
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The road map that a command means: the folder named, or the first of the settings.
    fn folder(&self, named: Option<&Path>) -> anyhow::Result<PathBuf> {
        if let Some(folder) = named {
            return Ok(folder.to_owned());
        }
        let settings = crate::settings::Settings::load(&self.config)?;
        let first = settings.road_maps.into_iter().next();
        first.ok_or_else(|| anyhow::anyhow!("назовите папку дорожной карты: vekha check ПАПКА"))
    }
}
