//! Every code a finding can have: the one table of them.
//!
//! A code is a promise to whoever filters by it, so it is declared here and nowhere else: its word, the severity it usually
//! has, what it means and the usual way out. `docs/findings.md` is written from this table.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::finding::Severity;

/// What kind of thing a finding says; one of the constants of this module. Compares, orders and reads as its word.
#[derive(Clone, Copy)]
pub struct Code(&'static Entry);

/// A line of the table.
#[derive(Debug)]
struct Entry {
    word: &'static str,
    severity: Severity,
    meaning: &'static str,
    way_out: &'static str,
}

impl Code {
    /// The stable word in kebab case, such as `dangling-reference`.
    pub const fn word(self) -> &'static str {
        self.0.word
    }

    /// The severity that findings of this code usually have; a single finding may have another.
    pub const fn usual_severity(self) -> Severity {
        self.0.severity
    }

    /// What it means, in one sentence.
    pub const fn meaning(self) -> &'static str {
        self.0.meaning
    }

    /// The usual way out, in one sentence.
    pub const fn way_out(self) -> &'static str {
        self.0.way_out
    }

    /// The code with this word.
    pub fn named(word: &str) -> Option<Self> {
        ALL.iter().copied().find(|code| code.word() == word)
    }
}

impl Deref for Code {
    type Target = str;

    fn deref(&self) -> &str {
        self.word()
    }
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.word() == other.word()
    }
}

impl Eq for Code {}

impl PartialOrd for Code {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Code {
    fn cmp(&self, other: &Self) -> Ordering {
        self.word().cmp(other.word())
    }
}

impl Hash for Code {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.word().hash(state);
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.word(), f)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Self::named(&word)
            .ok_or_else(|| serde::de::Error::custom(format!("no finding has the code {word}")))
    }
}

