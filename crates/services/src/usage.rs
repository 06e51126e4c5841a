//! The usage ledger: what every request used, written after the work and never lost
//! silently.

use cairn_kernel::Scope;
use cairn_store::Records;
use cairn_store::records::UsageEntry;

/// Writes the ledger.
#[derive(Clone, Debug)]
pub struct Usage {
    records: Records,
}

impl Usage {
    /// A ledger in `records`.
    pub fn new(records: Records) -> Self {
        Self { records }
    }

    /// Appends what a request used. A ledger that cannot be written is an error in
    /// the log, not a failed answer: the work is done.
    pub async fn record(&self, scope: &Scope, entry: UsageEntry) {
        if let Err(error) = self.records.record_usage(scope, &entry).await {
            tracing::error!(error = %error.detail(), ?entry, tenant = %scope.tenant(), "usage was not recorded");
        }
    }
}
