//! `cairn up`: the order in which everything starts and stops.

mod doors;
mod instance;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use cairn_gateway::App;
use cairn_guard::ApiKey;
use cairn_isolate::Isolate;
use cairn_kernel::{Result, ResultExt as _, Secret, Tasks};
use cairn_monitor::Metrics;
use cairn_services::accounts::NewKey;
use cairn_services::llms::LlmSettings;
use cairn_services::{Services, Settings};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::commands::Outcome;
use crate::config::{Config, link_hosts};
use crate::output;

use doors::Doors;
pub(crate) use instance::{Instance, Running};

/// How long background work may take to hand back its jobs.
const TASKS_GRACE: Duration = Duration::from_secs(15);

/// Runs the server until a signal asks it to stop.
///
/// # Errors
/// `Invalid` for a configuration that cannot be served, `Conflict` when the address or
/// the data folder is in use, `Internal` when something does not open.
pub(crate) async fn up(config: Config) -> Result<Outcome> {
    config.require_safe_listen()?;
    cairn_monitor::init_logs(config.log_format, &config.log_filter)?;

    // Start.
    let mut signals = Signals::listen()?;
    let metrics = Metrics::install()?;
    let instance = Instance::claim(&config.data)?;
    let doors = Doors::bind(&config).await?;
    let bound = doors.main()?;
    let local_key = Secret::new(ApiKey::generate().expose());
    let (tasks, door) = (Tasks::new(), Tasks::new());
    let services = Services::open(settings(&config, &local_key)?, &tasks).await?;
    let first_key = first_key(&config, &services).await?;
    watch_metrics(&tasks, &metrics);
    let app = App::new(services.clone(), metrics);
    let beside = doors.open(&door, &app.with_compatible_metrics(config.metrics_compat))?;
    instance.announce(&url_of(bound), &local_key)?;
    greet(bound, &beside, first_key.as_ref())?;

    // Run.
    signals.next().await;
    services.drain();
    tracing::info!("stopping: requests in flight are finished first");

    // Stop, in the reverse order. A second signal does not wait for it.
    let stop = async {
        report("requests", &door.stop(config.drain).await);
        report("tasks", &tasks.stop(TASKS_GRACE).await);
        services.close().await;
        drop(instance);
    };
    tokio::select! {
        () = stop => Ok(Outcome::Done),
        () = signals.next() => Ok(Outcome::Interrupted),
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).or_internal("listening for signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn settings(config: &Config, local_key: &Secret) -> Result<Settings> {
    let admin_keys = config.admin_key.iter().chain([local_key]).cloned().collect();
    Ok(Settings {
        data: config.data.clone(),
        models: config.models_dir.clone(),
        admin_keys,
        isolate: Isolate::current()?,
        limits: config.limits.clone(),
        llm: LlmSettings {
            default: config.llm.clone(),
            context_tokens: config.llm_context_tokens,
            slots: config.llm_slots,
            threads: u32::try_from(config.threads).unwrap_or(u32::MAX),
            idle: config.llm_idle,
        },
        rerank_model: config.rerank_model.clone(),
        providers: config.providers.clone(),
        sources: config.sources.clone(),
        link_hosts: link_hosts(&config.allowed_hosts)?,
        threads: config.threads,
    })
}

/// The key of a first start, unless the configuration gives one.
async fn first_key(config: &Config, services: &Services) -> Result<Option<NewKey>> {
    if config.admin_key.is_some() { Ok(None) } else { services.accounts.first_key().await }
}

fn watch_metrics(tasks: &Tasks, metrics: &Metrics) {
    let (metrics, shutdown) = (metrics.clone(), tasks.shutdown());
    tasks.spawn("metrics", async move { metrics.upkeep(shutdown).await });
}

/// The address under which this machine reaches the server.
fn url_of(bound: SocketAddr) -> String {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, bound.port()))
}

fn greet(bound: SocketAddr, beside: &[String], first_key: Option<&NewKey>) -> Result<()> {
    if let Some(key) = first_key {
        output::line(format_args!(
            "Admin key, shown this once; keep it safe:\n  {}",
            key.key.expose()
        ))?;
    }
    let url = url_of(bound);
    output::line(format_args!(
        "Cairn listens on {bound}\n  API      {url}/v1\n  console  {url}/console/"
    ))?;
    beside.iter().try_for_each(|line| output::line(format_args!("  {line}")))
}

fn report(what: &str, left: &[&'static str]) {
    if !left.is_empty() {
        tracing::warn!(left = left.join(", "), "{what} did not end in time and were broken off");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_address_is_one_that_can_be_reached() {
        let url = |text: &str| url_of(text.parse().unwrap());
        assert_eq!(url("0.0.0.0:80"), "http://127.0.0.1:80");
        assert_eq!(url("[::]:80"), "http://[::1]:80");
        assert_eq!(url("10.1.2.3:80"), "http://10.1.2.3:80");
    }
}
