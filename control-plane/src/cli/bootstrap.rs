//! `tulle bootstrap`: the files that one proxy's Envoy needs.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use tulle_identity::{Identity, ProxyClaims, TrustDomain};
use tulle_injector::bootstrap::{BOOTSTRAP_FILE, BootstrapSpec, files, write};
use tulle_model::{Capture, ProxyId};

use super::{ConfigArg, OK, print};

/// Where Envoy's admin interface listens.
const ADMIN_PORT: u16 = 9901;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Write the files that Envoy needs: bootstrap, SDS files, token, root
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tulle bootstrap --proxy virtualnode/tulle-demo/front --out front/ --state ~/.tulle
  tulle bootstrap --proxy virtualgateway/tulle-demo/gateway --out in/ --state ~/.tulle --capture loopback=127.80.1.0/29
  envoy -c front/envoy.yaml

The token is valid for --token-days; run the command again to renew it: a running Envoy takes up the new one.")]
pub(super) struct Args {
    /// virtualnode/NAMESPACE/NAME or virtualgateway/NAMESPACE/NAME
    #[arg(long, value_name = "KIND/NS/NAME")]
    proxy: ProxyId,
    /// Folder for the files; made if it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How the proxy's traffic is captured: `transparent` (redirected, see `tulle capture`), or `loopback=BLOCK` such
    /// as loopback=127.80.1.0/29
    #[arg(long, default_value = "transparent")]
    capture: Capture,
    /// The control plane's state folder, which holds the CA and the token key
    #[arg(long, value_name = "DIR", env = "TULLE_STATE")]
    state: PathBuf,
    /// Where the control plane is reached, as HOST:PORT; by default on this machine, on the settings' port
    #[arg(long, value_name = "HOST:PORT")]
    server: Option<String>,
    /// How many days the token is valid
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u16).range(1..=3650))]
    token_days: u16,
    #[command(flatten)]
    config: ConfigArg,
}

pub(super) fn run(args: Args) -> anyhow::Result<u8> {
    let config = args.config.load()?;
    let trust_domain: TrustDomain = config.trust_domain.parse()?;
    if !Identity::is_kept_in(&args.state) {
        bail!(
            "--state {}: no control plane has kept its CA there; start `tulle serve --state` with this folder first",
            args.state.display()
        );
    }
    let identity = Identity::open(Some(&args.state), &trust_domain)?;
    let claims = ProxyClaims {
        proxy: args.proxy.clone(),
        capture: args.capture,
    };
    let token = identity
        .tokens
        .issue(&claims, DAY * u32::from(args.token_days))?;
    let server = args
        .server
        .unwrap_or_else(|| config.local_xds().to_string());
    let (host, port) = server
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host.trim_matches(['[', ']']), port.parse().ok()?)))
        .with_context(|| format!("--server {server}: expected HOST:PORT"))?;
    let admin = match args.capture {
        Capture::Transparent => Ipv4Addr::LOCALHOST,
        Capture::Loopback(block) => block.admin(),
    };
    std::fs::create_dir_all(&args.out).with_context(|| format!("--out {}", args.out.display()))?;
    let directory = args
        .out
        .canonicalize()
        .with_context(|| format!("--out {}", args.out.display()))?;
    let spec = BootstrapSpec {
        node_id: args.proxy.to_string(),
        node_cluster: args.proxy.to_string(),
        control_plane: host.to_owned(),
        control_plane_port: port,
        control_plane_identity: tulle_identity::serving::server_id(&identity.authority)
            .as_str()
            .to_owned(),
        admin: SocketAddr::new(IpAddr::V4(admin), ADMIN_PORT),
        token,
        root_pem: identity.authority.root_pem().to_owned(),
        directory: directory.clone(),
    };
    write(&directory, &files(spec)?)?;
    print::out(&format!("{}\n", directory.join(BOOTSTRAP_FILE).display())).map(|()| OK)
}
