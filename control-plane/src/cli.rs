//! The command line. Names and exit codes are a contract with users' scripts.

mod analyze;
mod bootstrap;
mod capture;
mod compile;
mod crds;
mod dns;
mod inject;
mod merge_bootstrap;
mod migrate;
mod print;
mod proxy;
mod replica;
mod serve;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use tulle_model::Severity;
use tulle_runtime::logging::{self, LogFormat};

/// Exit code of a run that did what was asked.
pub const OK: u8 = 0;
/// Exit code of a run that found fault with the user's manifests, or whose check did not hold.
pub const FAULT: u8 = 1;
/// Exit code of a run that could not be made: bad arguments, missing files, no permission.
pub const UNABLE: u8 = 2;

/// What is logged when nobody says otherwise by commands that end: they tell themselves why the API server did not answer.
const ENDING_FILTER: &str = "tulle=info,warn,kube_client=off";

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the manifests hold an error, or a check did not hold
  2  it could not be done: bad arguments, missing files or programs, no permission";

/// A light service-mesh control plane for App Mesh manifests on stock Envoy.
#[derive(Debug, Parser)]
#[command(name = "tulle", version, after_help = EXIT_CODES, max_term_width = 100)]
struct Cli {
    /// What is logged, such as `info` or `tulle_xds=debug,warn`
    #[arg(long, global = true, env = "TULLE_LOG", value_name = "FILTER")]
    log: Option<String>,
    /// How it is logged: `text` or `json`
    #[arg(
        long,
        global = true,
        env = "TULLE_LOG_FORMAT",
        default_value = "text",
        value_name = "FORMAT"
    )]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

/// How a program would like to read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// One JSON document.
    Json,
    /// YAML.
    Yaml,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Bootstrap(bootstrap::Args),
    Compile(compile::Args),
    Analyze(analyze::Args),
    Migrate(migrate::Args),
    Capture(capture::Args),
    Inject(inject::Args),
    Crds(crds::Args),
    Proxy(proxy::Args),
    Dns(dns::Args),
    Demo(crate::demo::Args),
    /// Print the version
    Version {
        /// Print it as JSON
        #[arg(short, long, value_name = "FORMAT")]
        output: Option<Output>,
    },
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  tulle completion bash > /etc/bash_completion.d/tulle")]
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
    #[command(hide = true)]
    MergeBootstrap(merge_bootstrap::Args),
    /// Run a program that ends when the one that started it ends
    #[command(hide = true)]
    ExecTied(crate::demo::ExecTied),
}

/// Settings that several commands share.
#[derive(Debug, clap::Args)]
pub struct ConfigArg {
    /// Settings that manifests cannot say: a document of kind MeshConfig (tulle.dev/v1alpha1)
    #[arg(long, value_name = "FILE", env = "TULLE_CONFIG")]
    pub config: Option<PathBuf>,
}

impl ConfigArg {
    fn load(&self) -> anyhow::Result<crate::config::MeshConfig> {
        Ok(crate::config::MeshConfig::load(self.config.as_deref())?)
    }
}

/// Reads the arguments, does what they say, and tells how it went.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let by_default = match cli.command {
        Command::Serve(_) => None,
        _ => Some(ENDING_FILTER),
    };
    if let Err(error) = logging::init(cli.log.as_deref().or(by_default), cli.log_format) {
        print::complain(Severity::Error, &error.to_string());
        return ExitCode::from(UNABLE);
    }
    let done = match cli.command {
        Command::Serve(args) => serve::run(args),
        Command::Bootstrap(args) => bootstrap::run(args),
        Command::Compile(args) => compile::run(args),
        Command::Analyze(args) => analyze::run(args),
        Command::Migrate(args) => migrate::run(args),
        Command::Capture(args) => capture::run(args),
        Command::Inject(args) => inject::run(args),
        Command::Crds(args) => crds::run(args),
        Command::Proxy(args) => proxy::run(args),
        Command::Dns(args) => dns::run(args),
        Command::Demo(args) => crate::demo::run(args),
        Command::MergeBootstrap(args) => merge_bootstrap::run(args),
        Command::ExecTied(args) => crate::demo::exec_tied(args),
        Command::Version { output } => version(output),
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "tulle", &mut script);
            print::out(&String::from_utf8_lossy(&script)).map(|()| OK)
        }
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            print::complain(Severity::Error, &format!("{error:#}"));
            ExitCode::from(UNABLE)
        }
    }
}

/// Runs to its end what has to wait for others.
fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting a thread")?
        .block_on(work)
}

/// Reads a file; `-` is stdin.
fn read_text(file: &Path) -> anyhow::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().lock().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| file.display().to_string())
}

fn version(output: Option<Output>) -> anyhow::Result<u8> {
    let version = env!("CARGO_PKG_VERSION");
    let text = match output {
        None => format!("tulle {version}"),
        Some(Output::Json) => serde_json::json!({ "version": version }).to_string(),
        Some(Output::Yaml) => format!("version: {version}"),
    };
    print::out(&format!("{text}\n")).map(|()| OK)
}
