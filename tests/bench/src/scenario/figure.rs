//! The names of figures: what runs record and [`crate::goals`] compare.

use crate::record::Unit;

/// From the first dial, or from the event, to the first acknowledgement.
pub(crate) const FIRST: &str = "first ACK";
/// The slowest event to its first one: what comes after that is delivery.
pub(crate) const FIRST_MAX: &str = "first ACK, max";
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
/// CPU in each second in which nothing changes.
pub(crate) const CPU_IDLE: &str = "CPU per idle second";
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
/// The same, as a share of what it is in the end.
pub(crate) const SLOPE_SHARE: &str = "memory growth per hour ÷ memory";
/// Growth of open files.
pub(crate) const FILES: &str = "file descriptors gained";
/// Growth of threads.
pub(crate) const THREADS: &str = "threads gained";
/// Growth of the runtime's tasks.
pub(crate) const TASKS: &str = "tasks gained";
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
/// The 99th of a hundred acknowledgements of proxies that are not stuck, by what it is when none is.
pub(crate) const OTHERS_P99: &str = "others' p99 ÷ with none stuck";
/// The middle one, likewise.
pub(crate) const OTHERS_MEDIAN: &str = "others' median ÷ with none stuck";
/// Memory of the control plane, likewise.
pub(crate) const MEMORY_STUCK: &str = "memory ÷ with none stuck";
/// The most memory of a group with a bound, what the kernel holds for it included.
pub(crate) const GROUP_PEAK: &str = "most memory under the limit";
/// What Envoy has allocated.
pub(crate) const ENVOY_HEAP: &str = "Envoy heap";
/// What of Envoy is resident.
pub(crate) const ENVOY_MEMORY: &str = "Envoy memory";
/// CPU of Envoy until all of its configuration is in use, beyond that of one that has none.
pub(crate) const ENVOY_CPU: &str = "Envoy CPU";
/// From its start to then.
pub(crate) const ENVOY_READY: &str = "Envoy ready";
/// The 99th of a hundred acknowledgements of proxies that are not stuck while others are.
pub(crate) const OTHERS_ACK: &str = "others' ACK, p99";
/// Requests of live traffic that were not answered well.
pub(crate) const FAILED: &str = "failed requests";

/// Requests of live traffic.
pub(crate) const REQUESTS: &str = "requests sent";
/// From the removal of an endpoint to the last request that came to it.
pub(crate) const STALE: &str = "last request to a removed endpoint";

/// The unit of a figure that nobody has measured.
pub(crate) fn unit(figure: &str) -> Unit {
    match figure {
        MEMORY | MEMORY_EACH | MEMORY_IDLE | WIRE_EACH | BYTES_EACH | GROUP_PEAK | ENVOY_HEAP
        | ENVOY_MEMORY | SLOPE => Unit::Bytes,
        FIRST | FIRST_MAX | MEDIAN | LAST | LAST_P99 | LAST_MAX | CPU | CPU_EACH | CPU_IDLE
        | CONNECTED | READY | FIRST_COMPLETE | ANSWER | ANSWER_P99 | OTHERS_ACK | ENVOY_CPU
        | ENVOY_READY | STALE => Unit::Seconds,
        RATE | RATE_CORE | CERTIFICATES_CORE => Unit::PerSecond,
        _ => Unit::Count,
    }
}
