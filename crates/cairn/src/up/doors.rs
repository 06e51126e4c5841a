//! Every address the program listens on, and what answers there.

use std::net::SocketAddr;

use cairn_gateway::App;
use cairn_kernel::{Error, Kind, Result, ResultExt as _, Tasks};
use tokio::net::TcpListener;

use crate::config::Config;

/// Bound addresses behind which nothing answers yet.
pub(super) struct Doors {
    main: TcpListener,
    oip: Option<TcpListener>,
    grpc: Option<TcpListener>,
    metrics: Option<TcpListener>,
}

impl Doors {
    /// Binds what the configuration says.
    ///
    /// # Errors
    /// `Conflict` for an address in use, `Forbidden` or `Unavailable` for one that cannot
    /// be had, with the key that sets it.
    pub(super) async fn bind(config: &Config) -> Result<Self> {
        let optional = async |key: &str, address: Option<SocketAddr>| match address {
            Some(address) => bind(key, address).await.map(Some),
            None => Ok(None),
        };
        Ok(Self {
            main: bind("listen", config.listen).await?,
            oip: optional("oip_listen", config.oip_listen).await?,
            grpc: optional("grpc_listen", config.grpc_listen).await?,
            metrics: optional("metrics_listen", config.metrics_listen).await?,
        })
    }

    /// The main address as bound.
    ///
    /// # Errors
    /// `Internal` when the system does not tell.
    pub(super) fn main(&self) -> Result<SocketAddr> {
        bound(&self.main)
    }

    /// Answers behind every address, among the tasks of `door`. Returns what to tell the
    /// user of those beside the main one.
    ///
    /// # Errors
    /// `Internal` when the system does not tell an address.
    pub(super) fn open(self, door: &Tasks, app: &App) -> Result<Vec<String>> {
        let mut told = Vec::new();
        let (at, stop) = (app.clone(), door.shutdown());
        door.spawn("door", async move { report(cairn_gateway::serve(self.main, at, stop).await) });
        if let Some(listener) = self.oip {
            told.push(format!("v2       http://{}/v2", bound(&listener)?));
            let (at, stop) = (app.clone(), door.shutdown());
            door.spawn(
                "v2 door",
                async move { report(cairn_gateway::serve(listener, at, stop).await) },
            );
        }
        if let Some(listener) = self.grpc {
            told.push(format!("gRPC     {}", bound(&listener)?));
            let (at, stop) = (app.clone(), door.shutdown());
            let serving = cairn_gateway::serve_grpc(listener, at, stop);
            door.spawn("gRPC door", async move { report(serving.await) });
        }
        if let Some(listener) = self.metrics {
            told.push(format!("metrics  http://{}/metrics", bound(&listener)?));
            let (at, stop) = (app.clone(), door.shutdown());
            let serving = cairn_gateway::serve_metrics(listener, at, stop);
            door.spawn("metrics door", async move { report(serving.await) });
        }
        Ok(told)
    }
}

fn bound(listener: &TcpListener) -> Result<SocketAddr> {
    listener.local_addr().or_internal("reading the bound address")
}

fn report(ended: Result<()>) {
    if let Err(error) = ended {
        tracing::error!(error = %error.detail(), "the server no longer answers");
    }
}

async fn bind(key: &str, address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|cause| {
        let (kind, why) = match cause.kind() {
            std::io::ErrorKind::AddrInUse => (Kind::Conflict, "another program listens there"),
            std::io::ErrorKind::PermissionDenied => {
                (Kind::Forbidden, "this user may not listen there")
            }
            _ => (Kind::Unavailable, "this machine cannot listen there"),
        };
        let remedy = match key {
            "listen" => "--listen HOST:PORT".to_owned(),
            _ => format!("the key {key}"),
        };
        let message = format!("cannot listen on {address}: {why}; choose another with {remedy}");
        Error::new(kind, message).with_source(cause)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let first = bind("listen", "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let taken = first.local_addr().unwrap();
        let error = bind("listen", taken).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict);
        assert!(
            error.message().contains(&taken.to_string()) && error.message().contains("--listen")
        );
    }
}
