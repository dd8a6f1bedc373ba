//! The names of figures: what runs record and [`crate::goals`] compare.

/// From the first dial, or from the event, to the first acknowledgement.
pub(crate) const FIRST: &str = "first ACK";
/// To the middle one.
pub(crate) const MEDIAN: &str = "median ACK";
/// To the last one.
pub(crate) const LAST: &str = "last ACK";
/// 99 of 100 events had their last acknowledgement by then.
pub(crate) const LAST_P99: &str = "last ACK, p99";
/// The slowest event.
pub(crate) const LAST_MAX: &str = "last ACK, max";
/// CPU of the control plane.
pub(crate) const CPU: &str = "CPU";
/// CPU of the control plane for an update of one proxy.
pub(crate) const CPU_EACH: &str = "CPU per update";
/// Memory that a connected proxy costs.
pub(crate) const MEMORY_EACH: &str = "memory per proxy";
/// Memory of the control plane with all proxies connected.
pub(crate) const MEMORY: &str = "memory";
/// Memory of the control plane without proxies.
pub(crate) const MEMORY_IDLE: &str = "memory without proxies";
/// The most memory, by that which stays.
pub(crate) const PEAK: &str = "peak memory ÷ steady";
/// Attempts that had to be repeated.
pub(crate) const REFUSED: &str = "refused";
/// Resources sent to a proxy.
pub(crate) const RESOURCES_EACH: &str = "resources per proxy";
/// Their bytes.
pub(crate) const BYTES_EACH: &str = "resource bytes per proxy";
/// Bytes on a proxy's socket, from the server.
pub(crate) const WIRE_EACH: &str = "wire bytes per proxy";
/// Responses to a proxy.
pub(crate) const MESSAGES_EACH: &str = "messages per proxy";
/// Responses to proxies that a change is not about.
pub(crate) const OTHERS: &str = "messages to others";
/// Responses that were sent.
pub(crate) const MESSAGES: &str = "messages sent";
/// From the first dial to the last TLS handshake.
pub(crate) const CONNECTED: &str = "last connected";
/// From the start of the process to its readiness.
pub(crate) const READY: &str = "start to ready";
/// From readiness, or the first dial, to the first proxy that is complete.
pub(crate) const FIRST_COMPLETE: &str = "first proxy complete";
/// Growth of memory in an hour.
pub(crate) const SLOPE: &str = "memory growth per hour";
/// Growth of open files.
pub(crate) const FILES: &str = "file descriptors gained";
/// Requests answered in a second.
pub(crate) const RATE: &str = "requests";
/// Requests that a core would answer in a second.
pub(crate) const RATE_CORE: &str = "requests per core";
/// The slowest but one of a hundred answers.
pub(crate) const ANSWER_P99: &str = "answer, p99";
/// The middle answer.
pub(crate) const ANSWER: &str = "answer, median";
/// Certificates that a core would issue in a second.
pub(crate) const CERTIFICATES_CORE: &str = "certificates per core";
