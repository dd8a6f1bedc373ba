//! `tulle compile`: what a proxy would be sent, without sending it.

use std::path::PathBuf;

use anyhow::bail;
use tulle_model::{Capture, ProxyId, Severity};

use super::{ConfigArg, FAULT, OK, Output, print};
use crate::engine::Group;
use crate::offline;

/// Print what a proxy would be sent
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tulle compile --manifests deploy/demo --proxy virtualnode/tulle-demo/front
  tulle compile --manifests deploy/demo --proxy virtualgateway/tulle-demo/gateway -o json
  tulle compile --manifests deploy/demo --proxy virtualnode/tulle-demo/front --static > envoy.yaml
  envoy --mode validate -c envoy.yaml

Findings go to stderr. Exits with 1 if the manifests hold an error for that proxy, or a file cannot be read.")]
pub(super) struct Args {
    /// Files and folders with manifests; folders are read recursively
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    manifests: Vec<PathBuf>,
    /// virtualnode/NAMESPACE/NAME or virtualgateway/NAMESPACE/NAME
    #[arg(long, value_name = "KIND/NS/NAME")]
    proxy: ProxyId,
    /// How its traffic is captured: `transparent`, or `loopback=BLOCK` such as loopback=127.80.1.0/29
    #[arg(long, default_value = "transparent")]
    capture: Capture,
    /// Print one bootstrap with all of it inlined, which `envoy --mode validate` accepts
    #[arg(long = "static")]
    inlined: bool,
    /// How it is printed
    #[arg(short, long, value_name = "FORMAT", default_value = "yaml")]
    output: Output,
    #[command(flatten)]
    config: ConfigArg,
}

pub(super) fn run(args: Args) -> anyhow::Result<u8> {
    let config = args.config.load()?;
    let mut loaded = offline::load(&args.manifests, config.settings())?;
    for problem in loaded.problems.iter() {
        let severity = match problem.severity {
            tulle_source::Severity::Error => Severity::Error,
            tulle_source::Severity::Warning => Severity::Warning,
        };
        print::complain(severity, &problem.to_string());
    }
    let group = Group {
        proxy: args.proxy,
        capture: args.capture,
    };
    let findings = loaded.engine.findings_for(&group);
    for finding in &findings {
        print::complain(finding.severity, &offline::placed(finding, &loaded.places));
    }
    if !loaded.engine.proxies().contains(&group.proxy) {
        let known: Vec<String> = loaded
            .engine
            .proxies()
            .iter()
            .map(ToString::to_string)
            .collect();
        bail!(
            "no object declares {}; the manifests declare: {}",
            group.proxy,
            known.join(", ")
        );
    }
    let document = if args.inlined {
        offline::static_bootstrap(&mut loaded.engine, &group)?
    } else {
        offline::sections(&offline::resources(&mut loaded.engine, &group))?
    };
    let text = match args.output {
        Output::Json => format!("{}\n", serde_json::to_string_pretty(&document)?),
        Output::Yaml => offline::yaml(&document)?,
    };
    print::out(&text)?;
    // A file that cannot be read may hold anything; what is wrong with one object is found at whoever needs it.
    let unreadable = loaded.problems.iter().any(|problem| {
        problem.severity == tulle_source::Severity::Error && problem.object.is_none()
    });
    let faulty = unreadable
        || findings
            .iter()
            .any(|finding| finding.severity == Severity::Error);
    Ok(if faulty { FAULT } else { OK })
}
