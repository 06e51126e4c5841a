//! What follows a fault in a form.
//!
//! A client that is answered before it has sent everything often sees a broken
//! connection instead of the answer. So what follows a fault is read and thrown
//! away, within bounds, and then the fault is told.

use std::time::Duration;

use axum::extract::multipart::Multipart;

/// What is thrown away at most, in bytes.
const BYTES_MAX: u64 = 4 << 30;
/// How long it is thrown away at most.
const TIME: Duration = Duration::from_secs(120);

/// Reads on and keeps nothing.
pub(crate) async fn drain(parts: &mut Multipart) {
    let reading = async {
        let mut read = 0_u64;
        while let Ok(Some(mut field)) = parts.next_field().await {
            while let Ok(Some(piece)) = field.chunk().await {
                read += piece.len() as u64;
                if read > BYTES_MAX {
                    return;
                }
            }
        }
    };
    let _ = tokio::time::timeout(TIME, reading).await;
}
