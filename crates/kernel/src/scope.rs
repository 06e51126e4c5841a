//! Who is asking. Every call that touches data takes a [`Scope`].

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Error, Id, Kind, Result};

/// What a key may do within its tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads, asks, searches and predicts.
    Viewer,
    /// Also uploads, deletes, trains and deploys.
    Editor,
    /// Also makes tenants and keys, and manages the program.
    Admin,
}

impl Role {
    /// The role's name, as in configuration and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "viewer" => Ok(Self::Viewer),
            "editor" => Ok(Self::Editor),
            "admin" => Ok(Self::Admin),
            other => Err(Error::invalid(format!(
                "unknown role '{other}'; the roles are viewer, editor and admin"
            ))
            .with_param("role")),
        }
    }
}

/// The principal that everybody in the tenant is.
pub const PUBLIC: &str = "public";

/// An authenticated caller: tenant, key and role, and for whom the key speaks.
///
/// Only authentication (and the job runner, for work that an authenticated
/// caller enqueued) may make one; `clippy.toml` bans [`Scope::grant`] elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    tenant: Id,
    principal: Id,
    role: Role,
    principals: Arc<[String]>,
}

impl Scope {
    /// Makes a scope out of proven credentials.
    pub fn grant(tenant: Id, principal: Id, role: Role) -> Self {
        Self { tenant, principal, role, principals: Arc::default() }
    }

    /// The same caller, speaking for these users and groups as well.
    #[must_use]
    pub fn with_principals(self, principals: Vec<String>) -> Self {
        Self { principals: principals.into(), ..self }
    }

    /// The users and groups the caller speaks for, without [`PUBLIC`], which everybody is.
    /// A document with an access list answers only to one of those on it.
    pub fn principals(&self) -> &[String] {
        &self.principals
    }

    /// The tenant whose rows this caller may see.
    pub fn tenant(&self) -> &Id {
        &self.tenant
    }

    /// The key (or job) that acts.
    pub fn principal(&self) -> &Id {
        &self.principal
    }

    /// What the caller may do.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Fails unless the caller has at least `needed`.
    pub fn require(&self, needed: Role) -> Result<()> {
        if self.role >= needed {
            return Ok(());
        }
        Err(Error::new(
            Kind::Forbidden,
            format!(
                "this key has the role '{}', and this needs '{needed}'; ask an admin for such a key",
                self.role
            ),
        ))
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests stand in for authentication")]
mod tests {
    use super::*;

    #[test]
    fn a_role_includes_the_lower_ones() {
        let scope = Scope::grant(Id::from_raw("t"), Id::from_raw("k"), Role::Editor);
        assert!(scope.require(Role::Viewer).is_ok());
        assert!(scope.require(Role::Editor).is_ok());
        assert_eq!(scope.require(Role::Admin).map_err(|e| e.kind()), Err(Kind::Forbidden));
    }
}
