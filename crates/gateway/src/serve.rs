//! Serving over TCP until a stop is asked for.

use axum::Router;
use axum::serve::ListenerExt as _;
use cairn_kernel::{Result, ResultExt as _, Shutdown};
use tokio::net::TcpListener;

use crate::routes::metrics_router;
use crate::{App, router};

/// Answers on `listener` until `shutdown`; then accepts no more and returns when the
/// requests in flight are answered. The caller bounds how long that may take.
///
/// # Errors
/// `Internal` when the listener fails.
pub async fn serve(listener: TcpListener, app: App, shutdown: Shutdown) -> Result<()> {
    answer(listener, router(app), shutdown).await
}

/// As [`serve`], and only `/metrics`, for monitoring that has a port of its own.
///
/// # Errors
/// `Internal` when the listener fails.
pub async fn serve_metrics(listener: TcpListener, app: App, shutdown: Shutdown) -> Result<()> {
    answer(listener, metrics_router(app), shutdown).await
}

async fn answer(listener: TcpListener, router: Router, shutdown: Shutdown) -> Result<()> {
    // A token of an answer is a small packet, and must not wait for the next one.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was not set");
        }
    });
    axum::serve(listener, router)
        .with_graceful_shutdown(async move { shutdown.requested().await })
        .await
        .or_internal("serving HTTP")
}
