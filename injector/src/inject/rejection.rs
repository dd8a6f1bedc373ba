//! Why a pod is not let in.

/// Why a pod is not let in. What App Mesh's controller said is said in its words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Not a pod as the API server makes them.
    #[error("the pod cannot be read: {0}")]
    Malformed(String),
    /// Several objects of one kind select the pod.
    #[error("found multiple matching {kind} for pod {pod}: {matches}")]
    Ambiguous {
        /// `VirtualNodes` or `VirtualGateways`.
        kind: &'static str,
        /// Namespace and name of the pod.
        pod: String,
        /// Namespaces and names of the objects.
        matches: String,
    },
    /// A node and a gateway select the pod.
    #[error(
        "sidecarInject enabled for both virtualNode {node} and virtualGateway {gateway} on pod {pod}. Please use podSelector on one"
    )]
    NodeAndGateway {
        /// The node.
        node: String,
        /// The gateway.
        gateway: String,
        /// The pod.
        pod: String,
    },
    /// Injection is switched on, and nothing says what to inject.
    #[error("sidecarInject enabled but no matching VirtualNode or VirtualGateway found{0}")]
    NoMatch(String),
    /// A list is not written as one.
    #[error("malformed annotation {annotation}, expected format: {expected}")]
    MalformedAnnotation {
        /// The annotation.
        annotation: &'static str,
        /// How it is written.
        expected: &'static str,
    },
    /// A value that means nothing, or cannot be had.
    #[error("annotation {annotation}: {reason}")]
    Annotation {
        /// The annotation.
        annotation: &'static str,
        /// What is wrong, and the way out.
        reason: String,
    },
    /// A variable of Envoy's container with which App Mesh's agent would not have started it.
    #[error("variable {name} of container envoy: {reason}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// What is wrong, and the way out.
        reason: String,
    },
    /// Two purposes for one port.
    #[error(
        "{by} names port {port}, which is Envoy's own in a pod; let the application listen on another, or list its ports in annotation appmesh.k8s.aws/ports"
    )]
    OwnPort {
        /// Who names it.
        by: String,
        /// The port.
        port: u16,
    },
    /// A name that Tulle needs stands for something else.
    #[error("{what} is the pod's own already, but Envoy needs it; give the pod's another name")]
    Taken {
        /// What.
        what: String,
    },
}
