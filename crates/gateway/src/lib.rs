//! The door: routes, authentication, admission, and the conversion between the
//! wire and the use-cases. The only crate that knows HTTP.
//!
//! [`routes`] is the one table of every route; a handler converts, calls one
//! service, converts back.

mod cairn;
mod console;
mod error;
mod extract;
mod middleware;
mod oip;
mod openai;
mod openapi;
mod routes;
mod serve;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use cairn_monitor::Metrics;
use cairn_services::Services;
use tokio::sync::Semaphore;

pub use routes::router;
pub use serve::serve;

/// What handlers share.
#[derive(Clone)]
pub struct App {
    services: Services,
    metrics: Metrics,
    admission: Arc<Semaphore>,
    deadline: Duration,
}

impl App {
    /// The door to `services`.
    pub fn new(services: Services, metrics: Metrics) -> Self {
        let admission = Arc::new(Semaphore::new(services.limits.concurrent_requests));
        let deadline = Duration::from_secs(services.limits.request_seconds);
        Self { services, metrics, admission, deadline }
    }
}

impl FromRef<App> for Services {
    fn from_ref(app: &App) -> Self {
        app.services.clone()
    }
}

impl FromRef<App> for Metrics {
    fn from_ref(app: &App) -> Self {
        app.metrics.clone()
    }
}
