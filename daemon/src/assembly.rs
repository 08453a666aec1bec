//! The integrations that the settings name, made and checked together: what is wrong with any of them,
//! and with what their settings name, is told at once. A plugin in a process of its own that does not
//! start is no mistake of the settings: it is told as a trouble and started again later.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use vekha_plugin::{Analyzer, Listener, Notifier, Plugin, Problem, Publisher, Source};
use vekha_plugin_host::{Deadlined, Host, Hosted};
use vekha_plugin_mail::{Mail, MailConfig};
use vekha_plugin_site::{Site, SiteConfig};

use crate::runtime::documents::both::Both;
use crate::runtime::integrations::{Integrated, Integrations, Works};
use crate::runtime::letters::ways::{Way, Ways};
use crate::runtime::listeners::{self, Listeners};
use crate::settings::{NotifierSettings, Settings, SourceSettings, below};

/// Makes them, and starts the plugins in processes of their own.
///
/// # Errors
/// All that is wrong, by the keys of the settings; nothing has been left running.
pub async fn integrations(settings: Settings) -> Result<(Host, Integrations), Vec<Problem>> {
    let uses: Vec<(String, String)> =
        settings.uses().into_iter().map(|(key, name)| (key, name.to_owned())).collect();
    let used: Vec<String> = uses.iter().map(|(_, name)| name.clone()).collect();
    let publishes_files = settings.publishes_files();
    let Settings { uses: own, mut plugin, manner, .. } = settings;
    plugin.retain(|name, _| {
        let is_used = used.contains(name);
        if !is_used {
            tracing::warn!(
                plugin = name,
                "not started: neither mail, site, a source, a notifier, a listener nor an \
                 analyzer names it"
            );
        }
        is_used
    });
    let (host, wrong) = match Host::start(plugin, &manner).await {
        Ok(host) => (Some(host), Vec::new()),
        Err(problems) => (None, problems),
    };
    let mut making = Making { host, wrong, all: Vec::new() };
    making.apart(&uses);
    let notifier = making.notifier(own.mail.as_deref(), settings.mail).await;
    let site = publishes_files.then_some(settings.site);
    let publisher = making.publisher(site, own.site.as_deref());
    let sources = making.sources(settings.source).await;
    let ways = making.ways(settings.notifier);
    let analyzers = settings.analyzer.into_iter();
    let analyzers = analyzers
        .filter_map(|(id, one)| {
            let plugin = making.hosted(&one.plugin)?;
            let analyzer: Arc<dyn Analyzer> = match one.deadline_seconds {
                Some(all) => {
                    let deadline = Duration::from_secs(all);
                    Arc::new(Deadlined { plugin, deadline })
                }
                None => plugin,
            };
            Some((id, analyzer))
        })
        .collect();
    let told = settings.listener.into_iter();
    let told = told
        .filter_map(|(id, one)| Some((id, making.hosted(&one.plugin)? as Arc<dyn Listener>)))
        .collect();
    let listeners = Listeners::new(&settings.webhooks, listeners::Plugins(told));
    let listeners = making.take(listeners.map_err(|why| vec![Problem::new("webhooks", why)]));
    match (making, notifier, publisher, listeners) {
        (
            Making { host: Some(host), wrong, mut all },
            Some(notifier),
            Some(publisher),
            Some(listeners),
        ) if wrong.is_empty() => {
            all.sort_by(|one, next| one.section.cmp(&next.section));
            Ok((
                host,
                Integrations { notifier, ways, publisher, sources, listeners, analyzers, all },
            ))
        }
        (Making { host, wrong, .. }, ..) => {
            if let Some(host) = host {
                host.stop().await;
            }
            Err(wrong)
        }
    }
}

/// What is being made.
struct Making {
    /// None if it could not be started: then none of its plugins is there.
    host: Option<Host>,
    /// All that is wrong so far.
    wrong: Vec<Problem>,
    /// What has been made.
    all: Vec<Integrated>,
}