/// `/// meaning`, `NAME = "word", UsualSeverity, "way out";` for each code, in the order of their words.
macro_rules! codes {
    ($($(#[doc = $meaning:literal])+ $name:ident = $word:literal, $severity:ident, $way_out:literal;)+) => {
        $(
            $(#[doc = $meaning])+
            pub const $name: Code = Code(&Entry {
                word: $word,
                severity: Severity::$severity,
                meaning: concat!($($meaning),+).trim_ascii(),
                way_out: $way_out,
            });
        )+

        /// Every code, in the order of their words.
        pub const ALL: &[Code] = &[$($name),+];
    };
}

codes! {
    /// A certificate or an authority of AWS is named; Tulle's own authority stands in for it.
    ACM_WITHOUT_AWS = "acm-without-aws", Info, "Nothing has to be done; where another certificate is meant, write `file` or `sds`.";
    /// Several ports are possible and none is named, so the part is left out.
    AMBIGUOUS_PORT = "ambiguous-port", Error, "Name the port.";
    /// The prefix may end inside a segment of the path, so `/shop` takes `/shopping` too.
    AMBIGUOUS_PREFIX = "ambiguous-prefix", Warning, "End the prefix with a slash, or match the path exactly.";
    /// AWS's API refused such a value minutes after `kubectl apply`; here it works.
    AWS_LIMIT = "aws-limit", Warning, "Nothing has to be done here; mend it if it is a slip or goes back to AWS.";
    /// Fields that exclude each other are set together.
    CONFLICTING_FIELDS = "conflicting-fields", Error, "Keep the one that is meant.";
    /// The object that is referred to does not exist.
    DANGLING_REFERENCE = "dangling-reference", Error, "Create the object, or correct its name or namespace.";
    /// The second of two entries of which there may be one.
    DUPLICATE = "duplicate", Warning, "Keep one of the two.";
    /// Two backends of one node are the same service.
    DUPLICATE_BACKEND = "duplicate-backend", Warning, "Keep one of the two entries.";
    /// A map holds a key more than once; the last one counts, as for kubectl.
    DUPLICATE_KEY = "duplicate-key", Warning, "Remove one of the two.";
    /// Two objects of one mesh have the same `awsName`.
    DUPLICATE_NAME = "duplicate-name", Warning, "Give one of the two another awsName.";
    /// Two objects declare the same member of a mesh; the elder one holds.
    DUPLICATE_OBJECT = "duplicate-object", Error, "Remove one of the two or rename it.";
    /// A group of services has no member.
    EMPTY_GROUP = "empty-group", Warning, "Correct the namespace, or create the VirtualServices.";
    /// The object that is referred to belongs to another mesh or to none.
    FOREIGN_MESH = "foreign-mesh", Error, "Refer to a member of the same mesh.";
    /// The object cannot be read as it is written.
    INVALID_OBJECT = "invalid-object", Error, "Correct the field; until then the object's last good version holds, if there was one.";
    /// A reference or an ARN that names nothing.
    INVALID_REFERENCE = "invalid-reference", Error, "Write a name, a name with its namespace, or a whole ARN.";
    /// A regular expression that RE2, and so Envoy, refuses.
    INVALID_REGEX = "invalid-regex", Error, "Write it in RE2's syntax: no look-around, no back-references.";
    /// A label selector that cannot be evaluated.
    INVALID_SELECTOR = "invalid-selector", Error, "Correct its operator, key or values.";
    /// A value that means nothing where it stands.
    INVALID_VALUE = "invalid-value", Error, "Write a value of the kind that the message names.";
    /// A field that the part cannot do without is absent or empty.
    MISSING_FIELD = "missing-field", Error, "Set the field.";
    /// No request can satisfy the condition.
    NEVER_MATCHES = "never-matches", Warning, "Correct the condition, or remove the route.";
    /// A setting asks for certificates, and this control plane makes none for proxies.
    NO_CERTIFICATES = "no-certificates", Warning, "Run the control plane on Kubernetes, or remove the setting.";
    /// A listener asks its clients for certificates, and a client has none, so that its calls fail.
    NO_CLIENT_CERTIFICATE = "no-client-certificate", Warning, "Set `tls.certificate` in the client policy, or remove the listener's `tls.validation`.";
    /// The field is understood and changes nothing here.
    NO_EFFECT = "no-effect", Warning, "Remove the field, or do what the message says.";
    /// No VirtualGateway selects the GatewayRoute.
    NO_GATEWAY = "no-gateway", Error, "Label the route and its namespace so that one VirtualGateway selects it.";
    /// There is no listener where requests are meant to arrive.
    NO_LISTENER = "no-listener", Error, "Give the VirtualNode or VirtualRouter a listener, and the node a serviceDiscovery.";
    /// No Mesh selects the object's namespace.
    NO_MESH = "no-mesh", Error, "Label the namespace so that the namespaceSelector of one Mesh selects it.";
    /// The VirtualService has no provider, so nobody answers for it.
    NO_PROVIDER = "no-provider", Warning, "Name a VirtualRouter or a VirtualNode as its provider.";
    /// A Kubernetes Secret that TLS needs cannot be read, or holds no such certificate.
    NO_SECRET = "no-secret", Error, "Create the Secret, or let the control plane read it with the Role that the message shows.";
    /// The Mesh that `spec.meshRef` names does not exist.
    NO_SUCH_MESH = "no-such-mesh", Error, "Create that Mesh, or remove spec.meshRef.";
    /// Nobody listens on the port that is named.
    NO_SUCH_PORT = "no-such-port", Error, "Correct the port, or add a listener for it.";
    /// The document is no Kubernetes object: it has no apiVersion, kind or metadata.
    NOT_AN_OBJECT = "not-an-object", Error, "Leave the file out, or complete the object.";
    /// The field is set and nothing is made of it yet.
    NOT_HONOURED_YET = "not-honoured-yet", Warning, "Nothing has to be done; see the documentation for what takes its place.";
    /// An object of a version or kind that nothing is made of, such as one of `appmesh.k8s.aws/v1beta1`.
    PASSED_OVER = "passed-over", Warning, "Write it as an object of the version that the message names.";
    /// A variable of a template stands where a value is meant.
    PLACEHOLDER = "placeholder", Warning, "Fill in the template first, with envsubst or the tool that it is for.";
    /// Calls go in plaintext to a workload that takes mutual TLS alone.
    PLAINTEXT_TO_STRICT = "plaintext-to-strict", Warning, "Do what the message says, or set `tulle.dev/mtls` to permissive for the time being.";
    /// A gateway's connection pool limits each destination that is called, as there is no cluster that all calls pass.
    POOL_PER_DESTINATION = "pool-per-destination", Info, "Nothing has to be done; look at the statistics of the clusters that the message names.";
    /// Two TCP services on one port cannot be told apart.
    PORT_CONFLICT = "port-conflict", Error, "Give each a port of its own.";
    /// A TCP service shares its port, and all of its addresses, with another.
    PORT_SHARED = "port-shared", Warning, "Give it a port or an address of its own.";
    /// The two ends of a route speak different protocols.
    PROTOCOL_MISMATCH = "protocol-mismatch", Error, "Give the router, its routes and their targets one protocol.";
    /// A file is named that only the proxy's own container has.
    PROXY_FILE = "proxy-file", Info, "Mount the file or its folder into the proxy.";
    /// Proxies run for an object that does not exist.
    PROXY_UNDECLARED = "proxy-undeclared", Error, "Create the object, or end the proxies.";
    /// Envoy refuses the value, so the part that holds it is left out of what is sent.
    REFUSED_BY_ENVOY = "refused-by-envoy", Error, "Correct the value as the message says.";
    /// The path or header belongs to the mesh itself.
    RESERVED_PREFIX = "reserved-prefix", Error, "Choose another.";
    /// No path fits what the route asks for.
    ROUTE_NEVER_MATCHES = "route-never-matches", Warning, "Leave the query string to its own conditions, and percent-encode the rest.";
    /// A gateway's route and the service's routes behind it cannot be made one.
    ROUTE_NOT_COMPOSABLE = "route-not-composable", Error, "Write the one or the other condition more plainly, as the message says.";
    /// The gateway has no listener of the route's protocol or port.
    ROUTE_WITHOUT_LISTENER = "route-without-listener", Error, "Add such a listener, or correct the route.";
    /// The route names no port and serves every listener of its protocol.
    ROUTE_WITHOUT_PORT = "route-without-port", Info, "Set match.port if one listener is meant.";
    /// Several VirtualGateways select the GatewayRoute.
    SEVERAL_GATEWAYS = "several-gateways", Error, "Narrow the gatewayRouteSelectors so that one is left.";
    /// Several Meshes select the object's namespace.
    SEVERAL_MESHES = "several-meshes", Error, "Narrow the namespaceSelectors so that one is left.";
    /// A route before this one takes everything, so it has no effect.
    SHADOWED_ROUTE = "shadowed-route", Error, "Remove the route, or narrow or reorder the one before it.";
    /// The file is neither YAML nor JSON, or unfolds to too much.
    SYNTAX_ERROR = "syntax-error", Error, "Correct the file at that place; its other documents are read.";
    /// The target's listener ends a request sooner than the route allows.
    TIMEOUT_CUT_SHORT = "timeout-cut-short", Warning, "Raise the timeout of the target's listener too: the shorter one holds.";
    /// A client policy asks for TLS where the listener has none, so that its calls fail.
    TLS_TO_PLAINTEXT = "tls-to-plaintext", Warning, "Give the listener `tls`, or set the policy's `enforce` to false.";
    /// A field that the schema does not know; a cluster would have removed it in silence.
    UNKNOWN_FIELD = "unknown-field", Warning, "Check its spelling and its place, or remove it.";
    /// A file or folder cannot be read: no permission, too large, no UTF-8 text.
    UNREADABLE_FILE = "unreadable-file", Error, "Make it readable, or leave it out.";
    /// No DNS server that is known answers the service's name.
    UNRESOLVABLE_NAME = "unresolvable-name", Warning, "Give it a zone of Tulle's DNS server, or the name of a Kubernetes Service.";
    /// Something that Kubernetes knows and the mesh cannot use.
    UNUSABLE = "unusable", Warning, "See the message.";
    /// Files cannot be watched, so they are looked at every two seconds.
    UNWATCHED_FILES = "unwatched-files", Warning, "Raise the system's limits for watches of files, or leave it at that.";
}

#[cfg(test)]
mod tests;
