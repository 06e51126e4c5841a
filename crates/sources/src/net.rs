//! Which addresses may be asked, and how a web server is asked.
//!
//! Where a source is, is said by a tenant; it must not lead into the operator's own network.
//! So every name is resolved here, and only public addresses are connected to. A name that
//! answers otherwise the next time, or a redirect, passes through the same check, because
//! what was checked is what is connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use cairn_kernel::{Error, Kind, Result, ResultExt as _};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};
use url::{Host, Url};

use crate::{Environment, Sink};

/// Longest to wait for a name to be resolved, and for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest to wait for the next bytes.
const READ: Duration = Duration::from_secs(60);
/// How often a request is sent again that was not answered, or with a passing failure.
const RETRIES: u32 = 2;
/// The first pause before that; the next is twice as long.
const BACKOFF: Duration = Duration::from_millis(250);
/// The longest wait a server may ask for that is waited.
const PATIENCE: Duration = Duration::from_secs(30);

/// Tells which hosts may be asked.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    private: bool,
    hosts: Vec<String>,
}

impl Guard {
    pub(crate) fn new(env: &Environment) -> Self {
        Self { private: env.private_networks, hosts: env.allowed_hosts.clone() }
    }

    /// Whether the operator allows this host wherever it is.
    pub(crate) fn trusts(&self, host: &str) -> bool {
        self.private || self.hosts.iter().any(|one| bare(one).eq_ignore_ascii_case(bare(host)))
    }

    /// The addresses of `host` that may be connected to; there is at least one.
    ///
    /// # Errors
    /// `Forbidden` when it has none that may, `Unavailable` when it has none.
    pub(crate) async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>> {
        let asked =
            tokio::time::timeout(CONNECT, tokio::net::lookup_host((bare(host), port))).await;
        let found = asked
            .or_kind(Kind::Timeout, format!("looking up the address of '{host}' took too long"))?
            .or_kind(
                Kind::Unavailable,
                format!("'{host}' has no address; check the name, or try again later"),
            )?;
        let found: Vec<SocketAddr> = found.collect();
        let some = !found.is_empty();
        let usable = |address: &SocketAddr| self.trusts(host) || is_public(address.ip());
        let kept: Vec<SocketAddr> = found.into_iter().filter(usable).collect();
        match (kept.is_empty(), some) {
            (false, _) => Ok(kept),
            (true, true) => Err(private(host)),
            (true, false) => Err(Error::unavailable(format!("'{host}' has no address"))),
        }
    }

