//! How a workload's traffic reaches its proxy.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How traffic reaches a proxy. Written `transparent` or `loopback=127.80.1.0/29`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capture {
    /// Redirect rules in the network namespace; the proxy reads the original destination.
    Transparent,
    /// Real listeners on a block of loopback addresses of the workload's own; no root needed.
    Loopback(LoopbackBlock),
}

impl fmt::Display for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transparent => f.write_str("transparent"),
            Self::Loopback(block) => write!(f, "loopback={block}"),
        }
    }
}

impl FromStr for Capture {
    type Err = LoopbackBlockError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            None if text == "transparent" => Ok(Self::Transparent),
            Some(("loopback", block)) => block.parse().map(Self::Loopback),
            _ => Err(LoopbackBlockError::NoCapture(text.to_owned())),
        }
    }
}

impl Serialize for Capture {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Capture {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// A block of IPv4 loopback addresses that belongs to one workload, such as `127.80.1.0/29`.
///
/// Four roles have an address each, so that one port number can be used in every role at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LoopbackBlock {
    base: Ipv4Addr,
    length: u8,
}

/// Why a capture mode or a block was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoopbackBlockError {
    /// Neither `transparent` nor `loopback=BLOCK`.
    NoCapture(String),
    /// Not `ADDRESS/LENGTH`.
    NoBlock(String),
    /// Outside 127.0.0.0/8, not on its own boundary, or smaller than eight addresses.
    Unusable(String),
}

impl fmt::Display for LoopbackBlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCapture(text) => write!(
                f,
                "capture {text:?}: expected `transparent` or `loopback=BLOCK`, such as loopback=127.80.1.0/29"
            ),
            Self::NoBlock(text) => write!(
                f,
                "loopback block {text:?}: expected ADDRESS/LENGTH, such as 127.80.1.0/29"
            ),
            Self::Unusable(text) => write!(
                f,
                "loopback block {text}: it must lie in 127.0.0.0/8, begin on its own boundary and hold 8 to 65,536 addresses (/29 to /16)"
            ),
        }
    }
}

impl std::error::Error for LoopbackBlockError {}

impl LoopbackBlock {
    /// Where the application calls out: the proxy listens here, one listener a port.
    pub fn outbound(self) -> Ipv4Addr {
        self.nth(1)
    }

    /// Where others call in: the proxy listens here; this is the workload's endpoint address.
    pub fn inbound(self) -> Ipv4Addr {
        self.nth(2)
    }

    /// Where the application itself listens.
    pub fn application(self) -> Ipv4Addr {
        self.nth(3)
    }

    /// Where the proxy's admin interface listens.
    pub fn admin(self) -> Ipv4Addr {
        self.nth(4)
    }

    fn nth(self, n: u32) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.base) + n)
    }
}

impl fmt::Display for LoopbackBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.length)
    }
}

impl FromStr for LoopbackBlock {
    type Err = LoopbackBlockError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let no_block = || LoopbackBlockError::NoBlock(text.to_owned());
        let (address, length) = text.split_once('/').ok_or_else(no_block)?;
        let base: Ipv4Addr = address.parse().map_err(|_| no_block())?;
        let length: u8 = length.parse().map_err(|_| no_block())?;
        let usable = base.is_loopback()
            && (16..=29).contains(&length)
            && u32::from(base) & (u32::MAX >> length) == 0;
        if usable {
            Ok(Self { base, length })
        } else {
            Err(LoopbackBlockError::Unusable(text.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_gives_each_role_an_address_of_its_own() {
        let block: LoopbackBlock = "127.80.1.8/29".parse().unwrap();
        assert_eq!(block.outbound().to_string(), "127.80.1.9");
        assert_eq!(block.inbound().to_string(), "127.80.1.10");
        assert_eq!(block.application().to_string(), "127.80.1.11");
        assert_eq!(block.admin().to_string(), "127.80.1.12");
        assert_eq!(block.to_string(), "127.80.1.8/29");
    }

    #[test]
    fn blocks_outside_loopback_off_boundary_or_too_small_are_refused() {
        for text in [
            "10.0.0.0/29",
            "127.80.1.4/29",
            "127.80.1.0/30",
            "127.0.0.0/8",
            "127.1",
            "x/29",
        ] {
            assert!(text.parse::<LoopbackBlock>().is_err(), "{text}");
        }
        assert!("loopback".parse::<Capture>().is_err());
        assert_eq!("transparent".parse(), Ok(Capture::Transparent));
    }
}
