//! The words of `cairn keys`.

use cairn_kernel::Role;
use clap::{Args, Subcommand};

use super::{Json, parse_seconds};

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make a key; it is printed this once
    Create {
        /// The tenant; it is made if it is new
        #[arg(long)]
        tenant: String,
        /// viewer, editor or admin
        #[arg(long)]
        role: Role,
        /// What to call it
        #[arg(long)]
        name: Option<String>,
        /// A user or group it speaks for, such as user:ada; may be given several times
        #[arg(long = "principal", value_name = "NAME")]
        principals: Vec<String>,
        /// How long it works, such as 90d or 12h [default: without an end]
        #[arg(long, value_name = "TIME", value_parser = parse_seconds)]
        expires: Option<u64>,
        #[command(flatten)]
        json: Json,
    },
    /// List the keys, without their secrets
    List(Json),
    /// Change a key: for whom it speaks, when it ends, what it is called
    Update(UpdateKey),
    /// Give a key a new secret; it is printed this once
    Rotate {
        /// The key's id
        id: String,
        /// How long the old secret works beside the new one, such as 1h; 7d at most
        /// [default: it ends at once]
        #[arg(long, value_name = "TIME", value_parser = parse_seconds)]
        grace: Option<u64>,
        #[command(flatten)]
        json: Json,
    },
    /// End a key at once
    Revoke {
        /// The key's id
        id: String,
        #[command(flatten)]
        json: Json,
    },
}

#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct UpdateKey {
    /// The key's id
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) changes: KeyChanges,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// What of a key changes: at least one of them.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct KeyChanges {
    /// What to call it
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// A user or group it speaks for from now on, in place of those before; may be given several
    /// times
    #[arg(long = "principal", value_name = "NAME")]
    pub(crate) principals: Vec<String>,
    /// It speaks for no user and no group from now on
    #[arg(long, conflicts_with = "principals")]
    pub(crate) no_principals: bool,
    /// How long it works from now on, such as 90d or 12h
    #[arg(long, value_name = "TIME", value_parser = parse_seconds)]
    pub(crate) expires: Option<u64>,
    /// It works without an end
    #[arg(long, conflicts_with = "expires")]
    pub(crate) never_expires: bool,
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::Cli;

    #[test]
    fn keys_are_changed_in_one_way_at_a_time() {
        for line in [
            "cairn keys create --tenant t --role viewer --expires 90d",
            "cairn key create --tenant t --role viewer",
            "cairn keys update k --principal user:ada --principal group:x --expires 12h --json",
            "cairn keys update k --no-principals --never-expires",
            "cairn keys update k --name reader",
            "cairn keys rotate k",
            "cairn keys rotate k --grace 1h --json",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
        for line in [
            "cairn keys update k",
            "cairn keys update k --json",
            "cairn keys update --name reader",
            "cairn keys update k --principal user:ada --no-principals",
            "cairn keys update k --expires 1d --never-expires",
            "cairn keys update k --expires soon",
            "cairn keys rotate",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