    /// Refuses a URL whose host is written as an address that may not be asked: such are
    /// connected to without being resolved.
    pub(crate) fn check(&self, url: &Url) -> Result<()> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) => return Ok(()),
            None => return Err(Error::invalid(format!("'{url}' names no host"))),
        };
        let host = url.host_str().unwrap_or_default();
        if self.trusts(host) || is_public(address) { Ok(()) } else { Err(private(host)) }
    }

    /// A client that connects to nothing else. It follows no redirects and asks no proxy.
    pub(crate) fn client(&self, agent: &str, total: Duration) -> Result<Client> {
        Client::builder()
            .connect_timeout(CONNECT)
            .read_timeout(READ)
            .timeout(total)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .dns_resolver(std::sync::Arc::new(self.clone()))
            .user_agent(agent)
            .build()
            .or_internal("making an HTTP client")
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            // The port is put in by the one who connects.
            let addresses = Guard::resolve(&guard, name.as_str(), 0).await?;
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

fn private(host: &str) -> Error {
    Error::new(
        Kind::Forbidden,
        format!(
            "'{host}' is this machine or in a private network, which sources may not ask; if it \
             should be asked, name it under `[sources] allowed_hosts = [...]` in the \
             configuration and start the server again"
        ),
    )
}

/// Whether an address is one of the internet's, and no place that only machines within a
/// network can reach.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, d] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        // 169.254.169.254 is where clouds tell a machine its credentials.
        || address.is_link_local()
        || address.is_documentation()
        || matches!(a, 0 | 224..=255)
        // Carriers' networks; 100.100.100.200 is Alibaba's metadata.
        || (a == 100 && (64..=127).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        // Azure's.
        || (a, b, c, d) == (168, 63, 129, 16);
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            embedded(high, low)
        }
        [0x2002, high, low, ..] => embedded(high, low),
        // Teredo, documentation, and other registries' own.
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// Sends a request, again when it may then pass. Answers of every status are given back.
///
/// # Errors
/// `Unavailable` or `Timeout`, or why the host may not be asked.
pub(crate) async fn send(
    what: &str,
    request: impl Fn() -> Result<RequestBuilder> + Send + Sync,
) -> Result<Response> {
    let mut attempt = 0;
    loop {
        let sent = request()?.send().await;
        let pause = BACKOFF.saturating_mul(1 << attempt.min(8));
        let (outcome, pause) = match sent {
            Ok(response) if passes(response.status()) => {
                let asked = retry_after(&response).unwrap_or_default();
                let patient = asked <= PATIENCE;
                (Ok(response), patient.then(|| pause.max(asked)))
            }
            Ok(response) => return Ok(response),
            Err(cause) => {
                let error = transport(what, cause);
                let again = error.kind().retryable();
                (Err(error), again.then_some(pause))
            }
        };
        match pause.filter(|_| attempt < RETRIES) {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return outcome,
        }
        attempt += 1;
    }
}

/// Whether a failure of this status may pass by itself.
pub(crate) fn passes(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// An answer's body; `None` when it is longer than `limit` bytes.
pub(crate) async fn body(what: &str, response: Response, limit: u64) -> Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    Ok(pour(what, response, limit, &mut body).await?.map(|_| body))
}

/// Gives an answer's body into `into`, and says how many bytes it has; `None` when it is longer
/// than `limit` bytes.
pub(crate) async fn pour(
    what: &str,
    mut response: Response,
    limit: u64,
    into: &mut dyn Sink,
) -> Result<Option<u64>> {
    if response.content_length().is_some_and(|length| length > limit) {
        return Ok(None);
    }
    let mut size = 0_u64;
    while let Some(chunk) = response.chunk().await.map_err(|cause| transport(what, cause))? {
        size = size.saturating_add(chunk.len() as u64);
        if size > limit {
            return Ok(None);
        }
        into.write(&chunk).await?;
    }
    Ok(Some(size))
}

/// Why a request failed, in our words.
fn transport(what: &str, cause: reqwest::Error) -> Error {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(&cause);
    while let Some(error) = next {
        // What the guard said.
        if let Some(ours) = error.downcast_ref::<Error>() {
            return Error::new(ours.kind(), ours.message());
        }
        next = error.source();
    }
    let (kind, failed) = if cause.is_timeout() {
        (Kind::Timeout, "did not answer in time")
    } else if cause.is_connect() {
        (Kind::Unavailable, "cannot be reached")
    } else {
        (Kind::Unavailable, "broke off its answer")
    };
    Error::new(kind, format!("{what} {failed}")).with_source(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(hosts: &[&str]) -> Guard {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        Guard { private: false, hosts }
    }

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        for inner in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "168.63.129.16",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(inner.parse().unwrap()), "{inner}");
        }
        for outer in ["1.1.1.1", "100.63.0.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(is_public(outer.parse().unwrap()), "{outer}");
        }
    }

    #[tokio::test]
    async fn private_hosts_are_refused_unless_they_are_named() {
        let closed = guard(&[]);
        for host in ["127.0.0.1", "localhost", "[::1]", "169.254.169.254"] {
            let refused = closed.resolve(host, 80).await.unwrap_err();
            assert_eq!(refused.kind(), Kind::Forbidden, "{host}");
            assert!(refused.message().contains("allowed_hosts"), "{refused}");
        }
        let open = guard(&["LOCALHOST", "::1"]);
        assert!(open.resolve("localhost", 80).await.is_ok());
        assert!(open.check(&Url::parse("http://[::1]:80/").unwrap()).is_ok());
        for url in ["http://127.0.0.1/", "http://0x7f000001/", "http://2130706433/"] {
            assert!(open.check(&Url::parse(url).unwrap()).is_err(), "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_not_connected_to() {
        // What resolves to loopback stands for a name whose answer was changed.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://localhost:{}/", listener.local_addr().unwrap().port());
        let client = guard(&[]).client("cairn", Duration::from_secs(5)).unwrap();
        let refused = send("the server", || Ok(client.get(&url))).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Forbidden, "{}", refused.detail());
        assert!(listener.accept().is_err(), "nobody came");
    }
}
