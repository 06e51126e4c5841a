//! Where a person reads what a tool gives: the page that a file was taken from, or the console of
//! this server as the client reached it.

use std::collections::{BTreeMap, HashMap};

use axum::http::HeaderMap;
use axum::http::uri::Authority;
use cairn_kernel::{Id, Kind, Result};
use cairn_services::stores::Attributes;
use serde_json::Value;

use super::Visit;
use super::door::host;
use super::places::{Part, Place};

/// The attribute in which sources keep a page's address.
const ADDRESS: &str = "url";

/// Links to this server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Links {
    /// Such as `https://cairn.example`; empty where the client did not say how it reached it.
    base: String,
}

impl Links {
    /// As a request reached the server, perhaps through a proxy.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let proxied = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok());
        let scheme = match proxied {
            Some(schemes) if schemes.trim_start().starts_with("https") => "https",
            _ => "http",
        };
        // It stands in what a person clicks on.
        let site = host(headers).and_then(|host| host.parse::<Authority>().ok());
        let site = site.filter(|site| !site.as_str().contains('@'));
        Self { base: site.map_or_else(String::new, |site| format!("{scheme}://{site}")) }
    }

    fn console(&self, store: &Id, place: &Place) -> String {
        let range = match &place.part {
            Part::Passage(passage) => format!("&from={}&to={}", passage.start, passage.end),
            Part::All | Part::From(_) => String::new(),
        };
        format!("{}/console/documents/{store}?file={}{range}", self.base, place.file)
    }
}

/// Where the files are that one call names, each looked up once.
pub(super) struct Homes<'v> {
    visit: &'v Visit,
    /// The stores that were asked; a file is shown in one of them where it can be.
    asked: &'v [Id],
    known: HashMap<String, Option<Home>>,
}

/// Where a file is.
#[derive(Clone, Debug, Default)]
pub(super) struct Home {
    store: Option<Id>,
    /// Its attributes there.
    pub(super) attributes: Attributes,
}

impl Home {
    fn among(stores: Vec<(Id, Attributes)>, asked: &[Id]) -> Self {
        let at = stores.iter().position(|(store, _)| asked.contains(store)).unwrap_or(0);
        let home = stores.into_iter().nth(at);
        home.map_or_else(Self::default, |(store, attributes)| Self {
            store: Some(store),
            attributes,
        })
    }

    /// Where `place`, which is in it, is read.
    pub(super) fn link(&self, links: &Links, place: &Place) -> String {
        let address = self.attributes.get(ADDRESS).and_then(Value::as_str);
        let is_page =
            |address: &&str| address.starts_with("https://") || address.starts_with("http://");
        match (address.filter(is_page), &self.store) {
            (Some(address), _) => address.to_owned(),
            (None, Some(store)) => links.console(store, place),
            (None, None) => super::resources::uri(&place.file),
        }
    }

    /// The attributes as texts.
    pub(super) fn metadata(&self) -> BTreeMap<String, String> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        self.attributes.iter().map(|(name, value)| (name.clone(), text(value))).collect()
    }
}

impl<'v> Homes<'v> {
    /// Of files that were found in the stores `asked`.
    pub(super) fn of(visit: &'v Visit, asked: &'v [Id]) -> Self {
        Self { visit, asked, known: HashMap::new() }
    }

    /// Where a file is; `None` when the caller's questions are not answered from it any more.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub(super) async fn find(&mut self, file: &Id) -> Result<Option<Home>> {
        if let Some(known) = self.known.get(file.as_str()) {
            return Ok(known.clone());
        }
        let home = self.look_up(file).await?;
        self.known.insert(file.to_string(), home.clone());
        Ok(home)
    }

    async fn look_up(&self, file: &Id) -> Result<Option<Home>> {
        let Visit { services, scope, .. } = self.visit;
        if !services.responses.is_askable(scope, file).await? {
            return Ok(None);
        }
        match services.stores.of_file(scope, file).await {
            Ok(stores) => Ok(Some(Home::among(stores, self.asked))),
            Err(gone) if gone.kind() == Kind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reached(headers: &[(&'static str, &str)]) -> Links {
        let pairs = headers.iter().map(|&(name, value)| {
            let name = axum::http::HeaderName::from_static(name);
            (name, axum::http::HeaderValue::from_str(value).expect("a value"))
        });
        Links::of(&pairs.collect())
    }

    fn home(store: &str, url: &str) -> (Id, Attributes) {
        (Id::from_raw(store), Attributes::from([("url".to_owned(), json!(url))]))
    }

    #[test]
    fn links_lead_to_where_the_client_reached_the_server() -> Result<()> {
        let place = Place::read("file-a:3-9")?;
        let home = Home::among(vec![home("vs_1", "ftp://a"), home("vs_2", "")], &[]);
        let path = "/console/documents/vs_1?file=file-a&from=3&to=9";
        for (headers, base) in [
            (vec![("host", "cairn:8080")], "http://cairn:8080"),
            (vec![("host", "cairn"), ("x-forwarded-proto", "https")], "https://cairn"),
            (vec![("host", "ada@cairn")], ""),
            (vec![("host", "a b")], ""),
            (vec![], ""),
        ] {
            assert_eq!(home.link(&reached(&headers), &place), format!("{base}{path}"));
        }
        let links = reached(&[("host", "cairn")]);
        let whole = home.link(&links, &Place::read("file-a")?);
        assert_eq!(whole, "http://cairn/console/documents/vs_1?file=file-a");
        assert_eq!(Home::default().link(&links, &place), "cairn://files/file-a");
        Ok(())
    }

    #[test]
    fn a_page_is_its_own_address_and_an_asked_store_goes_first() -> Result<()> {
        let stores = || vec![home("vs_1", "https://a.example/x"), home("vs_2", "javascript:x")];
        let place = Place::read("file-a")?;
        let links = reached(&[("host", "cairn")]);
        let first = Home::among(stores(), &[Id::from_raw("vs_9")]);
        assert_eq!(first.link(&links, &place), "https://a.example/x");
        let second = Home::among(stores(), &[Id::from_raw("vs_2")]);
        let shown = "http://cairn/console/documents/vs_2?file=file-a";
        assert_eq!(second.link(&links, &place), shown);
        assert_eq!(second.metadata()["url"], "javascript:x");
        Ok(())
    }
}