impl Making {
    /// A plugin in a process of its own.
    fn hosted(&self, name: &str) -> Option<Arc<Hosted>> {
        self.host.as_ref()?.get(name)
    }

    /// Notes the plugins in processes of their own, with the sections that name each.
    fn apart(&mut self, uses: &[(String, String)]) {
        let Some(host) = &self.host else { return };
        let all = host.names().filter_map(|name| Some((name, host.get(name)?)));
        self.all.extend(all.map(|(name, plugin)| {
            let by = uses.iter().filter(|(_, used)| used == name);
            Integrated {
                section: format!("plugin.{name}"),
                used_by: by.map(|(key, _)| key.trim_end_matches(".plugin").to_owned()).collect(),
                works: Works::Apart(plugin),
            }
        }));
    }

    /// Notes one in the daemon's own process.
    fn here(&mut self, section: &str, plugin: Arc<dyn Plugin>) {
        let used_by = vec![section.to_owned()];
        self.all.push(Integrated {
            section: section.to_owned(),
            used_by,
            works: Works::Here(plugin),
        });
    }

    /// What was made, or none and what is wrong noted.
    fn take<T>(&mut self, made: Result<T, Vec<Problem>>) -> Option<T> {
        made.map_err(|problems| self.wrong.extend(problems)).ok()
    }

    async fn notifier(
        &mut self,
        plugin: Option<&str>,
        mail: MailConfig,
    ) -> Option<Arc<dyn Notifier>> {
        if let Some(name) = plugin {
            return Some(self.hosted(name)?);
        }
        let made = Mail::new(mail).map_err(|problems| below("mail", Some(problems)));
        let mail = self.take(made)?;
        self.wrong.extend(below("mail", mail.check().await.err()));
        let mail = Arc::new(mail);
        self.here("mail", mail.clone());
        Some(mail)
    }

    fn publisher(
        &mut self,
        site: Option<SiteConfig>,
        plugin: Option<&str>,
    ) -> Option<Arc<dyn Publisher>> {
        let files = site.map(|site| Site::new(site).map_err(|e| below("site", Some(e))));
        let files = files.and_then(|made| self.take(made));
        let files = files.map(|site| {
            let site = Arc::new(site);
            self.here("site", site.clone());
            site as Arc<dyn Publisher>
        });
        let elsewhere = plugin.and_then(|name| self.hosted(name));
        let elsewhere = elsewhere.map(|plugin| plugin as Arc<dyn Publisher>);
        match (files, elsewhere) {
            (Some(first), Some(then)) => Some(Arc::new(Both { first, then })),
            (files, elsewhere) => files.or(elsewhere),
        }
    }

    async fn sources(
        &mut self,
        settings: BTreeMap<String, SourceSettings>,
    ) -> BTreeMap<String, Arc<dyn Source>> {
        let mut sources = BTreeMap::new();
        for (id, settings) in settings {
            let table = format!("source.{id}");
            let is_apart = matches!(settings, SourceSettings::Plugin(_));
            let made = match &settings {
                SourceSettings::Plugin(name) => {
                    Ok(self.hosted(name).map(|plugin| plugin as Arc<dyn Source>))
                }
                _ => settings.make().map_err(|problems| below(&table, Some(problems))),
            };
            let Some(source) = self.take(made).flatten() else { continue };
            self.wrong.extend(below(&table, source.check().await.err()));
            if !is_apart {
                self.here(&table, source.clone());
            }
            sources.insert(id, source);
        }
        sources
    }

    fn ways(&self, settings: BTreeMap<String, NotifierSettings>) -> Ways {
        let ways = settings.into_iter().filter_map(|(name, way)| {
            let notifier = self.hosted(&way.plugin)? as Arc<dyn Notifier>;
            let NotifierSettings { letters, organisations, fallback, .. } = way;
            Some(Way { name, notifier, letters, organisations, fallback })
        });
        Ways(ways.collect())
    }
}
