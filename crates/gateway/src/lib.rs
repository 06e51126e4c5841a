//! The door: routes, authentication, admission, and the conversion between the
//! wire and the use-cases. The only crate that knows HTTP and gRPC.
//!
//! [`routes`] is the one table of every route; a handler converts, calls one
//! service, converts back.

mod cairn;
mod console;
mod drain;
mod error;
mod extract;
mod grpc;
mod idempotency;
mod mcp;
mod measures;
mod middleware;
mod oip;
mod openai;
mod openapi;
mod patience;
mod routes;
mod serve;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use cairn_monitor::Metrics;
use cairn_services::Services;
use cairn_services::room::Room;
use tokio::sync::Semaphore;

use openai::responses::Live;

pub use grpc::serve_grpc;
pub use routes::router;
pub use serve::{serve, serve_metrics};

/// Memory for the bodies that must be held whole, in mebibytes.
const ROOM_MIB: u32 = 512;
/// Memory for those of clients that send a request again by themselves, in mebibytes.
const RETRIES_MIB: u32 = 256;

/// What handlers share.
#[derive(Clone)]
pub struct App {
    services: Services,
    metrics: Metrics,
    metrics_compat: bool,
    live: Live,
    admission: Arc<Semaphore>,
    room: Room,
    retries: Room,
    deadline: Duration,
}

impl App {
    /// The door to `services`.
    pub fn new(services: Services, metrics: Metrics) -> Self {
        let admission = Arc::new(Semaphore::new(services.limits.concurrent_requests));
        let deadline = Duration::from_secs(services.limits.request_seconds);
        let live = Live::default();
        let (room, retries) = (Room::new(ROOM_MIB), Room::new(RETRIES_MIB));
        Self { services, metrics, metrics_compat: false, live, admission, room, retries, deadline }
    }

    /// Whether metrics are also given under the names of Triton and vLLM.
    #[must_use]
    pub fn with_compatible_metrics(self, metrics_compat: bool) -> Self {
        Self { metrics_compat, ..self }
    }
}

impl FromRef<App> for Services {
    fn from_ref(app: &App) -> Self {
        app.services.clone()
    }
}

impl FromRef<App> for Room {
    fn from_ref(app: &App) -> Self {
        app.room.clone()
    }
}

impl FromRef<App> for Live {
    fn from_ref(app: &App) -> Self {
        app.live.clone()
    }
}
