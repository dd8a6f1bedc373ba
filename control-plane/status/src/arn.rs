//! ARNs: names that scripts written for AWS read from a status.

use crate::facts::Facts;
use crate::kind::Kind;

/// The region and the account in ARNs. There is no AWS behind them: they are what users want their scripts to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArnSpace {
    region: String,
    account: String,
}

/// A region or an account that no ARN can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArnSpaceError {
    /// The region is not one.
    #[error("region {0:?}: use lower-case letters, digits and '-', as in us-west-2")]
    Region(String),
    /// The account is not one.
    #[error("account {0:?}: use 12 digits, as in 000000000000")]
    Account(String),
}

impl Default for ArnSpace {
    fn default() -> Self {
        Self {
            region: "us-west-2".to_owned(),
            account: "000000000000".to_owned(),
        }
    }
}

impl ArnSpace {
    /// Takes a region and an account.
    ///
    /// # Errors
    /// One of the two does not fit the syntax of an ARN.
    pub fn new(
        region: impl Into<String>,
        account: impl Into<String>,
    ) -> Result<Self, ArnSpaceError> {
        let (region, account) = (region.into(), account.into());
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if region.is_empty() || region.len() > 32 || !region.bytes().all(fits) {
            return Err(ArnSpaceError::Region(region));
        }
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ArnSpaceError::Account(account));
        }
        Ok(Self { region, account })
    }

    /// `arn:aws:appmesh:REGION:ACCOUNT:mesh/MESH`, then `/KIND/NAME` for what is in a mesh, and its gateway before a gateway's
    /// route. `None` for a gateway's route whose gateway is not known.
    pub(crate) fn arn(&self, kind: &Kind, facts: &Facts) -> Option<String> {
        let mesh = format!(
            "arn:aws:appmesh:{}:{}:mesh/{}",
            self.region, self.account, facts.mesh
        );
        let (name, camel) = (&facts.alias, kind.camel());
        match kind.kind {
            "Mesh" => Some(mesh),
            "GatewayRoute" => {
                let gateway = facts.gateway.as_ref()?;
                Some(format!("{mesh}/virtualGateway/{gateway}/{camel}/{name}"))
            }
            _ => Some(format!("{mesh}/{camel}/{name}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_arn_can_have() {
        assert!(ArnSpace::new("eu-central-1", "123456789012").is_ok());
        assert!(ArnSpace::new("us-gov-west-1", "000000000000").is_ok());
        for region in ["", "Us-west-2", "us:west", "us/west", &"x".repeat(33)] {
            let error = ArnSpace::new(region, "000000000000").unwrap_err();
            assert_eq!(error, ArnSpaceError::Region(region.to_owned()));
        }
        for account in ["", "1", "12345678901x", "1234567890123"] {
            let error = ArnSpace::new("us-west-2", account).unwrap_err();
            assert_eq!(error, ArnSpaceError::Account(account.to_owned()));
        }
    }
}
