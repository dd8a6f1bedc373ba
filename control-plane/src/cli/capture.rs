//! `tulle capture`: redirect rules for the network namespace it runs in.

use std::collections::BTreeSet;

use tulle_injector::capture::{CaptureSpec, Cidr, Nft};

use super::{OK, print};

/// Install the rules that redirect a workload's traffic into its Envoy
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tulle capture --app-ports 8080                      in the workload's network namespace, as root
  ip netns exec front tulle capture --app-ports 8080,8081 --ignore-ports 3306
  tulle capture --app-ports 8080 --dry-run
  tulle capture --remove

Outbound TCP goes to Envoy's port 15001, inbound TCP for --app-ports to 15000. Envoy itself has to run as the
--ignore-uid (or gid), or its own connections would be led back into it. Needs the `nft` program and CAP_NET_ADMIN.")]
pub(super) struct Args {
    /// Ports of the application; connections to other ports reach it directly
    #[arg(long, value_name = "PORT", value_delimiter = ',')]
    app_ports: Vec<u16>,
    /// Users whose connections are left alone
    #[arg(
        long,
        value_name = "UID",
        value_delimiter = ',',
        default_value = "1337"
    )]
    ignore_uid: Vec<u32>,
    /// Groups whose connections are left alone
    #[arg(long, value_name = "GID", value_delimiter = ',')]
    ignore_gid: Vec<u32>,
    /// Destination ports that are left alone; 22 always is
    #[arg(long, value_name = "PORT", value_delimiter = ',')]
    ignore_ports: Vec<u16>,
    /// Destinations that are left alone, as addresses or CIDR blocks
    #[arg(
        long,
        value_name = "CIDR",
        value_delimiter = ',',
        default_value = "169.254.169.254"
    )]
    ignore_cidrs: Vec<Cidr>,
    /// Redirect IPv6 too
    #[arg(long)]
    ipv6: bool,
    /// Print the rules and install nothing
    #[arg(long, conflicts_with = "remove")]
    dry_run: bool,
    /// Take the rules away
    #[arg(long)]
    remove: bool,
}

pub(super) fn run(args: Args) -> anyhow::Result<u8> {
    if args.remove {
        Nft::default().remove()?;
        return Ok(OK);
    }
    let defaults = CaptureSpec::default();
    let spec = CaptureSpec {
        app_ports: args.app_ports.into_iter().collect(),
        ignored_users: args.ignore_uid.into_iter().collect(),
        ignored_groups: args.ignore_gid.into_iter().collect(),
        ignored_ports: defaults
            .ignored_ports
            .iter()
            .copied()
            .chain(args.ignore_ports)
            .collect::<BTreeSet<u16>>(),
        ignored_destinations: args.ignore_cidrs.into_iter().collect(),
        ipv6: args.ipv6,
        ..defaults
    };
    if args.dry_run {
        print::out(&spec.render()?)?;
    } else {
        Nft::default().install(&spec)?;
    }
    Ok(OK)
}
