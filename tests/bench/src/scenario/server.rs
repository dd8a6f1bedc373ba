//! A control plane under measurement, whichever it is, and how its clients speak with it.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::bed::Bed;
use super::tools::Tools;
use crate::client::{Fleet, Tls, Transport};
use crate::data::{Dialect, MESH, NAMESPACE, PORT};
use crate::floor::{self, Floor, Speaks};
use crate::record::{Process, Stack};
use crate::stack::{
    Istiod, IstiodOptions, MemoryLimit, Profile, TULLE_SERVER_NAME, Tulle, TulleOptions,
};
use crate::wire::Kind;

/// A running one; ended when this is dropped.
#[derive(Debug)]
pub struct Server {
    stack: Stack,
    what: What,
    pid: u32,
    address: SocketAddr,
    tls: Option<Tls>,
    secrets: bool,
}

#[derive(Debug)]
enum What {
    Tulle(Tulle),
    Floor(floor::Driver),
    Istiod(Istiod),
}

impl Server {
    /// Starts it and waits until it is ready. `dump`: what a floor serves.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start(
        stack: Stack,
        tools: &Tools,
        bed: &mut Bed,
        dump: &Path,
    ) -> anyhow::Result<Self> {
        match stack {
            Stack::Tulle => Self::tulle(tools, bed, None, false, None).await,
            Stack::Floor => Self::floor(stack, tools, bed, dump, Speaks::Ads, true).await,
            Stack::FloorPlain => Self::floor(stack, tools, bed, dump, Speaks::Ads, false).await,
            Stack::Raw => Self::floor(stack, tools, bed, dump, Speaks::Raw, true).await,
            Stack::RawPlain => Self::floor(stack, tools, bed, dump, Speaks::Raw, false).await,
            Stack::IstiodDefault => Self::istiod(stack, tools, bed, Profile::Default).await,
            Stack::IstiodTuned => Self::istiod(stack, tools, bed, Profile::Tuned).await,
        }
    }

    /// Starts Tulle with certificates for its proxies, as it is shipped. Elsewhere they have none, as no other stack gives any.
    ///
    /// # Errors
    /// It does not start.
    pub async fn with_certificates(tools: &Tools, bed: &mut Bed) -> anyhow::Result<Self> {
        Self::tulle(tools, bed, None, true, None).await
    }

    /// Starts Tulle in a group whose memory is bounded.
    ///
    /// # Errors
    /// It does not start.
    pub async fn limited(
        tools: &Tools,
        bed: &mut Bed,
        limit: &MemoryLimit,
    ) -> anyhow::Result<Self> {
        Self::tulle(tools, bed, None, false, Some(limit)).await
    }

    async fn tulle(
        tools: &Tools,
        bed: &mut Bed,
        ports: Option<[u16; 4]>,
        certificates: bool,
        limit: Option<&MemoryLimit>,
    ) -> anyhow::Result<Self> {
        let certificates = certificates || bed.shape.alike;
        let options = TulleOptions {
            program: tools.tulle.clone(),
            core: tools.server_core(),
            certificates,
            group: limit.map(MemoryLimit::processes),
        };
        let folder = bed.next_folder("tulle");
        let tulle = match ports {
            Some(ports) => Tulle::start_at(&options, &bed.server, &folder, ports).await?,
            None => Tulle::start(&options, &bed.server, &folder).await?,
        };
        let ca = folder.join("roots.pem");
        std::fs::write(&ca, &tulle.roots)?;
        Ok(Self {
            secrets: certificates,
            stack: Stack::Tulle,
            pid: tulle.id(),
            address: SocketAddr::from(([127, 0, 0, 1], tulle.xds)),
            tls: Some(Tls {
                ca,
                name: TULLE_SERVER_NAME.to_owned(),
                resume: false,
            }),
            what: What::Tulle(tulle),
        })
    }

    async fn floor(
        stack: Stack,
        tools: &Tools,
        bed: &mut Bed,
        dump: &Path,
        speaks: Speaks,
        tls: bool,
    ) -> anyhow::Result<Self> {
        let folder = bed.next_folder("floor");
        std::fs::create_dir_all(&folder)?;
        let ca = tls.then(|| folder.join("roots.pem"));
        let floor = Floor {
            dump: dump.to_owned(),
            speaks,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: ca.clone(),
        };
        let driver = floor::Driver::launch(&tools.floor(), &floor).await?;
        Ok(Self {
            secrets: false,
            stack,
            pid: driver.pid()?,
            address: driver.ready().address,
            tls: ca.map(|ca| Tls {
                ca,
                name: "localhost".to_owned(),
                resume: false,
            }),
            what: What::Floor(driver),
        })
    }

    async fn istiod(
        stack: Stack,
        tools: &Tools,
        bed: &mut Bed,
        profile: Profile,
    ) -> anyhow::Result<Self> {
        let program = tools
            .istiod
            .as_ref()
            .ok_or_else(|| anyhow::anyhow!("istiod was not given: --peer istiod=PATH"))?;
        let options = IstiodOptions {
            program: program.clone(),
            profile,
            core: tools.server_core(),
            inject: None,
        };
        let folder = bed.next_folder("istiod");
        let istiod = Istiod::start(&options, &bed.server, &folder).await?;
        Ok(Self {
            secrets: false,
            stack,
            pid: istiod.id(),
            address: SocketAddr::from(([127, 0, 0, 1], istiod.xds)),
            tls: None,
            what: What::Istiod(istiod),
        })
    }

    /// Which it is.
    pub fn stack(&self) -> Stack {
        self.stack
    }

    /// Where it is spoken with.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How it proves itself; `None`: it speaks plaintext.
    pub fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// Its process.
    pub fn process(&self) -> Process {
        Process::of(self.pid)
    }

    /// The dialect that it reads; none where it reads nothing.
    pub fn dialect(&self) -> Option<Dialect> {
        match &self.what {
            What::Tulle(_) => Some(Dialect::AppMesh),
            What::Istiod(_) => Some(Dialect::Istio),
            What::Floor(_) => None,
        }
    }

    /// The floor, if it is one.
    pub fn as_floor(&mut self) -> Option<&mut floor::Driver> {
        match &mut self.what {
            What::Floor(driver) => Some(driver),
            What::Tulle(_) | What::Istiod(_) => None,
        }
    }

    /// Tulle, if it is.
    pub fn as_tulle(&self) -> Option<&Tulle> {
        match &self.what {
            What::Tulle(tulle) => Some(tulle),
            What::Floor(_) | What::Istiod(_) => None,
        }
    }

    /// From its start to its readiness.
    pub fn ready_after(&self) -> Option<Duration> {
        match &self.what {
            What::Tulle(tulle) => Some(tulle.ready_after),
            What::Istiod(istiod) => Some(istiod.ready_after),
            What::Floor(_) => None,
        }
    }

    /// The first `count` proxies of the bed, with their server.
    pub fn fleet(&self, bed: &Bed, count: usize) -> Fleet {
        let mut fleet = Fleet::new(self.address, bed.proxies.clone(), count);
        fleet.tls = self.tls.clone();
        fleet.secrets = self.secrets;
        if matches!(self.stack, Stack::Raw | Stack::RawPlain) {
            fleet.transport = Transport::Raw;
        }
        fleet
    }

    /// Ends it at once and, after `meanwhile`, starts another in its place; a floor goes on.
    ///
    /// # Errors
    /// It does not start.
    pub async fn crash_and_start(
        self,
        tools: &Tools,
        bed: &mut Bed,
        meanwhile: impl AsyncFnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        match self.what {
            What::Tulle(tulle) => {
                let ports = tulle.ports();
                drop(tulle);
                meanwhile().await?;
                Self::tulle(tools, bed, Some(ports), false, None).await
            }
            What::Istiod(istiod) => {
                let (ports, options) = (istiod.ports(), istiod.options.clone());
                drop(istiod);
                meanwhile().await?;
                let folder = bed.next_folder("istiod");
                let istiod = Istiod::start_at(&options, &bed.server, &folder, ports).await?;
                Ok(Self {
                    pid: istiod.id(),
                    what: What::Istiod(istiod),
                    ..self
                })
            }
            // It reads nothing and has nothing to start from: its streams alone begin anew.
            What::Floor(_) => Ok(self),
        }
    }

    /// The name under which it serves what a change is about.
    pub fn resource(&self, kind: Kind, service: &str) -> String {
        match (self.dialect(), kind) {
            (Some(Dialect::Istio), Kind::Rds) => PORT.to_string(),
            (Some(Dialect::Istio), _) => {
                format!("outbound|{PORT}||{service}.{NAMESPACE}.svc.cluster.local")
            }
            (_, Kind::Rds) => format!("rds_egress_http_{PORT}"),
            (_, _) => format!("cds_egress_{MESH}_{service}_{NAMESPACE}_http_{PORT}"),
        }
    }
}
