//! Serving over TCP until a stop is asked for.

use axum::serve::ListenerExt as _;
use cairn_kernel::{Result, ResultExt as _, Shutdown};
use tokio::net::TcpListener;

use crate::{App, router};

/// Answers on `listener` until `shutdown`; then accepts no more and returns when the
/// requests in flight are answered. The caller bounds how long that may take.
///
/// # Errors
/// `Internal` when the listener fails.
pub async fn serve(listener: TcpListener, app: App, shutdown: Shutdown) -> Result<()> {
    // A token of an answer is a small packet, and must not wait for the next one.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was not set");
        }
    });
    axum::serve(listener, router(app))
        .with_graceful_shutdown(async move { shutdown.requested().await })
        .await
        .or_internal("serving HTTP")
}
