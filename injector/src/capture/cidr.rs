//! Blocks of addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A block of IPv4 or IPv6 addresses, or a single one. Bits behind the length are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    address: IpAddr,
    length: u8,
}

/// The text is no block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no address block: write an IP address or ADDRESS/LENGTH, such as 10.0.0.0/8 or fd00::/8"
)]
pub struct CidrError(String);

impl Cidr {
    /// The block of one address.
    pub fn host(address: IpAddr) -> Self {
        Self {
            address,
            length: bits(address),
        }
    }

    /// The first address.
    pub fn address(self) -> IpAddr {
        self.address
    }

    /// How many leading bits all addresses share.
    pub fn length(self) -> u8 {
        self.length
    }

    /// Whether it is a single address.
    pub fn is_host(self) -> bool {
        self.length == bits(self.address)
    }

    /// Whether every address of `other` is in here.
    pub fn contains(self, other: Self) -> bool {
        self.length <= other.length && masked(other.address, self.length) == self.address
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_host() {
            self.address.fmt(f)
        } else {
            write!(f, "{}/{}", self.address, self.length)
        }
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || CidrError(text.to_owned());
        let (address, length) = match text.split_once('/') {
            None => (text, None),
            Some((address, length)) => (address, Some(length)),
        };
        let address: IpAddr = address.parse().map_err(|_| error())?;
        let length = match length {
            None => bits(address),
            Some(length) if length.bytes().all(|b| b.is_ascii_digit()) => {
                length.parse().map_err(|_| error())?
            }
            Some(_) => return Err(error()),
        };
        if length > bits(address) {
            return Err(error());
        }
        Ok(Self {
            address: masked(address, length),
            length,
        })
    }
}

impl Serialize for Cidr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn masked(address: IpAddr, length: u8) -> IpAddr {
    let length = u32::from(length);
    match address {
        IpAddr::V4(v4) => IpAddr::V4(
            (v4.to_bits()
                & u32::MAX
                    .checked_shl(32_u32.saturating_sub(length))
                    .unwrap_or(0))
            .into(),
        ),
        IpAddr::V6(v6) => {
            IpAddr::V6((v6.to_bits() & u128::MAX.checked_shl(128 - length).unwrap_or(0)).into())
        }
    }
}
