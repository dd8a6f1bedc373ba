//! How long roots live and how patient their replacement is.

use std::time::Duration;

/// Times of root rotation.
#[derive(Debug, Clone, PartialEq)]
pub struct RotationPolicy {
    root_lifetime: Duration,
    rotate_at: f64,
    leaf_lifetime: Duration,
    distribution: Duration,
}

/// Times that do not fit together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// A root must be replaced in the course of its life, not at its ends.
    #[error("root rotation at {0} of its lifetime: use a fraction between 0.1 and 0.9")]
    Fraction(f64),
    /// What is left of the root after the beginning of its replacement is too short for the replacement.
    #[error(
        "root lifetime {root:?} with rotation at {at} leaves {left:?}, but a rotation needs {needed:?}; make the root live longer or leaf certificates shorter"
    )]
    Lifetime {
        /// Of the root.
        root: Duration,
        /// The fraction at which its replacement begins.
        at: f64,
        /// What is left then.
        left: Duration,
        /// What is needed.
        needed: Duration,
    },
}

impl RotationPolicy {
    /// Ten years.
    pub const ROOT_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
    /// The fraction of a root's life after which it is replaced.
    pub const ROTATE_AT: f64 = 0.8;
    /// The kubelet brings a changed ConfigMap to a running pod within about two minutes; a little more than that.
    pub const DISTRIBUTION: Duration = Duration::from_secs(180);

    /// `root_lifetime` for roots that we make, replaced after the fraction `rotate_at` of it, with leaves that live
    /// `leaf_lifetime`; `distribution` is how long files with the bundle take to reach every pod.
    ///
    /// # Errors
    /// Times that leave no room for a rotation.
    pub fn new(
        root_lifetime: Duration,
        rotate_at: f64,
        leaf_lifetime: Duration,
        distribution: Duration,
    ) -> Result<Self, PolicyError> {
        if !(0.1..=0.9).contains(&rotate_at) {
            return Err(PolicyError::Fraction(rotate_at));
        }
        let left = root_lifetime.mul_f64(1.0 - rotate_at);
        let needed = leaf_lifetime.max(distribution).saturating_mul(3);
        if left < needed {
            return Err(PolicyError::Lifetime {
                root: root_lifetime,
                at: rotate_at,
                left,
                needed,
            });
        }
        Ok(Self {
            root_lifetime,
            rotate_at,
            leaf_lifetime,
            distribution,
        })
    }

    /// The usual times, with leaves that live `leaf_lifetime`.
    ///
    /// # Errors
    /// Leaves that live longer than eight months.
    pub fn with_leaf_lifetime(leaf_lifetime: Duration) -> Result<Self, PolicyError> {
        Self::new(
            Self::ROOT_LIFETIME,
            Self::ROTATE_AT,
            leaf_lifetime,
            Self::DISTRIBUTION,
        )
    }

    /// How long our roots live.
    pub fn root_lifetime(&self) -> Duration {
        self.root_lifetime
    }

    /// The fraction of an authority's life after which it is replaced.
    pub fn rotate_at(&self) -> f64 {
        self.rotate_at
    }

    /// How long leaves live.
    pub fn leaf_lifetime(&self) -> Duration {
        self.leaf_lifetime
    }

    /// How long those that are away may be away: the life of the leaves they can hold, and of files on their way.
    pub(super) fn patience(&self, leaf_lifetime: Duration) -> Duration {
        leaf_lifetime.max(self.distribution)
    }
}
